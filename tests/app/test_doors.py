"""The sockets of several workers at one address, and how one of them goes without cutting anybody off."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from proxy.app.kinds import Address, Addresses
from proxy.app.starting import StartError
from proxy.app.workers.doors import Doors, open_doors
from proxy.relay import Listener, SslMode, Upstream
from tests.relay.peers import PassingSession, until

ANY = Address("127.0.0.1", 0)
NOWHERE = Upstream("127.0.0.1", 1, SslMode.DISABLE)


@contextmanager
def bound(*addresses: Address, workers: int = 2, shared: bool = False) -> Iterator[Doors]:
    doors = open_doors([Addresses([address]) for address in addresses], workers, shared=shared)
    try:
        yield doors
    finally:
        doors.close()


def connect(address: Address, timeout_s: float | None = 5.0) -> socket.socket:
    return socket.create_connection((address.host, address.port), timeout_s)


def test_each_worker_has_a_socket_at_each_address() -> None:
    with bound(ANY, Address("*", 0), workers=3) as doors:
        for number in range(3):
            for sockets, addresses in zip(doors.of(number), doors.addresses, strict=True):
                assert [s.getsockname()[:2] for s in sockets] == [(a.host, a.port) for a in addresses]
        assert {address.host for address in doors.addresses[1]} == {"0.0.0.0", "::"}


def test_the_kernel_spreads_clients_over_those_that_listen() -> None:
    with bound(ANY) as doors, ExitStack() as stack:
        (one,), (other,) = doors.of(0)[0], doors.of(1)[0]
        (address,) = doors.addresses[0]
        one.listen()
        for _ in range(4):
            stack.enter_context(connect(address))
            one.accept()[0].close()
        other.listen()
        accepted = {one: 0, other: 0}
        for _ in range(64):
            stack.enter_context(connect(address))
            for each in accepted:
                try:
                    each.accept()[0].close()
                    accepted[each] += 1
                except BlockingIOError:
                    pass
        assert sum(accepted.values()) == 64
        assert min(accepted.values()) > 0


@pytest.mark.parametrize(("first", "second", "works"), [
    (False, False, False), (True, False, False), (False, True, True), (True, True, True),
])  # fmt: skip
def test_who_may_share_a_port(first: bool, second: bool, works: bool) -> None:
    with bound(ANY, shared=first) as doors:
        (address,) = doors.addresses[0]
        for number in (0, 1):
            doors.of(number)[0][0].listen()
        if works:
            with bound(address, shared=second) as others:
                assert others.addresses[0] == (address,)
        else:
            with pytest.raises(StartError) as raised:
                open_doors([Addresses([address])], 1, shared=second)
            assert raised.value.lines == (f"cannot listen on {address}: address already in use",)


def test_a_name_that_means_nothing() -> None:
    with pytest.raises(StartError, match=r"cannot listen on gate\.invalid:1: "):
        open_doors([Addresses([Address("gate.invalid", 1)])], 1, shared=False)


def test_resting_sockets_let_nobody_in_until_they_listen_again() -> None:
    with bound(ANY, workers=1) as doors:
        (door,) = doors.of(0)[0]
        (address,) = doors.addresses[0]
        door.listen()
        doors.rest(0)
        with pytest.raises(ConnectionRefusedError):
            connect(address)
        doors.rest(0)
        door.listen()
        connect(address).close()


def listener(doors: Doors, opened: list[str], name: str) -> Listener:
    def open_session(peer: object) -> PassingSession:
        opened.append(name)
        return PassingSession(peer)  # type: ignore[arg-type]

    return Listener([("", 0)], open_session, NOWHERE, lambda event: None)


async def test_nobody_is_cut_off_when_a_socket_closes() -> None:
    """Who waits in its queue gets in; who comes meanwhile gets in at the other."""
    opened: list[str] = []
    with bound(ANY, shared=True) as doors, ExitStack() as stack:
        (address,) = doors.addresses[0]
        first, second = (listener(doors, opened, name) for name in ("first", "second"))
        await first.start(doors.of(0)[0])
        await second.start(doors.of(1)[0])
        for _ in range(20):  # the loop does not run: all of them wait in the queues
            stack.enter_context(connect(address))
        late = [asyncio.get_running_loop().run_in_executor(None, connect, address) for _ in range(4)]
        await first.hand_over()
        first.close()
        for client in await asyncio.gather(*late):
            stack.enter_context(client)
        await until(lambda: len(opened) == 24)
        assert set(opened[:20]) == {"first", "second"}
        await asyncio.gather(first.stop(), second.stop())
