"""What effects are called in sentences: words of SQL, never a name of the vocabulary."""

import pytest

from proxy.sql.effects import EFFECT_KINDS
from proxy.sql.vocabulary.wording import words_of

WORDS = {
    "table.create": "CREATE TABLE",
    "table.drop": "DROP TABLE",
    "table.rename": "ALTER TABLE RENAME",
    "view.move": "ALTER VIEW SET SCHEMA",
    "type.owner": "ALTER TYPE OWNER TO",
    "view.replace": "CREATE OR REPLACE VIEW",
    "transform.create": "CREATE TRANSFORM",
    "cast.create": "CREATE CAST",
    "column.drop": "DROP COLUMN",
    "row.delete": "DELETE",
    "table.truncate": "TRUNCATE",
    "server.signal": "Signalling other sessions",
    "an.unknown": "an.unknown",
}


@pytest.mark.parametrize(("effect", "words"), WORDS.items())
def test_words(effect: str, words: str) -> None:
    assert words_of(effect) == words


def test_the_part_that_is_meant_is_named() -> None:
    assert words_of("column.drop", "email") == "DROP COLUMN email"
    assert words_of("column.retype", "id") == "Changing the type of column id"
    assert words_of("table.drop", "x") == "DROP TABLE"


def test_no_effect_is_called_by_its_name() -> None:
    assert [name for name in EFFECT_KINDS if "." in words_of(name) or not words_of(name)] == []
