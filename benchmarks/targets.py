"""What is measured: each target is started, tried, and stopped again.

Enters: where PostgreSQL listens. Leaves: running targets, each an address, the processes whose trees' CPU
time counts, and its version. A new target is a new entry of `STARTERS`. Deliberately absent: tuning of one
target that the others do not get: all run with as many processes, with or without TLS, no log of queries.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from shutil import chown, copyfile, rmtree
from typing import Final

from benchmarks import protocol
from benchmarks.client import Address, Connection
from benchmarks.database import DECOY, PREY
from benchmarks.protocol import BenchmarkError, ServerError
from benchmarks.workloads import Setting
from proxy.backup.account import Account, scratch_directory, server_account
from proxy.backup.cluster import free_port
from tests.relay.certificates import Authority
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

    `pids` head the process trees whose CPU time is the target's; the server itself has none.
    """

    name: str
    address: Address
    version: str
    pids: tuple[int, ...] = ()
    setting: Setting = Setting.PLAIN
    admin: int = 0
    """Where a gate tells its metrics."""


@dataclass(frozen=True, slots=True)
class Site:
    """What all targets begin with.

    Attributes:
        server: where PostgreSQL listens, or what stands for it.
        certificate: a certificate and its key, in PEM.
        policy: what gates enforce.
        connections: how many a pool may hold.
        judged: whether the server has the tables by which a gate is tried.
    """

    server: Address
    certificate: tuple[Path, Path] | None = None
    policy: Path = POLICY
    connections: int = 200
    judged: bool = True


@contextmanager
def certified() -> Iterator[tuple[Path, Path]]:
    """Make a certificate of our own for loopback, and its key."""
    with scratch(None) as directory:
        yield Authority(directory, "authority").certify("localhost", "127.0.0.1")


def _own_environment() -> dict[str, str]:
    """Return the environment in which `python -m` finds this checkout from any directory."""
    return os.environ | {"PYTHONPATH": str(ROOT)}


