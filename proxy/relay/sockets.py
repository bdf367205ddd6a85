"""Socket options that both legs need, and a listener's when it gives way to another.

Enters: a socket. Leaves: the same one, so set that small messages go at once and dead peers are noticed; or
that nobody new comes in. Deliberately absent: buffer sizes; the kernel tunes them better than a constant.
"""

import ctypes
import socket
import struct
import sys
from typing import Final

_IDLE_S: Final = 60
_INTERVAL_S: Final = 10
_PROBES: Final = 6


def keep_alive(connection: socket.socket) -> None:
    """Send small messages at once, and notice within two minutes when the other host is gone.

    A half-open connection would hold a server session, its locks included, for as long as the gate runs.
    """
    if connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", _IDLE_S), ("TCP_KEEPINTVL", _INTERVAL_S), ("TCP_KEEPCNT", _PROBES)):
        option = getattr(socket, name, None)  # macOS calls the first one otherwise
        if option is not None:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)


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
