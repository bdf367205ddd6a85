"""What the gate's own connections to databases need: a password and TLS, in the driver's terms.

They read catalogues, users and the ledger. Enters: the file of a password, a server. Leaves: what asyncpg
takes. A password is read from its file each time a connection is made, so that one which was changed counts
from the next on, without a restart. Deliberately absent: what is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from proxy.app.users.private import PrivateFileError, read_password
from proxy.records import DriverTls
from proxy.relay import SslMode, Upstream

Password: TypeAlias = str | Callable[[], str] | None
"""None leaves it to ~/.pgpass."""


class PasswordUnreadable(OSError):
    """The file of a password cannot be read now; the message is one line."""


@dataclass(frozen=True, slots=True)
class PasswordFile:
    """A password that may be another tomorrow."""

    path: str

    def __call__(self) -> str:
        """Read it.

        Raises: PasswordUnreadable.
        """
        try:
            return read_password(self.path).decode()
        except PrivateFileError as error:
            raise PasswordUnreadable(str(error)) from error


def password_in(path: str | None, variable: str | None) -> Password:
    """The password in a file, else the variable's.

    Raises: PasswordUnreadable, so that a wrong file shows at the start.
    """
    if path is None:
        return variable or None
    file = PasswordFile(path)
    file()
    return file


def driver_tls(server: Upstream) -> DriverTls:
    """TLS as the server's URL has it."""
    if server.sslmode is SslMode.PREFER:
        return DriverTls("prefer")
    return DriverTls(server.context or False, server.direct)
