"""Random conditions: what reaches every row of a table on a real server is never called scoped.

The table has many rows of every kind that the conditions speak of (each constant is there, and so is what is
beside it, below and above), so that a condition that leaves no row out leaves none out of any table.
Accepted, because they depend on what is in a table: `IS NOT NULL` of a column that may be NULL; `<>` and NOT
LIKE of a value that no row has; bounds that no row happens to be beyond, a sub-select's value among them. The
grammar speaks of none of these.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import psycopg
import pytest

from proxy.sql.analyse import analyse
from tests.servers.database import Database

_TABLES = """
SELECT setseed(0.3);
CREATE TABLE victim (
    id int PRIMARY KEY, n int NOT NULL, m int NOT NULL, x numeric NOT NULL, opt int, flag bool NOT NULL,
    val text NOT NULL, tags text[] NOT NULL
);
INSERT INTO victim
SELECT
    g,
    (ARRAY[-1000, -7, -1, 0, 1, 2, 3, 4, 5, 6, 7, 50, 100, 1000])[1 + floor(random() * 14)],
    (ARRAY[-1000, -7, -1, 0, 1, 2, 3, 4, 5, 6, 7, 50, 100, 1000])[1 + floor(random() * 14)],
    (ARRAY[-1000, -7.5, -1, 0, 0.5, 1, 2, 3, 4, 4.5, 5, 5.5, 6, 7, 50, 100, 1000])[1 + floor(random() * 17)],
    CASE WHEN random() < 0.7 THEN (ARRAY[-1, 0, 1, 4, 5, 6, 50, 60])[1 + floor(random() * 8)] END,
    random() < 0.5,
    (ARRAY['', 'a', 'ab', 'b', 'row5', 'z', 'xrow', 'abcde', repeat('q', 50)])[1 + floor(random() * 9)],
    (ARRAY['{}', '{a}', '{a,b}', '{b}', '{a,b,c,d,e}', '{' || repeat('z,', 49) || 'z}'])
        [1 + floor(random() * 6)]::text[]
