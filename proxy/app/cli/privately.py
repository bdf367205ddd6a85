"""What the verbs that keep a private file share: who may change it, and what is wrong with it.

Enters: work with the file. Leaves: what it gives, or a command's error. Deliberately absent: the file's form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.cli.values import wrong
from proxy.app.users.private import PrivateFileError, locked
from proxy.app.users.userlist import UserListError

Value = TypeVar("Value")


def told(work: Callable[[], Value], flag: str) -> Value:
    """What some work with the file gives.

    Args:
        flag: that names the file.

    Raises:
        CommandError: it cannot be read or written, or a line of it is wrong.
    """
    try:
        return work()
    except UserListError as error:
        raise CommandError(ExitCode.USAGE, *error.problems) from None
    except PrivateFileError as error:
        raise wrong(flag, str(error)) from None


@contextmanager
def held(path: str, flag: str) -> Iterator[None]:
    """Keep everybody else from changing the file.

    Raises:
        CommandError: it cannot be locked.
    """
    try:
        with locked(path):
            yield
    except PrivateFileError as error:
        raise wrong(flag, str(error)) from error
