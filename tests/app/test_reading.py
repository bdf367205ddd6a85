"""Long texts, read by real child processes: what passes, what is refused, and who is harmed by whom."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from proxy.app.reading.children import ChildFailed, Children
from proxy.app.reading.form import Bounds
from proxy.session import Found
from proxy.session.cache import Meanings
from proxy.session.meaning import Meaning
from proxy.sql.analyse import Analysis, SqlSyntaxError, analyse
from tests.app.reading import (
    HOSTILE,
    LITERAL,
    MIB,
    PARAMETERS,
    SLOW,
    busy_child,
    children,
    ended,
    nurseries,
    open_files,
    reading,
)
from tests.app.running import Gate, running
from tests.servers.database import Database

_DEPTH = "statement is nested too deep to be read (limit on depth)"
_LEXING = (
    "runs of operator characters or comment signs are too long to be lexed (limit on lexing: 16000000 steps)"
)
_MEMORY = "reading it needs more memory than 256 MiB"
_ENDED = "reading it ended the parser"


def told(outcome: Found) -> tuple[str, str]:
    """The kind of an outcome, and its message."""
    return type(outcome).__name__, outcome.message if isinstance(outcome, SqlSyntaxError) else ""


# -- what passes, what does not ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(PARAMETERS, id="32,765 parameters"),
        pytest.param(LITERAL, id="a literal of 5 MB"),
        pytest.param("SELECT 'é' ; DROP TABLE ü" + " " * 9_000, id="not ASCII"),
        pytest.param("-- nothing" + " " * 9_000, id="no statement"),
        pytest.param("PREPARE p AS DELETE FROM t; EXECUTE p; DEALLOCATE ALL; DISCARD ALL", id="acts"),
        pytest.param("".join(f"DROP TABLE t{i};" for i in range(2_000)), id="many statements"),
        pytest.param("PREPARE p AS SELECT 1;" + "DELETE FROM t;" * 300 + "EXECUTE p", id="acts and others"),
    ],
)
async def test_a_text_is_read_as_in_the_gate_itself(text: str) -> None:
    async with reading() as readers:
        assert await readers.read(text.encode(), 17) == analyse(text, 17)


@pytest.mark.parametrize(
    "text",
    ["DELETE FROM t", "".join(f"DROP TABLE t{i};" for i in range(60)), "SELECT 1" + " " * 70_000, "drop it;"],
)
async def test_what_a_session_is_told_is_what_it_would_have_made_of_it(text: str) -> None:
    raw = text.encode()
    alone = Meanings(17, 10, 1_000_000, float).read(raw)
    async with reading() as readers:
        outcome = await readers.understand(raw, 17)
    assert isinstance(outcome, Analysis | SqlSyntaxError | Meaning)
    meaning = Meanings(17, 10, 1_000_000, float).take(raw, outcome, 0.0)
    for name in ("effects", "statements", "text", "digest", "wording", "barrier", "relexes", "mentions"):
        assert getattr(meaning, name) == getattr(alone, name), name
    assert str(meaning.error) == str(alone.error)


async def test_a_statement_that_comes_again_and_again_counts_once() -> None:
    text = "INSERT INTO a VALUES (1);\n" * 30_000 + "INSERT INTO b VALUES (1)"
    async with reading() as readers:
        outcome = await readers.read(text.encode(), 17)
    assert isinstance(outcome, Analysis)
    assert outcome.effects == (
        *analyse("INSERT INTO a VALUES (1)", 17).effects,
        *analyse(text, 17).statements[-1].effects,
    )


async def test_a_migration_of_2000_statements_is_read() -> None:
    kinds = (
        "CREATE TABLE t{0} (id bigserial PRIMARY KEY, a int REFERENCES t0 ON DELETE CASCADE)",
        "CREATE INDEX i{0} ON t{0} (a)",
        "ALTER TABLE t{0} ADD COLUMN b int DEFAULT 0, ADD FOREIGN KEY (a) REFERENCES t1",
        "UPDATE t{0} SET b = 1 WHERE a = {0}",
    )
    text = ";\n".join(kinds[number % 4].format(number // 4) for number in range(2_000))
    async with reading() as readers:
        assert told(await readers.read(text.encode(), 17)) == ("Analysis", "")


@pytest.mark.defect_34
async def test_hostile_texts_are_refused_with_the_limit_and_the_next_is_read() -> None:
    outcomes = {}
    async with reading(memory_mib=256) as readers:
        for name, text in HOSTILE.items():
            outcomes[name] = told(await readers.read(text().encode(), 17))
            assert told(await readers.read(b"SELECT 1", 17)) == ("Analysis", "")
    assert outcomes == {
        "additions": ("UnreadableText", _MEMORY),
        "parentheses": ("SqlSyntaxError", 'memory exhausted at or near "("'),
        "unions": ("UnreadableText", _DEPTH),
        "comments": ("UnreadableText", _LEXING),
        "nested comments": ("UnreadableText", _LEXING),
        "operators": ("UnreadableText", _LEXING),
        "statements": ("UnreadableText", "it does more than 6000 different things"),
        "values": ("UnreadableText", _MEMORY),
    }


async def test_a_value_that_is_too_long_is_refused() -> None:
    async with reading() as readers:
        text = "SET application_name = '" + "x" * 5_000_000 + "'"
        assert told(await readers.read(text.encode(), 17)) == (
            "UnreadableText",
            "its values are too long to be judged",
        )
        assert told(await readers.read(b"SELECT 1", 17)) == ("Analysis", "")


async def test_too_long_is_refused_with_the_time() -> None:
    async with reading(time_s=2.0, memory_mib=4096) as readers:
        assert told(await readers.read(SLOW.encode(), 17)) == (
            "UnreadableText",
            "reading it took more than 2 s",
        )
        assert told(await readers.read(b"SELECT 1", 17)) == ("Analysis", "")


@pytest.mark.defect_34
async def test_a_child_that_hangs_is_replaced() -> None:
    async with reading(time_s=2.0, count=1) as readers:
        await readers.read(b"SELECT 1", 17)
        (stopped,) = children()
        stopped.suspend()
        assert told(await readers.read(b"SELECT 1", 17)) == (
            "UnreadableText",
            "reading it took more than 2 s",
        )
        assert told(await readers.read(b"SELECT 1", 17)) == ("Analysis", "")
        assert stopped not in children()


async def test_a_fault_of_ours_is_told_and_the_child_goes_on() -> None:
    started = Children(Bounds(10.0, 512 * MIB))
    child = await started.fresh()
    with pytest.raises(ChildFailed, match=r"^UnicodeDecodeError at child\.py:\d+"):
        await child.read(b"SELECT '\xff'", 17)
    assert told(await child.read(b"SELECT 1", 17)) == ("Analysis", "")
    await started.end_of(child)
    await started.stop()


# -- who is harmed -----------------------------------------------------------------------------------------


async def test_a_killed_child_costs_the_statement_it_was_reading() -> None:
    async with reading() as readers:
        slow = asyncio.ensure_future(readers.read(SLOW.encode(), 17))
        child = await busy_child()
        child.kill()
        others = [readers.read(f"DROP TABLE t{i}".encode(), 17) for i in range(20)]
        assert await asyncio.gather(*others) == [analyse(f"DROP TABLE t{i}", 17) for i in range(20)]
        assert told(await slow) == ("UnreadableText", _ENDED)
        assert await readers.read(LITERAL.encode(), 17) == analyse(LITERAL, 17)


async def test_a_child_killed_while_it_had_nothing_to_do_costs_nothing() -> None:
    async with reading() as readers:
        for _ in range(5):
            assert told(await readers.read(b"SELECT 1", 17)) == ("Analysis", "")
            dead = children()
            for child in dead:
                child.kill()
            await ended(dead)


async def test_a_killed_nursery_is_started_again() -> None:
    async with reading() as readers:
        slow = asyncio.ensure_future(readers.read(SLOW.encode(), 17))
        await busy_child()
        doomed = children()
        nurseries()[0].kill()
        assert told(await slow) == ("UnreadableText", _ENDED)
        await ended(doomed)  # one that is still dying could be given the next text
        assert told(await readers.read(b"SELECT 1", 17)) == ("Analysis", "")


async def test_who_goes_away_takes_nobodys_answer() -> None:
    async with reading(count=1) as readers:
        texts = [f"DROP TABLE t{i}" for i in range(200)]
        reads = [asyncio.ensure_future(readers.read(text.encode(), 17)) for text in texts]
        for number in range(0, 200, 3):
            reads[number].cancel()
            await asyncio.sleep(0)
        outcomes = await asyncio.gather(*reads, return_exceptions=True)
    assert [
        outcome == analyse(text, 17)
        for text, outcome in zip(texts, outcomes, strict=True)
        if not isinstance(outcome, asyncio.CancelledError)
    ] == [True] * sum(not isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)


async def test_who_goes_away_frees_the_slot() -> None:
    async with reading(time_s=5.0, count=1) as readers:
        slow = asyncio.ensure_future(readers.read(SLOW.encode(), 17))
        waiting = asyncio.ensure_future(readers.read(SLOW.encode(), 17))
        await busy_child()
        slow.cancel()
        waiting.cancel()
        assert told(await readers.read(b"SELECT 1", 17)) == ("Analysis", "")


@pytest.mark.defect_29
async def test_short_texts_do_not_queue_behind_long_ones() -> None:
    async with reading() as readers:
        slow = [asyncio.ensure_future(readers.read(SLOW.encode(), 17)) for _ in range(10)]
        await busy_child()
        assert told(await readers.read(b"SELECT 1", 17)) == ("Analysis", "")
        assert [read.done() for read in slow] == [False] * 10
        for read in slow:
            read.cancel()


# -- the processes -----------------------------------------------------------------------------------------


async def test_children_are_confined() -> None:
    with socket.create_server(("127.0.0.1", 0)):
        async with reading() as readers:
            await readers.read(b"SELECT 1", 17)
            (nursery,) = nurseries()
            reader = children()[0]
            own = ["/dev/null", "/dev/null", "socket"]
            assert [open_files(process) for process in (nursery, reader)] == [own, own]
            assert reader.net_connections(kind="inet") == []
            assert set(reader.environ()) <= {"PATH", "LD_LIBRARY_PATH"}
            assert os.getsid(reader.pid) == nursery.pid != os.getsid(0)
            assert reader.rlimit(resource.RLIMIT_FSIZE) == reader.rlimit(resource.RLIMIT_CORE) == (0, 0)
            assert reader.rlimit(resource.RLIMIT_AS)[0] > 512 * MIB
    assert psutil.wait_procs([nursery, reader], timeout=30)[1] == []


async def test_a_signal_for_all_ends_no_child() -> None:
    async with reading() as readers:
        await readers.read(b"SELECT 1", 17)
        before = [*nurseries(), *children()]
        for process in before:
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGINT)
        assert told(await readers.read(b"SELECT 1", 17)) == ("Analysis", "")
        assert [*nurseries(), *children()] == before


# -- the whole gate ----------------------------------------------------------------------------------------

_POLICY = "version: 1\nname: open\nenvironment: test\ndefaults: {mode: %s}\nrules: []\n"


@contextmanager
def gate_before(database: Database, folder: Path, *arguments: str, mode: str = "enforce") -> Iterator[Gate]:
    """A gate before a database, with a policy that has no rules but the reserved ones."""
    (folder / "policy.yaml").write_text(_POLICY % mode)
    upstream = f"postgresql://127.0.0.1:{database.port}"
    policy = str(folder / "policy.yaml")
    with running(
        folder, "--listen", "127.0.0.1:0", "--upstream", upstream, "--policy", policy, *arguments
    ) as gate:
        yield gate


@contextmanager
def client(gate: Gate, database: Database) -> Iterator[psycopg.Connection]:
    with psycopg.connect(gate.url(database.name), autocommit=True, connect_timeout=30) as connection:
        yield connection


def answer(connection: psycopg.Connection, text: str) -> tuple[str | None, str | None]:
    """SQLSTATE and message of a statement's error; None where there is none."""
    try:
        connection.execute(text.encode())
    except psycopg.Error as error:
        return error.diag.sqlstate, error.diag.message_primary
    return None, None


