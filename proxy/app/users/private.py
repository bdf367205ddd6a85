"""Files that hold secrets: read only where nobody else can, written so that nobody else ever could.

Errors name the file and what to do, and nothing of what is in it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_SECRET_BYTES: Final = 32
_LARGEST: Final = 16 * 1024 * 1024


class PrivateFileError(Exception):
    """A file cannot be used; the message is one line that begins with its path."""


def read_private(path: str) -> str:
    """Read a file as UTF-8.

    Raises: PrivateFileError, also when others may read it: as libpq has it for keys, one's own file must be
        0600 or less, one of root's 0640 or less.
    """
    try:
        with Path(path).open("rb") as file:
            problem = exposed(os.fstat(file.fileno()))
            if problem:
                raise PrivateFileError(f"{path} {problem}")
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise PrivateFileError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(data) > _LARGEST:
        raise PrivateFileError(f"{path} is longer than 16 MiB")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise PrivateFileError(f"{path} is not UTF-8 text") from None


def exposed(status: os.stat_result) -> str:
    """What is wrong with a file's owner and mode, as the rest of a sentence; "" where nothing is."""
    if not stat.S_ISREG(status.st_mode):
        return "is no regular file"
    if status.st_uid not in (os.getuid(), 0):
        return "belongs to somebody else: it must be this user's, or root's"
    forbidden = 0o077 if status.st_uid == os.getuid() else 0o027
    if status.st_mode & forbidden:
        return "may be read or written by others: run chmod 0600 on it"
    return ""


def read_password(path: str) -> bytes:
    """The password in a file of one line.

    Raises: PrivateFileError.
    """
    lines = read_private(path).splitlines()
    if len(lines) != 1 or not lines[0] or "\0" in lines[0]:
        raise PrivateFileError(f"{path} must hold the password in one line, and nothing else")
    return lines[0].encode()


def write_private(path: str, text: str) -> None:
    """Write a file anew, mode 0600, so that at any moment there is the old one or the new one.

    Raises: PrivateFileError.
    """
    target = Path(path)
    temporary = ""
    try:
        with suppress(FileNotFoundError):
            target = target.resolve(strict=True)  # a link stays a link
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(target)
        temporary = ""
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise PrivateFileError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


@contextmanager
def locked(path: str) -> Iterator[None]:
    """One command at a time: two that read and write the whole file would lose a line.

    Raises: PrivateFileError.
    """
    try:
        folder = os.open(Path(path).absolute().parent, os.O_RDONLY)
    except OSError as error:
        raise PrivateFileError(f"{path} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def installation_secret(path: str) -> bytes:
    """Random bytes that stay the same; the file is made where there is none, once, whoever else makes it.

    Raises: PrivateFileError.
    """
    if not Path(path).exists():
        _make_secret(path)
    text = read_private(path).strip()
    if len(text) < _SECRET_BYTES:
        raise PrivateFileError(f"{path} must hold at least {_SECRET_BYTES} characters, all of them random")
    return text.encode()


def _make_secret(path: str) -> None:
    folder = Path(path).absolute().parent
    temporary = ""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".pgwarden-", dir=folder)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(_SECRET_BYTES) + "\n")
        with suppress(FileExistsError):  # another worker was faster: its secret counts
            os.link(temporary, path)
    except OSError as error:
        raise PrivateFileError(f"{path} cannot be made: {error.strerror or error}") from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