FROM generate_series(1, 1500) AS g;
CREATE TABLE notes (id int PRIMARY KEY, vid int NOT NULL, body text);
INSERT INTO notes SELECT g, g + 1, 'note' || g FROM generate_series(1, 10) AS g;
"""
ROWS = 1500
SEEDS = range(8)
EACH = 500


class Grammar:
    """Conditions by chance."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def pick(self, *choices: str) -> str:
        """One of them."""
        return self.chance.choice(choices)

    def number(self) -> str:
        """A column, a constant, or what is made of them."""
        if self.chance.random() < 0.65:
            return self.pick("n", "victim.n", "m", "x", "id", "opt", "0", "1", "5", "-1", "50")
        column = self.pick("n", "x", "id", "opt", "m")
        other = self.pick("n", "m", "opt", "0", "5")
        return self.pick(
            f"{column} - {other}",
            f"{column} * {self.pick('0', '1', other)}",
            f"{column} + 0",
            f"abs({column})",
            f"sign({column})",
            f"coalesce({column}, {other})",
            f"nullif({column}, {other})",
            f"greatest({column}, {other})",
            f"least({column}, {other})",
            f"CASE WHEN {self.compared('n', '5')} THEN {column} ELSE {other} END",
            f"(SELECT {column})",
            f"n % {self.pick('1', '2')}",
            f"n & {self.pick('0', '7')}",
            "cardinality(tags)",
            "length(val)",
        )

    def compared(self, left: str, right: str) -> str:
        """A comparison."""
        return f"{left} {self.pick('=', '<>', '<', '<=', '>', '>=')} {right}"

    def term(self, depth: int) -> str:
        """A condition without AND and OR, but for those inside."""
        one, two, three = self.number(), self.number(), self.number()
        some = self.pick("=", "<", ">=")
        array = self.pick("'{}'", "'{a}'", "ARRAY[]::text[]")
        member = self.pick("'a'", "val")
        given = self.pick("{}", "{0}", "{1,5}")
        terms = [
            self.compared(one, two),
            self.compared(one, two),
            f"({one}, {two}) {self.pick('=', '<>', '<', '>=')} ({two}, {three})",
            f"({one}, {two}) IN (({two}, {three}), ({one}, {three}))",
            f"{one} {self.pick('IN', 'NOT IN')} ({two}, {three})",
            f"{one} {self.pick('BETWEEN', 'BETWEEN SYMMETRIC', 'NOT BETWEEN')} {two} AND {three}",
            f"{one} {self.pick('IS DISTINCT FROM', 'IS NOT DISTINCT FROM')} {two}",
            f"{one} {some} {self.pick('ANY', 'ALL')} (ARRAY[{two}, {three}]::numeric[])",
            f"{one} = {self.pick('ANY', 'ALL')} ('{given}'::int[])",
            "opt IS NULL",
            self.pick("flag", "NOT flag", "flag IS NOT TRUE", "flag = true", "victim.flag <> false"),
            f"val {self.pattern()}",
            f"tags {self.pick('@>', '&&')} {array}",
            f"{member} = ANY (tags)",
            f"{one} IN ({self.query()})",
            f"{self.pick('EXISTS', 'NOT EXISTS')} ({self.query(correlated=True)})",
            self.place(),
            self.left_over(),
            f"{one} + {two} {self.pick('>=', '<')} {three}",
            f"(SELECT count(*) FROM notes WHERE notes.id = {self.pick('victim.id', 'n', '0')}) {some} 0",
        ]
        if depth < 3:
            inner = self.condition(depth + 1)
            wrapper = self.pick(
                "IS TRUE",
                "IS NOT TRUE",
                "IS NOT FALSE",
                "= true",
                "<> true",
                "= true IS NOT NULL",
                "IN (true, false)",
            )
            terms += [
                f"({inner}) {wrapper}",
                f"coalesce({inner}, {self.condition(depth + 1)})",
                f"CASE WHEN {inner} THEN {self.condition(depth + 1)} ELSE {self.condition(depth + 1)} END",
            ]
        return self.chance.choice(terms)

    def place(self) -> str:
        """Where something is, and whether anything is put right."""
        compared = self.compared(
            "position(" + self.pick("'a'", "''", "val") + " in val)", self.pick("0", "1")
        )
        return self.pick(
            compared,
            f"array_position(tags, 'a') {self.pick('IS NULL', 'IS NOT NULL')}",
            f"val {self.pick('<>', '=')} {self.pick('trim', 'lower', 'upper')}(val)",
            f"x {self.pick('<>', 'IS DISTINCT FROM', '=')} round(x, {self.pick('0', '1', '9')})",
            f"coalesce(array_length(tags, 1), 0) {self.pick('=', '>', '>=')} 0",
        )

    def left_over(self) -> str:
        """Duplicates, and what has no partner."""
        order = self.pick("<", "<=", ">", "<>", "=")
        same = self.pick("v.val = victim.val", "v.n = victim.n", "v.id = victim.id", "v.n = v.n", "v.flag")
        on = self.pick("o.id = v.id", "o.vid = v.id", "o.id = v.id AND o.id < 0", "false", "v.id = v.id")
        where = self.pick("o.id IS NULL", "o.id IS NOT NULL", "o.body = 'note5'", "o.id IS DISTINCT FROM 5")
        return self.pick(
            f"EXISTS (SELECT 1 FROM victim v WHERE v.id {order} victim.id AND {same})",
            f"id IN (SELECT v.id FROM victim v LEFT JOIN notes o ON {on} WHERE {where})",
        )

    def pattern(self) -> str:
        """A test of a text, some of which every text passes."""
        if self.chance.random() < 0.5:
            name = self.pick("LIKE", "NOT LIKE", "ILIKE", "SIMILAR TO")
            return f"{name} " + self.pick("'%'", "''", "'_%'", "'%' || ''", "'a%'", "'%row%'")
        name = self.pick("~", "!~", "~*")
        return f"{name} " + self.pick("'.*'", "'^'", "'a|'", "'x*'", "'(a|b)?'", "'row'", "'^$'", "'[a-z]*'")

    def query(self, *, correlated: bool = False) -> str:
        """A sub-select, some of which are about the outer row only."""
        source, owner = self.chance.choice(
            [
                ("notes", "notes"),
                ("victim v", "v"),
                ("(VALUES (1), (-1)) w(id)", "w"),
                ("generate_series(1, 1500) AS w(id)", "w"),
                ("(SELECT id, 1 AS one FROM victim) w", "w"),
                ("(SELECT victim.id) w", "w"),
            ]
        )
        tie = self.pick(f"{owner}.id = victim.id", f"{owner}.id >= victim.id", f"{owner}.id = {owner}.id")
        if correlated:
            also = self.pick("", f" AND {owner}.id = 5", " AND victim.id > 0", f" AND {owner}.id > 0")
            return f"SELECT {self.pick('1', 'count(*)')} FROM {source} WHERE {tie}{also}"
        output = self.pick("id", "victim.id", f"{owner}.id", "n", "victim.n", "1")
        where = self.pick("", f" WHERE {tie}", f" WHERE {owner}.id = 5", " WHERE true")
        return f"SELECT {output} FROM {source}{where}{self.pick('', '', ' LIMIT 2000')}"

    def condition(self, depth: int = 0) -> str:
        """A condition."""
        what = self.chance.randrange(8) if depth < 4 else 7
        if what == 0:
            return f"({self.condition(depth + 1)} OR {self.condition(depth + 1)})"
        if what == 1:
            return f"({self.condition(depth + 1)} AND {self.condition(depth + 1)})"
        if what == 2:
            return f"NOT ({self.condition(depth + 1)})"
        if what == 3:
            term, number, value = self.term(depth + 1), self.number(), self.pick("5", "6", "0")
            return self.pick(
                f"({term} OR NOT ({term}))",
                f"({number} <= 5 OR {number} >= {value})",
                f"({value} < {number} OR {number} < 6)",
                f"({number} = {value} OR {value} <> {number})",
                f"({number} IN (5, 6) OR {number} NOT IN ({value}))",
                f"({number} < 5 OR {number} > 5 OR {number} = {value})",
            )
        return self.term(depth)


