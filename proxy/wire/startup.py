"""The packets that open a connection: they have a length word but no type byte.

Enters: the first bytes of a connection, then one whole packet. Leaves: SSLRequest, GSSENCRequest,
CancelRequest or StartupMessage. What stands in its parameter `options`, `split_options` tells.
Deliberately absent: what is answered, which parameters are allowed, how many requests may follow one another.

Source: ProcessStartupPacket() of backend_startup.c (postmaster.c before PostgreSQL 17). Stricter than it
where it lets two readings stand: duplicate parameters, over-long names, SSLRequest with a tail.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from proxy.wire.errors import ProtocolViolation, UnsupportedVersion
from proxy.wire.octets import Reader, bytes_of, string, text_of, uint32
from proxy.wire.options import split_options as split_options

CANCEL_REQUEST_CODE: Final = (1234 << 16) | 5678
SSL_REQUEST_CODE: Final = (1234 << 16) | 5679
GSSENC_REQUEST_CODE: Final = (1234 << 16) | 5680

MAX_STARTUP_BYTES: Final = 10_000
"""MAX_STARTUP_PACKET_LENGTH, in pqcomm.h; the server counts without the length word, we count with it."""

MAX_NAME_BYTES: Final = 63
"""NAMEDATALEN - 1."""

_CANCEL_KEY_BYTES: Final = (4, 256)

MAX_MINOR: Final = 2
"""The newest minor version whose messages are known: 3.2, of PostgreSQL 18."""
OPTION_PREFIX: Final = "_pq_."
"""Parameters that begin so ask for changes of the protocol; none is known."""


@dataclass(frozen=True, slots=True)
class SSLRequest:
    """The client asks for TLS; the answer is one byte."""


@dataclass(frozen=True, slots=True)
class GSSENCRequest:
    """The client asks for GSSAPI encryption; the answer is one byte."""


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """Not a session: cancel what another connection is running.

    `key` is the process id and the secret as they stood in BackendKeyData; `packet` the very bytes received.
    """

    key: bytes
    packet: bytes


@dataclass(frozen=True, slots=True)
class StartupMessage:
    """The client opens a session. `packet` is the very bytes received, `parameters` what they say."""

    major: int
    minor: int
    parameters: tuple[tuple[str, str], ...]
    packet: bytes

    def get(self, name: str) -> str | None:
        """The parameter's value; the server knows user, database, options, replication by exact case."""
        for known, value in self.parameters:
            if known == name:
                return value
        return None

    @property
    def user(self) -> str:
        """Never empty: decode_startup() refuses a packet without it."""
        return self.get("user") or ""

    @property
    def database(self) -> str:
        """The database that the server will open: the user's name where none, or an empty one, is given."""
        return self.get("database") or self.user


StartupPacket = SSLRequest | GSSENCRequest | CancelRequest | StartupMessage


def startup_length(prefix: bytes) -> int | None:
    """Tell how long the packet at the start of these bytes is, its length word included.

    Returns: None while fewer than four bytes are there.
    Raises: ProtocolViolation when the length cannot be that of a startup packet, HTTP and TLS records
        included.
    """
    if len(prefix) < 4:
        return None
    length = int.from_bytes(prefix[:4], "big")
    if not 8 <= length <= MAX_STARTUP_BYTES:
        raise ProtocolViolation("invalid length of startup packet")
    return length


def decode_startup(packet: bytes) -> StartupPacket:
    """Decode one whole packet, length word included.

    Raises: ProtocolViolation on everything that the server refuses, and where it would silently choose.
    """
    if startup_length(packet) != len(packet):
        raise ProtocolViolation("incomplete startup packet")
    code = int.from_bytes(packet[4:8], "big")
    body = packet[8:]
    if code == CANCEL_REQUEST_CODE:
        return _decode_cancel(body, packet)
    if code in (SSL_REQUEST_CODE, GSSENC_REQUEST_CODE):
        # The server ignores a tail here; nobody sends one, and unread bytes are how data is smuggled.
        if body:
            raise ProtocolViolation("invalid length of encryption request")
        return SSLRequest() if code == SSL_REQUEST_CODE else GSSENCRequest()
    major, minor = code >> 16, code & 0xFFFF
    if major != 3:
        raise UnsupportedVersion(major, minor)
    parameters = _decode_parameters(body)
    return StartupMessage(major, minor, parameters, packet)


def _decode_cancel(body: bytes, packet: bytes) -> CancelRequest:
    """Process id, then the secret: 4 bytes in protocol 3.0, up to 256 in 3.2."""
    shortest, longest = _CANCEL_KEY_BYTES
    if not shortest <= len(body) - 4 <= longest:
        raise ProtocolViolation("invalid length of cancel request")
    return CancelRequest(body, packet)


def _decode_parameters(body: bytes) -> tuple[tuple[str, str], ...]:
    reader = Reader(body, "startup packet")
    parameters: list[tuple[str, str]] = []
    seen: set[str] = set()
    while name := text_of(reader.string()):
        if not reader.left:
            break  # a name, and the packet ends: the terminator was read as the value
        value = text_of(reader.string())
        # The server lets the last one win, other readers the first; settings ignore case (guc_name_compare).
        folded = name.lower()
        if folded in seen:
            raise ProtocolViolation(f'parameter "{_shown(name)}" is given twice in the startup packet')
        seen.add(folded)
        # Most servers cut these at 63 bytes and go on: the role judged would not be the role that logs in.
        if name in ("user", "database") and len(bytes_of(value)) > MAX_NAME_BYTES:
            raise ProtocolViolation(f"the {name} name is longer than {MAX_NAME_BYTES} bytes")
        parameters.append((name, value))
    if name or reader.left:
        raise ProtocolViolation("invalid startup packet layout: expected terminator as last byte")
    if not dict(parameters).get("user"):
        raise ProtocolViolation("no PostgreSQL user name specified in startup packet")
    return tuple(parameters)


def _shown(name: str) -> str:
    """A parameter's name as an error may show it: it comes from the network and goes to logs."""
    printable = "".join(letter if letter.isprintable() and letter.isascii() else "?" for letter in name)
    return printable if len(printable) <= MAX_NAME_BYTES else printable[:MAX_NAME_BYTES] + "…"


def encode_ssl_request() -> bytes:
    """An SSLRequest."""
    return uint32(8) + uint32(SSL_REQUEST_CODE)


def encode_gssenc_request() -> bytes:
    """A GSSENCRequest."""
    return uint32(8) + uint32(GSSENC_REQUEST_CODE)


def encode_cancel(key: bytes) -> bytes:
    """A CancelRequest for the key (process id and secret) of a BackendKeyData."""
    return uint32(8 + len(key)) + uint32(CANCEL_REQUEST_CODE) + key


def encode_startup(major: int, minor: int, parameters: Sequence[tuple[str, str]]) -> bytes:
    """A StartupMessage.

    Raises: ValueError on a NUL or an empty name. A NUL in a value would smuggle in another `user`.
    """
    if any(not name for name, _ in parameters):
        raise ValueError("a startup parameter needs a name")
    fields = b"".join(string(bytes_of(name)) + string(bytes_of(value)) for name, value in parameters)
    body = uint32((major << 16) | minor) + fields + b"\0"
    return uint32(len(body) + 4) + body
