"""Whoever means to pass something old off as made by the transaction does not succeed."""

from __future__ import annotations

import pytest

from tests.servers.database import Database
from tests.session.conftest import Clients
from tests.session.messages import Q
from tests.session.test_everyday import PACKS
from tests.session.test_free_names import refused
from tests.session.wired import gate_of

OBJECTS = """
CREATE SCHEMA s; CREATE TABLE s.t (id int);
CREATE TABLE o (id int);
CREATE TABLE u (id int PRIMARY KEY, v text); INSERT INTO u VALUES (1, 'kept');
CREATE VIEW w AS SELECT id FROM u;
CREATE TYPE m AS ENUM ('a');
CREATE FUNCTION purge(int, int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION purge() RETURNS int LANGUAGE sql AS 'DELETE FROM u; SELECT 1';
CREATE FUNCTION old_f() RETURNS int LANGUAGE sql AS 'DELETE FROM u; SELECT 1'
"""
N = "CREATE TABLE n (id int PRIMARY KEY, v text)"
BUMP = "CREATE FUNCTION noop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
INSTEAD = "CREATE TRIGGER x INSTEAD OF INSERT ON public.w FOR EACH ROW EXECUTE FUNCTION noop()"
NEVER = "DO $$ BEGIN {}; IF false THEN {}; END IF; END $$"


def fires(body: str) -> str:
    """What runs this whenever a row comes into o."""
    return (
        f"CREATE FUNCTION trg() RETURNS trigger LANGUAGE plpgsql AS $t$ BEGIN {body}; RETURN NEW; END $t$; "
        "CREATE TRIGGER y BEFORE INSERT ON o FOR EACH ROW EXECUTE FUNCTION trg()"
    )


FIRE = "INSERT INTO o VALUES (1)"
PATH = "PERFORM set_config('search_path', 'public', false)"


@pytest.mark.parametrize(
    "texts",
    [
        # Code that may not have made it.
        ("BEGIN", BUMP, INSTEAD, NEVER.format("PERFORM 1", "CREATE VIEW w AS SELECT 1"), "DROP VIEW w"),
        (
            "BEGIN",
            NEVER.format(
                "ALTER FUNCTION old_f() COST 7",
                "CREATE FUNCTION old_f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            ),
            "SELECT old_f()",
        ),
        (
            "BEGIN",
            NEVER.format("ALTER TABLE u ALTER v SET STATISTICS 7", "ALTER TABLE u ADD v text"),
            "ALTER TABLE u DROP COLUMN v",
        ),
        # A name that the text has given away before.
        ("CREATE VIEW n AS SELECT * FROM u; CREATE TABLE IF NOT EXISTS n (id int); DELETE FROM n",),
        (f"CREATE TEMP VIEW n AS SELECT * FROM u; {N}; DELETE FROM n",),
        (f"DO $$ BEGIN CREATE TEMP VIEW n AS SELECT * FROM u; END $$; {N}; DELETE FROM n",),
        (
            "CREATE AGGREGATE a(int) (sfunc = purge, stype = int); "
            "CREATE FUNCTION a(text) RETURNS int LANGUAGE sql AS 'SELECT 1'; SELECT a(1)",
        ),
        # What a trigger does in between.
        (f"{N}; {fires('ALTER TABLE u INHERIT n')}; {FIRE}; DELETE FROM n",),
        (f"{N}; {fires('CREATE TEMP VIEW n AS SELECT * FROM u')}; {FIRE}; DELETE FROM n",),
        (fires("CREATE TEMP VIEW n AS SELECT * FROM u"), f"{N}; {FIRE}; DELETE FROM n"),
        (
            fires(PATH),
            "SET search_path = s, public",
            "BEGIN",
            BUMP,
            "CREATE VIEW w AS SELECT 1 AS id",
            INSTEAD.replace("noop", "s.noop"),
            FIRE,
            "DROP VIEW w",
        ),
        (
            "ALTER TABLE public.t ADD c int",
            fires(PATH),
            "SET search_path = s, public",
            "BEGIN",
            "ALTER TABLE t ADD c int",
            FIRE,
            "ALTER TABLE public.t ALTER c SET STATISTICS 7",
            "ALTER TABLE t DROP COLUMN c",
        ),
    ],
)
def test_what_was_there_stays(texts: tuple[str, ...], table: Database, clients: Clients) -> None:
    table.execute(OBJECTS)
    client = clients.wired(table, gate_of(PACKS))
    told = [client.exchange(Q(text)) for text in texts]
    assert any(map(refused, told))