def over_limit(why: str) -> tuple[str, str]:
    return "54000", f"This statement takes too much to read: {why}. [rule over-size]"


@pytest.mark.defect_29
@pytest.mark.defect_34
@pytest.mark.parametrize(
    ("texts", "time_s", "expected"),
    [
        pytest.param(
            HOSTILE,
            60,
            {
                "additions": [over_limit(_MEMORY)],
                "parentheses": [("42601", 'memory exhausted at or near "("')],
                "unions": [over_limit(_DEPTH)],
                "comments": [over_limit(_LEXING)],
                "nested comments": [over_limit(_LEXING)],
                "operators": [over_limit(_LEXING)],
                "statements": [over_limit("it does more than 6000 different things")],
                "values": [over_limit(_MEMORY)],
            },
            id="large",
        ),
        pytest.param(
            {"slow": lambda: SLOW},
            5,
            {"slow": [over_limit(_MEMORY), over_limit("reading it took more than 5 s")]},
            id="slow",
        ),
    ],
)
def test_hostile_texts_are_refused_while_others_work(
    tmp_path: Path,
    database: Database,
    texts: Mapping[str, Callable[[], str]],
    time_s: int,
    expected: Mapping[str, list[tuple[str, str]]],
) -> None:
    limits = ("--parse-memory-bytes", "256MiB", "--parse-timeout-s", str(time_s))
    with (
        gate_before(database, tmp_path, *limits) as gate,
        client(gate, database) as hostile,
        client(gate, database) as other,
        ThreadPoolExecutor(1) as aside,
    ):
        answers = aside.submit(lambda: {name: answer(hostile, text()) for name, text in texts.items()})
        while not answers.done():
            assert other.execute("SELECT 1").fetchone() == (1,)
            assert other.execute("SELECT 1 AS share" + " " * 5_000).fetchone() == (1,)
        assert answer(hostile, "SELECT 1") == (None, None)
    answered = answers.result()
    assert list(answered) == list(expected)
    assert {name: given for name, given in answered.items() if given not in expected[name]} == {}


