"""psql's console at a running gate of two workers: psql itself, drivers, and who does not behave."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import pg8000.native
import psycopg
import psycopg2
import pytest
import sqlalchemy
from psycopg.rows import dict_row

from proxy.app.operating.tokens import Token
from proxy.backup.cluster import Cluster
from proxy.console.people import Role
from proxy.console.psql.courtesies import SERVER_VERSION
from proxy.wire.frontend import encode_query
from proxy.wire.scram import make_verifier
from proxy.wire.startup import encode_startup
from tests.clients.conftest import Serve
from tests.clients.gate import POLICY, Gate, moved, serving, until, upstream_of
from tests.clients.programs import Done, Program
from tests.conftest import Programs
from tests.relay.certificates import Authority
from tests.servers.database import Database
from tests.servers.node import Node
from tests.servers.postgres import MAJORS

TOKEN = "pgw-0123456789abcdef"
LOST = "this is pgwarden's console, which does not know"


@dataclass(frozen=True, slots=True)
class Console:
    gate: Gate
    authority: Path

    def url(self, user: str = "ada", database: str = "pgwarden", **parameters: str) -> str:
        url = self.gate.url(database, user, 0, **parameters)
        return url.replace(f"{user}@", f"{user}:{TOKEN}@")


@pytest.fixture(scope="module")
def console(server: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    folder = tmp_path_factory.mktemp("console")
    (folder / "policy.yaml").write_text(POLICY)
    text = ""
    for name, role in (("ada", Role.OPERATOR), ("bob", Role.VIEWER)):
        verifier = make_verifier(TOKEN.encode(), secrets.token_bytes(16), 4096)
        text += Token(name, verifier, role).written() + "\n"
    tokens = folder / "tokens"
    tokens.write_text(text)
    tokens.chmod(0o600)
    authority = Authority(folder, "authority")
    certificate, key = authority.certify("127.0.0.1")
    door = {
        "upstream": upstream_of(server),
        "client_tls_cert_file": str(certificate),
        "client_tls_key_file": str(key),
    }
    settings = {"workers": "2", "console_auth_file": str(tokens), "login_failures": "0"}
    with serving(folder, folder / "policy.yaml", door, **settings) as gate:
        yield Console(gate, authority.file)


def told(psql: Program, console: Console, *commands: str, user: str = "ada", **parameters: str) -> Done:
    flags = [flag for command in commands for flag in ("-c", command)]
    return psql(console.url(user, **parameters), "-X", "-At", *flags)


# -- psql ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("major", MAJORS)
def test_psql_of_every_version(programs: Programs, console: Console, major: int) -> None:
    psql = Program(programs(major) / "psql", ("--no-psqlrc",))
    done = psql(console.url(), script="SHOW VERSION;\n\\conninfo\n\\d\n\\l\n\\du\nSELECT 1;\n\\q\n")
    assert done.code == 0
    assert "pgwarden 0.1.0" in done.out
    assert done.err.count(f'ERROR:  {LOST} "SELECT" like this') == 3
    assert done.err.count("HINT:  SHOW HELP lists the commands.") == 3
    assert "WARNING" not in done.out + done.err
    assert done.out.rstrip().endswith("(1 row)")


@pytest.fixture
def ada(console: Console) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with psycopg.connect(console.url(), autocommit=True) as caller:
        yield caller


def shown(caller: psycopg.Connection[tuple[Any, ...]], view: str) -> list[dict[str, Any]]:
    with caller.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(f"SHOW {view}".encode()).fetchall()


def test_what_is_shown_of_the_gate(
    ada: psycopg.Connection[tuple[Any, ...]], console: Console, users: Database
) -> None:
    with psycopg.connect(console.gate.url(users.name), autocommit=True, application_name="shop") as client:
        client.execute("SELECT 1")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            client.execute("DROP TABLE users")
        clients = {each["database"]: each for each in shown(ada, "CLIENTS")}
        (server,) = (each for each in shown(ada, "SERVERS") if each["database"] == users.name)
    mine, me = clients[users.name], clients["pgwarden"]
    assert (mine["type"], mine["user"], mine["state"], mine["addr"]) == ("C", "postgres", "idle", "127.0.0.1")
    assert (mine["application_name"], mine["transaction"]) == ("shop", False)
    assert (me["user"], me["state"]) == ("ada", "console")
    assert (server["addr"], server["port"], server["link"]) == ("127.0.0.1", users.port, mine["id"])
    (listener,) = shown(ada, "LISTENERS")
    assert (listener["addr"], listener["port"], listener["mode"]) == ("127.0.0.1", users.port, "enforce")
    config = {each["key"]: (each["value"], each["default"]) for each in shown(ada, "CONFIG")}
    assert (config["workers"], config["max_statement_bytes"]) == (("2", "1"), ("16MiB", "16MiB"))
    assert config["notify"] == ("0", "")
    until(lambda: [each["message"] for each in shown(ada, "BLOCKED") if each["database"] == users.name], "it")
    assert ("no-drop", 1) in [(each["rule"], each["hits"]) for each in shown(ada, "RULES")]
    assert ("destructive", 1) in [(each["class"], each["refused_count"]) for each in shown(ada, "STATS")]
    assert [each["policy"] for each in shown(ada, "POLICY")] == ["test"]
    for view in ("HELP", "FREEZE", "BACKUPS", "APPROVALS", "CHANGES", "WINDOWS", "LISTS"):
        shown(ada, view)


def test_a_freeze_that_is_declared_here_holds(psql: Program, console: Console, users: Database) -> None:
    insert = "INSERT INTO users VALUES (2, 'bob') ON CONFLICT DO NOTHING"
    with psycopg.connect(console.gate.url(users.name), autocommit=True) as client:
        done = told(psql, console, "FREEZE 'incident 12' UNTIL '1h'", "SHOW FREEZE")
        try:
            assert done.out.startswith("FREEZE\n|")
            assert done.out.endswith("|ada (token, from 127.0.0.1)|incident 12\n")
            assert "NOTICE:  writes to all databases until " in done.err
            until(lambda: refused(client, insert), "writes are refused")
        finally:
            thawed = told(psql, console, "THAW", "SHOW FREEZE", "RELOAD")
        assert thawed.out == "THAW\nRELOAD\n"
        until(lambda: not refused(client, insert), "writes go on")


def refused(client: psycopg.Connection, sql: str) -> bool:
    try:
        client.execute(sql)
    except psycopg.errors.Error as error:
        assert "incident 12" in str(error)
        return True
    return False


def test_a_session_is_ended(
    ada: psycopg.Connection[tuple[Any, ...]], console: Console, users: Database
) -> None:
    with psycopg.connect(console.gate.url(users.name), autocommit=True) as client:
        (mine,) = [each["id"] for each in shown(ada, "CLIENTS") if each["database"] == users.name]
        assert ada.execute(f"KILL {mine} 'it held locks'".encode()).statusmessage == "KILL"
        with pytest.raises(psycopg.OperationalError, match="it held locks"):
            client.execute("SELECT 1")
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
            ada.execute(f"KILL {mine}".encode())


def test_who_may_only_look(psql: Program, console: Console) -> None:
    done = told(psql, console, "FREEZE", "THAW", "RELOAD", "KILL 0-1", "SHOW FREEZE", user="bob")
    assert done.err.count("ERROR:  ") == 4
    assert done.err.count("takes the role operator, and bob is viewer") == 4
    assert done.code == 0
    assert done.out == ""


def test_logins(psql: Program, console: Console) -> None:
    before = console.gate.metrics("pgwarden_console_logins_total")
    wrong = psql(console.url(sslmode="disable").replace(TOKEN, "wrong"), "-c", "SHOW HELP")
    unknown = psql(console.url("carl", sslmode="disable"), "-c", "SHOW HELP")
    assert 'FATAL:  password authentication failed for user "ada"' in wrong.err
    assert 'FATAL:  password authentication failed for user "carl"' in unknown.err
    trusted = {"sslmode": "verify-full", "sslrootcert": str(console.authority)}
    bound = told(psql, console, "SHOW VERSION", channel_binding="require", **trusted)
    assert (bound.code, bound.out, bound.err) == (0, "pgwarden 0.1.0\n", "")
    assert told(psql, console, "SHOW VERSION", sslmode="disable").out == "pgwarden 0.1.0\n"
    assert moved(before, console.gate.metrics("pgwarden_console_logins_total")) == {
        'pgwarden_console_logins_total{outcome="failed"}': 2,
        'pgwarden_console_logins_total{outcome="done"}': 2,
    }
    console.gate.says("a login at the console failed", name="carl", client_address="127.0.0.1")


# -- drivers -------------------------------------------------------------------------------------------------


def test_psycopg(console: Console) -> None:
    with psycopg.connect(console.url()) as client:  # begins a transaction at the first statement
        assert client.execute("SHOW VERSION").fetchall() == [("pgwarden 0.1.0",)]
        with pytest.raises(psycopg.errors.FeatureNotSupported, match=LOST):
            client.execute("SELECT * FROM pg_class")
        client.rollback()
        with pytest.raises(psycopg.errors.ActiveSqlTransaction, match="switch autocommit on"):
            client.execute("RELOAD")
        client.rollback()
        client.autocommit = True
        assert client.execute("RELOAD").statusmessage == "RELOAD"
        with client.cursor(binary=True) as cursor:
            for _ in range(3):
                found = cursor.execute("SHOW LISTS", prepare=True).fetchall()
            assert ("listeners", 1) in found
        with pytest.raises(psycopg.errors.FeatureNotSupported, match=LOST):
            client.execute("SELECT %s", ("a",))
        with client.transaction(), client.transaction():
            assert client.execute("SELECT 1").fetchone() == (1,)
        assert client.info.server_version == 150000
    with psycopg.connect(console.url(), target_session_attrs="read-write") as client:
        assert client.execute("SHOW server_version").fetchone() == (SERVER_VERSION,)


def test_psycopg2(console: Console) -> None:
    client = psycopg2.connect(console.url())
    try:
        client.set_client_encoding("UTF8")
        with client.cursor() as cursor:
            cursor.execute("SHOW STATS")
            assert [column.type_code for column in cursor.description or ()] == [25, 20, 20, 20, 20]
    finally:
        client.close()


async def _asyncpg(url: str) -> list[object]:
    said: list[object] = []
    pool = await asyncpg.create_pool(url, min_size=1, max_size=2)
    for _ in range(2):  # given back, it is reset
        async with pool.acquire() as client:
            said.append([tuple(row) for row in await client.fetch("SHOW VERSION")])
            async with client.transaction():
                said.append(len(await client.fetch("SHOW CLIENTS")) > 0)
            try:
                await client.fetch("SELECT $1::int", 1)
            except asyncpg.FeatureNotSupportedError as error:
                said.append(error.hint)
            said.append(await client.execute("RELOAD"))
    await pool.close()
    return said


def test_asyncpg(console: Console) -> None:
    once = [[("pgwarden 0.1.0",)], True, "SHOW HELP lists the commands.", "RELOAD"]
    assert asyncio.run(_asyncpg(console.url())) == once * 2


def test_pg8000(console: Console) -> None:
    client = pg8000.native.Connection("ada", "127.0.0.1", "pgwarden", console.gate.port, TOKEN)
    try:
        assert client.run("SHOW VERSION") == [["pgwarden 0.1.0"]]
        with pytest.raises(pg8000.exceptions.DatabaseError, match="which does not know"):
            client.run("SELECT * FROM pg_class")
        assert client.run("SHOW LISTENERS")[0][2] > 0
    finally:
        client.close()


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "pg8000"])
def test_sqlalchemy(console: Console, driver: str) -> None:
    """It looks for the type hstore in the catalogue, unless told not to."""
    url = console.url().replace("postgresql://", f"postgresql+{driver}://")
    options = {} if driver == "pg8000" else {"use_native_hstore": False}
    engine = sqlalchemy.create_engine(url, pool_pre_ping=True, **options)
    try:
        for _ in range(2):
            with engine.connect() as client:
                assert client.exec_driver_sql("SHOW VERSION").scalar() == "pgwarden 0.1.0"
    finally:
        engine.dispose()


def test_node(node: Node, console: Console) -> None:
    done = node.run(
        """
        const { Client } = require("pg");
        (async () => {
          const client = new Client(process.argv[2]);
          await client.connect();
          const version = (await client.query("SHOW VERSION")).rows;
          const lost = await client.query("SELECT $1::int", [1]).catch((error) => error.code);
          const lists = (await client.query({ name: "a", text: "SHOW LISTS" })).rows[0];
          console.log(JSON.stringify([version, lost, lists]));
          await client.end();
        })();
        """,
        console.url(),
    )
    assert json.loads(done.stdout) == [
        [{"version": "pgwarden 0.1.0"}],
        "0A000",
        {"list": "listeners", "items": "1"},
    ]


# -- the server, and who does not behave ---------------------------------------------------------------------


def test_no_byte_of_a_caller_reaches_a_database(psql: Program, console: Console, server: Cluster) -> None:
    """A database by the console's name is out of reach at this listener, and known to nobody there."""
    server.execute("CREATE DATABASE pgwarden")
    try:
        before = server.execute("SELECT sessions FROM pg_stat_database WHERE datname = 'pgwarden'")
        for garbage in (b"", b"Q\0\0\0\x0dSELECT 1\0", encode_query(b"DROP DATABASE pgwarden"), b"\xff" * 99):
            with socket.create_connection(console.gate.address, timeout=20) as caller:
                caller.sendall(
                    encode_startup(3, 0, [("user", "postgres"), ("database", "pgwarden")]) + garbage
                )
                caller.shutdown(socket.SHUT_WR)
                while caller.recv(65536):
                    pass
        assert told(psql, console, "SELECT count(*) FROM pg_stat_activity").err.startswith(f"ERROR:  {LOST}")
        assert server.execute("SELECT sessions FROM pg_stat_database WHERE datname = 'pgwarden'") == before
    finally:
        server.execute("DROP DATABASE pgwarden")


