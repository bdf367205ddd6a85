"""Everyday statements are scoped, and what reaches every row is not; neither takes long to be judged."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.sql.analyse import analyse

FOLDER = Path(__file__).parent / "conditions"
_STATEMENTS = ("DELETE ", "UPDATE ", "INSERT ", "MERGE ", "WITH ")


def lines(name: str) -> Iterator[str]:
    """The statements of a file; a condition is one of a DELETE."""
    for line in (FOLDER / name).read_text().splitlines():
        if line and not line.startswith("#"):
            yield line if line.startswith(_STATEMENTS) else f"DELETE FROM t WHERE {line}"


SCOPED = list(lines("scoped.txt"))
CONDITIONS = [
    sql.removeprefix("DELETE FROM t WHERE ")
    for sql in SCOPED
    # This CASE is NULL for most rows, and so is NOT of it.
    if sql.startswith("DELETE FROM t WHERE ") and "CURRENT OF" not in sql and "y = 2" not in sql
]


def unscoped(sql: str) -> bool:
    """Whether a change of rows in the statement is unscoped."""
    changes = [effect for effect in analyse(sql, 18).effects if effect.name in {"row.delete", "row.update"}]
    assert changes, sql
    return any("unscoped" in effect.traits for effect in changes)


@pytest.mark.parametrize("sql", SCOPED)
def test_everyday(sql: str) -> None:
    assert not unscoped(sql)


@pytest.mark.parametrize("sql", list(lines("unscoped.txt")))
def test_every_row(sql: str) -> None:
    assert unscoped(sql)


@pytest.mark.parametrize("where", CONDITIONS)
def test_or_its_opposite(where: str) -> None:
    """A condition ORed with its own opposite is none, however it is put."""
    assert unscoped(f"DELETE FROM t WHERE ({where}) OR true")
    assert unscoped(f"DELETE FROM t WHERE ({where}) OR NOT ({where})")
    assert unscoped(f"DELETE FROM t WHERE ({where}) OR ({where}) IS NOT TRUE")
    assert unscoped(f"DELETE FROM t WHERE ({where}) IN (true, false)")
    assert unscoped(f"DELETE FROM t WHERE coalesce(({where}), true) OR NOT ({where})")


@pytest.mark.parametrize("where", CONDITIONS)
def test_in_other_words(where: str) -> None:
    for words in ("({}) AND true", "({}) IS TRUE", "({}) = true", "NOT (NOT ({}))", "(SELECT ({}))"):
        assert not unscoped(f"DELETE FROM t WHERE {words.format(where)}"), words


def ctes(levels: int) -> str:
    """Queries of which each names the one before twice."""
    named = ["c0 AS (SELECT 1 AS x FROM notes)"]
    named += [f"c{level} AS (SELECT a.x FROM c{level - 1} a, c{level - 1} b)" for level in range(1, levels)]
    return f"WITH {', '.join(named)} DELETE FROM t USING c{levels - 1} c WHERE t.id = c.x"


def relations(count: int, items: int) -> str:
    """Many relations, and a long list that is about none of them."""
    named = ",".join(f"t{number}" for number in range(count))
    return f"DELETE FROM t USING {named} WHERE q.a IN ({','.join('1' * items)})"


HEAVY = {
    "ctes that double": ctes(200),
    "columns that double": "WITH c0 AS (SELECT id AS x FROM u WHERE id = 1), "
    + ", ".join(f"c{n} AS (SELECT a.x || b.x AS x FROM c{n - 1} a, c{n - 1} b)" for n in range(1, 60))
    + " DELETE FROM t USING c59 WHERE t.id = c59.x",
    "deletes that share queries": ctes(150).partition(" DELETE ")[0]
    + ", "
    + ", ".join(f"d{n} AS (DELETE FROM t USING c149 c WHERE t.id = c.x)" for n in range(150))
    + " SELECT 1",
    "relations and a list": relations(800, 50_000),
    "relations and an OR": "DELETE FROM t USING "
    + ",".join(f"t{n}" for n in range(500))
    + " WHERE ("
    + " OR ".join(f"a.id = {n}" for n in range(5_000))
    + ")",
    "ties in ORs": "DELETE FROM t USING "
    + ",".join(f"t{n}" for n in range(300))
    + " WHERE "
    + " AND ".join(f"(t{n}.a = t{n + 1}.a OR t{n}.a = t{n + 1}.b)" for n in range(299)),
    "calls in calls": "DELETE FROM t WHERE id = " + "abs(" * 1_000 + "1" + ")" * 1_000,
    "calls in calls of a column": "DELETE FROM t WHERE " + "abs(" * 1_000 + "id" + ")" * 1_000 + " = 1",
    "sub-selects in sub-selects": "DELETE FROM t WHERE id IN "
    + "(SELECT id FROM t WHERE id IN " * 900
    + "(1)"
    + ")" * 900,
    "EXISTS in EXISTS": "DELETE FROM t WHERE "
    + "EXISTS (SELECT 1 FROM t v WHERE " * 900
    + "v.id = 1"
    + ")" * 900,
    "branches of MERGE": "MERGE INTO t USING u ON t.id IN ("
    + ",".join("1" * 2_000)
    + ") "
    + "WHEN MATCHED AND t.a = 1 THEN DELETE " * 300,
    "holes in what is left out": f"DELETE FROM t WHERE n NOT IN ({','.join(map(str, range(3_000)))}) OR "
    + " OR ".join(f"n = {n}" for n in range(3_000)),
    "ranges": "DELETE FROM t WHERE " + " OR ".join(f"n BETWEEN {n} AND {n + 1}" for n in range(0, 6_000, 2)),
    "patterns": "DELETE FROM t WHERE " + " OR ".join(f"name LIKE 'x{n}%'" for n in range(5_000)),
    "a pattern": "DELETE FROM t WHERE name ~ '" + "(" * 5_000 + "a" + ")*" * 5_000 + "'",
}


@pytest.mark.parametrize("name", HEAVY)
def test_heavy(name: str) -> None:
    """Nothing is judged for long, whatever is said of it: calls are counted, not seconds."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        analyse(HEAVY[name], 18)
    finally:
        sys.setprofile(None)
    assert calls < 6_000_000


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM t WHERE id IN (" + ",".join(map(str, range(100_000))) + ")",
        "DELETE FROM t WHERE " + " OR ".join(f"id = {n}" for n in range(10_000)),
        "DELETE FROM t WHERE (a, b) IN (" + ",".join(f"({n}, {n})" for n in range(10_000)) + ")",
        "UPDATE t SET a = v.a FROM (VALUES "
        + ",".join(f"({n}, {n})" for n in range(20_000))
        + ") AS v(id, a) WHERE t.id = v.id",
        "DELETE FROM t WHERE " + " AND ".join(f"c{n} = {n}" for n in range(1_000)),
    ],
    ids=["IN", "OR", "rows", "VALUES", "AND"],
)
def test_long_but_everyday(sql: str) -> None:
    assert not unscoped(sql)
