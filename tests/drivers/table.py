"""The table of drivers: which there are, where each comes from, how it shows a refusal, what it has not.

A driver is a row here, a program in tests/drivers/programs/, and a row of README.md's table, which
test_table.py compares with this one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.drivers import unpacked
from tests.drivers.scenario import REFUSALS, VALUES, Play, Terms
from tests.drivers.toolchains import NPM, Command, lower_bound, node, prisma_client, psql, python
from tests.servers import prisma


@dataclass(frozen=True, slots=True)
class Driver:
    """A driver, or one face of it.

    Attributes:
        name: as its users call it.
        version: the lowest that it is tested with.
        command: how its program is run.
        play: what it makes of the scenario.
        face: which of several.
        heavy: long to fetch: only `make test-drivers` runs it.
        tls_by_url: libpq's parameters for TLS that it reads in its URL, if it reads no variables.
    """

    name: str
    version: str
    command: Callable[[], Command]
    play: Play
    face: str = ""
    heavy: bool = False
    tls_by_url: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The name with the face."""
        return f"{self.name}, {self.face}" if self.face else self.name


# Why a driver lacks steps.
_NO_TOOL = dict.fromkeys(("migrated", "refused_migration"), "no tool for migrations")
_BELOW = dict.fromkeys(("copy", "notify"), "only by the driver below it")
_NOT_PREPARED = {"prepared": "it prepares nothing by name"}
_NO_BATCH = {"batch": "one statement at a time"}
_COMMAND_LINE = dict.fromkeys(
    ("columns", "migrated", "refused_migration"), "its command line's: tests/clients/test_prisma.py"
)

_PSYCOPG = Terms("psycopg.errors.InsufficientPrivilege", "`error.diag`")
_SQLALCHEMY = Terms("sqlalchemy.exc.ProgrammingError", "`error.orig.diag`")
_PRISMA = Terms("PrismaClientKnownRequestError", "`error.meta.driverAdapterError.cause`")
_PDO = Terms(
    "PDOException",
    "lines of the message",
    "SQLSTATE[{sqlstate}]: Insufficient privilege: 7 ERROR:  {message}\nDETAIL:  {detail}\nHINT:  {hint}",
    detail=None,
    hint=None,
)


def _psql(major: int, version: str) -> Driver:
    terms = Terms("ERROR", "lines below the message")
    return Driver("psql", version, lambda: psql(major), Play(terms, _NO_TOOL), face=str(major))


def _psycopg(face: str, *program: str) -> Driver:
    version = lower_bound("psycopg")
    return Driver("psycopg 3", version, lambda: python(*program), Play(_PSYCOPG, _NO_TOOL), face)


_POSTGRESQL = (_psql(15, "15.19"), _psql(17, "17.10"), _psql(18, "18.6"))

_PYTHON = (
    Driver(
        "psycopg2",
        lower_bound("psycopg2-binary"),
        lambda: python("psycopg2"),
        Play(Terms("psycopg2.errors.InsufficientPrivilege", "`error.diag`"), _NO_TOOL),
    ),
    _psycopg("sync", "psycopg3", "sync"),
    _psycopg("async", "psycopg3_async"),
    _psycopg("binary", "psycopg3", "binary"),
    _psycopg("pipeline", "psycopg3", "pipeline"),
    Driver(
        "asyncpg",
        lower_bound("asyncpg"),
        lambda: python("asyncpg"),
        Play(
            Terms("asyncpg.exceptions.InsufficientPrivilegeError", "`error.detail`, `error.hint`"), _NO_TOOL
        ),
    ),
    Driver(
        "pg8000",
        lower_bound("pg8000"),
        lambda: python("pg8000"),
        Play(Terms("pg8000.exceptions.DatabaseError", '`error.args[0]["D"]`, `["H"]`'), _NO_TOOL | _NO_BATCH),
    ),
    Driver(
        "SQLAlchemy",
        lower_bound("SQLAlchemy"),
        lambda: python("sqlalchemy"),
        Play(_SQLALCHEMY, _BELOW | {"refused_migration": "Alembic's"}),
    ),
    Driver(
        "Alembic",
        lower_bound("alembic"),
        lambda: python("alembic"),
        Play(_SQLALCHEMY, _BELOW | _NOT_PREPARED | {"aborted": "it rolls back by itself"}),
    ),
    Driver(
        "Django",
        lower_bound("Django"),
        lambda: python("django"),
        Play(Terms("django.db.utils.ProgrammingError", "`error.__cause__.diag`"), _BELOW | _NOT_PREPARED),
    ),
)

_NODE = (
    Driver(
        "node-postgres",
        NPM["pg"],
        lambda: node("node_postgres"),
        Play(Terms("DatabaseError", "`error.detail`, `error.hint`"), _NO_TOOL | _NO_BATCH),
    ),
    Driver(
        "postgres.js",
        NPM["postgres"],
        lambda: node("postgres_js"),
        Play(Terms("PostgresError", "`error.detail`, `error.hint`"), _NO_TOOL),
        tls_by_url=("sslmode",),
    ),
    Driver(
        "Drizzle",
        NPM["drizzle-orm"],
        lambda: node("drizzle", "drizzle-orm"),
        Play(Terms("DrizzleQueryError", "`error.cause.detail`, `error.cause.hint`"), _BELOW),
        heavy=True,
    ),
    Driver(
        "Knex",
        NPM["knex"],
        lambda: node("knex", "knex"),
        Play(
            Terms("DatabaseError", "`error.detail`, `error.hint`", "{text} - {message}"),
            _BELOW | _NOT_PREPARED,
        ),
        heavy=True,
    ),
    Driver(
        "TypeORM",
        NPM["typeorm"],
        lambda: node("typeorm", "typeorm", "reflect-metadata"),
        Play(Terms("QueryFailedError", "`error.detail`, `error.hint`"), _BELOW | _NOT_PREPARED),
        heavy=True,
    ),
    Driver(
        "Prisma's client, adapter-pg",
        prisma.RELEASE,
        prisma_client,
        Play(
            _PRISMA,
            _BELOW | _NOT_PREPARED | _COMMAND_LINE,
            {"refused_delete": _PRISMA.tell(REFUSALS["refused_delete"].of("public.orders"))},
        ),
        heavy=True,
    ),
)

_OTHERS = (
    Driver(
        "pgjdbc",
        "42.5.5",
        unpacked.java,
        Play(Terms("org.postgresql.util.PSQLException", "`getServerErrorMessage()`"), _NO_TOOL),
        heavy=True,
        tls_by_url=("sslmode", "sslrootcert"),
    ),
    Driver(
        "Ruby's pg",
        "1.4.5",
        unpacked.ruby,
        Play(Terms("PG::InsufficientPrivilege", "`error.result.error_field`"), _NO_TOOL),
        heavy=True,
    ),
    Driver(
        "PHP's PDO",
        "8.2",
        unpacked.php,
        # It knows no arrays: they come as the server writes them.
        Play(_PDO, _NO_TOOL, {"values": VALUES | {"tags": "{1,2,3}"}}),
        heavy=True,
    ),
    Driver(
        "Perl's DBD::Pg",
        "3.16.0",
        unpacked.perl,
        Play(Terms("DBD::Pg::db", "`$dbh->pg_error_field`"), _NO_TOOL),
        heavy=True,
    ),
    Driver(
        "Go's pgx 4",
        "4.15.0",
        unpacked.go,
        Play(Terms("*pgconn.PgError", "`Detail`, `Hint`"), _NO_TOOL),
        heavy=True,
    ),
)

DRIVERS = (*_POSTGRESQL, *_PYTHON, *_NODE, *_OTHERS)
