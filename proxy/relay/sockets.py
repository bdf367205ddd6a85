"""Socket options that both legs need.

Enters: a socket. Leaves: the same one, so set that small messages go at once and dead peers are noticed; how
much it has not been rid of. Deliberately absent: buffer sizes; the kernel tunes them better than a constant.
"""

import fcntl
import socket
import struct
import termios
from dataclasses import dataclass
from typing import Final

_INT: Final = struct.Struct("i")


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """How a connection notices that the other host is gone; the names are PgBouncer's. 0 is the system's.

    A half-open connection would hold a server session, its locks included, for as long as the gate runs.

    Attributes:
        tcp_keepalive: whether the kernel asks the other host at all.
        tcp_keepidle: after how many seconds of silence it asks first.
        tcp_keepintvl: how many seconds later it asks again.
        tcp_keepcnt: after how many questions without an answer the connection is dead.
        tcp_user_timeout: after how many milliseconds in which the other side takes nothing of what was sent
            it is dead, too.
    """

    tcp_keepalive: bool = True
    tcp_keepidle: int = 60
    tcp_keepintvl: int = 10
    tcp_keepcnt: int = 6
    tcp_user_timeout: int = 0

    def apply(self, connection: socket.socket) -> None:
        """Set it, and that small messages go at once; other sockets than TCP's are left alone."""
        if connection.family not in (socket.AF_INET, socket.AF_INET6):
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, self.tcp_keepalive)
        for name, value in (
            ("TCP_KEEPIDLE", self.tcp_keepidle),
            ("TCP_KEEPINTVL", self.tcp_keepintvl),
            ("TCP_KEEPCNT", self.tcp_keepcnt),
            ("TCP_USER_TIMEOUT", self.tcp_user_timeout),
        ):
            option = getattr(socket, name, None)  # macOS calls the first one otherwise, and has no last one
            if option is not None and value:
                connection.setsockopt(socket.IPPROTO_TCP, option, value)


def unsent(connection: socket.socket) -> int:
    """How many bytes the kernel holds that the other side has not taken; 0 where that cannot be known."""
    try:
        return int(_INT.unpack(fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4)))[0])
    except (OSError, ValueError):  # closed, or being closed
        return 0
