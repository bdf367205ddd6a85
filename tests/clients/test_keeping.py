"""Drivers through a listener that has the server keep statements, and through one that does not.

Compared is every byte from the first ReadyForQuery on: what is before belongs to the login (BackendKeyData).
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import asyncpg  # type: ignore[import-untyped]
import psycopg
import pytest

from proxy.backup.cluster import Cluster
from tests.clients.gate import POLICY, Gate, serving, upstream_of
from tests.clients.programs import Program
from tests.servers.database import Database

_READY = b"Z\0\0\0\5I"


class Tap:
    """Stands between a client and a port, and keeps what the client is sent.

    Attributes:
        port: where the client connects.
        heard: of each connection, all that it was sent.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self.heard: list[bytearray] = []
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._begin(self._accept)

    def close(self) -> None:
        """Let nobody in any more; wait for the last byte of those who are there."""
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        for thread in list(self._threads):
            thread.join(60)
            assert not thread.is_alive()
        for each in self._sockets:
            each.close()

    def conversations(self) -> list[bytes]:
        """What each client was sent behind its login."""
        return [bytes(heard).partition(_READY)[2] for heard in self.heard]

    def _begin(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._to))
            self._sockets += (client, server)
            self.heard.append(bytearray())
            self._begin(self._copy, client, server, bytearray())
            self._begin(self._copy, server, client, self.heard[-1])

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket, kept: bytearray) -> None:
        try:
            while data := source.recv(65536):
                kept += data
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


@contextmanager
def tapped(port: int) -> Iterator[Tap]:
    tap = Tap(port)
    try:
        yield tap
    finally:
        tap.close()


@pytest.fixture(scope="module")
def doors(server: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A gate with two listeners: the second keeps statements."""
    folder = tmp_path_factory.mktemp("keeping")
    (folder / "policy.yaml").write_text(POLICY)
    upstream = upstream_of(server)
    keeping = {"upstream": upstream, "keep_statements": "on"}
    with serving(folder, folder / "policy.yaml", upstream, keeping) as gate:
        yield gate


def differing(one: list[bytes], other: list[bytes]) -> list[tuple[bytes, bytes]]:
    """Where two lists of conversations part, a little of each; nothing where they are the same."""
    if one == other:
        return []
    pairs = [pair for pair in zip(one, other, strict=True) if pair[0] != pair[1]]
    places = [next((at for at, (a, b) in enumerate(zip(*pair, strict=False)) if a != b), 0) for pair in pairs]
    around = [slice(max(at - 100, 0), at + 100) for at in places]
    return [(a[part], b[part]) for (a, b), part in zip(pairs, around, strict=True)]


Day = Callable[[str], None]


def psycopg_day(url: str) -> None:
    """Everything by parameters and without names, in and out of transactions and pipelines, with errors."""
    with psycopg.connect(url, prepare_threshold=None) as connection:
        for number in range(12):
            connection.execute("INSERT INTO users VALUES (%s, %s)", (100 + number, f"user {number}"))
            found = connection.execute("SELECT name FROM users WHERE id = %s", (100 + number,)).fetchone()
            assert found == (f"user {number}",)
            connection.execute("UPDATE users SET name = name || %s WHERE id = %s", ("!", 100 + number))
            if number % 3 == 0:
                connection.commit()
            with pytest.raises(psycopg.errors.UniqueViolation), connection.transaction():
                connection.execute("INSERT INTO users VALUES (%s, %s)", (1, "again"))
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute("DROP TABLE users")
        connection.rollback()
        with connection.pipeline():
            cursors = [
                connection.execute("SELECT name FROM users WHERE id = %s", (100 + number,))
                for number in range(12)
            ]
            assert [len(cursor.fetchall()) for cursor in cursors] == [1] * 10 + [0, 0]
        connection.execute("SET work_mem = '8MB'")
        connection.execute("CREATE TEMP TABLE mine (id int)")
        for number in range(6):
            connection.execute("INSERT INTO mine VALUES (%s)", (number,))
            assert connection.execute("SELECT count(*) FROM mine WHERE id < %s", (9,)).fetchone() == (
                number + 1,
            )
        connection.commit()
        with connection.cursor(binary=True) as cursor:
            for number in range(8):
                cursor.execute(
                    "SELECT id, name FROM users WHERE id = ANY(%s) ORDER BY id", ([1, 100 + number],)
                )
                assert len(cursor.fetchall()) == 2
        with connection.cursor() as cursor:
            cursor.executemany("DELETE FROM users WHERE id = %s", [(100 + number,) for number in range(12)])
        connection.commit()


async def _asyncpg_day(url: str) -> None:
    connection = await asyncpg.connect(url, statement_cache_size=0)
    for number in range(8):
        assert await connection.fetchval("SELECT name FROM users WHERE id = $1", 1) == "ada"
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute("INSERT INTO users VALUES ($1, $2)", 1, "again")
        async with connection.transaction():
            await connection.execute("INSERT INTO users VALUES ($1, $2)", 200 + number, "new")
            rows = [
                row async for row in connection.cursor("SELECT id FROM users WHERE id > $1", 0, prefetch=2)
            ]
            assert len(rows) == number + 2
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("DELETE FROM users")
    await connection.execute("DELETE FROM users WHERE id >= $1", 200)
    await connection.close()


def asyncpg_day(url: str) -> None:
    """Without its own cache it prepares without names."""
    asyncio.run(_asyncpg_day(url))


@pytest.mark.parametrize("day", [psycopg_day, asyncpg_day])
def test_drivers_see_the_same_bytes(doors: Gate, users: Database, day: Day) -> None:
    told = []
    for port in doors.ports:
        with tapped(port) as tap:
            day(f"postgresql://postgres@127.0.0.1:{tap.port}/{users.name}?sslmode=disable")
        told.append(tap.conversations())
    assert differing(*told) == []


@pytest.mark.parametrize("script", ["tpcb-like", "simple-update", "select-only"])
def test_pgbench_sees_the_same_bytes(doors: Gate, users: Database, pgbench: Program, script: str) -> None:
    told = []
    assert pgbench("--initialize", "--scale=1", "--quiet", users.url()).code == 0
    for port in doors.ports:
        assert pgbench("--initialize", "--init-steps=g", "--quiet", users.url()).code == 0
        with tapped(port) as tap:
            flags = ("--client=1", "--transactions=60", "--protocol=extended", "--random-seed=7")
            door = ("--host=127.0.0.1", f"--port={tap.port}", "--username=postgres", users.name)
            done = pgbench("--no-vacuum", f"--builtin={script}", *flags, *door)
            assert done.code == 0, done.err
        told.append(tap.conversations())
    assert differing(*told) == []
