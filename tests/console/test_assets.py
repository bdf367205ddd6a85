"""What the pages bring of others is what was released."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from proxy.console.views.assets import KINDS
from tests.console.screenshot import PICTURE

FOLDER = Path(__file__).resolve().parents[2] / "proxy" / "console" / "assets"


def test_each_file_of_others_is_named_with_its_sum() -> None:
    lines = (FOLDER / "vendor" / "README.md").read_text().splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ") and "---" not in line][
        1:
    ]
    told = {row[0]: row[-1] for row in rows}
    files = {path.name: path for path in (FOLDER / "vendor").iterdir() if path.name != "README.md"}
    assert told == {name: sha256(path.read_bytes()).hexdigest() for name, path in files.items()}


def test_each_file_is_served() -> None:
    found = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.suffix in (".css", ".js")}
    assert found == set(KINDS)


def test_the_picture_of_the_front_page_is_there_and_small() -> None:
    root = FOLDER.parents[2]
    assert f"]({PICTURE.relative_to(root).as_posix()})" in (root / "README.md").read_text()
    assert PICTURE.read_bytes().startswith(b"\x89PNG")
    assert PICTURE.stat().st_size < 150_000
