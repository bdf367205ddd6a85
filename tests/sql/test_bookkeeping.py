"""How migration tools make their own tables: by their very words, and by nothing that is only like them."""

from __future__ import annotations

import re

import pytest

from proxy.sql.analyse import analyse
from proxy.sql.bookkeeping import TOOLS, maker
from proxy.sql.effects import Keeps

MAKES = [(tool.name, text) for tool in TOOLS for text in tool.makes]


def made_by(text: str) -> str:
    return maker(tuple(each.digest for each in analyse(text).statements if each.digest))


def asked_by(text: str) -> set[str]:
    acts = (act for statement in analyse(text).statements for act in statement.acts)
    return {act.tool for act in acts if isinstance(act, Keeps)}


def test_every_tool_makes_its_table_by_words_that_are_known() -> None:
    assert {tool.name for tool in TOOLS if not tool.makes} == set()


@pytest.mark.parametrize(("tool", "text"), MAKES)
def test_their_own_words_and_no_lookalike(tool: str, text: str) -> None:
    assert made_by(text) == tool
    assert made_by(f"/* by {tool} */\n{' '.join(text.split())} ;") == tool
    others = [
        re.sub("migrat|alembic|history|metadata|drizzle", "mine", text),
        f"{text}; CREATE TABLE mine (id int)",
        f"DROP TABLE users; {text}",
    ]
    if text.lower().startswith("create table"):
        others += [
            text.rstrip()[:-1] + ", secret text)",
            re.sub("(?i)table", "UNLOGGED TABLE", text, count=1),
        ]
    assert [other for other in others if made_by(other)] == []


TYPEORM = 'SELECT * FROM "migrations" "migrations" ORDER BY "id" DESC'


@pytest.mark.parametrize(
    ("text", "tools"),
    [
        (TYPEORM, {"TypeORM"}),
        (f"-- from anywhere\n{TYPEORM};", {"TypeORM"}),
        ('INSERT INTO "migrations"("timestamp", "name") VALUES ($1, $2)', {"TypeORM"}),
        (TYPEORM.replace("DESC", "ASC"), set()),
        (TYPEORM.replace("*", '"name"'), set()),
        ("SELECT * FROM migrations", set()),
        ("SELECT * FROM migrations WHERE bird = 'stork'", set()),
        ("INSERT INTO migrations (bird, name) VALUES ($1, $2)", set()),
        (f"SELECT * FROM ({TYPEORM}) m", set()),
        ("SELECT * FROM typeorm_migrations", {"TypeORM"}),
        ("SELECT version FROM schema_migrations", {"Rails"}),
        ("SELECT version FROM public.schema_migrations", {"Rails"}),
        ("SELECT version FROM supabase_migrations.schema_migrations", {"Supabase"}),
        ("SELECT hash FROM supabase_migrations.seed_files", {"Supabase"}),
        ("SELECT hash FROM seed_files", set()),
        ("SELECT version FROM supabase_migrations.ar_internal_metadata", set()),
    ],
)
def test_a_history_whose_name_may_be_anybodys(text: str, tools: set[str]) -> None:
    assert asked_by(text) == tools