def test_a_flood_of_callers_hurts_no_session(psql: Program, console: Console, users: Database) -> None:
    startup = encode_startup(3, 0, [("user", "ada"), ("database", "pgwarden")])
    over = threading.Event()
    answers: list[bytes] = []

    def flood() -> None:
        waiting: list[socket.socket] = []
        while not over.is_set():
            caller = socket.create_connection(console.gate.address, timeout=20)
            waiting.append(caller)
            caller.sendall(startup)
            answers.append(caller.recv(4096))
            if len(waiting) > 40:
                waiting.pop(0).close()
        for caller in waiting:
            caller.close()

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        for _ in range(20):
            with psycopg.connect(console.gate.url(users.name), autocommit=True) as client:
                assert client.execute("SELECT name FROM users").fetchall() == [("ada",)]
        until(lambda: any(answer[:1] == b"E" for answer in answers), "callers are turned away")
    finally:
        over.set()
        thread.join()
    assert console.gate.get("/healthz")[0] == 200
    until(lambda: told(psql, console, "SHOW VERSION").out == "pgwarden 0.1.0\n", "callers are taken again")


def test_where_nobody_could_log_in_it_is_a_database_like_any(
    psql: Program, serve: Serve, server: Cluster
) -> None:
    gate = serve()
    done = psql(gate.url("pgwarden"), "-c", "SELECT 1")
    assert 'database "pgwarden" does not exist' in done.err
    server.execute("CREATE DATABASE pgwarden")
    try:
        assert psql(gate.url("pgwarden"), "-At", "-c", "SELECT 1").out == "1\n"
    finally:
        server.execute("DROP DATABASE pgwarden")


def test_callers_are_let_go_when_the_gate_ends(console: Console) -> None:
    callers: list[psycopg.Connection[tuple[Any, ...]]] = []

    def called() -> bool:  # a worker that was flooded with callers passes on so many a second
        try:
            callers.append(psycopg.connect(console.url(), autocommit=True))
        except psycopg.OperationalError as error:
            assert "too many connections to pgwarden's console" in str(error)
        return bool(callers)

    until(called, "a caller gets through")
    with callers[0] as caller:
        assert console.gate.stop() == 0
        with pytest.raises(psycopg.OperationalError, match="the gate is shutting down"):
            caller.execute("SHOW VERSION")
