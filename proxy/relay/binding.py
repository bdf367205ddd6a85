"""Sockets at the addresses of a listener, bound before anybody listens: one set for each process that will.

Enters: places, and how many processes there will be. Leaves: bound sockets. The kernel spreads TCP's clients
over those processes that listen, each at a socket of its own (SO_REUSEPORT, socket(7)); a Unix socket has one
name, so all of them accept at the same. Deliberately absent: listening and accepting (entrance).
"""

import errno
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

from proxy.relay.unixsocket import UnixSocket

Place: TypeAlias = tuple[str, int]
"""Host and port. Host "" or "*" is every interface, one that begins with a slash a Unix socket's folder."""

Sockets: TypeAlias = tuple[socket.socket, ...]

_NOT_HERE: Final = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})


@dataclass(frozen=True, slots=True)
class Binding:
    """The bound sockets of one listener.

    Attributes:
        places: where clients can connect, with the ports that were given for port 0.
        sockets: those of each process.
        unix: the files of Unix sockets.
    """

    places: tuple[Place, ...]
    sockets: tuple[Sockets, ...]
    unix: tuple[UnixSocket, ...]

    def close(self) -> None:
        """Let go of all sockets."""
        for sockets in self.sockets:
            for bound in sockets:
                bound.close()

    def keep_only(self, number: int | None) -> None:
        """Let go of all but one process's sockets, of the files, too: other processes have them."""
        for each, sockets in enumerate(self.sockets):
            if each != number:
                for bound in sockets:
                    bound.close()
        for unix in self.unix:
            unix.let_go()

    def rest(self, number: int) -> None:
        """Let nobody in at a process's sockets of its own until somebody listens there again.

        Whoever waits at them is cut off; the kernel sends newcomers to the other processes.
        """
        for bound in self.sockets[number]:
            if bound.family != socket.AF_UNIX:
                with suppress(OSError):  # it did not listen
                    bound.shutdown(socket.SHUT_RD)

    def release(self) -> None:
        """Take the files of Unix sockets away."""
        for unix in self.unix:
            unix.release()


def bind(
    places: Sequence[Place], processes: int = 1, *, shared: bool = False, unix_mode: int = 0o777
) -> Binding:
    """Bind sockets at each place for each process.

    Args:
        places: where.
        processes: how many there will be.
        shared: let another gate of this user listen at the same ports, too; never at a Unix socket.
        unix_mode: who may connect to Unix sockets.

    Raises:
        OSError: a place cannot be had, which is its `filename`; then none is.
    """
    found: list[Place] = []
    columns: list[Sockets] = []
    unix: list[UnixSocket] = []
    with ExitStack() as undo, ExitStack() as guards:
        for place in places:
            try:
                if place[0].startswith("/"):
                    unix.append(UnixSocket(*place, unix_mode))
                    undo.callback(unix[-1].release)
                    found.append(place)
                    columns.append(tuple(unix[-1].socket.dup() for _ in range(processes)))
                    unix[-1].socket.close()
                    continue
                for guard in _guards(place, shared):
                    guards.enter_context(guard)
                    found.append(guard.getsockname()[:2])
                    columns.append(tuple(_beside(guard) for _ in range(processes)))
            except OSError as error:
                error.filename = place
                for column in columns:
                    for bound in column:
                        bound.close()
                raise
        undo.pop_all()
    return Binding(tuple(found), tuple(zip(*columns, strict=True)), tuple(unix))


def _guards(place: Place, shared: bool) -> Iterator[socket.socket]:
    """The first socket of each address that a host's name stands for; it takes the port for the others.

    Sockets with SO_REUSEPORT share a port with whoever of this user asks for it. So unless that is wanted the
    port is taken without it, which fails where anybody listens, and opened for the others' sockets only then.
    """
    host, port = place
    wanted = None if host in ("", "*") else host
    found = socket.getaddrinfo(wanted, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    addresses = dict.fromkeys((family, address) for family, _, _, _, address in found)
    for family, address in addresses:
        try:
            guard = _bound(family, address, shared=shared)
        except OSError as error:
            if error.errno in _NOT_HERE and len(addresses) > 1:
                continue  # a machine without IPv6 still resolves `*` and `localhost` to its addresses
            raise
        guard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        yield guard


def _beside(guard: socket.socket) -> socket.socket:
    return _bound(guard.family, guard.getsockname(), shared=True)


def _bound(family: int, address: object, *, shared: bool) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)  # type: ignore[arg-type]
    except BaseException:
        made.close()
        raise
    return made
