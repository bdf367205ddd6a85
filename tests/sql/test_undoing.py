"""Every effect that people may have to undo says how."""

import pytest

from proxy.sql.effects import EFFECT_KINDS
from proxy.sql.vocabulary.undoing import needs_plan, undoing

NEEDING = {name for name, kind in EFFECT_KINDS.items() if needs_plan(kind)}


def test_each_has_a_line() -> None:
    assert {name for name in NEEDING if not undoing(name, "t", "c", "/b").endswith(".")} == set()
    others = {name for name in EFFECT_KINDS.keys() - NEEDING if undoing(name, "t", "c", "/b")}
    assert others == {"large_object.create", "row.delete", "row.update", "transaction.commit_prepared"}
    assert undoing("of.tomorrow", "t", "", "") == ""


ADDED = "Drop the column email of users; what was written to it is lost with it."


@pytest.mark.parametrize(
    ("effect", "target", "detail", "line"),
    [
        ("table.create", "public.mail", "", "Drop the table public.mail, if nothing needs it yet."),
        ("table.drop", "users", "", "Restore the table users with its rows from the backup at /b."),
        ("view.drop", "v", "", "Create the view v again; its definition is in the backup at /b."),
        ("column.add", "users", "email", ADDED),
        ("column.drop", "users", "", "Add the column to users again, and fill it from the backup at /b."),
        ("index.create", "", "", "Drop it, if nothing needs it yet."),
        ("table.create", "a{b}  c", "", "Drop the table a{b}  c, if nothing needs it yet."),
    ],
)
def test_lines(effect: str, target: str, detail: str, line: str) -> None:
    assert undoing(effect, target, detail, "the backup at /b") == line
