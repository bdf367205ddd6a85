"""The gate's private folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.app.starting import StartError
from proxy.app.workers.runtime import RuntimeFolder


@pytest.fixture
def parent() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_it_is_its_own_and_goes(parent: Path) -> None:
    one, other = RuntimeFolder(str(parent)), RuntimeFolder(str(parent))
    assert one.path != other.path
    assert one.path.stat().st_mode & 0o777 == 0o700
    one.output_lock.write_bytes(b"")
    one.remove()
    assert list(parent.iterdir()) == [other.path]


def test_who_leaves_it_takes_nothing_of_others_away(parent: Path) -> None:
    folder = RuntimeFolder(str(parent))
    folder.error_lock.write_bytes(b"")
    (folder.path / "cancel-1.sock").write_bytes(b"")
    folder.leave()
    assert [path.name for path in folder.path.iterdir()] == ["cancel-1.sock"]
    (folder.path / "cancel-1.sock").unlink()
    folder.leave()
    assert list(parent.iterdir()) == []


def test_where_it_lies_unless_told(parent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(parent))
    assert RuntimeFolder(None).path.parent == parent
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr(tempfile, "tempdir", str(parent))
    assert RuntimeFolder(None).path.parent == parent


def test_a_folder_that_is_not_there(parent: Path) -> None:
    with pytest.raises(StartError) as raised:
        RuntimeFolder(str(parent / "absent"))
    assert raised.value.lines == (
        f"the runtime folder cannot be made in {parent / 'absent'}: No such file or directory",
    )


def test_a_path_too_long_for_a_socket(parent: Path) -> None:
    deep = parent / ("x" * 80)
    deep.mkdir()
    with pytest.raises(StartError) as raised:
        RuntimeFolder(str(deep))
    assert raised.value.wrong_setting
    assert list(deep.iterdir()) == []
