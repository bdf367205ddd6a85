"""Each line of DEFECTS.md has a test of its name, and no test names a line that is not there."""

from __future__ import annotations

import re
from pathlib import Path

from tests.defects import defects

_HERE = Path(__file__).resolve().parent
_MARK = re.compile(r"^ *(?:@|pytestmark = )pytest\.mark\.defect_(\d+)$", re.MULTILINE)


def _named() -> set[str]:
    return {number for path in _HERE.rglob("test_*.py") for number in _MARK.findall(path.read_text())}


def test_every_line_has_its_test() -> None:
    lines = {f"{number:02d}" for number in defects()}
    assert (lines - _named(), _named() - lines) == (set(), set())


def test_lines_are_numbered_one_by_one() -> None:
    assert list(defects()) == list(range(1, len(defects()) + 1))


def test_a_line_is_one_sentence_of_the_page() -> None:
    assert (
        defects()[2]
        == "A refusal reaches the client at once; it is never held back until Sync [multigres#1274]."
    )
    assert defects()[5].startswith(
        "One Parse's verdict is never overwritten by the next Parse of the same batch ("
    )
