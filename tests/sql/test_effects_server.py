"""Random statements on a real server: what they changed is what the analysis said they would.

Everything that a database holds is read before and after each statement, in a transaction that is rolled
back: relations, columns, rows, constraints, functions, owners, settings of tables. Each difference must be
covered by an effect of the right name on the right target. Accepted, because it needs a catalogue: what ON
DELETE CASCADE and a dropped object's dependants take with them, where the statement's own target is claimed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest

from proxy.sql.analyse import SqlSyntaxError, analyse
from proxy.sql.effects import Effect
from tests.servers.database import Database
from tests.sql.generated import examples

FOLDER = Path(__file__).parent / "changes"
SCHEMA = (FOLDER / "schema.sql").read_bytes()
FACETS = (FOLDER / "facets.sql").read_bytes()
EXAMPLES = 250
SEEDS = (1, 2)


_UNREAD = {"code.dynamic", "code.opaque", "code.call"}
# Whose change of rows may be one of a table's: ON DELETE CASCADE, partitions, views.
_ROWS_OF = {"child": {"parent"}, "part_a": {"part"}, "notes": {"v_notes"}}
_WHOLE = {"schema.drop", "schema.rename", "owner.drop", "owner.reassign"}
_TABLE = {"table.drop", "table.rename", "table.move", "table.detach", "table.attach"}
# What may stand behind a thing that is gone or other than before, beside what moves its table.
_LOSES: dict[str, set[str]] = {
    "schema": {"schema.drop", "schema.rename", "schema.owner", "privilege.grant", "privilege.revoke"},
    "table": {"table.drop", "table.rename", "table.move", "table.unlog", "table.alter"},
    "view": {"view.drop", "view.rename", "view.move", "view.replace"},
    # A matview's text names what it reads: renamed there, it is renamed here.
    "matview": {
        "table.rename",
        "column.rename",
        "matview.drop",
        "matview.rename",
        "matview.move",
        "matview.empty",
        "matview.refresh",
    },
    "sequence": {
        "sequence.drop",
        "sequence.rename",
        "sequence.move",
        "sequence.alter",
        "column.alter",
        "table.unlog",
    },
    "index": {
        "index.drop",
        "index.rename",
        "constraint.drop",
        "constraint.rename",
        "column.drop",
        "table.unlog",
    },
    "owner": {
        "privilege.grant",
        "privilege.revoke",
        "table.owner",
        "view.owner",
        "matview.owner",
        "sequence.owner",
    },
    "security": {"row_security.enable", "row_security.disable"},
    "column": {"column.drop", "column.rename", "column.retype", "type.alter", "type.drop", "type.rename"},
    "not_null": {"column.not_null", "column.drop", "column.rename", "constraint.add", "constraint.drop"},
    "default": {
        "column.default",
        "column.drop",
        "column.rename",
        "column.retype",
        "sequence.drop",
        "sequence.rename",
    },
    "constraint": {
        "constraint.drop",
        "constraint.rename",
        "constraint.alter",
        "constraint.validate",
        "column.drop",
        "column.rename",
        "column.retype",
        "domain.alter",
        "domain.drop",
        "index.rename",
        "column.not_null",
    },
    "trigger": {"trigger.drop", "trigger.rename", "trigger.replace", "trigger.disable", "trigger.enable"},
    "keys": {
        "trigger.disable",
        "trigger.enable",
        "constraint.drop",
        "constraint.unenforce",
        "constraint.alter",
    },
    "policy": {"policy.drop", "policy.rename", "policy.alter"},
    "rule": {"rule.drop", "rule.rename", "rule.replace", "trigger.disable", "trigger.enable"},
    "statistics": {"statistics.drop", "statistics.rename", "statistics.move", "column.drop"},
    "inherits": {"table.detach", "table.alter"},
    "function": {
        "function.drop",
        "function.rename",
        "function.move",
        "function.replace",
        "function.alter",
        "function.definer",
        "function.leakproof",
        "function.owner",
        "procedure.drop",
        "procedure.rename",
        "procedure.move",
        "procedure.replace",
        "procedure.alter",
        "procedure.owner",
    },
    "type": {
        "type.drop",
        "type.rename",
        "type.move",
        "domain.drop",
        "domain.rename",
        "domain.move",
        "domain.default",
        "domain.alter",
        "type.alter",
    },
    "label": {"type.value_rename", "type.drop"},
    "comment": {"comment.set"},
    "role": {"role.drop", "role.rename", "role.alter"},
    "rows gone": {"row.delete", "table.truncate"},
    "rows changed": {"row.update", "column.retype"},
    "counter": {
        "sequence.reset",
        "sequence.advance",
        "sequence.alter",
        "table.truncate",
        "row.insert",
        "column.alter",
    },
}
# What falls with the thing that it hangs on, whatever that is.
_FALLS = """
view matview sequence index owner security default constraint trigger keys policy rule statistics inherits
label comment not_null
"""
_DEPENDENT = frozenset(_FALLS.split())
_DROPS = (".drop", ".rename", ".move", ".retype")

Facts = dict[tuple[str, str, str], str]


@dataclass(frozen=True)
class Found:
    """The database at one moment: facets by (facet, object, owner), and each table's rows by key."""

    facets: Facts
    rows: dict[str, dict[int, str]]
    counters: dict[str, str]


