"""The admin server, asked over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest

from proxy.backup.cluster import free_port
from proxy.console import AdminServer, AdminSource


async def broken(accept: str) -> tuple[bytes, str]:
    raise ZeroDivisionError("hunter2")


async def one(accept: str) -> tuple[bytes, str]:
    return b"x 1\n", "text/plain; version=0.0.4; charset=utf-8"


async def nothing() -> tuple[str, ...]:
    return ()


@asynccontextmanager
async def serving(
    metrics: Callable[[str], Awaitable[tuple[bytes, str]]] = one,
    reasons: tuple[str, ...] = (),
    said: list[str] | None = None,
    ill: tuple[str, ...] = (),
) -> AsyncIterator[str]:
    async def not_ready() -> tuple[str, ...]:
        return reasons

    source = AdminSource(metrics, not_ready, lambda: ill)
    server = AdminServer(source, ([] if said is None else said).append)
    host, port = await server.start("127.0.0.1", 0)
    try:
        yield f"http://{host}:{port}"
    finally:
        await server.stop()


async def get(url: str, method: str = "GET") -> tuple[int, str, str]:
    async with aiohttp.ClientSession() as client, client.request(method, url) as answer:
        return answer.status, answer.headers["Content-Type"], await answer.text()


@pytest.mark.defect_35
async def test_pages() -> None:
    plain = "text/plain; charset=utf-8"
    async with serving() as base:
        assert await get(f"{base}/healthz") == (200, plain, "ok\n")
        assert await get(f"{base}/readyz") == (200, plain, "ready\n")
        assert await get(f"{base}/metrics") == (200, "text/plain; version=0.0.4; charset=utf-8", "x 1\n")
        assert (await get(f"{base}/"))[:2] == (200, plain)
        assert await get(f"{base}/etc/passwd") == (404, plain, "404 Not Found\n")
        assert await get(f"{base}/metrics", "POST") == (405, plain, "405 Method Not Allowed\n")
        assert await get(f"{base}/healthz", "HEAD") == (200, plain, "")


@pytest.mark.defect_35
@pytest.mark.parametrize("page", ["/", "/metrics", "/healthz", "/readyz", "/shutdown", "/reload"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT"])
async def test_nothing_can_be_asked_of_it_but_to_tell(method: str, page: str) -> None:
    """There is no command to authorise: what changes anything is a signal, a file or the ledger."""
    asked: list[str] = []

    async def told(accept: str) -> tuple[bytes, str]:
        asked.append(page)
        return b"", "text/plain"

    async with serving(metrics=told) as base:
        status, _, text = await get(f"{base}{page}", method)
    assert (status, text) in {(405, "405 Method Not Allowed\n"), (404, "404 Not Found\n")}
    assert asked == []


async def test_not_ready_says_why() -> None:
    async with serving(reasons=("draining", "facts are stale")) as base:
        assert await get(f"{base}/readyz") == (
            503,
            "text/plain; charset=utf-8",
            "draining\nfacts are stale\n",
        )
        assert (await get(f"{base}/healthz"))[0] == 200


async def test_not_well_says_why() -> None:
    async with serving(ill=("worker 1 has not answered for 12 s",)) as base:
        assert (await get(f"{base}/healthz"))[::2] == (503, "worker 1 has not answered for 12 s\n")
        assert (await get(f"{base}/readyz"))[0] == 200


async def test_a_page_that_fails_fails_alone() -> None:
    said: list[str] = []
    async with serving(metrics=broken, said=said) as base:
        assert await get(f"{base}/metrics") == (500, "text/plain; charset=utf-8", "this page failed\n")
        assert (await get(f"{base}/healthz"))[0] == 200
    assert said == ["the admin page /metrics failed: ZeroDivisionError"]


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
async def test_every_address_of_the_machine(host: str) -> None:
    said: list[str] = []
    server, port = AdminServer(AdminSource(one, nothing, tuple), said.append), free_port()
    await server.start("*", port)
    try:
        assert (await get(f"http://{host}:{port}/healthz"))[0] == 200
    finally:
        await server.stop()


async def test_an_address_in_use() -> None:
    async with serving() as base:
        said: list[str] = []
        server = AdminServer(AdminSource(broken, nothing, tuple), said.append)
        try:
            await server.start("127.0.0.1", int(base.rpartition(":")[2]))
        except OSError as error:
            assert error.strerror is not None
        else:
            raise AssertionError("the address was given twice")
