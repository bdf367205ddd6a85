"""Socket options that both legs need, and a listener's when it gives way to another.

Enters: a socket. Leaves: the same one, so set that small messages go at once and dead peers are noticed; how
much it has not been rid of, and not read; that nobody new comes in. Deliberately absent: buffer sizes; the
kernel tunes them better than a constant.
"""

import asyncio
import ctypes
import fcntl
import socket
import struct
import sys
import termios
from dataclasses import dataclass, field
from typing import Final

_INT: Final = struct.Struct("i")

_TCP: Final = (socket.AF_INET, socket.AF_INET6)

INHERITED: Final = sys.platform == "linux"
"""What is set of a listening TCP socket holds for each connection that it accepts."""


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
    _options: tuple[tuple[int, int, int], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Look once what the system calls its options: each connection to the server gets them."""
        options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(self.tcp_keepalive))]
        for name, value in (
            ("TCP_KEEPIDLE", self.tcp_keepidle),
            ("TCP_KEEPINTVL", self.tcp_keepintvl),
            ("TCP_KEEPCNT", self.tcp_keepcnt),
            ("TCP_USER_TIMEOUT", self.tcp_user_timeout),
        ):
            option = getattr(socket, name, None)  # macOS calls the first one otherwise, and has no last one
            if option is not None and value:
                options.append((socket.IPPROTO_TCP, option, value))
        object.__setattr__(self, "_options", tuple(options))

    def apply(self, connection: socket.socket) -> None:
        """Set it, and that small messages go at once; other sockets than TCP's are left alone."""
        if connection.family in _TCP:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for option in self._options:
                connection.setsockopt(*option)

    def apply_to(self, transport: asyncio.Transport) -> None:
        """Set it of a transport's socket, from which small messages go at once anyway.

        One that is closing may have lost its number to another.
        """
        theirs = transport.get_extra_info("socket")
        if not transport.is_closing() and theirs.family in _TCP:
            # Not socket.socket, which makes enumerations of its numbers.
            connection = socket.SocketType(theirs.family, socket.SOCK_STREAM, 0, theirs.fileno())
            try:
                for option in self._options:
                    connection.setsockopt(*option)
            finally:
                connection.detach()


def unsent(connection: socket.socket) -> int:
    """How many bytes the kernel holds that the other side has not taken; 0 where that cannot be known."""
    try:
        return int(_INT.unpack(fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4)))[0])
    except (OSError, ValueError):  # closed, or being closed
        return 0


def unread(connection: socket.socket) -> int:
    """How many bytes the kernel holds that nobody has read; 0 where that cannot be known."""
    try:
        return int(_INT.unpack(fcntl.ioctl(connection.fileno(), termios.FIONREAD, bytes(4)))[0])
    except (OSError, ValueError):
        return 0


_SO_ATTACH_FILTER: Final = 26  # asm-generic/socket.h; the socket module has no name for it

# Classic BPF, which sees a listening socket's packets from the TCP header on (linux/filter.h): drop those
# whose flags have SYN and not ACK, take all others.
_NO_SYN: Final = (
    (0x30, 0, 0, 13),  # load the byte of flags
    (0x54, 0, 0, 0x12),  # keep SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN alone?
    (0x06, 0, 0, 0),  # then drop
    (0x06, 0, 0, 0xFFFFFFFF),  # else take
)


def turn_away(listening: socket.socket) -> bool:
    """Let no new client begin to connect; those whose handshake has begun still get in.

    Returns: False where the system cannot do that.
    """
    if sys.platform != "linux" or listening.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in _NO_SYN))
    try:
        listening.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(_NO_SYN), ctypes.addressof(program))
        )
    except OSError:
        return False
    return True
