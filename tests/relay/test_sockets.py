"""How sockets notice that nobody is there any more."""

from __future__ import annotations

import socket

import pytest

from proxy.relay import KeepAlive, RelaySettings, SslMode, Upstream
from proxy.relay.sockets import unsent
from tests.relay.peers import connected, echo, relay, server

TCP_OPTIONS = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)


def options(connection: socket.socket) -> tuple[int, ...]:
    alive = connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    return alive, *(connection.getsockopt(socket.IPPROTO_TCP, option) for option in TCP_OPTIONS)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (KeepAlive(), (1, 60, 10, 6, 0)),
        (KeepAlive(True, 7, 8, 9, 30_000), (1, 7, 8, 9, 30_000)),
        (KeepAlive(True, 32_767, 32_767, 127, 2**31 - 1), (1, 32_767, 32_767, 127, 2**31 - 1)),
    ],
)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_options(family: socket.AddressFamily, given: KeepAlive, expected: tuple[int, ...]) -> None:
    with socket.socket(family) as connection:
        given.apply(connection)
        assert options(connection) == expected
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


def test_nought_is_the_systems_own() -> None:
    with socket.socket() as connection, socket.socket() as untouched:
        KeepAlive(False, 0, 0, 0, 0).apply(connection)
        assert options(connection) == options(untouched)


def test_a_unix_socket_is_left_alone() -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        KeepAlive().apply(connection)
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0


async def test_the_clients_sockets_get_them() -> None:
    settings = RelaySettings(keep_alive=KeepAlive(tcp_keepidle=7))
    async with server(echo) as port, relay(port, settings=settings) as gate, connected(gate.port) as client:
        await client.send(b"hello")
        assert await client.receive(5) == b"hello"
        (link,) = gate.listener._links
        assert link._client is not None
        assert options(link._client.get_extra_info("socket")) == (1, 7, 10, 6, 0)


async def test_so_do_those_to_the_server() -> None:
    keep_alive = KeepAlive(tcp_keepidle=7, tcp_user_timeout=9_000)
    async with server(echo) as port:
        transport, _ = await Upstream("127.0.0.1", port, SslMode.DISABLE, keep_alive=keep_alive).connect()
        theirs = transport.get_extra_info("socket")
        assert options(theirs) == (1, 7, 10, 6, 9_000)
        assert theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        transport.abort()


def test_what_the_kernel_has_not_been_rid_of() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert unsent(one) == 0
        one.setblocking(False)
        one.send(b"hello")
        held = unsent(one)
        assert held > 0
        one.send(b"hello")
        assert unsent(one) > held
        other.recv(10)
        assert unsent(one) == 0
    assert unsent(one) == 0
