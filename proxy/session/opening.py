"""How a session begins: encryption requests, the startup packet, and the login that is relayed.

Enters: the client's first bytes, then the server's answers up to the first ReadyForQuery. Leaves: commands,
    and in the end an ``Opened`` with what a Conversation needs to know. Where the login is relayed the gate
    passes its messages on one by one, and takes SCRAM-SHA-256-PLUS out of the offer, because a channel
    binding cannot reach through the gate. Else it answers the server itself (``authentication``).
    Three messages are the gate's own: what the two sides speak (``negotiation``), the mechanisms offered,
    and the key to cancel by (``cancelkeys``).

Absent: what is answered to a request for encryption.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum, auto
from typing import Final, TypeAlias

from proxy.session.authentication.credentials import LoginRefused
from proxy.session.authentication.server_exchange import ServerExchange
from proxy.session.commands import DeriveKey
from proxy.session.lexing import Lexing
from proxy.session.negotiation import Negotiation
from proxy.session.refusal import Denial
from proxy.wire.backend import (
    AUTHENTICATION_CLEARTEXT,
    AUTHENTICATION_MD5,
    AUTHENTICATION_OK,
    AUTHENTICATION_SASL,
    AUTHENTICATION_SASL_CONTINUE,
    AUTHENTICATION_SASL_FINAL,
    BackendKey,
    decode_authentication,
    decode_backend_key,
    decode_error,
    decode_parameter_status,
    decode_ready,
    encode_ready,
    encode_sasl_mechanisms,
)
from proxy.wire.errors import ProtocolViolation
from proxy.wire.framing import Cutter, View
from proxy.wire.frontend import decode_sasl_initial
from proxy.wire.octets import message
from proxy.wire.scram import SCRAM, SCRAM_PLUS
from proxy.wire.startup import (
    CancelRequest,
    GSSENCRequest,
    SSLRequest,
    StartupMessage,
    decode_startup,
    startup_length,
)

_ASKS: Final = frozenset(
    (AUTHENTICATION_CLEARTEXT, AUTHENTICATION_MD5, AUTHENTICATION_SASL, AUTHENTICATION_SASL_CONTINUE)
)
# Written out, as the type bytes of ``inflight``.
_ANSWER: Final = 0x70  # p
_NEGOTIATE: Final = 0x76  # v
_AUTHENTICATION: Final = 0x52  # R
_BACKEND_KEY: Final = 0x4B  # K
_ERROR: Final = 0x45  # E
_NOTICE: Final = 0x4E  # N
_PARAMETER_STATUS: Final = 0x53  # S
_READY: Final = 0x5A  # Z


KeyIssuer: TypeAlias = Callable[[int | None, bool], bytes]
"""Makes a client's key: from the server's process id, None where it has told none; long for protocol 3.2."""


class FirstPackets:
    """Collects the packets that come before a session has a role."""

    def __init__(self) -> None:
        """Begin with nothing read."""
        self._buffer = b""
        self._asked: tuple[type, ...] = ()

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
            self._asked += (type(packet),)
        return packet

    def encrypted(self) -> None:
        """TLS stands: no encryption may be asked for any more."""
        self._asked = (SSLRequest, GSSENCRequest)

    @property
    def empty(self) -> bool:
        """True while no part of a packet has come."""
        return not self._buffer

    @property
    def untouched(self) -> bool:
        """True while nothing has come at all."""
        return not self._buffer and not self._asked

    def rest(self) -> bytes:
        """What came behind the startup packet."""
        rest, self._buffer = self._buffer, b""
        return rest


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
    """Follows one login at the server, and relays it unless the gate logs in itself.

    Attributes:
        exchange: how the gate logs in itself; None where the login is relayed.
        step: whose turn it is.
        refusal: the fields of the ErrorResponse with which the server refused to let somebody in.
        failed: the server has refused it.
        heard: the server has said something that a PostgreSQL server says.
        server_major: the server's major version, 0 until it has said so.
        server_key: what a CancelRequest to the server must show; None until the server has told.
    """

    def __init__(
        self,
        lexing: Lexing,
        client: Cutter,
        server: Cutter,
        issue_key: KeyIssuer,
    ) -> None:
        """Prepare; it begins with the startup packet.

        Args:
            lexing: is told the settings that the server reports.
            client, server: where both sides' messages are.
            issue_key: makes the client's own key, once.
        """
        self._lexing = lexing
        self._client = client
        self._server = server
        self._unbound = False  # the client has not been told that the server could bind to TLS
        self._answer = b""
        self.exchange: ServerExchange | None = None
        self._issue_key = issue_key
        self._negotiation: Negotiation | None = None
        self.step = Step.SERVER
        self.refusal: dict[str, str] | None = None
        self.failed = False
        self.heard = False
        self.server_major = 0
        self.server_key: BackendKey | None = None

    def begin(self, startup: StartupMessage) -> bytes:
        """The packet that opens the connection to the server."""
        self._negotiation = Negotiation(startup)
        return self._negotiation.packet

    def from_client(self) -> View:
        """Pass on the answer that the server waits for; what else the client has sent stays in its cutter.

        Raises: ProtocolViolation when the client sends anything but that answer; LoginRefused when the server
            would not take it.
        """
        if self.step is not Step.CLIENT:
            return b""
        kind = self._client.next()
        if kind == 0:
            return b""
        if kind != _ANSWER:
            raise ProtocolViolation(f"expected password response, got message type {kind}")
        if self._unbound and _would_bind(self._client.body()):
            raise LoginRefused(_CANNOT_BIND, "binding")
        self._unbound = False
        self.step = Step.SERVER
        return self._client.take()

    def to_server(self) -> bytes:
        """What the gate itself answers the server, once."""
        answer, self._answer = self._answer, b""
        return answer

    def to_derive(self) -> DeriveKey | None:
        """What has to be derived before the server can be answered."""
        return None if self.exchange is None else self.exchange.wanted

    def from_server(self) -> bytes:
        """Follow the server up to its first ReadyForQuery.

        Raises: ProtocolViolation on what has no place in a login, and on ways to log in that cannot be
            relayed.
        """
        pieces: list[View] = []
        while self.step is not Step.READY and (kind := self._server.next()):
            self.heard = True
            instead: bytes | None
            if self._negotiation is None or self._negotiation.settled:
                instead = self._follow(kind)
            elif kind == _NEGOTIATE:
                instead = self._negotiation.settle(self._server.body())
            else:
                pieces.append(self._negotiation.settle(None))
                instead = self._follow(kind)
            if instead is not None:
                pieces.append(self._server.drop())
                pieces.append(instead)
        pieces.append(self._server.take())
        return b"".join(pieces)

    def _follow(self, kind: int) -> bytes | None:
        if kind == _PARAMETER_STATUS:
            name, value = decode_parameter_status(self._server.body())
            self._lexing.report(name, value)
            if name == "server_version":
                self.server_major = major_version(value)
        elif kind == _ERROR:
            return self._failed(decode_error(self._server.body()))
        elif kind == _AUTHENTICATION and self.step is Step.SERVER:
            return self._authentication()
        elif kind == _READY and self.step is Step.STARTING:
            return self._ready()
        elif kind == _BACKEND_KEY and self.step is Step.STARTING and self.server_key is None:
            self.server_key = decode_backend_key(self._server.body())
            return self._own_key()
        elif kind != _NOTICE:
            raise ProtocolViolation(f"unexpected server message type {chr(kind)} during login")
        return None

    def _failed(self, fields: dict[str, str]) -> bytes | None:
        self.failed = fields.get("V") != "ERROR" or self.step is not Step.STARTING
        if self.step is Step.STARTING:
            return None
        self.refusal = fields
        return None if self.exchange is None else self.exchange.instead_of(fields)

    def _ready(self) -> bytes | None:
        """A client gets a key also from a server that has none: what waits at the gate can be cancelled."""
        self.step = Step.READY
        if self.server_key is not None:
            return None
        return self._own_key() + encode_ready(decode_ready(self._server.body()))

    def _own_key(self) -> bytes:
        long = self._negotiation is not None and self._negotiation.long_keys
        process_id = None if self.server_key is None else self.server_key.process_id
        return message(b"K", self._issue_key(process_id, long))

    def _authentication(self) -> bytes | None:
        request = decode_authentication(self._server.body())
        if self.exchange is not None:
            self._answer += self.exchange.answer(request)
            if request.code != AUTHENTICATION_OK:
                return b""
        if request.code == AUTHENTICATION_OK:
            self.step = Step.STARTING
        elif request.code in _ASKS:
            self.step = Step.CLIENT
        elif request.code != AUTHENTICATION_SASL_FINAL:
            raise ProtocolViolation(f"login method {request.code} of the server cannot be relayed")
        if request.code == AUTHENTICATION_SASL and SCRAM_PLUS in request.mechanisms:
            kept = tuple(name for name in request.mechanisms if name != SCRAM_PLUS)
            self._unbound = True
            if not kept:
                raise ProtocolViolation(
                    "the server offers channel binding alone, which needs TLS on the client's side"
                )
            return encode_sasl_mechanisms(kept)
        return None


def _would_bind(body: bytes) -> bool:
    """Whether a client could bind its login to TLS and thinks that the server cannot: SCRAM's flag "y"."""
    try:
        chosen = decode_sasl_initial(body)
    except ProtocolViolation:
        return False  # the server shall say what is wrong with it
    return chosen.mechanism == SCRAM and (chosen.data or b"")[:1] == b"y"


_CANNOT_BIND: Final = Denial(
    "login",
    "28000",
    "The server binds logins to its TLS connection, which a login that is only passed on cannot do.",
    "Both connections are encrypted, and the gate knows no verifier of this user.",
    "Have those who run pgwarden give it one (auth_user, or pgwarden user learn); until then connect with "
    "channel_binding=disable.",
)
