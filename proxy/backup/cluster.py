"""A throwaway PostgreSQL server of one's own: initdb, start, stop, and nothing left behind.

In: the directory of PostgreSQL's programs and a few settings. Out: a running server on a loopback port, and
its URL. PostgreSQL refuses to run as root, so root hands the server to an ordinary account; where that
account cannot reach the programs (a checkout below a 0700 home), the cluster carries a linked copy of them.
Absent on purpose: any driver (SQL goes through psql), durability (fsync is off: the data is meant to be
lost), and unix sockets unless the settings ask for them.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import quote

from proxy.backup.account import reachable, scratch_directory, server_account
from proxy.backup.programs import ClusterError, Programs
from proxy.backup.watcher import watcher

Auth = Literal["trust", "password", "md5", "scram-sha-256"]
StopMode = Literal["smart", "fast", "immediate"]

_STOP_SIGNALS: Mapping[str, signal.Signals] = {
    "smart": signal.SIGTERM,
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
}
_SCRATCH_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "logging_collector": "off",
}
# Reads from a pipe whose other end only this process holds: when it ends, however it ends, the read returns
# and the server and its directory go. $1 is the cluster's directory.
_WATCHER = """
read -r _ || :
lock=$1/data/postmaster.pid
pid=$(head -n 1 "$lock" 2>/dev/null) && kill -QUIT "$pid" 2>/dev/null
tries=0
while [ -e "$lock" ] && kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 200 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
rm -rf -- "$1"
"""
_PORT_TRIES = 5
_START_TIMEOUT_S = 60
_POLL_S = 0.01


def free_port() -> int:
    """Ask the system for a loopback port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


