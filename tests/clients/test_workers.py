"""Several workers behind one address: what they share, and what the death of one costs."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psutil
import psycopg
import pytest

from proxy.backup.cluster import Cluster
from tests.app.commands import pgwarden
from tests.clients.conftest import Serve
from tests.clients.gate import WAIT_S, Gate, environment, serving, until, upstream_of
from tests.clients.programs import Program
from tests.clients.test_flow import active
from tests.clients.workers import connect, one_each, worker_of
from tests.conftest import Programs
from tests.servers import forking
from tests.servers.database import Database

GONE = "a worker is gone: starting another"
STRICT = """\
version: 1
name: strict
environment: production
rules:
  - {id: no-drop, match: {effects: [table.drop]}, deny: "no"}
"""
STRICTER = STRICT.replace("[table.drop]", "[table.drop, table.truncate]")


@pytest.fixture(scope="module")
def shared(server: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gate, Path]]:
    """A gate for tests that it survives, and its policy."""
    folder = tmp_path_factory.mktemp("workers")
    (folder / "policy.yaml").write_text(STRICT)
    with serving(folder, folder / "policy.yaml", upstream_of(server), workers="2") as gate:
        yield gate, folder / "policy.yaml"


@pytest.fixture
def gate(shared: tuple[Gate, Path]) -> Gate:
    """Two workers, whatever has become of those before."""
    gate, _ = shared
    until(lambda: gate.metrics()["pgwarden_workers"] == 2, "that both serve")
    return gate


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """The path of a socket in it must not be long."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def kill(gate: Gate, number: int) -> None:
    """Kill -9 a worker, and wait for the one that follows."""
    begin = len(gate.log.so_far)
    os.kill(gate.workers[number], signal.SIGKILL)
    assert gate.says(GONE, begin=begin)["reason"] == "ended by SIGKILL"
    gate.says("a worker serves", begin=begin)


def processes(gate: Gate) -> list[psutil.Process]:
    return psutil.Process(gate.pid).children(recursive=True)


def test_clients_are_spread_and_counted_as_one_gate_s(gate: Gate, users: Database) -> None:
    written = 'pgwarden_statements_total{class="write",decision="allowed"}'
    before = gate.metrics()
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(gate, users)) for _ in range(24)]
        assert {worker_of(gate, client) for client in clients} == {0, 1}
        assert gate.connections == 24
        for client in clients:
            client.execute("UPDATE users SET name = 'x' WHERE id = 1")
    assert gate.metrics()[written] == before[written] + 24
    assert len(gate.said("pgwarden 0.1.0 serves")) == 1


def test_a_killed_worker_costs_its_own_sessions_alone(gate: Gate, users: Database) -> None:
    with ExitStack() as stack, psycopg.connect(users.url(), autocommit=True) as observer:
        victim, other = one_each(gate, users, stack)
        for number, client in enumerate((victim, other)):
            client.execute(f"SET application_name = 'of {number}'")
            client.execute("BEGIN")
            client.execute(f"INSERT INTO users VALUES ({number + 10}, 'x')")
        restarts = "pgwarden_worker_restarts_total"
        before = gate.metrics("pgwarden_statements_total", "pgwarden_connections_accepted_total", restarts)
        os.kill(gate.workers[0], signal.SIGKILL)
        ours = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'of 0'"
        until(lambda: observer.execute(ours).fetchone() is None, "that its server session ends", 1.0)
        assert gate.get("/readyz") == (200, "ready\n")
        with pytest.raises(psycopg.OperationalError):
            victim.execute("COMMIT")
        other.execute("COMMIT")
        assert gate.says(GONE, reason="ended by SIGKILL")["worker"] == 0
        until(lambda: gate.metrics()["pgwarden_workers"] == 2, "that there are two again")
        one_each(gate, users, stack)
        after = gate.metrics()
        assert all(after[series] >= value for series, value in before.items())
        assert after[restarts] == before[restarts] + 1
    assert users.execute("SELECT id FROM users ORDER BY id").split() == ["1", "11"]


