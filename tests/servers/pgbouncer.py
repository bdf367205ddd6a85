"""PgBouncer: from PATH, or unpacked from Debian's packages into .cache without being root.

In: the port of a server, a pool mode. Out: a running PgBouncer that takes any user without a password.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from proxy.backup.account import scratch_directory, server_account
from proxy.backup.cluster import free_port
from tests.servers.cache import Missing, build_once
from tests.servers.debian import library_path, unpack

PoolMode = Literal["session", "transaction", "statement"]

_START_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Executable:
    """A program, and the variables that let it find the libraries that came with it."""

    path: Path
    variables: Mapping[str, str]

    def environment(self) -> dict[str, str]:
        """The environment in which it runs."""
        return {**os.environ, **self.variables}

    def version(self) -> str:
        """Ask it which it is, as `1.25.2`."""
        command = [str(self.path), "--version"]
        said = subprocess.check_output(command, env=self.environment(), text=True)
        return said.split()[1]


def find_pgbouncer() -> Executable:
    """Find PgBouncer, or fetch it.

    Raises:
        Missing: neither on PATH, nor to be had from Debian's packages.
    """
    found = shutil.which("pgbouncer", path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/usr/local/sbin")
    if found is not None:
        return Executable(Path(found), {})
    root = build_once("pgbouncer", lambda directory: unpack(directory, "pgbouncer"))
    return Executable(root / "usr" / "sbin" / "pgbouncer", library_path(root))


class PgBouncer:
    """A PgBouncer in front of a loopback server; every database name and user goes through, unasked.

    Settings may ask for more: `files` are put beside its own, and a setting that names one gets its path.

    Attributes:
        port: where it listens, on 127.0.0.1.
    """

    def __init__(
        self,
        upstream_port: int,
        pool_mode: PoolMode = "transaction",
        *,
        settings: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        executable: Executable | None = None,
    ) -> None:
        self._executable = executable or find_pgbouncer()
        self._account = server_account()
        self._directory = scratch_directory("pgwarden-pgbouncer-", self._account)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        # auth_type any makes every client the role that the database line names.
        options = {
            "listen_addr": "127.0.0.1",
            "listen_port": str(self.port),
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": pool_mode,
            "ignore_startup_parameters": "extra_float_digits,options",
            "max_client_conn": "500",
            "default_pool_size": "50",
            "server_tls_sslmode": "disable",
            **(settings or {}),
        }
        for name, text in (files or {}).items():
            options |= {key: str(self._directory / name) for key in options if options[key] == name}
            (self._directory / name).write_text(text)
        lines = [
            *("[databases]", f"* = host=127.0.0.1 port={upstream_port} user=postgres", "[pgbouncer]"),
            *(f"{name} = {value}" for name, value in options.items()),
        ]
        (self._directory / "pgbouncer.ini").write_text("\n".join(lines) + "\n")

    @property
    def version(self) -> tuple[int, ...]:
        """Which it is, as (1, 25, 2)."""
        return tuple(map(int, self._executable.version().split(".")))

    @property
    def log(self) -> str:
        """All that it has said."""
        return (self._directory / "pgbouncer.log").read_text(errors="replace")

    def url(self, database: str = "postgres") -> str:
        """Write a URL to a database through it."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> Self:
        """Start it and wait until it listens."""
        account = self._account
        with (self._directory / "pgbouncer.log").open("wb") as log:
            self._process = subprocess.Popen(
                [self._executable.path, self._directory / "pgbouncer.ini"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._executable.environment(),
                cwd="/",
                start_new_session=True,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = self.log
                self.close()
                raise Missing(f"pgbouncer does not start: {said[-1000:]}")
            time.sleep(0.02)
        return self

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def close(self) -> None:
        """Stop it and remove its directory; safe to call twice."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
