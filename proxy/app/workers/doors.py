"""The sockets on which a gate listens, bound before there is any worker.

Enters: addresses, and how many workers there will be. Leaves: for each worker one bound socket an address,
not listening yet, so that the kernel spreads clients over those that do (SO_REUSEPORT, socket(7)). They are
bound by the one process that all workers come from: a worker that dies leaves its socket, with the clients
that wait at it, to the one that follows. Deliberately absent: listening and accepting
(proxy/relay/listener.py).
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

from proxy.app.kinds import Address
from proxy.app.starting import StartError

Sockets: TypeAlias = tuple[socket.socket, ...]

_NOT_HERE: Final = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})


@dataclass(frozen=True, slots=True)
class Doors:
    """The bound sockets of a gate.

    Attributes:
        addresses: for each listener where clients connect, with the ports that were given for port 0.
        sockets: for each worker, for each listener, its sockets, one an address of the listener's host.
    """

    addresses: tuple[tuple[Address, ...], ...]
    sockets: tuple[tuple[Sockets, ...], ...]

    def close(self, but: int | None = None) -> None:
        """Let go of all sockets, or of all but one worker's."""
        for number, listeners in enumerate(self.sockets):
            if number != but:
                for each in listeners:
                    for bound in each:
                        bound.close()

    def rest(self, number: int) -> None:
        """Let nobody in at a worker's sockets until the next one listens there.

        Whoever waits at them is cut off; the kernel sends newcomers to the other workers.
        """
        for each in self.sockets[number]:
            for bound in each:
                with suppress(OSError):  # it did not listen
                    bound.shutdown(socket.SHUT_RD)


def bind(addresses: Sequence[Address], workers: int, *, shared: bool) -> Doors:
    """Bind sockets for each worker at each address.

    Args:
        addresses: one for each listener.
        workers: how many there will be.
        shared: let another gate of this user listen at the same ports.

    Raises:
        StartError: an address cannot be had.
    """
    with ExitStack() as stack:
        bound: list[tuple[Address, ...]] = []
        columns: list[list[Sockets]] = []
        for address in addresses:
            try:
                guards = [stack.enter_context(guard) for guard in _guards(address, shared)]
                columns.append([tuple(map(_beside, guards)) for _ in range(workers)])
            except OSError as error:
                raise cannot_listen("", address, error) from error
            bound.append(tuple(Address(*guard.getsockname()[:2]) for guard in guards))
    return Doors(tuple(bound), tuple(zip(*columns, strict=True)))


def cannot_listen(what: str, address: Address, error: OSError) -> StartError:
    """The error for an address that cannot be had."""
    # asyncio wraps the system's words into a sentence of its own.
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror or error)
    return StartError(f"{what}cannot listen on {address}: {reason[:1].lower()}{reason[1:]}")


def _guards(address: Address, shared: bool) -> Iterator[socket.socket]:
    """The first socket of each address that a host's name stands for; it takes the port for the others.

    Sockets with SO_REUSEPORT share a port with whoever of this user asks for it. So unless that is wanted the
    port is taken without it, which fails where anybody listens, and opened for the workers' sockets only
    then.
    """
    host = None if address.host in ("", "*") else address.host
    found = socket.getaddrinfo(host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    places = dict.fromkeys((family, place) for family, _, _, _, place in found)
    for family, place in places:
        try:
            guard = _bound(family, place, shared=shared)
        except OSError as error:
            if error.errno in _NOT_HERE and len(places) > 1:
                continue  # a machine without IPv6 still resolves `*` and `localhost` to its addresses
            raise
        guard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        yield guard


def _beside(guard: socket.socket) -> socket.socket:
    return _bound(guard.family, guard.getsockname(), shared=True)


def _bound(family: int, place: object, *, shared: bool) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(place)  # type: ignore[arg-type]
    except BaseException:
        made.close()
        raise
    return made