def test_limits_are_those_of_all_workers_and_a_dead_one_s_places_are_free(
    serve: Serve, users: Database
) -> None:
    gate = serve(STRICT, workers="2", max_user_connections="postgres=16")
    told = 'too many connections for role "postgres"'

    def crowd(stack: ExitStack) -> list[psycopg.Connection]:
        """Those of 24 who get in."""
        clients = []
        for _ in range(24):
            try:
                clients.append(stack.enter_context(connect(gate, users)))
            except psycopg.OperationalError as error:
                assert told in str(error)
        return clients

    with ExitStack() as stack:
        clients = crowd(stack)
        assert len(clients) == 16
        assert {worker_of(gate, client) for client in clients} == {0, 1}
        kill(gate, 0)
        free = 16 - gate.connections
        assert 0 < free < 16
        assert len(crowd(stack)) == free


def test_failed_logins_count_for_all_workers(programs: Programs, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(STRICT)
    with (
        Cluster(programs(), auth="scram-sha-256") as cluster,
        serving(
            tmp_path, tmp_path / "policy.yaml", upstream_of(cluster), workers="2", login_failures="5"
        ) as gate,
    ):
        cluster.execute("CREATE ROLE app LOGIN PASSWORD 'right'")
        told = []
        for number in range(24):
            with pytest.raises(psycopg.OperationalError) as raised:
                psycopg.connect(gate.url(user=f"u{number}"), password="wrong")
            told.append("Too many logins from this address have failed." in str(raised.value))
        assert told == [False] * 5 + [True] * 19
        ours = [line["worker"] for line in gate.said("login failed") if line["reason"] == "refused"]
        assert len(ours) == 5


def test_a_worker_that_crashes_says_where(serve: Serve) -> None:
    gate = serve(STRICT)
    os.kill(gate.workers[0], signal.SIGSEGV)
    assert gate.says(GONE)["reason"] == "ended by SIGSEGV"
    assert "Fatal Python error: Segmentation fault" in gate.log.text
    assert "worker.py" in gate.log.text


def test_who_waits_at_a_dead_worker_s_socket_is_served_by_the_next(serve: Serve, users: Database) -> None:
    gate = serve(STRICT)
    os.kill(gate.workers[0], signal.SIGSTOP)
    with ThreadPoolExecutor(1) as aside:
        waiting = aside.submit(connect, gate, users)
        until(lambda: _queued(gate.port), "that a client waits")
        os.kill(gate.workers[0], signal.SIGKILL)
        with waiting.result() as client:
            assert client.execute("SELECT 1").fetchone() == (1,)


def _queued(port: int) -> bool:
    """Whether a listening socket has connections that nobody has accepted (proc(5): rx_queue)."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(
        local.endswith(f":{port:04X}") and state == "0A" and int(queues.partition(":")[2], 16)
        for _, local, _, state, queues, *_ in lines
    )


def test_a_worker_that_dies_at_once_again_and_again_holds_nobody_up(gate: Gate, users: Database) -> None:
    for _ in range(2):
        kill(gate, 0)
    begin = len(gate.log.so_far)
    os.kill(gate.workers[0], signal.SIGKILL)
    gate.says(GONE, begin=begin)
    with ExitStack() as stack:  # for half a second there is one worker
        for _ in range(8):
            stack.enter_context(connect(gate, users)).execute("SELECT 1")
        assert gate.get("/readyz") == (200, "ready\n")
    until(lambda: gate.metrics()["pgwarden_workers"] == 2, "that there are two again")
    with ExitStack() as stack:
        one_each(gate, users, stack)


def test_all_workers_enforce_one_policy_and_so_does_who_comes_later(
    gate: Gate, shared: tuple[Gate, Path], users: Database
) -> None:
    _, policy = shared

    def refuses(client: psycopg.Connection) -> None:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            client.execute("TRUNCATE users")

    with ExitStack() as stack:
        clients = one_each(gate, users, stack)
        policy.write_text(STRICTER)
        gate.says("policy loaded")
        for client in clients:
            refuses(client)
        policy.write_text("nonsense: [")
        gate.says("the policy does not load; the one before stays in force")
        kill(gate, 1)
        refuses(one_each(gate, users, stack)[1])
        assert gate.get("/readyz") == (200, "ready\n")
        assert len(gate.metrics("pgwarden_policy_info")) == 1
    policy.write_text(STRICT)
    until(lambda: len(gate.said("policy loaded")) == 2, "that the policy is as it was")


def test_a_cancel_finds_its_worker(gate: Gate, users: Database) -> None:
    """The kernel brings a CancelRequest to any of them."""
    delivered = 'pgwarden_cancel_requests_total{outcome="delivered"}'
    before = gate.metrics()[delivered]
    text = "SELECT pg_sleep(65)"  # no other test's: a server may still run what a client left
    with ExitStack() as stack:
        aside = stack.enter_context(ThreadPoolExecutor(1))
        for client in one_each(gate, users, stack) * 4:
            sleeping = aside.submit(client.execute, text)
            until(lambda: active(users, text), "that it sleeps")
            client.cancel()
            assert isinstance(sleeping.exception(WAIT_S), psycopg.errors.QueryCanceled)
    assert gate.metrics()[delivered] == before + 8


def test_all_workers_accept_at_a_unix_socket(serve: Serve, users: Database, short_folder: Path) -> None:
    gate = serve(STRICT, workers="2", listen=f"{short_folder}:6432")
    url = f"postgresql://postgres@/{users.name}?host={short_folder}&port=6432"
    with ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(psycopg.connect(url))
        kill(gate, 0)
        assert stack.enter_context(psycopg.connect(url)).execute("SELECT 1").fetchone() == (1,)
    assert gate.stop() == 0
    assert list(short_folder.iterdir()) == []


def test_one_worker_publishes_the_ledger_s_heads(serve: Serve, users: Database) -> None:
    gate = serve(STRICT, workers="2", ledger_head_rows="2")
    with ExitStack() as stack:
        for client in one_each(gate, users, stack):
            client.execute(f"CREATE TABLE made_{worker_of(gate, client)} (id int)")
        gate.says("ledger head")
    assert gate.stop() == 0
    heads = [(line["worker"], line["sequence"]) for line in gate.said("ledger head")]
    assert {worker for worker, _ in heads} == {0}
    assert heads[-1] == (0, 4)  # two changes, and how each ended


def test_who_was_removed_cannot_log_in_at_a_worker_that_follows(
    serve: Serve, users: Database, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("hunter2hunter2\n")
    (tmp_path / "password").chmod(0o600)

    def user(*arguments: str) -> None:
        done = pgwarden("user", *arguments, "--auth-file", str(tmp_path / "users"), script="hunter2hunter2\n")
        assert done.code == 0, done.err

    for name in ("ada", "bob"):
        user("add", name, "--role", "postgres", "--password-file", str(tmp_path / "password"))
    upstream = f"postgresql://127.0.0.1:{users.port}"
    door = {"upstream": upstream, "auth_type": "managed", "auth_file": str(tmp_path / "users")}
    gate = serve(STRICT, door)  # type: ignore[arg-type]
    url = f"postgresql://ada:hunter2hunter2@127.0.0.1:{gate.port}/{users.name}"
    psycopg.connect(url).close()
    user("remove", "ada")
    gate.says("users loaded")
    kill(gate, 0)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url)


def test_a_killed_supervisor_leaves_nobody_unsupervised(
    serve: Serve, users: Database, short_folder: Path
) -> None:
    gate = serve(STRICT, workers="2", runtime_dir=str(short_folder))
    others = processes(gate)
    with ExitStack() as stack:
        idle, busy = one_each(gate, users, stack)
        busy.execute("BEGIN")
        busy.execute("INSERT INTO users VALUES (2, 'x')")
        gate.signal(signal.SIGKILL)
        until(lambda: _refused(gate.port), "that nobody is let in")
        with pytest.raises(psycopg.errors.AdminShutdown):
            idle.execute("SELECT 1")
        busy.execute("COMMIT")
        assert psutil.wait_procs(others, timeout=WAIT_S)[1] == []
    assert users.execute("SELECT id FROM users ORDER BY id").split() == ["1", "2"]
    assert list(short_folder.iterdir()) == []


def _refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), WAIT_S).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_killed_fork_server_ends_the_gate_in_order(serve: Serve, users: Database) -> None:
    gate = serve(STRICT, workers="2")
    with ExitStack() as stack:
        busy = stack.enter_context(connect(gate, users))
        busy.execute("BEGIN")
        busy.execute("INSERT INTO users VALUES (2, 'x')")
        (forks,) = psutil.Process(gate.pid).children()
        forks.kill()
        gate.says("a part of the gate failed: shutting down", part="fork server")
        gate.says("draining")
        busy.execute("COMMIT")
        assert gate.ended() == 3
    assert users.execute("SELECT id FROM users ORDER BY id").split() == ["1", "2"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_for_all_processes_is_obeyed_once(
    serve: Serve, users: Database, number: signal.Signals
) -> None:
    """Ctrl-C reaches the terminal's whole group, a service manager's SIGTERM the whole control group."""
    gate = serve(STRICT, workers="2", drain_timeout_s="600")
    with connect(gate, users) as busy:
        busy.execute("BEGIN")
        for process in [psutil.Process(gate.pid), *processes(gate)]:
            process.send_signal(number)
        gate.says("draining")
        busy.execute("INSERT INTO users VALUES (2, 'x')")
        busy.execute("COMMIT")
        assert gate.ended() == 0
    assert gate.said("told to stop again: ending every session now") == []


def test_the_runtime_folder_is_private_and_goes_with_the_gate(serve: Serve, short_folder: Path) -> None:
    gate = serve(STRICT, runtime_dir=str(short_folder))
    (folder,) = short_folder.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert gate.stop() == 0
    assert list(short_folder.iterdir()) == []


def test_no_line_of_the_logs_is_torn_or_lost(serve: Serve, users: Database, tmp_path: Path) -> None:
    """To a pipe the system writes 4 KiB in one piece; lines here are longer, and batches much longer."""
    settings = {"log_rotate_bytes": "64KiB", "log_keep": "1000", "log_sql_chars": "9000"}
    gate = serve(STRICT, workers="3", statement_log=str(tmp_path / "passed"), **settings)
    padding = "x" * 6000

    def work(client: int) -> None:
        with connect(gate, users) as connection:
            for number in range(20):
                connection.execute(f"SELECT {client}, {number}, '{padding}'")
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(f"DROP TABLE c{client}_{number} -- {padding}")

    with ThreadPoolExecutor(9) as clients:
        list(clients.map(work, range(9)))
    assert gate.stop() == 0
    wanted = {(str(client), str(number)) for client in range(9) for number in range(20)}
    files = list(tmp_path.glob("passed*"))
    passed = [json.loads(line)["sql"] for file in files for line in file.read_text().splitlines()]
    assert sorted(re.findall(r"(\d+), (\d+)", sql)[0] for sql in passed) == sorted(wanted)
    refused = [str(line["sql"]) for line in gate.refusals.so_far]
    assert sorted(re.findall(r"c(\d+)_(\d+)", sql)[0] for sql in refused) == sorted(wanted)
    assert len(files) > 10


def test_one_error_ends_the_start(tmp_path: Path, database: Database) -> None:
    (tmp_path / "ledger").write_text("garbage " * 100)
    (tmp_path / "policy.yaml").write_text(STRICT)
    flags = ("--listen", "127.0.0.1:0", "--policy", str(tmp_path / "policy.yaml"), "--workers", "3")
    upstream = f"postgresql://127.0.0.1:{database.port}"
    done = forking.run(["serve", *flags, "--upstream", upstream], environment(tmp_path))
    assert (done.returncode, done.stderr.count("is damaged"), len(done.stderr.splitlines())) == (3, 1, 1)


# -- one gate after another, two beside each other ---------------------------------------------------------


@pytest.fixture
def pair(serve: Serve, tmp_path: Path) -> Iterator[tuple[Gate, Gate]]:
    """Two gates on one port."""
    first = serve(STRICT, so_reuseport="on", drain_idle_s="5")
    second = serve(
        tmp_path / "policy.yaml", so_reuseport="on", drain_idle_s="5", listen=f"127.0.0.1:{first.port}"
    )
    yield first, second


def test_a_port_is_shared_only_with_who_asks_for_it(gate: Gate, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(STRICT)
    flags = ("--listen", f"127.0.0.1:{gate.port}", "--policy", str(tmp_path / "policy.yaml"))
    door = ("--upstream", "postgresql://127.0.0.1:1", "--workers", "2")
    done = forking.run(["serve", *flags, *door], environment(tmp_path))
    error = f"pgwarden: cannot listen on 127.0.0.1:{gate.port}: address already in use\n"
    assert (done.returncode, done.stderr) == (3, error)


def test_one_gate_follows_another_without_a_failed_transaction(
    pair: tuple[Gate, Gate], users: Database, pgbench: Program, tmp_path: Path
) -> None:
    """Every transaction connects anew; the first gate goes away in the midst of it."""
    first, second = pair
    users.execute("CREATE TABLE work (id serial)")
    script = tmp_path / "script.sql"
    script.write_text("BEGIN;\nINSERT INTO work DEFAULT VALUES;\nSELECT count(*) FROM users;\nEND;\n")
    flags = ("--no-vacuum", "--client=4", "--time=2", "--connect", f"--file={script}")
    with ThreadPoolExecutor(1) as aside:
        load = aside.submit(pgbench, *flags, first.url(users.name))
        until(lambda: first.connections and second.connections, "that clients come")
        first.signal(signal.SIGTERM)
        first.says("draining")
        done = load.result()
    assert (done.code, done.err.count("error")) == (0, 0), done.err
    (processed,) = re.findall(r"number of transactions actually processed: (\d+)", done.out)
    assert users.execute("SELECT count(*) FROM work") == processed
    assert first.ended() == 0
    with connect(first, users) as late:
        assert late.execute("SELECT 1").fetchone() == (1,)


def test_sessions_without_work_may_stay_a_while(serve: Serve, users: Database) -> None:
    gate = serve(STRICT, drain_idle_s="600", drain_timeout_s="600")
    with connect(gate, users) as pooled:
        gate.signal(signal.SIGTERM)
        gate.says("draining")
        until(lambda: _refused(gate.port), "that nobody is let in")
        for _ in range(2):
            pooled.execute("INSERT INTO users SELECT max(id) + 1 FROM users")
    assert gate.ended() == 0
    assert users.execute("SELECT count(*) FROM users") == "3"


def test_the_admin_address_goes_from_one_gate_to_the_next(serve: Serve, tmp_path: Path) -> None:
    first = serve(STRICT, so_reuseport="on")
    admin = first.admin.removeprefix("http://")
    settings = {"so_reuseport": "on", "admin": admin, "listen": f"127.0.0.1:{first.port}"}
    second = serve(tmp_path / "policy.yaml", **settings)
    second.says("the admin address is in use: waiting for the gate before", admin=admin)
    assert first.stop() == 0
    second.says("the admin address is ours", admin=admin)
    assert second.port == first.port
    assert first.get("/readyz") == (200, "ready\n")


def test_two_gates_behind_one_address(pair: tuple[Gate, Gate], users: Database) -> None:
    first, second = pair
    with ExitStack() as stack:
        for process in [*processes(first), psutil.Process(first.pid)]:
            process.kill()
        until(lambda: first.ended() is not None, "that it has ended")
        for _ in range(10):
            stack.enter_context(connect(second, users)).execute("SELECT 1")
        assert second.get("/readyz") == (200, "ready\n")
        assert second.connections == 10
