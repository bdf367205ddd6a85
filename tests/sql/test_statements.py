"""Every statement of the golden files has exactly the effects written there."""

from __future__ import annotations

import pytest

from tests.sql.golden import FOLDER, cases, effects_of

CASES = [
    pytest.param(sql, wanted, id=f"{path.stem}:{line}")
    for path in sorted(FOLDER.glob("*.txt"))
    for line, sql, wanted in cases(path)
]


@pytest.mark.defect_31
@pytest.mark.defect_32
@pytest.mark.parametrize(("sql", "wanted"), CASES)
def test_effects(sql: str, wanted: list[str]) -> None:
    assert effects_of(sql) == wanted
