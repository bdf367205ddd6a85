"""The table of drivers: which there are, where each comes from, how it shows a refusal, what it has not.

A driver is a row here, a program in tests/drivers/programs/, and a row of README.md's table, which a test
compares with this one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.drivers import unpacked
from tests.drivers.scenario import REFUSALS, VALUES, Play, Terms
from tests.drivers.toolchains import NPM, Command, node, prisma_client, psql, python
from tests.servers.prisma import RELEASE


@dataclass(frozen=True, slots=True)
class Driver:
    """A driver, or one face of it.

    Attributes:
        name: as its users call it.
        version: the lowest that it is tested with.
        command: how its program is run.
        play: what it makes of the scenario.
        variant: argument of the program, if it has several faces.
        heavy: fetched from elsewhere than PyPI or large: only `make test-drivers` runs it.
    """

    name: str
    version: str
    command: Callable[[], Command]
    play: Play
    variant: str = ""
    heavy: bool = False

    @property
    def title(self) -> str:
        """The name with the variant."""
        return f"{self.name}, {self.variant}" if self.variant else self.name


_NO_TOOL = dict.fromkeys(("migrated", "refused_migration"), "no tool for migrations")
_BELOW = dict.fromkeys(("copy", "notify"), "only by the driver below it")
_NOT_PREPARED = {"prepared": "it prepares nothing by name"}
_NO_BATCH = {"batch": "no batches: one statement at a time"}
_PRISMA = Terms("PrismaClientKnownRequestError")


def _psycopg(variant: str) -> Driver:
    program = "psycopg3_async" if variant == "async" else "psycopg3"
    terms = Terms("psycopg.errors.InsufficientPrivilege")
    return Driver("psycopg 3", "3.3.9", lambda: python(program), Play(terms, _NO_TOOL), variant)


def _psql(major: int, version: str) -> Driver:
    return Driver(f"psql {major}", version, lambda: psql(major), Play(Terms("ERROR"), _NO_TOOL))


DRIVERS = (
    _psql(15, "15.19"),
    _psql(17, "17.10"),
    _psql(18, "18.6"),
    Driver(
        "psycopg2",
        "2.9.13",
        lambda: python("psycopg2"),
        Play(Terms("psycopg2.errors.InsufficientPrivilege"), _NO_TOOL),
    ),
    _psycopg("sync"),
    _psycopg("async"),
    _psycopg("binary"),
    _psycopg("pipeline"),
    Driver(
        "asyncpg",
        "0.32.0",
        lambda: python("asyncpg"),
        Play(Terms("asyncpg.exceptions.InsufficientPrivilegeError"), _NO_TOOL),
    ),
    Driver(
        "pg8000",
        "1.31.6",
        lambda: python("pg8000"),
        Play(Terms("pg8000.exceptions.DatabaseError"), _NO_TOOL | _NO_BATCH),
    ),
    Driver(
        "SQLAlchemy",
        "2.1.9",
        lambda: python("sqlalchemy"),
        Play(
            Terms("sqlalchemy.exc.ProgrammingError"),
            _BELOW | {"refused_migration": "Alembic's"},
        ),
    ),
    Driver(
        "Alembic",
        "1.20.1",
        lambda: python("alembic"),
        Play(
            Terms("sqlalchemy.exc.ProgrammingError"),
            _BELOW
            | {
                "prepared": "a statement is sent once",
                "aborted": "it rolls back by itself",
            },
        ),
    ),
    Driver(
        "Django",
        "5.2.19",
        lambda: python("django"),
        Play(
            Terms("django.db.utils.ProgrammingError"), _BELOW | {"prepared": "it binds at the client"}
        ),
    ),
    Driver(
        "node-postgres",
        NPM["pg"],
        lambda: node("node_postgres"),
        Play(Terms("DatabaseError"), _NO_TOOL | _NO_BATCH),
    ),
    Driver(
        "postgres.js",
        NPM["postgres"],
        lambda: node("postgres_js"),
        Play(Terms("PostgresError"), _NO_TOOL),
    ),
    Driver(
        "Drizzle",
        NPM["drizzle-orm"],
        lambda: node("drizzle", "drizzle-orm"),
        Play(Terms("DrizzleQueryError"), _BELOW),
        heavy=True,
    ),
    Driver(
        "Knex",
        NPM["knex"],
        lambda: node("knex", "knex"),
        Play(Terms("DatabaseError", "{text} - {message}"), _BELOW | _NOT_PREPARED),
        heavy=True,
    ),
    Driver(
        "TypeORM",
        NPM["typeorm"],
        lambda: node("typeorm", "typeorm", "reflect-metadata"),
        Play(Terms("QueryFailedError"), _BELOW | _NOT_PREPARED),
        heavy=True,
    ),
    Driver(
        "Prisma's client",
        RELEASE,
        prisma_client,
        Play(
            _PRISMA,
            _BELOW
            | _NOT_PREPARED
            | dict.fromkeys(("columns", "migrated", "refused_migration"), "its command line's: tests/clients"),
            {"refused_delete": _PRISMA.tell(REFUSALS["refused_delete"].of("public.orders"))},
        ),
        heavy=True,
    ),
    Driver(
        "pgjdbc",
        "42.5.5",
        unpacked.java,
        Play(Terms("org.postgresql.util.PSQLException"), _NO_TOOL),
        heavy=True,
    ),
    Driver(
        "Ruby's pg",
        "1.4.5",
        unpacked.ruby,
        Play(Terms("PG::InsufficientPrivilege"), _NO_TOOL),
        heavy=True,
    ),
    Driver(
        "PHP's PDO",
        "8.2",
        unpacked.php,
        Play(
            Terms(
                "PDOException",
                "SQLSTATE[{sqlstate}]: Insufficient privilege: 7 ERROR:  {message}\n"
                "DETAIL:  {detail}\nHINT:  {hint}",
                detail=None,
                hint=None,
            ),
            _NO_TOOL,
            {"values": VALUES | {"tags": "{1,2,3}"}},
        ),
        heavy=True,
    ),
    Driver("Perl's DBD::Pg", "3.16.0", unpacked.perl, Play(Terms("DBD::Pg::db"), _NO_TOOL), heavy=True),
    Driver("Go's pgx", "4.15.0", unpacked.go, Play(Terms("*pgconn.PgError"), _NO_TOOL), heavy=True),
)
