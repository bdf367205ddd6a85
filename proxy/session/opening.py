"""How a session begins: encryption requests, the startup packet, and the login that is relayed.

Enters: the client's first bytes, then the server's answers up to the first ReadyForQuery. Leaves: commands,
    and in the end an ``Opened`` with what a Conversation needs to know. The server does the authentication;
    the gate passes its messages on one by one, and takes SCRAM-SHA-256-PLUS out of the offer, because a
    channel binding cannot reach through a plain client leg.

Absent: what is answered to a request for encryption, cancel keys of the gate's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import Final

from proxy.session.lexing import Lexing
from proxy.sql.effects import EFFECT_KINDS, Effect, Target
from proxy.sql.settings import risk_of
from proxy.wire.backend import (
    AUTHENTICATION_CLEARTEXT,
    AUTHENTICATION_MD5,
    AUTHENTICATION_OK,
    AUTHENTICATION_SASL,
    AUTHENTICATION_SASL_CONTINUE,
    AUTHENTICATION_SASL_FINAL,
    decode_authentication,
    decode_backend_key,
    decode_error,
    decode_parameter_status,
    encode_sasl_mechanisms,
)
from proxy.wire.errors import ProtocolViolation
from proxy.wire.framing import Cutter, View
from proxy.wire.options import split_options
from proxy.wire.startup import (
    CancelRequest,
    GSSENCRequest,
    SSLRequest,
    StartupMessage,
    decode_startup,
    startup_length,
)

_NOT_SETTINGS: Final = frozenset(("user", "database", "options", "replication"))
_CHANNEL_BOUND: Final = "SCRAM-SHA-256-PLUS"
_ASKS: Final = frozenset(
    (AUTHENTICATION_CLEARTEXT, AUTHENTICATION_MD5, AUTHENTICATION_SASL, AUTHENTICATION_SASL_CONTINUE)
)
_ANSWER: Final = ord("p")


class FirstPackets:
    """Collects the packets that come before a session has a role."""

    def __init__(self) -> None:
        """Begin with nothing read."""
        self._buffer = b""
        self._asked: set[type] = set()

    def feed(self, data: bytes) -> SSLRequest | GSSENCRequest | CancelRequest | StartupMessage | None:
        """Add bytes.

        Returns: the next packet, None while it is not whole.
        Raises: ProtocolViolation, also when bytes follow an encryption request: they were sent before its
            answer, so on an encrypted leg they could be somebody else's (CVE-2021-23214).
        """
        self._buffer += data
        length = startup_length(self._buffer)
        if length is None or len(self._buffer) < length:
            return None
        packet = decode_startup(self._buffer[:length])
        self._buffer = self._buffer[length:]
        if isinstance(packet, SSLRequest | GSSENCRequest):
            if self._buffer:
                raise ProtocolViolation("received unencrypted data after an encryption request")
            if type(packet) in self._asked:
                raise ProtocolViolation("encryption was requested again")
            self._asked.add(type(packet))
        return packet

    def encrypted(self) -> None:
        """TLS stands: no encryption may be asked for any more."""
        self._asked |= {SSLRequest, GSSENCRequest}

    @property
    def untouched(self) -> bool:
        """True while nothing has come at all."""
        return not self._buffer and not self._asked

    def rest(self) -> bytes:
        """What came behind the startup packet."""
        rest, self._buffer = self._buffer, b""
        return rest


def startup_effects(startup: StartupMessage) -> tuple[Effect, ...]:
    """What the parameters of a startup packet set, as SET would.

    A switch that cannot be read is an unknown setting.
    """
    return tuple(_startup_effects(startup))


def _startup_effects(startup: StartupMessage) -> Iterator[Effect]:
    for name, value in startup.parameters:
        if name == "options":
            for setting, chosen in split_options(value):
                known = None if setting.startswith("-") else setting.lower()
                yield _set(known, chosen or "")
        elif name not in _NOT_SETTINGS and not name.startswith("_pq_."):
            yield _set(name.lower(), value)


def _set(name: str | None, value: str) -> Effect:
    if name in ("role", "session_authorization"):
        return Effect(
            "role.set", Target("role", None, value), risk=EFFECT_KINDS["role.set"].risk, detail=name
        )
    return Effect("session.set", Target("setting", None, name), risk=risk_of(name, value), detail=value)


def wants_replication(startup: StartupMessage) -> bool:
    """True when the connection asks for the replication protocol, which the gate cannot read."""
    value = startup.get("replication")
    return value is not None and value.lower() not in ("false", "off", "no", "0", "f", "n", "of")


def major_version(reported: str) -> int:
    """The major version in a server_version such as "17.10 (Debian)" or "18beta1"; 0 where there is none."""
    found = re.match(r"\d+", reported)
    return int(found[0]) if found else 0


class Step(Enum):
    """Where a login stands."""

    SERVER = auto()  # the server speaks next
    CLIENT = auto()  # the server has asked, the client answers with one message
    STARTING = auto()  # the server has said yes and reports its settings
    READY = auto()


class Login:
    """Relays one login.

    Attributes:
        step: whose turn it is.
        failed: the server has refused it.
        heard: the server has said something that a PostgreSQL server says.
        server_major: the server's major version, 0 until it has said so.
        process_id: of the server's process, 0 until it has told.
        cancel_key: what a CancelRequest for this connection must show; b"" until the server has told.
    """

    def __init__(self, lexing: Lexing, client: Cutter, server: Cutter) -> None:
        """Begin when the startup packet has been sent to the server."""
        self._lexing = lexing
        self._client = client
        self._server = server
        self.step = Step.SERVER
        self.failed = False
        self.heard = False
        self.server_major = 0
        self.process_id = 0
        self.cancel_key = b""

    def from_client(self) -> View:
        """Pass on the answer that the server waits for; what else the client has sent stays in its cutter.

        Raises: ProtocolViolation when the client sends anything but that answer.
        """
        if self.step is not Step.CLIENT:
            return b""
        kind = self._client.next()
        if kind == 0:
            return b""
        if kind != _ANSWER:
            raise ProtocolViolation(f"expected password response, got message type {kind}")
        self.step = Step.SERVER
        return self._client.take()

    def from_server(self) -> bytes:
        """Follow the server up to its first ReadyForQuery.

        Raises: ProtocolViolation on what has no place in a login, and on ways to log in that cannot be
            relayed.
        """
        pieces: list[View] = []
        while self.step is not Step.READY and (kind := self._server.next()):
            self.heard = True
            instead = self._follow(chr(kind))
            if instead is not None:
                pieces.append(self._server.drop())
                pieces.append(instead)
        pieces.append(self._server.take())
        return b"".join(pieces)

    def _follow(self, kind: str) -> bytes | None:
        if kind == "E":
            self.failed = (
                decode_error(self._server.body()).get("V") != "ERROR" or self.step is not Step.STARTING
            )
        elif kind == "R" and self.step is Step.SERVER:
            return self._authentication()
        elif kind == "S":
            name, value = decode_parameter_status(self._server.body())
            self._lexing.report(name, value)
            if name == "server_version":
                self.server_major = major_version(value)
        elif kind == "Z" and self.step is Step.STARTING:
            self.step = Step.READY
        elif kind == "K" and self.step is Step.STARTING:
            self.cancel_key = self._server.body()
            self.process_id = decode_backend_key(self.cancel_key).process_id
        elif kind not in ("N", "v"):
            raise ProtocolViolation(f"unexpected server message type {kind} during login")
        return None

    def _authentication(self) -> bytes | None:
        request = decode_authentication(self._server.body())
        if request.code == AUTHENTICATION_OK:
            self.step = Step.STARTING
        elif request.code in _ASKS:
            self.step = Step.CLIENT
        elif request.code != AUTHENTICATION_SASL_FINAL:
            raise ProtocolViolation(f"login method {request.code} of the server cannot be relayed")
        if request.code == AUTHENTICATION_SASL and _CHANNEL_BOUND in request.mechanisms:
            kept = tuple(name for name in request.mechanisms if name != _CHANNEL_BOUND)
            if not kept:
                raise ProtocolViolation(
                    "the server offers channel binding alone, which needs TLS on the client's side"
                )
            return encode_sasl_mechanisms(kept)
        return None
