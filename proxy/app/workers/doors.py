"""The sockets on which a gate listens, bound before there is any worker.

They are bound by the one process that all workers come from: a worker that dies leaves its sockets, with the
clients that wait at them, to the one that follows.

Enters: the addresses of listeners, and how many workers there will be. Leaves: bound sockets, or a
StartError. Deliberately absent: how they are bound (proxy/relay/binding.py), accepting.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from proxy.app.kinds import Address, Addresses
from proxy.app.starting import StartError
from proxy.relay import Binding, Sockets, bind


@dataclass(frozen=True, slots=True)
class Doors:
    """The bound sockets of a gate, by listener."""

    bindings: tuple[Binding, ...]

    @property
    def addresses(self) -> tuple[Addresses, ...]:
        """For each listener where clients connect, with the ports that were given for port 0."""
        return tuple(Addresses(Address(*place) for place in b.places) for b in self.bindings)

    def of(self, number: int) -> tuple[Sockets, ...]:
        """A worker's sockets, by listener."""
        return tuple(binding.sockets[number] for binding in self.bindings)

    def close(self) -> None:
        """Let go of all sockets."""
        for binding in self.bindings:
            binding.close()

    def keep_only(self, number: int | None) -> None:
        """Let go of all but one worker's sockets, of the files of Unix sockets, too."""
        for binding in self.bindings:
            binding.keep_only(number)

    def rest(self, number: int) -> None:
        """Let nobody in at a worker's own sockets until the next one listens there."""
        for binding in self.bindings:
            binding.rest(number)

    def release(self) -> None:
        """Take the files of Unix sockets away."""
        for binding in self.bindings:
            binding.release()


def open_doors(
    listeners: Sequence[Addresses], workers: int, *, shared: bool, unix_mode: int = 0o777
) -> Doors:
    """Bind sockets for each worker at each address of each listener.

    Args:
        listeners: their addresses.
        workers: how many there will be.
        shared: let another gate of this user listen at the same ports.
        unix_mode: who may connect to Unix sockets.

    Raises:
        StartError: an address cannot be had.
    """
    bindings: list[Binding] = []
    try:
        for addresses in listeners:
            places = [(address.host, address.port) for address in addresses]
            bindings.append(bind(places, workers, shared=shared, unix_mode=unix_mode))
    except OSError as error:
        Doors(tuple(bindings)).close()
        Doors(tuple(bindings)).release()
        raise cannot_listen("", Address(*error.filename), error) from error
    return Doors(tuple(bindings))


def cannot_listen(what: str, address: Address, error: OSError) -> StartError:
    """The error for an address that cannot be had."""
    # asyncio wraps the system's words into a sentence of its own.
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror or error)
    return StartError(f"{what}cannot listen on {address}: {reason[:1].lower()}{reason[1:]}")
