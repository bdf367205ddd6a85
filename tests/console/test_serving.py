"""The console's HTTP server: who is slow, or comes too often, costs nobody else anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from proxy.console.serving import HttpBounds, HttpServer, take_time

LARGE = b"x" * 50_000_000


async def _hello(request: web.Request) -> web.Response:
    return web.Response(text="hello")


async def _read(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())


async def _large(request: web.Request) -> web.Response:
    return web.Response(body=LARGE)


async def _stream(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    take_time(request)
    limit = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(3 * SHORT.request_s, limit.set_result, b"all of it")
    await answer.write(await limit)
    return answer


SHORT = HttpBounds(body_bytes=1000, request_s=0.1)


@asynccontextmanager
async def serving(bounds: HttpBounds, said: list[str]) -> AsyncIterator[int]:
    routes = (
        web.get("/", _hello), web.post("/read", _read), web.get("/large", _large), web.get("/stream", _stream)
    )  # fmt: skip
    server = HttpServer(
        "test", routes, said.append, lambda request, status, why: web.Response(status=status), bounds=bounds
    )
    _, port = await server.start("127.0.0.1", 0)
    try:
        yield port
    finally:
        await server.stop()


async def heard(port: int, sent: bytes) -> bytes:
    """All that is answered until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        async with asyncio.timeout(30):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /read HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf of",
        b"POST /read HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nhalf of\r\n",
    ],
)
async def test_who_sends_half_of_a_request_is_cut_off(sent: bytes) -> None:
    said: list[str] = []
    async with serving(SHORT, said) as port:
        assert await heard(port, sent) == b""
    assert said == []


async def test_who_takes_no_answer_is_cut_off() -> None:
    """What the sockets hold is all that ever comes of it, and then the end."""
    said: list[str] = []
    async with serving(SHORT, said) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n" * 3)
        async with asyncio.timeout(30):
            while not writer.is_closing():  # the reader holds so much and then nothing is read
                writer.write(b"\r\n")
                await asyncio.sleep(0.01)
        with pytest.raises(ConnectionError):
            await reader.read()
    assert said == []


async def test_a_stream_lasts_as_long_as_it_does() -> None:
    said: list[str] = []
    async with serving(SHORT, said) as port:
        sent = b"GET /stream HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        assert b"all of it" in await heard(port, sent)


async def test_so_many_connections_and_no_more() -> None:
    said: list[str] = []
    request = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    async with serving(HttpBounds(connections=2), said) as port:
        first = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        for reader, writer in first:
            writer.write(request)
            assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200 OK")
        assert await heard(port, request) == b""
        first[0][1].close()
        await first[0][1].wait_closed()
        async with asyncio.timeout(30):
            while b"hello" not in await heard(
                port, request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
            ):
                pass
        first[1][1].close()
