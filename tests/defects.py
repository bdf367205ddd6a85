"""The lines of DEFECTS.md, which are marks of the tests: `@pytest.mark.defect_21`."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_PAGE = Path(__file__).resolve().parent / "DEFECTS.md"


@cache
def defects() -> dict[int, str]:
    """What each numbered line says."""
    found = re.findall(r"^(\d+)\. +(.*(?:\n +.*)*)", _PAGE.read_text(), re.MULTILINE)
    return {int(number): " ".join(text.split()) for number, text in found}
