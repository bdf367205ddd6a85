"""A relay that reads nothing: the least that a Python proxy on uvloop can cost, measured beside the gate.

Enters: `python -m benchmarks.relay --listen HOST:PORT --upstream HOST:PORT`, a host being the directory of a
Unix socket when it begins with a slash. Leaves: bytes, as they came, both ways, with back-pressure.
Deliberately absent: framing, TLS, cancel, draining, logging; it is a yardstick and no product.
"""

import argparse
import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence
from typing import cast

import uvloop


class _Leg(asyncio.Protocol):
    """One side of a relayed connection: each chunk read is one write to the other side."""

    _write: Callable[[bytes], None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; a stream's protocol is given a stream's transport."""
        self.transport = cast(asyncio.Transport, transport)
        sock = self.transport.get_extra_info("socket")
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def join(self, other: asyncio.Transport) -> None:
        """Say where the bytes go."""
        self._other = other
        self._write = other.write

    def data_received(self, data: bytes) -> None:
        """Pass the very chunk on."""
        self._write(data)

    def pause_writing(self) -> None:
        """Stop the other side from sending what this one cannot take."""
        self._other.pause_reading()

    def resume_writing(self) -> None:
        """Let the other side send again."""
        self._other.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the other side, once it has been sent all there was."""
        self._other.close()


class _ClientLeg(_Leg):
    """The accepted side: keeps what comes before the upstream side stands.

    It does so because uvloop 0.23 begins to read after `connection_made` even when that paused reading. A
    client's first packet is all that can come: it waits for the answer.
    """

    def __init__(self, upstream: tuple[str, int]) -> None:
        self._upstream = upstream
        self._early: list[bytes] = []
        self._write = self._early.append

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Dial upstream; until that is done, what is lost here closes only itself."""
        super().connection_made(transport)
        self._other = self.transport
        self._dialling = asyncio.get_running_loop().create_task(self._dial())

    async def _dial(self) -> None:
        loop, (host, port) = asyncio.get_running_loop(), self._upstream
        try:
            if host.startswith("/"):
                upstream, leg = await loop.create_unix_connection(_Leg, f"{host}/.s.PGSQL.{port}")
            else:
                upstream, leg = await loop.create_connection(_Leg, host, port)
        except OSError:
            self.transport.close()
            return
        leg.join(self.transport)
        self.join(upstream)
        if self.transport.is_closing():
            upstream.close()
        upstream.writelines(self._early)


async def serve(listen: tuple[str, int], upstream: tuple[str, int]) -> None:
    """Relay until the process is ended."""
    server = await asyncio.get_running_loop().create_server(lambda: _ClientLeg(upstream), *listen)
    async with server:
        await server.serve_forever()


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the two addresses and relay."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.relay", description="Relay, and read nothing."
    )
    parser.add_argument("--listen", type=_host_and_port, required=True)
    parser.add_argument("--upstream", type=_host_and_port, required=True)
    options = parser.parse_args(arguments)
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(options.listen, options.upstream))


if __name__ == "__main__":
    main()