def test_what_would_hold_the_servers_lexer_is_refused_by_a_policy_that_only_watches(
    tmp_path: Path, database: Database
) -> None:
    with gate_before(database, tmp_path, mode="shadow") as gate, client(gate, database) as connection:
        assert answer(connection, HOSTILE["comments"]()) == over_limit(_LEXING)
        line = gate.refuses()
        assert (line["event"], line["mode"], line["rule"]) == ("refused", "enforce", "over-size")
        assert line["sql"] == "<long statement, 2000009 bytes>"


def test_long_texts_pass(tmp_path: Path, database: Database) -> None:
    columns = ", ".join(f"c{i} int" for i in range(1, 1_501))
    database.execute(f"CREATE TABLE wide ({columns}); CREATE TABLE t (id int, v text)")
    with gate_before(database, tmp_path) as gate, client(gate, database) as connection:
        rows = ", ".join("(" + ", ".join(["%s"] * 1_489) + ")" for _ in range(22))
        names = ", ".join(f"c{i}" for i in range(1, 1_490))
        values = list(range(22 * 1_489))
        connection.execute(f"INSERT INTO wide ({names}) VALUES {rows}".encode(), values)
        connection.execute(LITERAL.encode())
    assert database.execute("SELECT count(*), max(c1489) FROM wide") == f"22|{len(values) - 1}"
    assert database.execute("SELECT length(v) FROM t") == "5000000"


