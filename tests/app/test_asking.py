"""What the gate's own connections begin with: a password that may change, TLS as the server's URL has it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from proxy.app.asking import Password, PasswordFile, PasswordUnreadable, driver_tls, password_in
from proxy.app.catalogue.source import CatalogueSource, CatalogueUnreadable
from proxy.app.users.query import QueryFailed, QuerySource, VerifierQuery
from proxy.backup.cluster import Cluster
from proxy.records import LedgerError, PostgresAddress, open_ledger
from proxy.relay import SslMode, Upstream
from proxy.relay.address import parse_upstream
from proxy.wire.startup import encode_ssl_request
from tests.conftest import Programs


def written(file: Path, text: str) -> PasswordFile:
    file.write_text(text)
    file.chmod(0o600)
    return PasswordFile(str(file))


def test_a_file_goes_before_a_variable_and_both_may_be_absent(tmp_path: Path) -> None:
    file = written(tmp_path / "p", "filed\n")
    assert password_in(file.path, "other") == file
    assert password_in(None, "other") == "other"
    assert password_in(None, "") is None
    file_of_others = tmp_path / "q"
    file_of_others.write_text("x")
    file_of_others.chmod(0o644)
    with pytest.raises(PasswordUnreadable, match="run chmod 0600 on it"):
        password_in(str(file_of_others), None)


# -- a password that is changed while the gate runs ------------------------------------------------------


async def users(server: Upstream, password: Password) -> None:
    query = VerifierQuery(
        QuerySource(server.host, server.port, "asker", "postgres", password, driver_tls(server))
    )
    try:
        await query.find("app")
    except QueryFailed as error:
        raise PermissionError(str(error)) from error
    finally:
        await query.close()


async def catalogue(server: Upstream, password: Password) -> None:
    try:
        connection = await CatalogueSource(server, "asker", password).connect("postgres")
    except CatalogueUnreadable as error:
        raise PermissionError(str(error)) from error
    await connection.close(timeout=5)


async def ledger(server: Upstream, password: Password) -> None:
    place = PostgresAddress(server.host, server.port, "asker", "postgres", password, driver_tls(server))

    def open_it() -> None:
        open_ledger(place, create=True).close()

    try:
        await asyncio.to_thread(open_it)
    except LedgerError as error:
        raise PermissionError(str(error)) from error


ASKERS = (users, catalogue, ledger)
Asker = Callable[[Upstream, Password], Awaitable[None]]


@pytest.fixture(scope="module")
def cluster(programs: Programs) -> Iterator[Cluster]:
    with Cluster(programs(), auth="scram-sha-256") as cluster:
        cluster.execute("CREATE ROLE asker LOGIN SUPERUSER")
        yield cluster


@pytest.mark.parametrize("ask", ASKERS, ids=lambda ask: ask.__name__)
async def test_a_rotated_password_counts_from_the_next_connection_on(
    cluster: Cluster, tmp_path: Path, ask: Asker
) -> None:
    server = Upstream("127.0.0.1", cluster.port, SslMode.DISABLE)
    cluster.execute("ALTER ROLE asker PASSWORD 'first'")
    password = password_in(written(tmp_path / "p", "first\n").path, None)
    await ask(server, password)
    cluster.execute("ALTER ROLE asker PASSWORD 'second'")
    with pytest.raises(PermissionError, match="password authentication failed"):
        await ask(server, password)
    written(tmp_path / "p", "second\n")
    await ask(server, password)
    (tmp_path / "p").unlink()
    with pytest.raises(PermissionError, match="p cannot be read: No such file or directory"):
        await ask(server, password)


# -- TLS -------------------------------------------------------------------------------------------------

HELLO = b"\x16\x03\x01"


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server without TLS: its port, and how each connection has begun."""
    begun: list[bytes] = []
    heard: set[asyncio.Task[None] | None] = set()

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.add(asyncio.current_task())
        with suppress(OSError, EOFError):
            begun.append(await reader.readexactly(8))
            if begun[-1] == encode_ssl_request():
                writer.write(b"N")
                begun.append(await reader.readexactly(8))
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async with await asyncio.start_server(hear, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], begun
        await asyncio.gather(*(task for task in heard if task is not None))


@pytest.mark.parametrize("ask", ASKERS, ids=lambda ask: ask.__name__)
@pytest.mark.parametrize(
    ("parameters", "begins"),
    [
        ("sslmode=disable", ["startup"]),
        ("sslmode=prefer", ["asks", "startup"]),
        ("sslmode=require", ["asks"]),
        ("sslmode=require&sslnegotiation=direct", ["hello"]),
    ],
)
async def test_it_begins_as_a_client_s_connection_would(
    ask: Asker, parameters: str, begins: list[str]
) -> None:
    def name(begun: bytes) -> str:
        if begun == encode_ssl_request():
            return "asks"
        return "hello" if begun.startswith(HELLO) else "startup"

    async with listening() as (port, begun):
        server = parse_upstream(f"postgresql://127.0.0.1:{port}?{parameters}")
        with pytest.raises(PermissionError):
            await ask(server, "secret")
        assert [name(one) for one in begun][: len(begins)] == begins