class Cluster:
    """One PostgreSQL server with its data directory, made on the first start and removed by `close`.

    Used as a context manager it starts on entry and is removed on exit. Should this process die first, by
    whatever signal, a watching shell stops the server and removes the directory.

    Attributes:
        directory: holds `data/`, `server.log` and, where needed, a copy of the programs.
        port: the loopback port; the same one after a restart.
        superuser: the bootstrap role.
        password: its password, asked for unless auth is trust.
    """

    def __init__(
        self,
        bin_dir: Path,
        directory: Path | None = None,
        *,
        auth: Auth = "trust",
        port: int = 0,
        settings: Mapping[str, str] | None = None,
        superuser: str = "postgres",
        password: str = "postgres",  # noqa: S107 - guards nothing: a throwaway server on loopback
        tls: tuple[Path, Path] | None = None,
        hba: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        primary: "Cluster | None" = None,
    ) -> None:
        """Say what the server shall be; nothing is made before `start`.

        Args:
            bin_dir: where initdb, postgres and psql are.
            directory: absent or empty; ours to fill and to remove. None takes a temporary one.
            auth: how pg_hba.conf asks clients on the network to prove who they are.
            port: 0 takes a free one.
            settings: for postgresql.conf, over the throwaway defaults.
            superuser: the bootstrap role's name.
            password: the bootstrap role's password.
            tls: certificate and key in PEM; None leaves TLS off.
            hba: lines to put before those that initdb writes into pg_hba.conf.
            environment: variables for the server and for psql, such as LOCPATH.
            primary: a running server, with auth trust, to become a streaming standby of.
        """
        self._account = server_account()
        self._given = directory
        self._auth: Auth = auth
        self._wanted_port = port
        self._settings = dict(settings or {})
        self._tls = tls
        self._hba = tuple(hba)
        self._environment = dict(environment or {})
        self._primary = primary
        self._programs = Programs(bin_dir, Path(), self._account, self._environment)
        self._server: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None
        self.bin_dir = bin_dir.resolve()
        self.directory = directory or Path()
        self.port = port
        self.superuser = superuser
        self.password = password

    @property
    def data(self) -> Path:
        """The data directory, PGDATA."""
        return self.directory / "data"

    @property
    def log(self) -> str:
        """All that the server has written to its log."""
        return (self.directory / "server.log").read_text(errors="replace")

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        return self._server.pid if self._server is not None and self._server.poll() is None else None

    @property
    def dsn(self) -> str:
        """The superuser's URL for the database `postgres`."""
        return self.url()

    def url(self, database: str = "postgres", user: str | None = None, password: str | None = None) -> str:
        """Write a URL for a database and a role: the superuser, with its password where one is asked for."""
        if user is None and password is None and self._auth != "trust":
            password = self.password
        secret = f":{quote(password, safe='')}" if password is not None else ""
        who = quote(self.superuser if user is None else user, safe="")
        return f"postgresql://{who}{secret}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    def start(self) -> Self:
        """Start the server and wait until it takes connections; the first time, make its data directory.

        Raises:
            ClusterError: initdb or the server failed; the text ends with what it said.
        """
        if self._watcher is None:
            self._create()
        for _ in range(_PORT_TRIES):
            self.port = self.port or free_port()
            if self._launch():
                return self
            # Between asking for a free port and using it, somebody else may have taken it.
            if self._wanted_port or "could not create any TCP/IP sockets" not in self.log:
                break
            self.port = 0
        raise ClusterError(f"the server did not start:\n{self.log[-2000:]}")

    def stop(self, mode: StopMode = "fast", *, timeout_s: float = 20) -> None:
        """Stop the server as pg_ctl would, or kill it if that takes too long; the data stays for `start`."""
        server, self._server = self._server, None
        if server is None:
            return
        server.send_signal(_STOP_SIGNALS[mode])
        try:
            server.wait(timeout_s)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()

    def restart(self, mode: StopMode = "fast") -> Self:
        """Stop and start again, on the same port."""
        self.stop(mode)
        return self.start()

    def close(self) -> None:
        """Stop the server and remove all that it left; safe to call twice."""
        self.stop("immediate")
        watcher, self._watcher = self._watcher, None
        if watcher is None or watcher.stdin is None:
            return
        shutil.rmtree(self.directory, ignore_errors=True)
        watcher.stdin.close()
        watcher.wait()

    def execute(self, sql: str, database: str = "postgres") -> str:
        """Run SQL as the superuser through psql; each row is a line, its columns parted by `|`.

        Raises:
            ClusterError: psql failed, or the first statement that did; the text is what psql said.
        """
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        environment = {
            **inherited,
            **self._environment,
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": self.superuser,
            "PGPASSWORD": self.password,
            "PGDATABASE": database,
            "PGCLIENTENCODING": "UTF8",
        }
        flags = ("--no-psqlrc", "--no-align", "--tuples-only", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-")
        command = [str(self.bin_dir / "psql"), *flags]
        done = subprocess.run(
            command, input=sql, capture_output=True, text=True, env=environment, check=False
        )
        if done.returncode != 0:
            raise ClusterError(done.stderr.strip())
        return done.stdout.removesuffix("\n")

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _create(self) -> None:
        self.directory = self._own_directory()
        self._watcher = watcher(_WATCHER, self.directory)
        try:
            self._programs = Programs.near(self.bin_dir, self.directory, self._account, self._environment)
            if self._primary is None:
                self._initdb()
            else:
                self._copy_primary(self._primary)
            self._configure()
        except BaseException:
            self.close()
            raise

    def _own_directory(self) -> Path:
        if self._given is None:
            return scratch_directory("pgwarden-cluster-", self._account)
        directory = self._given.resolve()
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise ClusterError(f"{directory} is not empty: a cluster fills and removes its directory")
        if not reachable(directory.parent, self._account):
            raise ClusterError(f"{directory} lies below a directory that the server's account cannot pass")
        self._hand_over(directory)
        return directory

    def _initdb(self) -> None:
        secret = self.directory / "password"
        secret.touch(0o600)
        secret.write_text(self.password + "\n")
        self._hand_over(secret)
        self._programs.run(
            "initdb",
            *("--pgdata", str(self.data), "--username", self.superuser, "--auth", self._auth),
            *("--pwfile", str(secret), "--encoding", "UTF8", "--no-locale", "--no-sync", "--no-instructions"),
        )
        secret.unlink()

    def _copy_primary(self, primary: "Cluster") -> None:
        self._programs.run(
            "pg_basebackup",
            *("--pgdata", str(self.data), "--checkpoint", "fast", "--write-recovery-conf", "--no-sync"),
            *("--host", "127.0.0.1", "--port", str(primary.port), "--username", primary.superuser),
        )

    def _configure(self) -> None:
        settings = dict(_SCRATCH_SETTINGS)
        if self._tls is not None:
            settings["ssl"] = "on"
            for source, name in zip(self._tls, ("server.crt", "server.key"), strict=True):
                shutil.copyfile(source, self.data / name)
                (self.data / name).chmod(0o600)
                self._hand_over(self.data / name)
        settings.update(self._settings)
        lines = [f"{name} = {_quoted(value)}\n" for name, value in settings.items()]
        with (self.data / "postgresql.conf").open("a") as configuration:
            configuration.writelines(lines)
        access = self.data / "pg_hba.conf"
        access.write_text("".join(f"{line}\n" for line in self._hba) + access.read_text())

    def _launch(self) -> bool:
        """Start the postmaster on `self.port`; False when it ended before it took connections."""
        with (self.directory / "server.log").open("ab") as log:
            self._server = self._programs.spawn(
                "postgres", "-D", str(self.data), "-p", str(self.port), log=log
            )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while self._server.poll() is None:
            if self._ready(self._server.pid):
                return True
            if time.monotonic() > deadline:
                self.stop("immediate")
                return False
            time.sleep(_POLL_S)
        self._server = None
        return False

    def _ready(self, pid: int) -> bool:
        # pg_ctl's own test: the eighth line of postmaster.pid says what the server is ready for.
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() in ("ready", "standby")

    def _hand_over(self, path: Path) -> None:
        if self._account is not None:
            os.chown(path, self._account.uid, self._account.gid)