def look(connection: psycopg.Connection) -> Found:
    """Read everything."""
    facets = {(facet, name, owner): value for facet, name, owner, value in connection.execute(FACETS)}
    tables = connection.execute(
        "SELECT format('%I.%I', nspname, relname), relname"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE relkind = 'r' AND nspname !~ '^pg_' AND nspname <> 'information_schema'"
    ).fetchall()
    rows = {}
    for full, name in tables:
        found = connection.execute(
            f"SELECT coalesce(to_jsonb(_r) ->> 'id', _r::text), to_jsonb(_r)::text FROM {full} _r".encode()
        )
        rows[name] = {key: text for key, text in found}
    return Found(facets, rows, counters(connection))


def counters(connection: psycopg.Connection) -> dict[str, str]:
    """Where each sequence stands: nextval() is never rolled back."""
    found = connection.execute(
        "SELECT sequencename, coalesce(last_value, -1)::text FROM pg_sequences WHERE schemaname !~ '^pg_'"
    )
    return {name: value for name, value in found}


def losses(before: Found, after: Found) -> Iterator[tuple[str, str, str]]:
    """(facet, object, its table) of everything that is gone or other than it was."""
    for (facet, name, owner), value in before.facets.items():
        if after.facets.get((facet, name, owner)) != value:
            yield facet, name, owner
    for table, rows in before.rows.items():
        now = after.rows.get(table)
        if now is None:
            continue
        if rows.keys() - now.keys():
            yield "rows gone", table, table
        same = {key for key in before.facets if key[2] == table and key[0] == "column"}
        changed = [key for key in rows.keys() & now.keys() if rows[key] != now[key]]
        if changed and same == {key for key in after.facets if key[2] == table and key[0] == "column"}:
            yield "rows changed", table, table
    for name, value in before.counters.items():
        if name in after.counters and after.counters[name] != value:
            yield "counter", name, ""


def covered(facet: str, name: str, owner: str, effects: tuple[Effect, ...]) -> bool:
    """Whether an effect says so: of the right name, on the object, its table, or something unknown."""
    on_table = bool(owner) or facet in {"owner", "security", "comment", "sequence"}
    wanted = _LOSES[facet] | (_TABLE if on_table else set())
    names = _names(name, owner) | (_ROWS_OF.get(name, set()) if facet.startswith("rows") else set())
    for effect in effects:
        target = effect.target.name if effect.target is not None else None
        if effect.name in _UNREAD or effect.name in _WHOLE:
            return True
        if effect.name in wanted and (target is None or target in names):
            return True
        if facet in _DEPENDENT and effect.name.endswith(_DROPS):
            return True
    return False


def _names(name: str, owner: str) -> set[str]:
    # What a serial column and a partition hang on.
    whole = {"notes_id_seq": "notes", "part_a": "part"}
    on = {whole.get(name, ""), whole.get(owner, "")}
    return {name, name.partition("(")[0], owner, owner.rpartition(".")[2], *on} - {""}


def findings(connection: psycopg.Connection, seed: int, count: int, major: int = 17) -> tuple[list[str], int]:
    """What was changed and not claimed; how many statements ran."""
    found: list[str] = []
    ran = 0
    connection.prepare_threshold = None
    before = look(connection)
    for text, every in examples(seed, count):
        try:
            effects = analyse(text, major).effects
        except SqlSyntaxError:
            effects = ()  # the server does not run it either, or else it is told
        changes = [effect for effect in effects if effect.name in {"row.delete", "row.update"}]
        if every and changes and not any("unscoped" in effect.traits for effect in changes):
            found.append(f"not unscoped: {text}")
        try:
            before = replace(before, counters=counters(connection))
            with connection.transaction(force_rollback=True):
                connection.pgconn.exec_(text.encode()) if "COPY (" in text else connection.execute(
                    text.encode()
                )
                after = look(connection)
        except psycopg.Error:
            continue
        ran += 1
        found += [
            f"{facet} {name} of {owner or '-'}: {text}"
            for facet, name, owner in losses(before, after)
            if not covered(facet, name, owner, effects)
        ]
    return found, ran


@pytest.mark.parametrize("seed", SEEDS)
def test_what_changed_was_claimed(database: Database, seed: int) -> None:
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute(SCHEMA)
        found, ran = findings(connection, seed, EXAMPLES)
    assert found == []
    assert ran > EXAMPLES // 2


def test_a_difference_that_nobody_claims_is_found(database: Database) -> None:
    """The comparison itself: with no effects, each kind of loss is told."""
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute(SCHEMA)
        before = look(connection)
        connection.execute(
            "DELETE FROM notes WHERE id = 1; ALTER TABLE child DROP v; DROP VIEW v_notes; DROP SEQUENCE sq"
        )
        told = set(losses(before, look(connection)))
    assert {("rows gone", "notes", "notes"), ("column", "v", "child"), ("view", "v_notes", "")} <= told
    assert not any(covered(*loss, ()) for loss in told)