@contextmanager
def program(
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
def scratch(account: Account | None) -> Iterator[Path]:
    """Make a directory that goes when the block is left."""
    directory = scratch_directory("pgwarden-benchmark-", account)
    try:
        yield directory
    finally:
        rmtree(directory, ignore_errors=True)


@contextmanager
def _direct(site: Site, setting: Setting) -> Iterator[Target]:
    """PostgreSQL with nothing in between."""
    address = replace(site.server, tls=setting is Setting.TLS)
    with Connection(address) as connection:
        found = connection.parameter("server_version")
    yield Target("direct", address, f"PostgreSQL {found}", (), setting)


def _pgbouncer_settings(site: Site, listen: Address, directory: Path, setting: Setting, host: str) -> str:
    server = site.server
    lines = f"""
[databases]
{server.database} = host={host} port={server.port} dbname={server.database}

[pgbouncer]
listen_addr = {listen.host}
listen_port = {listen.port}
unix_socket_dir =
auth_type = trust
auth_file = {directory / "users"}
pool_mode = session
default_pool_size = {site.connections}
max_client_conn = {site.connections + 100}
log_connections = 0
log_disconnections = 0
log_stats = 0
"""
    if setting is Setting.TWO:
        lines += "so_reuseport = 1\n"
    if setting is not Setting.TLS or site.certificate is None:
        return lines + "client_tls_sslmode = disable\nserver_tls_sslmode = disable\n"
    account = server_account()
    for source, name in zip(site.certificate, ("certificate", "key"), strict=True):
        copyfile(source, directory / name)
        if account is not None:
            chown(directory / name, account.uid, account.gid)
    return lines + (
        f"client_tls_sslmode = require\nserver_tls_sslmode = require\n"
        f"client_tls_cert_file = {directory / 'certificate'}\nclient_tls_key_file = {directory / 'key'}\n"
    )


@contextmanager
def _pgbouncer(site: Site, setting: Setting, *, by_socket: bool = False) -> Iterator[Target]:
    """PgBouncer, session pooling: the rival that all ratios refer to, with its server over TCP."""
    name = "pgbouncer-unix" if by_socket else "pgbouncer"
    host = site.server.sockets if by_socket else site.server.host
    try:
        rival = find_pgbouncer()
    except Missing as missing:
        raise Unavailable(str(missing)) from None
    environment = rival.environment()
    account = server_account()  # PgBouncer refuses to run as root, as PostgreSQL does
    listen = _listen(site, setting)
    pids = []
    with ExitStack() as stack:
        for _ in range(2 if setting is Setting.TWO else 1):
            directory = stack.enter_context(scratch(account))
            (directory / "users").write_text(f'"{listen.user}" ""\n')
            settings = directory / "pgbouncer.ini"
            settings.write_text(_pgbouncer_settings(site, listen, directory, setting, host))
            command = [str(rival.path), str(settings)]
            running = program(command, directory, listen, account, environment)
            pids.append(stack.enter_context(running).pid)
        yield Target(name, listen, f"PgBouncer {rival.version()}", tuple(pids), setting)


def _listen(site: Site, setting: Setting) -> Address:
    return replace(site.server, port=free_port(), host="127.0.0.1", tls=setting is Setting.TLS)


@contextmanager
def _relay(site: Site, setting: Setting) -> Iterator[Target]:
    """The uvloop relay that reads nothing."""
    if setting not in (Setting.PLAIN, Setting.UNIX):
        raise Unavailable("the relay has neither TLS nor workers")
    listen, server = _listen(site, setting), site.server
    upstream = (
        f"{server.sockets}:{server.port}" if setting is Setting.UNIX else f"{server.host}:{server.port}"
    )
    command = [
        *(sys.executable, "-m", "benchmarks.relay"),
        *("--listen", f"{listen.host}:{listen.port}", "--upstream", upstream),
    ]
    with scratch(None) as directory, program(command, directory, listen) as process:
        yield Target("relay", listen, f"uvloop {version('uvloop')}", (process.pid,), setting)


def gate_command(
    site: Site, setting: Setting, listen: Address, directory: Path, admin: int, module: str = "proxy"
) -> list[str]:
    """Return the command of a gate as it would run: the policy enforced, metrics on, one worker."""
    server = site.server
    sslmode = "require" if setting is Setting.TLS else "disable"
    upstream = f"postgresql://{server.host}:{server.port}?sslmode={sslmode}"
    if setting is Setting.UNIX:
        upstream = f"postgresql://?host={server.sockets}&port={server.port}"
    command = [
        *(sys.executable, "-m", module, "serve"),
        *("--listen", f"{listen.host}:{listen.port}"),
        *("--upstream", upstream),
        *("--policy", str(site.policy), "--admin", f"127.0.0.1:{admin}"),
        *("--ledger", str(directory / "ledger.sqlite")),
    ]
    if setting is Setting.TWO:
        command += ["--workers", "2"]
    if setting is Setting.KEEPING:
        command += ["--keep-statements", "on"]
    if setting is Setting.TLS and site.certificate is not None:
        certificate, key = map(str, site.certificate)
        command += ["--client-tls-cert-file", certificate, "--client-tls-key-file", key]
    return command


@contextmanager
def _gate(site: Site, setting: Setting) -> Iterator[Target]:
    """The gate as it would run."""
    listen, admin = _listen(site, setting), free_port()
    with scratch(None) as directory:
        command = gate_command(site, setting, listen, directory, admin)
        with program(command, directory, listen) as process:
            if site.judged:
                _require_enforcement(listen)
            yield Target("gate", listen, _gate_version(directory), (process.pid,), setting, admin)


@contextmanager
def _unjudged(site: Site, setting: Setting) -> Iterator[Target]:
    """The gate with its judgement left out (unjudged.py): what the rest of it costs."""
    if setting is not Setting.PLAIN:
        raise Unavailable("it is measured plain alone")
    listen = _listen(site, setting)
    with scratch(None) as directory:
        command = gate_command(site, setting, listen, directory, free_port(), "benchmarks.unjudged")
        with program(command, directory, listen) as process:
            with Connection(listen) as connection:
                try:
                    connection.exchange(protocol.query(f"DROP TABLE {PREY}".encode()))
                except ServerError as refusal:
                    raise Unavailable(f"it judges: {refusal}") from None
            yield Target("unjudged", listen, "the same gate", (process.pid,), setting)


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
STARTERS: Final[Mapping[str, Callable[[Site, Setting], AbstractContextManager[Target]]]] = {
    "direct": _direct,
    "pgbouncer": _pgbouncer,
    "pgbouncer-unix": partial(_pgbouncer, by_socket=True),
    "relay": _relay,
    "gate": _gate,
    "unjudged": _unjudged,
}


def start(
    names: Sequence[tuple[str, Setting]], site: Site, stack: ExitStack, tell: Callable[[str], None]
) -> tuple[list[Target], dict[str, str]]:
    """Start targets; they stop when the stack closes.

    Args:
        names: keys of STARTERS, each with how it is run.
        site: where PostgreSQL listens, and what the targets begin with.
        stack: takes what must be ended.
        tell: hears at once of a target that has to be left out.

    Returns: the running targets, and the reason for each one that is missing.
    """
    running: list[Target] = []
    missing: dict[str, str] = {}
    for name, setting in names:
        try:
            running.append(stack.enter_context(STARTERS[name](site, setting)))
        except Unavailable as reason:
            called = name if setting is Setting.PLAIN else f"{name} ({setting.value})"
            missing[called] = str(reason)
            tell(f"!!! {called} is NOT measured: {reason}")
    return running, missing
