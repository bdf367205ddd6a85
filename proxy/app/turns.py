"""The event loop's turns kept short: who else may run, and when garbage is looked for."""

from __future__ import annotations

import asyncio
import gc
import sys

from proxy.app.givingback import give_back_aside
from proxy.session.meaning import of_analysis
from proxy.sql.analyse import analyse
from proxy.sql.builtins import builtin_by_oid
from proxy.sql.screen import MAJORS, plain_screen

_TURN_S = 0.0005
_YOUNG, _OLDER, _NEVER = 700, 1, 1_000_000
_COLLECT_S = 3600.0

_SHORT_TEXTS = (
    "DELETE FROM t WHERE a = 1 OR b%2=1 OR b%2=0 AND (c, d) IN ((1, 2), (3, 4)) AND e LIKE $1",
    "UPDATE t SET a = b + 1 FROM u WHERE t.id = u.id AND u.c = ANY($1) AND t.d IN (SELECT d FROM v LIMIT 5)",
    "INSERT INTO t (a) SELECT b FROM u ON CONFLICT (a) DO UPDATE SET a = excluded.a WHERE t.a IS NOT NULL",
    "MERGE INTO t USING (VALUES (1)) s(i) ON t.id = s.i WHEN MATCHED THEN DELETE",
    "WITH w AS (DELETE FROM t WHERE a BETWEEN 1 AND 2 RETURNING *) SELECT f(x) FROM w JOIN u USING (x)",
    "DO $$ DECLARE r record; BEGIN FOR r IN SELECT 1 LOOP IF r.a > 0 THEN NULL; END IF; END LOOP; END $$",
    "CREATE TABLE t (id serial PRIMARY KEY, a int DEFAULT 1 CHECK (a > 0) REFERENCES u ON DELETE CASCADE)",
    "ALTER TABLE t ADD COLUMN a text DEFAULT 'x', ALTER b TYPE text USING b::text, DROP CONSTRAINT c",
    'INSERT INTO "migrations"("timestamp", "name") VALUES ($1, $2)',
    "SET search_path = a, b; GRANT SELECT ON t TO r; COPY t FROM STDIN; DROP TABLE IF EXISTS t CASCADE",
)
"""Of most kinds that the event loop reads itself: the first of a kind takes several times what others do."""


def keep_turns_short() -> None:
    """Let nothing but its own work keep the event loop from its next turn for long.

    Another thread hands over after half a millisecond instead of five. Garbage is looked for among what is
    young: looking through all that sessions, caches and catalogues hold takes tens of milliseconds, and a
    statement of thousands of effects would bring it on.
    """
    sys.setswitchinterval(_TURN_S)
    give_back_aside()
    for server_major in MAJORS:
        plain_screen(server_major)  # making one takes milliseconds
    builtin_by_oid(0, 0)  # and so do these, of tables
    for text in _SHORT_TEXTS:
        of_analysis(text, analyse(text))
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _OLDER, _NEVER)


async def free_aside(parts: list[object]) -> None:
    """Free what nobody else holds, one by one in a thread; `parts` is empty then.

    Freed as one, a policy of a thousand rules holds all threads for five milliseconds.
    """
    await asyncio.to_thread(_free, parts)


def _free(parts: list[object]) -> None:
    while parts:
        parts.pop()


async def collect_garbage() -> None:
    """Sessions that have lived long leave circles of some kilobytes behind: those are found by the hour."""
    while True:
        await asyncio.sleep(_COLLECT_S)
        gc.collect()