@pytest.mark.defect_34
def test_a_killed_child_costs_one_statement_of_one_session(tmp_path: Path, database: Database) -> None:
    with (
        gate_before(database, tmp_path, "--parse-timeout-s", "60") as gate,
        client(gate, database) as victim,
        client(gate, database) as other,
        ThreadPoolExecutor(1) as aside,
    ):
        refused = aside.submit(lambda: answer(victim, SLOW))
        asyncio.run(busy_child(gate.pid)).kill()
        assert other.execute("SELECT 2 AS share" + " " * 5_000).fetchone() == (2,)
        assert refused.result() == over_limit(_ENDED)
        assert victim.execute("SELECT 3 AS share" + " " * 5_000).fetchone() == (3,)


def test_a_text_that_is_being_read_is_run_before_the_gate_ends(tmp_path: Path, database: Database) -> None:
    text = "SELECT 4 WHERE 1 IN (" + ", ".join(["1"] * 400_000) + ")"
    limits = ("--parse-timeout-s", "60", "--parse-memory-bytes", "4GiB")
    with (
        gate_before(database, tmp_path, *limits) as gate,
        client(gate, database) as busy,
        ThreadPoolExecutor(1) as aside,
    ):
        busy.execute("BEGIN")
        read = aside.submit(lambda: busy.execute(text.encode()).fetchone())
        asyncio.run(busy_child(gate.pid))
        gate.signal(signal.SIGTERM)
        gate.says("draining")
        assert read.result() == (4,)
        busy.execute("COMMIT")
        assert gate.ended() == 0


def test_children_end_with_a_gate_that_is_killed(tmp_path: Path, database: Database) -> None:
    with gate_before(database, tmp_path) as gate, client(gate, database) as connection:
        connection.execute("SELECT 1 AS share" + " " * 5_000)
        pid = gate.pid
        processes = [*nurseries(pid), *children(pid)]
        assert len(processes) == 3
        os.kill(pid, signal.SIGKILL)
        assert psutil.wait_procs(processes, timeout=30)[1] == []
