"""What is measured: each target is started, tried, and stopped again.

Enters: where PostgreSQL listens. Leaves: running targets, each an address, the process whose tree's CPU
time counts, and its version. A new target is a new entry of `STARTERS`. Deliberately absent: tuning of one
target that the others do not get: all run with one process, no TLS, no log of queries, the server over TCP.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree
from typing import Final

from benchmarks import protocol
from benchmarks.client import Address, Connection
from benchmarks.database import DECOY
from benchmarks.protocol import BenchmarkError, ServerError
from proxy.backup.account import Account, scratch_directory, server_account
from proxy.backup.cluster import free_port
from tests.servers.cache import Missing
from tests.servers.pgbouncer import find_pgbouncer

ROOT: Final = Path(__file__).resolve().parent.parent
POLICY: Final = ROOT / "policies" / "production.yaml"
_START_S: Final = 20.0
_STOP_S: Final = 5.0
_POLL_S: Final = 0.02


class Unavailable(Exception):
    """The target cannot be measured on this machine; the text says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """A running target.

    `pid` heads the process tree whose CPU time is the target's; the server itself has none.
    """

    name: str
    address: Address
    version: str
    pid: int | None = None


def _own_environment() -> dict[str, str]:
    """Return the environment in which `python -m` finds this checkout from any directory."""
    return os.environ | {"PYTHONPATH": str(ROOT)}


@contextmanager
def _program(
    command: Sequence[str],
    directory: Path,
    address: Address,
    account: Account | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in its own directory until the block is left, from the moment it serves a session."""
    log_file = directory / "log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment or _own_environment(),
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
        try:
            _await_session(process, address, log_file)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await_session(process: subprocess.Popen[bytes], address: Address, log_file: Path) -> None:
    """Wait until a session comes about. Raises Unavailable with the end of the log when none does."""
    deadline = time.monotonic() + _START_S
    failure = ""
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with Connection(address):
                return
        except (OSError, BenchmarkError) as error:
            failure = str(error)
        time.sleep(_POLL_S)
    ended = (
        f"ended with {process.returncode}"
        if process.returncode is not None
        else f"serves no session ({failure})"
    )
    last = log_file.read_text(errors="replace").strip().splitlines()[-1:]
    raise Unavailable(": ".join([ended, *last]))


@contextmanager
def _scratch(account: Account | None) -> Iterator[Path]:
    directory = scratch_directory("pgwarden-benchmark-", account)
    try:
        yield directory
    finally:
        rmtree(directory, ignore_errors=True)


@contextmanager
def _direct(server: Address) -> Iterator[Target]:
    """PostgreSQL with nothing in between."""
    with Connection(server) as connection:
        found = connection.parameter("server_version")
    yield Target("direct", server, f"PostgreSQL {found}")


def _pgbouncer_settings(server: Address, listen: Address, directory: Path) -> str:
    return f"""
[databases]
{server.database} = host={server.host} port={server.port} dbname={server.database}

[pgbouncer]
listen_addr = {listen.host}
listen_port = {listen.port}
unix_socket_dir =
auth_type = trust
auth_file = {directory / "users"}
pool_mode = session
default_pool_size = 200
max_client_conn = 1000
client_tls_sslmode = disable
server_tls_sslmode = disable
log_connections = 0
log_disconnections = 0
log_stats = 0
"""


@contextmanager
def _pgbouncer(server: Address) -> Iterator[Target]:
    """PgBouncer, session pooling: the rival that all ratios refer to."""
    try:
        program = find_pgbouncer()
    except Missing as missing:
        raise Unavailable(str(missing)) from None
    command = [str(program.path), "--version"]
    environment = program.environment()
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    account = server_account()  # PgBouncer refuses to run as root, as PostgreSQL does
    listen = Address(free_port(), server.user, server.database)
    with _scratch(account) as directory:
        (directory / "users").write_text(f'"{server.user}" ""\n')
        settings = directory / "pgbouncer.ini"
        settings.write_text(_pgbouncer_settings(server, listen, directory))
        command = [str(program.path), str(settings)]
        with _program(command, directory, listen, account, environment) as process:
            yield Target("pgbouncer", listen, shown.splitlines()[0], process.pid)


@contextmanager
def _relay(server: Address) -> Iterator[Target]:
    """The uvloop relay that reads nothing."""
    listen = Address(free_port(), server.user, server.database)
    command = [
        *(sys.executable, "-m", "benchmarks.relay"),
        *("--listen", f"{listen.host}:{listen.port}", "--upstream", f"{server.host}:{server.port}"),
    ]
    with _scratch(None) as directory, _program(command, directory, listen) as process:
        yield Target("relay", listen, f"uvloop {version('uvloop')}", process.pid)


@contextmanager
def _gate(server: Address) -> Iterator[Target]:
    """The gate as it would run: the production policy enforced, metrics on, one worker."""
    listen = Address(free_port(), server.user, server.database)
    command = [
        *(sys.executable, "-m", "proxy", "serve"),
        *("--listen", f"{listen.host}:{listen.port}"),
        *("--upstream", f"postgresql://{server.host}:{server.port}?sslmode=disable"),
        *("--policy", str(POLICY), "--admin", f"127.0.0.1:{free_port()}"),
    ]
    with _scratch(None) as directory, _program(command, directory, listen) as process:
        _require_enforcement(listen)
        yield Target("gate", listen, _gate_version(directory), process.pid)


def _gate_version(directory: Path) -> str:
    command = [sys.executable, "-m", "proxy", "--version"]
    environment = _own_environment()
    shown = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    return re.sub(r"\s+", " ", shown.stdout.strip()) or "unknown"


def _require_enforcement(gate: Address) -> None:
    """Raise Unavailable unless the gate refuses a DROP TABLE.

    A gate that lets everything pass is not what we measure.
    """
    with Connection(gate) as connection:
        try:
            connection.exchange(protocol.query(f"DROP TABLE {DECOY}".encode()))
        except ServerError as refusal:
            if refusal.sqlstate == "42501" and "[rule " in refusal.message:
                return
            raise Unavailable(f"answered DROP TABLE with {refusal}") from None
        except (OSError, BenchmarkError) as error:
            raise Unavailable(f"broke off at DROP TABLE: {error}") from None
    raise Unavailable("let a DROP TABLE pass: the policy is not enforced")


def checkout() -> str:
    """Return which commit is measured, `-dirty` behind it when files differ, or `unknown` outside of git."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    try:
        shown = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return shown.stdout.strip()


REFERENCE: Final = "pgbouncer"
STARTERS: Final[Mapping[str, Callable[[Address], AbstractContextManager[Target]]]] = {
    "direct": _direct,
    "pgbouncer": _pgbouncer,
    "relay": _relay,
    "gate": _gate,
}


def start(
    names: Sequence[str], server: Address, stack: ExitStack, tell: Callable[[str], None]
) -> tuple[list[Target], dict[str, str]]:
    """Start targets; they stop when the stack closes.

    Args:
        names: keys of STARTERS.
        server: where PostgreSQL listens.
        stack: takes what must be ended.
        tell: hears at once of a target that has to be left out.

    Returns: the running targets, and the reason for each one that is missing.
    """
    running: list[Target] = []
    missing: dict[str, str] = {}
    for name in names:
        try:
            running.append(stack.enter_context(STARTERS[name](server)))
        except Unavailable as reason:
            missing[name] = str(reason)
            tell(f"!!! {name} is NOT measured: {reason}")
    return running, missing
