"""`make demo`: a real PostgreSQL, the gate in front of it, one statement that passes and one that does not.

Enters: nothing but `--once`. Leaves: what psql printed, the URL to try, exit code 0 only if the gate did as
it should. All that it starts ends with it. Deliberately absent: any shortcut past the gate's own command
line.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from proxy.app.cli.exitcodes import ExitCode
from proxy.app.shipped import shipped_policies
from proxy.backup.cluster import Cluster, free_port
from proxy.backup.programs import ClusterError, find_binaries

DATABASE = "shop"
ROLE = "app"
SELECT = "SELECT id, name FROM users ORDER BY id"
DROP = "DROP TABLE users"

_SEED = """
CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL);
INSERT INTO users VALUES (1, 'Ada'), (2, 'Grace'), (3, 'Margaret');
ALTER TABLE users OWNER TO app;
"""
_SELECTED = " id |   name   \n----+----------\n  1 | Ada\n  2 | Grace\n  3 | Margaret\n(3 rows)\n\n"
_READY_TIMEOUT_S = 30
_STOP_TIMEOUT_S = 10
_POLL_S = 0.05


class DemoError(Exception):
    """The demonstration cannot be given; the text says why."""


@dataclass(frozen=True, slots=True)
class RunningGate:
    """A gate that serves, as a process of its own."""

    process: subprocess.Popen[bytes]
    url: str
    admin: str
    log: Path


def policy_file() -> Path:
    """Find the production policy.

    Raises:
        DemoError: it is not there.
    """
    try:
        return shipped_policies() / "production.yaml"
    except FileNotFoundError as error:
        raise DemoError(str(error)) from None


@contextlib.contextmanager
def _gate(cluster: Cluster, policy: Path) -> Iterator[RunningGate]:
    address, admin = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory(prefix="pgwarden-demo-") as directory:
        log = Path(directory) / "gate.log"
        command = [
            *(sys.executable, "-m", "proxy", "serve", "--listen", address, "--policy", str(policy)),
            *("--upstream", f"postgresql://127.0.0.1:{cluster.port}", "--admin", admin),
        ]
        # Settings of a gate that somebody runs here for real are not the demonstration's.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PGWARDEN_")}
        environment |= {
            "PGWARDEN_LEDGER": str(Path(directory) / "ledger.sqlite"),
            "PGWARDEN_DRAIN_TIMEOUT_S": "1",
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).resolve().parents[2]), *sys.path]),
        }
        with log.open("wb") as output:
            # A session of its own: Ctrl-C is ours to handle, and the gate is told by SIGTERM.
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
            )
        try:
            _wait_until_ready(process, admin, log)
            yield RunningGate(process, f"postgresql://{ROLE}@{address}/{DATABASE}", admin, log)
        finally:
            _stop(process)


def _wait_until_ready(process: subprocess.Popen[bytes], admin: str, log: Path) -> None:
    deadline = time.monotonic() + _READY_TIMEOUT_S
    while not _answers(admin):
        if process.poll() is not None:
            raise DemoError(f"the gate ended with exit code {process.returncode}:\n{log.read_text()[-2000:]}")
        if time.monotonic() > deadline:
            raise DemoError(f"the gate was not ready after {_READY_TIMEOUT_S} s:\n{log.read_text()[-2000:]}")
        time.sleep(_POLL_S)


def _answers(admin: str) -> bool:
    host, _, port = admin.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _psql(bin_dir: Path, url: str, sql: str) -> subprocess.CompletedProcess[str]:
    """Run one statement as a person would, and print the command and all that psql said, as it said it."""
    print(f"$ psql {shlex.quote(url)} -c {shlex.quote(sql)}")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    done = subprocess.run(
        [str(bin_dir / "psql"), "--no-psqlrc", url, "-c", sql],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment | {"LC_ALL": "C", "PGCLIENTENCODING": "UTF8"},
        check=False,
    )
    print(f"{done.stdout}{done.stderr}".rstrip("\n"), end="\n\n")
    return done


def _show(cluster: Cluster, gate: RunningGate) -> bool:
    """Show both statements, and tell whether the gate and the server did what this program promises."""
    print("A query passes:\n")
    selected = _psql(cluster.bin_dir, gate.url, SELECT)
    print("What would lose data does not:\n")
    dropped = _psql(cluster.bin_dir, gate.url, DROP)
    rows_left = cluster.execute("SELECT count(*) FROM users", DATABASE)
    promises = {
        "the SELECT was answered": (selected.returncode, selected.stdout) == (0, _SELECTED),
        "the DROP was refused by a rule": dropped.returncode != 0 and "[rule " in dropped.stderr,
        "the table is still there": rows_left == "3",
    }
    for promise, kept in promises.items():
        print(f"{'yes' if kept else 'NO '}  {promise}")
    return all(promises.values())


def _demonstrate(once: bool) -> ExitCode:
    policy = policy_file()
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(Cluster(find_binaries()))
        cluster.execute(f"CREATE ROLE {ROLE} LOGIN")
        cluster.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")
        cluster.execute(_SEED, DATABASE)
        gate = stack.enter_context(_gate(cluster, policy))
        version = cluster.execute("SHOW server_version")
        print(f"PostgreSQL {version} on port {cluster.port}, the gate in front of it with {policy.name}.\n")
        if not _show(cluster, gate):
            print(f"The gate said:\n{gate.log.read_text()[-4000:]}", file=sys.stderr)
            return ExitCode.NO
        if not once:
            _serve(gate)
    return ExitCode.OK


def _serve(gate: RunningGate) -> None:
    print("\nTry it yourself, until Ctrl-C:\n")
    print(f"  DATABASE_URL={gate.url}")
    print(f"  metrics: http://{gate.admin}/metrics\n")
    sys.stdout.flush()
    try:
        raise DemoError(f"the gate ended by itself with exit code {gate.process.wait()}")
    except KeyboardInterrupt:
        print("\nStopping the gate and the server.")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Give the demonstration and return its exit code; see the table in exitcodes.py."""
    parser = argparse.ArgumentParser(
        prog="python -m proxy.app.demo", description="The gate, on a real PostgreSQL."
    )
    parser.add_argument(
        "--once", action="store_true", help="show it and end, instead of serving until Ctrl-C"
    )
    options = parser.parse_args(arguments)
    # Whoever ends us, or closes the terminal, wants all of it gone too.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return _demonstrate(options.once)
    except (ClusterError, DemoError) as error:
        print(f"The demonstration cannot be given: {error}", file=sys.stderr)
        return ExitCode.FAILED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