def conditions(seed: int) -> Iterator[str]:
    """The conditions of a seed."""
    grammar = Grammar(seed)
    for _ in range(EACH):
        yield grammar.condition()


def unscoped(where: str) -> bool:
    """What the analysis says of a DELETE."""
    effects = analyse(f"DELETE FROM victim WHERE {where}", 17).effects
    return any("unscoped" in effect.traits for effect in effects if effect.name == "row.delete")


def test_what_reaches_every_row_is_unscoped(database: Database) -> None:
    missed: list[str] = []
    judged = 0
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute(_TABLES)
        for seed in SEEDS:
            for where in conditions(seed):
                try:
                    row = connection.execute(f"SELECT count(*) FROM victim WHERE {where}").fetchone()
                except psycopg.Error:
                    continue
                judged += 1
                if row == (ROWS,) and not unscoped(where):
                    missed.append(where)
    assert missed == []
    assert judged > len(SEEDS) * EACH // 2


@pytest.mark.parametrize(
    "where",
    [
        "n = 5",
        "n > 5 OR n < 5",
        "flag",
        "val LIKE 'a%'",
        "tags @> '{a}'",
        "id IN (SELECT id FROM notes WHERE id = 5)",
    ],
)
def test_the_table_has_what_is_left_out(database: Database, where: str) -> None:
    database.execute(_TABLES)
    assert int(database.execute(f"SELECT count(*) FROM victim WHERE {where}")) < ROWS
