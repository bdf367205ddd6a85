"""What a gate outlives: clients killed at every boundary between messages, and those that hardly read."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest

from proxy.backup.cluster import Cluster
from proxy.records import open_ledger
from proxy.wire.startup import encode_ssl_request, encode_startup
from tests.clients.conftest import Serve
from tests.clients.gate import POLICY, Gate, until, upstream_of
from tests.clients.programs import Program
from tests.conftest import Programs
from tests.servers.database import Database
from tests.servers.postgres import memory_directory
from tests.session.messages import DS, B, C, D, E, H, P, Q, S
from tests.session.wired import Bare, answers

SOON_S = 4.0
"""A second is the promise; the rest is for whoever looks, on a machine that is busy with other tests."""
MIB = 1024 * 1024
READY = b"Z\0\0\0\5I"
VICTIM = Path(__file__).with_name("victim.py")
DYING = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dying'"

COPY_DONE = b"c\0\0\0\4"
LOCK = Q("LOCK TABLE users IN ROW EXCLUSIVE MODE")


def insert(number: int) -> str:
    return f"INSERT INTO users VALUES ({number}, 'from a client that died')"


def copy_data(number: int) -> bytes:
    row = f"{number}\tfrom a client that died\n".encode()
    return b"d" + (len(row) + 4).to_bytes(4, "big") + row


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a client sends until it is killed.

    Attributes:
        before: messages whose answers it waits for.
        messages: it dies in front of each of these, and behind the last one.
        commits: whether the last one makes what the others do last.
    """

    before: tuple[bytes, ...]
    messages: tuple[bytes, ...]
    commits: bool


def conversations(n: int) -> dict[str, Conversation]:
    """By name; each adds row number n, if it does."""
    extended = (P(insert(n)), DS(), B(), D(), E())
    rows = (Q("COPY users FROM STDIN"), copy_data(n), copy_data(n + 1_000_000))
    begun = (Q("BEGIN"), LOCK)
    return {
        "simple": Conversation((), (Q(insert(n)),), True),
        "extended": Conversation((), (*extended, C(), S), True),
        "extended with Flush": Conversation((), (*extended, H, C(), H, S), True),
        "COPY": Conversation((), (*rows, COPY_DONE), True),
        "COPY in the extended protocol": Conversation(
            (), (P("COPY users FROM STDIN"), B(), E(), S, *rows[1:], COPY_DONE, S), True
        ),
        "in a transaction": Conversation((*begun, Q(insert(n))), (Q("SAVEPOINT s"), Q(insert(-n))), False),
        "extended in a transaction": Conversation(begun, (*extended, S, *extended, S), False),
        "COPY in a transaction": Conversation(begun, (*rows, COPY_DONE), False),
        "at COMMIT": Conversation((*begun, Q(insert(n))), (Q("COMMIT"),), True),
        "at work": Conversation((*begun, Q(insert(n))), (Q("SELECT pg_sleep(99)"),), False),
    }


