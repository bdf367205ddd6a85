"""What tools and drivers send passes; what of it does not, and by which rules, stands beside it.

`everyday/*.sql` holds one statement after the other, ended by a line of four dashes. Those of Alembic,
asyncpg, Django, Drizzle, Knex, Kysely, node-pg-migrate, pg-boss, pg_dump, pg_restore, pgbench, Prisma, psql,
Sequelize, SQLAlchemy, Tortoise and TypeORM were taken from a server's log while these ran; the others are
written after what Rails, JDBC (Hibernate, Flyway, Liquibase), Go (pgx, gorm), Ecto, EF Core, Laravel, sqlx,
Diesel, queues (graphile-worker, River, good_job, Solid Queue, Que, Oban, Celery), PostgREST, Hasura,
Supabase, Airflow, applications by hand and the usual tools send, and maintenance; `services` after what
GoTrue, Storage, Realtime, Debezium, Airbyte, Fivetran, Hasura, EF Core, Liquibase, goose, PostGIS,
TimescaleDB and pgmq bring along, `plain` what anybody may type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from proxy.policy.context import Migration
from proxy.policy.facts import Run, Verification
from proxy.policy.loading.load import load_policy
from proxy.policy.rules import Policy
from proxy.sql.analyse import analyse
from tests.policy.build import at, backup, facts, judge, refusing

POLICIES = Path(__file__).parents[2] / "policies"
PACKS = """
version: 1
name: packs
include: [rules/no-data-loss.yaml, rules/unscoped-writes.yaml, rules/guard-the-guards.yaml]
"""
# What migration tools send, they send in a run of `pgwarden migrate`.
NIGHT = replace(at("2026-11-24T23:00"), migration=Migration(run="token"))
PROVED = replace(
    facts(backup(0.5, now=NIGHT.now, verified=Verification.FULL_READ, copies=2)),
    runs=(Run("token", NIGHT.role, NIGHT.database, NIGHT.now, NIGHT.now + timedelta(hours=1)),),
)
READS = re.compile(r"(?i)\s*(?:--[^\n]*\n|/\*.*?\*/|\s|\()*(select|show|table|values|explain)\b")
ABOVE_READING = {"ddl", "destructive", "privilege", "server"}


def statements() -> Iterator[tuple[str, str, list[str]]]:
    """(tool, statement, the rules that refuse it)."""
    for path in sorted((Path(__file__).parent / "everyday").glob("*.sql")):
        for part in path.read_text(encoding="utf-8").split("\n----\n"):
            head, _, rest = part.partition("\n")
            refused = head.removeprefix("-- refused: ").split(", ") if head.startswith("-- refused: ") else []
            if part.strip():
                yield path.stem, rest if refused else part, refused


CASES = [
    pytest.param(sql, rules, id=f"{tool}-{place}") for place, (tool, sql, rules) in enumerate(statements())
]


@pytest.fixture(scope="module")
def policies() -> list[Policy]:
    """The three packs by themselves, and production."""

    def read(path: str) -> str:
        return PACKS if path.endswith("packs.yaml") else Path(path).read_text(encoding="utf-8")

    return [load_policy(str(POLICIES / name), read) for name in ("packs.yaml", "production.yaml")]


@pytest.mark.defect_32
@pytest.mark.parametrize(("sql", "rules"), CASES)
def test_passes_but_for_what_is_named(policies: list[Policy], sql: str, rules: list[str]) -> None:
    for major in (15, 18):
        effects = analyse(sql, major).effects
        for policy in policies:
            assert refusing(judge(policy, *effects, context=NIGHT, facts=PROVED)) == rules


@pytest.mark.parametrize(("sql", "rules"), CASES)
def test_reading_has_no_effect_above_its_class(sql: str, rules: list[str]) -> None:
    if READS.match(sql) is None or rules:
        return
    assert analyse(sql, 17).statement_class not in ABOVE_READING


def test_every_file_has_statements_that_pass() -> None:
    found = list(statements())
    assert len(found) > 1200
    assert {tool for tool, _, rules in found if not rules} == {
        path.stem for path in (Path(__file__).parent / "everyday").glob("*.sql")
    }
