"""Learns a user's verifier by logging in at the server, once, with its password.

Enters: the server, a user, a password. Leaves: the verifier, with the salt and the iterations that the server
itself has named, or a LearningFailed of one line. It is how passwords get known where no role may read
pg_authid. Deliberately absent: keeping the password.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import Final

from proxy.relay import Upstream, UpstreamError
from proxy.relay.tls import tls_info
from proxy.session.authentication.credentials import LoginRefused
from proxy.session.authentication.server_exchange import Password, ServerExchange
from proxy.wire.backend import (
    AUTHENTICATION_OK,
    AUTHENTICATION_SASL_CONTINUE,
    decode_authentication,
    decode_error,
)
from proxy.wire.errors import ProtocolViolation
from proxy.wire.framing import BACKEND, Cutter
from proxy.wire.frontend import encode_terminate
from proxy.wire.scram import Verifier, make_verifier, salted_password
from proxy.wire.startup import encode_startup

_TIMEOUT_S: Final = 30.0


class LearningFailed(Exception):
    """The verifier cannot be learnt; the message is one line that says why."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """Whose verifier to learn, where.

    Attributes:
        database: one to which the user may connect.
    """

    upstream: Upstream
    user: str
    database: str
    password: bytes = field(repr=False)


async def learn(lesson: Lesson) -> Verifier:
    """Log in, then ask once more for the salt: a server that makes a new one each time cannot be learnt from.

    Raises: LearningFailed.
    """
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            first = await _log_in(lesson)
            second = await _log_in(lesson)
    except TimeoutError as error:
        raise LearningFailed("the server did not answer in time") from error
    if first != second:
        raise LearningFailed(
            "the server makes a new salt at each login, as poolers do that have passwords in clear: "
            "there is nothing to learn; use auth_type managed or password"
        )
    return first


async def _log_in(lesson: Lesson) -> Verifier:
    try:
        transport, arrival = await lesson.upstream.connect()
    except UpstreamError as error:
        raise LearningFailed(f"{error.message} {error.hint}".strip()) from error
    tls = transport.get_extra_info("ssl_object")
    shown = None if tls is None else tls_info(tls).peer_certificate
    exchange = ServerExchange(lesson.user, lesson.user, Password(lesson.password), secrets.token_hex(16))
    exchange.connected(encrypted=tls is not None, certificate=shown)
    answers = _Answers()
    transport.set_protocol(answers)
    answers.data_received(bytes(arrival.data))
    if arrival.ended.is_set():
        answers.connection_lost(None)
    try:
        transport.write(encode_startup(3, 0, [("user", lesson.user), ("database", lesson.database)]))
        return await _prove(lesson, exchange, answers, transport)
    except LoginRefused as refused:
        raise LearningFailed(refused.denial.message) from refused
    except ProtocolViolation as violation:
        raise LearningFailed(f"the server is not understood: {violation}") from violation
    finally:
        transport.abort()


async def _prove(
    lesson: Lesson, exchange: ServerExchange, answers: _Answers, transport: asyncio.Transport
) -> Verifier:
    while True:
        kind, body = await answers.next()
        if kind == "E":
            said = decode_error(body).get("M", "nothing that could be read")
            raise LearningFailed(f"the server said: {said}")
        if kind != "R":
            continue
        request = decode_authentication(body)
        answer = exchange.answer(request)
        if request.code == AUTHENTICATION_SASL_CONTINUE and exchange.wanted is not None:
            wanted = exchange.wanted
            answer = exchange.derived(salted_password(wanted.password, wanted.salt, wanted.iterations))
        if answer:
            transport.write(answer)
        if request.code == AUTHENTICATION_OK:
            transport.write(encode_terminate())
            return _verifier(lesson, exchange)


def _verifier(lesson: Lesson, exchange: ServerExchange) -> Verifier:
    challenge = exchange.challenge
    if challenge is None:
        raise LearningFailed(
            "the server let the user in without SCRAM, so there is no verifier to learn: "
            "see its pg_hba.conf and password_encryption"
        )
    return make_verifier(lesson.password, challenge.salt, challenge.iterations)


class _Answers(asyncio.Protocol):
    """The server's messages, one after the other."""

    def __init__(self) -> None:
        self._cutter = Cutter(BACKEND)
        self._more = asyncio.Event()
        self._ended = False

    def data_received(self, data: bytes) -> None:
        self._cutter.feed(data)
        self._more.set()

    def connection_lost(self, error: Exception | None) -> None:
        self._ended = True
        self._more.set()

    async def next(self) -> tuple[str, bytes]:
        """A message's kind and body."""
        while not (kind := self._cutter.next()):
            if self._ended:
                raise LearningFailed("the server closed the connection")
            self._more.clear()
            await self._more.wait()
        body = bytes(self._cutter.body())
        self._cutter.drop()
        return chr(kind), body