def die(
    gate: Gate,
    connections: Sequence[tuple[Sequence[bytes], bytes]],
    when: Callable[[], object] = lambda: True,
) -> None:
    """Have a process do that on so many connections, and kill it once that is so."""
    victim = subprocess.Popen(
        [sys.executable, "-S", "-E", str(VICTIM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with victim:
        assert victim.stdin is not None and victim.stdout is not None
        plan = [([message.hex() for message in answered], left.hex()) for answered, left in connections]
        victim.stdin.write(json.dumps({"port": gate.port, "connections": plan}).encode())
        victim.stdin.close()
        try:
            assert victim.stdout.readline() == b"ready\n"
            until(when, "that it may be killed")
        finally:
            victim.kill()


def startup(users: Database) -> bytes:
    parameters = [("user", "postgres"), ("database", users.name), ("application_name", "dying")]
    return encode_startup(3, 0, parameters)


def asleep(observer: psycopg.Connection) -> bool:
    return observer.execute(f"{DYING} AND wait_event = 'PgSleep'").fetchone() == (1,)


def gone(observer: psycopg.Connection) -> bool:
    return observer.execute(DYING).fetchone() == (0,)


@pytest.mark.defect_23
@pytest.mark.parametrize("name", conversations(1))
def test_a_client_killed_at_every_message_boundary(gate: Gate, users: Database, name: str) -> None:
    """No part of a statement is left, the server's session ends at once, and its locks with it."""
    boundaries = len(conversations(1)[name].messages) + 1
    plan = []
    for boundary in range(boundaries):
        conversation = conversations(1000 + boundary)[name]
        before = (startup(users), *conversation.before)
        plan.append((before, b"".join(conversation.messages[:boundary])))
    whole = conversation.commits
    with psycopg.connect(users.url(), autocommit=True) as observer:
        # A CancelRequest that comes before the server has begun cancels nothing.
        die(gate, plan, (lambda: asleep(observer)) if name == "at work" else lambda: True)
        until(lambda: gone(observer), "that the server's sessions are gone", SOON_S)
        observer.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE NOWAIT; SELECT 1")
        left = {number for (number,) in observer.execute("SELECT id FROM users WHERE id <> 1")}
    last = 1000 + boundaries - 1
    of_the_last = {last, last + 1_000_000} if "COPY" in name else {last}
    assert left in ([set(), of_the_last] if whole else [set()])
    until(lambda: gate.connections == 0, "that the gate has let go")


def test_clients_killed_before_they_have_logged_in(gate: Gate, users: Database) -> None:
    first = startup(users)
    plan: list[tuple[Sequence[bytes], bytes]] = [
        ((), left) for left in (b"", b"\0", first[:7], encode_ssl_request(), first)
    ]
    die(gate, plan)
    with psycopg.connect(users.url(), autocommit=True) as observer:
        until(lambda: gate.connections == 0, "that the gate has let go", SOON_S)
        until(lambda: gone(observer), "that the server's sessions are gone", SOON_S)


@pytest.mark.defect_27
def test_a_reader_at_a_kilobyte_a_second(gate: Gate, users: Database, psql: Program) -> None:
    """It holds its own session up, and nothing else: no memory, no other client; and it is not cut off."""
    process = psutil.Process(gate.workers[0])
    expired = gate.metrics("pgwarden_sessions_expired_total")
    with closing(Bare(gate.port, users.name).start()) as slow:
        assert slow.server is not None
        before = process.memory_info().rss
        slow.server.sendall(Q("SELECT repeat('x', 1000000) FROM generate_series(1, 200)"))
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'ClientWrite' AND datname = '{}'"
        until(lambda: users.execute(waits.format(users.name)) == "1", "that the server waits for its reader")
        for _ in range(4):
            assert slow.server.recv(1024)
            assert psql(gate.url(users.name), "-Atc", "SELECT pg_sleep(1)").code == 0
            assert process.memory_info().rss - before < 8 * MIB
        assert users.execute(waits.format(users.name)) == "1"
    assert gate.metrics("pgwarden_sessions_expired_total") == expired
    until(lambda: gate.connections == 0, "that the gate has let go")


# -- a full disk -----------------------------------------------------------------------------------------


def may_write(gate: Gate, *, more: bool) -> None:
    """Let no file of the gate's processes be written, as a full disk does, or all of them again."""
    for process in psutil.Process(gate.pid).children(recursive=True):
        _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
        process.rlimit(psutil.RLIMIT_FSIZE, (hard if more else 0, hard))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_full_disk_refuses_changes_alone_and_loses_lines_of_the_log(
    serve: Serve, users: Database, tmp_path: Path, workers: str
) -> None:
    gate = serve(refusal_log=str(tmp_path / "refusals"), workers=workers)
    lost = 'pgwarden_log_failures_total{log="refusals",reason="unwritten"}'
    with psycopg.connect(gate.url(users.name), autocommit=True) as client:
        client.execute("CREATE TABLE before (id int)")
        may_write(gate, more=False)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"\[rule ledger\]"):
            client.execute("CREATE TABLE meanwhile (id int)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"\[rule no-drop\]"):
            client.execute("DROP TABLE users")
        client.execute("INSERT INTO users VALUES (2, 'eve')")
        assert client.execute("SELECT count(*) FROM users").fetchone() == (2,)
        until(lambda: gate.metrics()[lost] >= 2, "that lines are lost")
        with psycopg.connect(gate.url(users.name)) as newcomer:
            assert newcomer.execute("SELECT 1").fetchone() == (1,)
        may_write(gate, more=True)
        client.execute("CREATE TABLE after (id int)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            client.execute("DROP TABLE before")
    until(lambda: "DROP TABLE before" in (tmp_path / "refusals").read_text(), "that lines are written again")
    assert gate.stop() == 0
    names = "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relkind = 'r' AND {}"
    assert users.execute(names.format("relnamespace = 'public'::regnamespace")) == "after before users"
    with closing(open_ledger(str(tmp_path / "ledger"))) as ledger:
        assert ledger.verify().findings == []
        begun = [json.loads(entry.payload) for entry in ledger.entries() if entry.kind == "change"]
        assert [change["statement"] for change in begun] == [
            "CREATE TABLE before (id int)",
            "CREATE TABLE after (id int)",
        ]


# -- thousands ---------------------------------------------------------------------------------------------

IDLE, BUSY, ROUNDS = 2_000, 500, 20
CLIENTS = "SELECT count(*) FROM pg_stat_activity WHERE client_port > 0"


class Crowd:
    """Many clients of one event loop."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._opening = asyncio.Semaphore(50)
        self.writers: list[asyncio.StreamWriter] = []

    async def join(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Log in."""
        async with self._opening:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            self.writers.append(writer)
            writer.write(encode_startup(3, 0, [("user", "postgres"), ("database", "postgres")]))
            await reader.readuntil(READY)
        return reader, writer

    async def work(self, number: int) -> None:
        """Join, and do statements one after the other."""
        reader, writer = await self.join()
        for step in range(ROUNDS):
            writer.write(Q(f"SELECT {number} * 1000 + {step}"))
            answer = await reader.readuntil(READY)
            assert answers(answer)[1] == ("D", str(number * 1000 + step).encode())

    def leave(self) -> None:
        """All of them, without a word."""
        for writer in self.writers:
            writer.transport.abort()


@pytest.mark.survival
async def test_two_thousand_idle_and_five_hundred_busy(programs: Programs, serve: Serve) -> None:
    settings = {"max_connections": str(IDLE + BUSY + 50), "shared_buffers": "32MB", "fsync": "off"}
    with Cluster(programs(), memory_directory(), settings=settings) as cluster:
        gate = serve(POLICY, upstream_of(cluster))
        process = psutil.Process(gate.workers[0])
        first, files = process.memory_info().rss, process.num_fds()
        crowd = Crowd(gate.port)
        await asyncio.gather(*(crowd.join() for _ in range(IDLE)))
        idle = process.memory_info().rss - first
        assert gate.connections == IDLE
        started = time.monotonic()
        await asyncio.gather(*(crowd.work(number) for number in range(BUSY)))
        took_s = time.monotonic() - started
        assert gate.connections == IDLE + BUSY
        assert cluster.execute(CLIENTS) == str(IDLE + BUSY + 1)  # with the one that asks
        assert idle / IDLE < 64 * 1024
        crowd.leave()
        await asyncio.to_thread(until, lambda: gate.connections == 0, "that the gate has let go")
        # A few are opened once, after the gate has said that it serves.
        until(lambda: process.num_fds() < files + 20, "that every descriptor is closed")
        until(lambda: cluster.execute(CLIENTS) == "1", "that the server's sessions are gone")
        print(
            f"{idle / IDLE / 1024:.1f} KiB an idle connection; "
            f"{BUSY} logins and {BUSY * ROUNDS} statements in {took_s:.1f} s"
        )


# -- gigabytes ---------------------------------------------------------------------------------------------

ROW = "x" * 1000
COPY_ROWS = 2 * 1024**3 // (len(ROW) + 1) + 1
PIECE_ROWS = 1000


@pytest.mark.survival
@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", ["out", "in"])
def test_two_gigabytes_by_copy_in_flat_memory(gate: Gate, users: Database, way: str) -> None:
    """Nothing of it is kept anywhere: the server makes the rows up, or drops them."""
    process = psutil.Process(gate.workers[0])
    most = moved = 0
    with psycopg.connect(gate.url(users.name), autocommit=True) as client:
        client.execute("CREATE TEMP TABLE dropped (text text)")
        before = process.memory_info().rss
        if way == "out":
            sql = f"COPY (SELECT repeat('x', {len(ROW)}) FROM generate_series(1, {COPY_ROWS})) TO STDOUT"
            with client.cursor().copy(sql) as copy:
                for number, data in enumerate(copy):
                    moved += len(data)
                    if number % 10_000 == 0:
                        most = max(most, process.memory_info().rss - before)
        else:
            piece = f"{ROW}\n".encode() * PIECE_ROWS
            with client.cursor().copy("COPY dropped FROM STDIN WHERE false") as copy:
                for number in range(COPY_ROWS // PIECE_ROWS + 1):
                    copy.write(piece)
                    moved += len(piece)
                    if number % 10 == 0:
                        most = max(most, process.memory_info().rss - before)
        assert client.execute("SELECT 1").fetchone() == (1,)
    assert moved >= 2 * 1024**3
    assert most < 32 * MIB
    print(f"{moved / 1024**3:.2f} GiB {way}, at most {most / MIB:.1f} MiB more")


CONNECTS = 20_000


@pytest.mark.survival
@pytest.mark.timeout(900)
def test_connecting_again_and_again_leaks_nothing(gate: Gate, users: Database) -> None:
    process = psutil.Process(gate.workers[0])

    def connect() -> None:
        with psycopg.connect(gate.url(users.name)) as client:
            client.execute("SELECT 1")

    for _ in range(CONNECTS // 10):
        connect()
    until(lambda: gate.connections == 0, "that all are gone")
    files, before = process.num_fds(), process.memory_info().rss
    for _ in range(CONNECTS):
        connect()
    until(lambda: gate.connections == 0, "that all are gone")
    assert process.num_fds() <= files
    grown = process.memory_info().rss - before
    assert grown < 8 * MIB
    print(f"{CONNECTS} connects, {grown / 1024:.0f} KiB more")
