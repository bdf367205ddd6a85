"""Takes the callers that workers pass on, each in a task of its own, within bounds.

Enters: connections at a Unix socket that this user alone can reach. Leaves: answers, until the caller goes
or the gate ends. One command is done at a time for each caller, and its answer is written before the next
is read. There are so many callers and no more; who takes long to log in makes room for who comes.
Deliberately absent: TLS, which the worker has; what commands mean.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proxy.console.logins import Logins
from proxy.console.people import Person
from proxy.console.psql.conversation import Conversation
from proxy.console.psql.courtesies import Asked, reported
from proxy.console.psql.desk import Desk
from proxy.console.psql.login import Login
from proxy.relay import Capacity, Occupancy
from proxy.relay.limits import Seat
from proxy.session.authentication.credentials import LoginRefused
from proxy.session.introduction import (
    LENGTH_BYTES,
    Introduction,
    decode_introduction,
    introduction_length,
)
from proxy.session.negotiation import Negotiation
from proxy.session.refusal import Denial
from proxy.wire.backend import (
    AUTHENTICATION_OK,
    BackendKey,
    encode_authentication,
    encode_backend_key,
    encode_parameter_status,
    encode_ready,
)
from proxy.wire.errors import ProtocolViolation
from proxy.wire.framing import LOGIN, SMALL, WHOLE, Cutter, Grammar
from proxy.wire.startup import StartupMessage, decode_startup, startup_length

MAX_MESSAGE_BYTES: Final = 64 * 1024

MESSAGES: Final = Grammar(
    "client",
    {
        **dict.fromkeys("QPBFd", (MAX_MESSAGE_BYTES, WHOLE)),
        **dict.fromkeys("CDEHSXcf", (SMALL, WHOLE)),
    },
)
_READ_BYTES: Final = 16 * 1024
_UNREAD_BYTES: Final = 64 * 1024
_LAST_WORDS_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class PsqlSettings:
    """Bounds.

    Attributes:
        database: the name that it is connected to by.
        login_timeout_s: how long a caller may take to log in.
        most_callers, most_logins: how many there may be at once, in all and before they have logged in.
    """

    database: str = "pgwarden"
    login_timeout_s: float = 60.0
    most_callers: int = 32
    most_logins: int = 16


class PsqlServer:
    """The console's Unix socket on the running event loop."""

    def __init__(
        self, desk: Desk, logins: Logins, settings: PsqlSettings, failed: Callable[[str], None]
    ) -> None:
        """Prepare; nothing is opened before `start`.

        Args:
            desk: has commands done.
            logins: whose tokens count.
            settings: bounds.
            failed: told of a fault, in a sentence without what anybody said.
        """
        self._desk = desk
        self._logins = logins
        self._settings = settings
        self._failed = failed
        self._occupancy = Occupancy(
            Capacity(max_client_conn=settings.most_callers, max_logins=settings.most_logins), time.monotonic
        )
        self._tasks: set[asyncio.Task[object]] = set()
        self._server: asyncio.Server | None = None
        self._number = 0

    @property
    def callers(self) -> int:
        """How many there are now."""
        return len(self._tasks)

    async def start(self, path: Path) -> None:
        """Listen.

        Raises: OSError when the socket cannot be made.
        """
        self._server = await asyncio.start_unix_server(self.serve, sock=_bind(path), limit=_UNREAD_BYTES)

    async def stop(self) -> None:
        """Take nobody any more, and send those away who are there."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one caller to its end; never raises."""
        caller = _Caller(reader, writer)
        seat = self._occupancy.enter(writer.transport.abort)
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        try:
            if seat is None:
                await caller.send_away(_FULL)
            else:
                await self._guarded(caller, seat)
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # it has gone, or the gate ends
        finally:
            if task is not None:
                self._tasks.discard(task)
            if seat is not None:
                seat.leave()
            writer.close()

    async def _guarded(self, caller: _Caller, seat: Seat) -> None:
        """Whatever a caller does ends that caller at most."""
        try:
            await self._serve(caller, seat)
        except LoginRefused as refused:
            denial = refused.denial
        except ProtocolViolation as violation:
            denial = Denial("protocol", violation.sqlstate, str(violation), violation.detail)
        except (OSError, EOFError):
            return  # it has gone
        except asyncio.CancelledError:
            denial = _GOING_AWAY
        except Exception as error:
            self._failed(f"a caller of the console was sent away: {type(error).__name__}")
            denial = _FAULT
        else:
            return
        await caller.send_away(denial)

    async def _serve(self, caller: _Caller, seat: Seat) -> None:
        person, asked = await self._let_in(caller, seat)
        caller.expect(MESSAGES)
        conversation = Conversation(person, self._desk, asked, self._failed)
        while not conversation.over:
            kind, body = await caller.message()
            role = self._logins.role(person)
            if role is not person.role:  # their token was revoked, or has expired or changed
                raise LoginRefused(_REVOKED, "revoked")
            await caller.tell(await conversation.message(kind, body))

    # -- logging in --------------------------------------------------------------------------------------

    async def _let_in(self, caller: _Caller, seat: Seat) -> tuple[Person, Asked]:
        introduction, startup = await caller.startup(self._settings.login_timeout_s)
        user = startup.user.encode(errors="surrogateescape").decode(errors="replace")
        person = await self._log_in(caller, introduction, user)
        if seat.connects("", "", "") is not None:
            raise LoginRefused(_FULL, "full")
        seat.logged_in()
        self._number += 1
        application = (startup.get("application_name") or "").encode(errors="surrogateescape")
        asked = Asked(user, self._settings.database, self._number, application.decode(errors="replace"))
        await caller.tell(_welcome(startup, asked))
        return person, asked

    async def _log_in(self, caller: _Caller, introduction: Introduction, user: str) -> Person:
        login = Login(self._logins, introduction, user, secrets.token_hex(16))
        await caller.tell(login.offer())
        caller.expect(LOGIN)
        try:
            async with asyncio.timeout(self._settings.login_timeout_s):
                while login.person is None:
                    _, body = await caller.message()
                    await caller.tell(login.answer(body))
        except TimeoutError:
            raise LoginRefused(_TOO_SLOW, "slow") from None
        return login.person


