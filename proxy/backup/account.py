"""Which account a PostgreSQL server runs as, and what that account can reach.

PostgreSQL refuses to run as root. In: the present user and paths. Out: an account to drop to, and
directories that it can use.
Absent on purpose: access lists and capabilities; plain permission bits decide.
"""

import contextlib
import os
import pwd
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path


class NoAccount(Exception):
    """We are root and the system has no ordinary account to run a server as."""


@dataclass(frozen=True, slots=True)
class Account:
    """An ordinary account that root's servers run as."""

    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """Choose the account to run a server as; None means the present one, which is not root.

    Raises:
        NoAccount: we are root and the system has neither `postgres` nor `nobody`.
    """
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise NoAccount(
        "PostgreSQL refuses to run as root, and there is no account `postgres` or `nobody` to run it as"
    )


def reachable(path: Path, account: Account | None) -> bool:
    """Tell whether the account may pass the path and every directory above it."""
    if account is None:
        return True
    resolved = path.resolve()
    return all(_passable(directory, account) for directory in (resolved, *resolved.parents))


def _passable(directory: Path, account: Account) -> bool:
    status = directory.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def scratch_directory(prefix: str, account: Account | None) -> Path:
    """Make an empty directory that the account can reach, in TMPDIR or else in /tmp."""
    directory = Path(tempfile.mkdtemp(prefix=prefix))
    if not reachable(directory.parent, account):
        directory.rmdir()
        directory = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    if account is not None:
        os.chown(directory, account.uid, account.gid)
    return directory
