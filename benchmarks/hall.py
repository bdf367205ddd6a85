"""A server that has room for thousands: it lets everybody in, and answers every query with a row of one 1.

Enters: `python -m benchmarks.hall --listen HOST:PORT [--certificate FILE --key FILE]`. Leaves: the protocol's
answers, as PostgreSQL gives them. It stands behind a proxy whose own memory is asked for: five thousand
backends of a real server would take more than most machines have. Deliberately absent: SQL, and the extended
protocol.
"""

import argparse
import asyncio
import contextlib
import ssl
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

import uvloop

from benchmarks.protocol import HEADER_BYTES

_SSL_REQUEST: Final = 80877103
_STATUS: Final = {
    "server_version": "17.0",
    "server_encoding": "UTF8",
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "integer_datetimes": "on",
    "DateStyle": "ISO, MDY",
    "TimeZone": "UTC",
    "is_superuser": "off",
}


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack(">I", len(body) + 4) + body


_READY: Final = _message(b"Z", b"I")
WELCOME: Final = (
    _message(b"R", struct.pack(">I", 0))
    + b"".join(_message(b"S", f"{name}\0{value}\0".encode()) for name, value in _STATUS.items())
    + _message(b"K", struct.pack(">II", 1, 2))
    + _READY
)
ANSWER: Final = (
    _message(b"T", b"\0\1one\0" + struct.pack(">IhIhih", 0, 0, 23, 4, -1, 0))
    + _message(b"D", b"\0\1" + struct.pack(">I", 1) + b"1")
    + _message(b"C", b"SELECT 1\0")
    + _READY
)


class _Guest(asyncio.Protocol):
    """One connection."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        self._data = b""
        self._in = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport: after start_tls, the encrypted one."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take as many messages as are whole."""
        self._data += data
        while self._data and self._take():
            pass

    def _take(self) -> bool:
        head = HEADER_BYTES if self._in else 4
        if len(self._data) < head:
            return False
        size = int.from_bytes(self._data[head - 4 : head], "big") + head - 4
        if len(self._data) < size:
            return False
        message, self._data = self._data[:size], self._data[size:]
        if not self._in:
            self._open(int.from_bytes(message[4:8], "big"))
        elif message[:1] == b"Q":
            self._transport.write(ANSWER)
        elif message[:1] == b"X":
            self._transport.close()
        return True

    def _open(self, code: int) -> None:
        if code != _SSL_REQUEST:
            self._in = True
            self._transport.write(WELCOME)
        elif self._context is None:
            self._transport.write(b"N")
        else:
            self._transport.write(b"S")
            self._encrypting = asyncio.get_running_loop().create_task(self._encrypt(self._context))

    async def _encrypt(self, context: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            transport = await loop.start_tls(self._transport, self, context, server_side=True)
            self._transport = cast(asyncio.Transport, transport)


async def serve(listen: tuple[str, int], context: ssl.SSLContext | None) -> None:
    """Let everybody in until the process is ended."""
    server = await asyncio.get_running_loop().create_server(lambda: _Guest(context), *listen, backlog=1000)
    async with server:
        await server.serve_forever()


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the address and the certificate; serve."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hall", description="Let everybody in.")
    parser.add_argument("--listen", type=_host_and_port, required=True)
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--key", type=Path)
    options = parser.parse_args(arguments)
    context = None
    if options.certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate, options.key)
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(options.listen, context))


if __name__ == "__main__":
    main()
