"""Socket options that both legs need.

Enters: a socket. Leaves: the same one, so set that small messages go at once and dead peers are noticed.
Deliberately absent: buffer sizes; the kernel tunes them better than a constant.
"""

import socket
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
