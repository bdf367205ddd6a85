"""Statements by chance over the little database of changes/schema.sql, and what is known of each."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

# Where {t} is a table, {b} one of the public schema.
DDL = (Path(__file__).parent / "changes" / "ddl.txt").read_text().splitlines()
TABLES = ("parent", "child", "notes", "part", "shop.orders", "public.notes", "v_notes")
# Conditions that leave rows out, and conditions of every row; of a table that is known as x.
SOME = """
x.id = 3
x.id IN (1, 2)
x.n > 5
x.v = 'n3'
x.v LIKE 'n%' AND x.id < 4
x.n IS NULL
x.id BETWEEN 2 AND 4
""".strip().splitlines()
EVERY = """
true
1 = 1
x.id = x.id
NOT false
x.id IS NOT NULL
x.id > 0
x.v LIKE '%'
x.id IN (SELECT id FROM {t})
EXISTS (SELECT 1)
x.id = 1 OR true
coalesce(true, false)
x.n = x.n OR x.n IS NULL
x.id = 3 OR x.id <> 3
""".strip().splitlines()
AROUND_ALL = """
{}
{}
SELECT 1; {}; SELECT 2
/* {{ */ {} -- }}
DO $d$ BEGIN {}; END $d$
DO $d$ BEGIN EXECUTE $e$ {} $e$; END $d$
DO $d$ BEGIN BEGIN {}; END; EXCEPTION WHEN division_by_zero THEN NULL; END $d$
DO $d$ DECLARE i int; BEGIN FOR i IN 1 .. 1 LOOP IF i = 1 THEN {}; END IF; END LOOP; END $d$
CREATE FUNCTION w() RETURNS void LANGUAGE plpgsql AS $w$ BEGIN {}; END $w$; SELECT w()
CREATE PROCEDURE w() LANGUAGE plpgsql AS $w$ BEGIN {}; END $w$; CALL w()
""".strip().splitlines()
AROUND_ROWS = """
EXPLAIN ANALYZE {}
EXPLAIN (COSTS off, ANALYZE on) {}
PREPARE q AS {}; EXECUTE q
CREATE FUNCTION w() RETURNS void LANGUAGE sql BEGIN ATOMIC {}; END; SELECT w()
CREATE RULE wr AS ON DELETE TO part_a DO ALSO {}; DELETE FROM part_a WHERE id = 1
WITH d AS ({} RETURNING 1) SELECT count(*) FROM d
WITH d AS ({} RETURNING *), e AS (SELECT 1) INSERT INTO notes (v) SELECT 'm' FROM d LIMIT 1
CREATE TABLE nt AS SELECT 1; WITH d AS ({}) SELECT 1
""".strip().splitlines()


def examples(seed: int, count: int) -> Iterator[tuple[str, bool]]:
    """The texts of a seed; True when a change of rows in it has a condition that holds for every one."""
    chance = random.Random(seed)
    for _ in range(count):
        if chance.random() < 0.5:
            form = chance.choice(DDL).format(t=chance.choice(TABLES[:6]), b=chance.choice(TABLES[:3]))
            around = AROUND_ALL[:4] if form.startswith("SELECT") else AROUND_ALL
            yield chance.choice(around).format(form), False
        else:
            change, every = _rows(chance)
            yield chance.choice(AROUND_ALL + AROUND_ROWS).format(change), every


def _rows(chance: random.Random) -> tuple[str, bool]:
    table = chance.choice(TABLES)
    every = chance.random() < 0.4
    where = chance.choice(EVERY if every else SOME).format(t=table)
    tail = "" if every and chance.random() < 0.3 else f" WHERE {where}"
    source = table if every else "(VALUES (1), (2)) AS z(id)"
    return chance.choice(
        [
            (f"DELETE FROM {table} AS x{tail}", every),
            (f"DELETE FROM {table} AS x{tail}", every),
            (f"UPDATE {table} AS x SET v = 'gone'{tail}", every),
            (f"INSERT INTO notes (v) SELECT v FROM {table} AS x{tail}", False),
            (f"MERGE INTO {table} x USING {source} ON x.id = id WHEN MATCHED THEN DELETE", False),
            (f"MERGE INTO {table} x USING (SELECT 1) s ON {where} WHEN MATCHED THEN DELETE", every),
        ]
    )