class _Caller:
    """One connection: whole messages, one after another."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._cutter = Cutter(LOGIN)

    async def startup(self, within_s: float) -> tuple[Introduction, StartupMessage]:
        """What comes first: the worker's word, then the caller's.

        Raises: ProtocolViolation; EOFError where the caller has gone; TimeoutError.
        """
        async with asyncio.timeout(within_s):
            length = introduction_length(await self._reader.readexactly(LENGTH_BYTES))
            introduction = decode_introduction(await self._reader.readexactly(length))
            head = await self._reader.readexactly(4)
            packet = decode_startup(head + await self._reader.readexactly((startup_length(head) or 8) - 4))
        if not isinstance(packet, StartupMessage):
            raise ProtocolViolation("expected a startup packet")
        return introduction, packet

    def expect(self, grammar: Grammar) -> None:
        """From the next message on, these may come."""
        rest = self._cutter.rest()
        self._cutter = Cutter(grammar)
        self._cutter.show_whole = self._cutter.show_all = True
        self._cutter.feed(rest)

    async def message(self) -> tuple[str, bytes]:
        """The next message.

        Raises: ProtocolViolation; EOFError where the caller has gone.
        """
        while not (kind := self._cutter.next()):
            data = await self._reader.read(_READ_BYTES)
            if not data:
                raise EOFError
            await asyncio.sleep(
                0
            )  # what has come already is read without waiting: let others have their turn
            self._cutter.feed(data)
        body = self._cutter.body()
        self._cutter.drop()
        return chr(kind), body

    async def send_away(self, denial: Denial) -> None:
        """Say why it ends. What is closed with bytes unread takes the last words along, so those are read."""
        self._writer.write(denial.fatal())
        self._writer.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                while await self._reader.read(_READ_BYTES):
                    pass

    async def tell(self, data: bytes) -> None:
        """Write, and wait while the caller does not read."""
        if data:
            self._writer.write(data)
            await self._writer.drain()


def _bind(path: Path) -> socket.socket:
    """Only who runs the gate may connect."""
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX)
    try:
        bound.bind(str(path))
        path.chmod(0o600)
    except OSError:
        bound.close()
        raise
    return bound


def _welcome(startup: StartupMessage, asked: Asked) -> bytes:
    """What a server says when the login is done. Nobody is cancelled by that key: no command takes long."""
    negotiation = Negotiation(startup)
    key = BackendKey(asked.number, secrets.token_bytes(32 if negotiation.long_keys else 4))
    return b"".join(
        (
            negotiation.settle(None),
            encode_authentication(AUTHENTICATION_OK),
            *(encode_parameter_status(name, value) for name, value in reported(asked).items()),
            encode_backend_key(key),
            encode_ready("I"),
        )
    )


_FULL: Final = Denial(
    "console",
    "53300",
    "too many connections to pgwarden's console",
    "",
    "Close those that nobody uses, and try again.",
)
_TOO_SLOW: Final = Denial("login", "57014", "canceling login: it took too long")
_REVOKED: Final = Denial(
    "login",
    "57P01",
    "terminating connection: this token is not good any more",
    "It was revoked, has expired, or has another role now.",
    "Connect again with one that is.",
)
_GOING_AWAY: Final = Denial("shutdown", "57P01", "terminating connection: the gate is shutting down")
_FAULT: Final = Denial(
    "console", "XX000", "pgwarden's console failed; the connection is closed", "", "Look at the gate's log."
)
