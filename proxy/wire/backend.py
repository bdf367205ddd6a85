"""The messages that a server sends.

Enters: the body of one message. Leaves: its fields; and the other way round, whole messages ready to send,
for what the gate says itself and for the servers that tests play.
Deliberately absent: rows as anything but opaque values, and trust: a hostile server gets ProtocolViolation
at most.

Source: postgresql.org/docs/17/protocol-message-formats.html, and libpq's fe-protocol3.c for what clients
rely on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mypy_extensions import i64

from proxy.wire.errors import ProtocolViolation
from proxy.wire.octets import Reader, bytes_of, int16, int32, message, string, text_of, uint32, value

AUTHENTICATION_OK: Final = 0
AUTHENTICATION_CLEARTEXT: Final = 3
AUTHENTICATION_MD5: Final = 5
AUTHENTICATION_GSS: Final = 7
AUTHENTICATION_GSS_CONTINUE: Final = 8
AUTHENTICATION_SSPI: Final = 9
AUTHENTICATION_SASL: Final = 10
AUTHENTICATION_SASL_CONTINUE: Final = 11
AUTHENTICATION_SASL_FINAL: Final = 12


@dataclass(frozen=True, slots=True)
class Authentication:
    """One step of logging in.

    `data` is what follows the code: the md5 salt, SASL data; `mechanisms` is filled for code 10 (SASL) alone.
    """

    code: int
    data: bytes = b""
    mechanisms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BackendKey:
    """What a CancelRequest must show. The secret has 4 bytes in protocol 3.0, up to 256 in 3.2."""

    process_id: int
    secret: bytes


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a RowDescription."""

    name: bytes
    table_oid: int = 0
    attribute_number: int = 0
    type_oid: int = 25
    type_size: int = -1
    type_modifier: int = -1
    format: int = 0


def decode_error(body: bytes) -> dict[str, str]:
    """The fields of an ErrorResponse or a NoticeResponse by their one-letter codes, in the order they came.

    A field may be absent, SQLSTATE included (CVE-2026-6666); one given twice counts as libpq counts it, the
    last.
    Raises: ProtocolViolation on a field without a NUL, a missing terminator, bytes after it.
    """
    reader = Reader(body, "ErrorResponse")
    fields: dict[str, str] = {}
    while code := reader.byte():
        fields[chr(code)] = text_of(reader.string())
    reader.end()
    return fields


def encode_error(fields: Mapping[str, str]) -> bytes:
    """A whole ErrorResponse.

    Raises: ValueError on a NUL or a code that is not one letter: the client would read other fields than
        these.
    """
    return message(b"E", _encode_fields(fields))


def encode_old_error(text: str) -> bytes:
    """An ErrorResponse for clients of protocol 1 and 2: a letter, the text, a NUL, no length."""
    return b"E" + string(bytes_of(text))


def encode_notice(fields: Mapping[str, str]) -> bytes:
    """A whole NoticeResponse; see encode_error()."""
    return message(b"N", _encode_fields(fields))


def decode_parameter_status(body: bytes) -> tuple[str, str]:
    """A setting's name and its new value, as the server reports them: a dozen with each login."""
    fields = body.split(b"\0", 3)
    if len(fields) == 3 and not fields[2]:
        return text_of(fields[0]), text_of(fields[1])
    reader = Reader(body, "ParameterStatus")  # which says what is wrong with it
    name, setting = text_of(reader.string()), text_of(reader.string())
    reader.end()
    return name, setting


def encode_parameter_status(name: str, setting: str) -> bytes:
    """A ParameterStatus."""
    return message(b"S", string(bytes_of(name)) + string(bytes_of(setting)))


def decode_ready(body: bytes) -> str:
    """The transaction's state: "I" idle, "T" in a transaction, "E" in a failed one."""
    return status_of(body[0] if len(body) == 1 else 0)


def status_of(body: i64) -> str:
    """The same of a body's only byte; 0 where it has not one."""
    if body == 0x49:
        return "I"
    if body == 0x54:
        return "T"
    if body == 0x45:
        return "E"
    raise ProtocolViolation("invalid ReadyForQuery: the state must be I, T or E")


def encode_ready(status: str) -> bytes:
    """A ReadyForQuery."""
    return message(b"Z", status.encode("ascii"))


def decode_command_tag(body: bytes) -> str:
    """The tag of a CommandComplete, such as "INSERT 0 1"."""
    reader = Reader(body, "CommandComplete")
    tag = text_of(reader.string())
    reader.end()
    return tag


def encode_command_complete(tag: str) -> bytes:
    """A CommandComplete."""
    return message(b"C", string(bytes_of(tag)))


def decode_authentication(body: bytes) -> Authentication:
    """One step of authentication. A code that is not known is not an error here: the session decides."""
    reader = Reader(body, "Authentication")
    code = reader.int32()
    data = reader.rest()
    if code == AUTHENTICATION_SASL:
        return Authentication(code, data, _decode_mechanisms(data))
    if code in (AUTHENTICATION_OK, AUTHENTICATION_CLEARTEXT) and data:
        raise ProtocolViolation("invalid Authentication: bytes after its last field")
    if code == AUTHENTICATION_MD5 and len(data) != 4:
        raise ProtocolViolation("invalid Authentication: the md5 salt must have 4 bytes")
    return Authentication(code, data)


def encode_authentication(code: int, data: bytes = b"") -> bytes:
    """An Authentication message of any kind."""
    return message(b"R", int32(code) + data)


def encode_sasl_mechanisms(mechanisms: Sequence[str]) -> bytes:
    """A whole AuthenticationSASL that offers these mechanisms, best first."""
    if not all(mechanisms):
        raise ValueError("an empty mechanism would end the list")
    names = b"".join(string(bytes_of(mechanism)) for mechanism in mechanisms)
    return encode_authentication(AUTHENTICATION_SASL, names + b"\0")


def decode_backend_key(body: bytes) -> BackendKey:
    """The key of this connection.

    Raises: ProtocolViolation when the secret is not 4 to 256 bytes long.
    """
    reader = Reader(body, "BackendKeyData")
    process_id, secret = reader.int32(), reader.rest()
    if not 4 <= len(secret) <= 256:
        raise ProtocolViolation("invalid BackendKeyData: the secret must have 4 to 256 bytes")
    return BackendKey(process_id, secret)


def encode_key(key: BackendKey) -> bytes:
    """A key as BackendKeyData and CancelRequest hold it."""
    return int32(key.process_id) + key.secret


def encode_backend_key(key: BackendKey) -> bytes:
    """A BackendKeyData."""
    return message(b"K", encode_key(key))


def decode_negotiation(body: bytes) -> tuple[int, tuple[str, ...]]:
    """NegotiateProtocolVersion: the newest version served, and the `_pq_.` options not understood."""
    reader = Reader(body, "NegotiateProtocolVersion")
    version, count = reader.int32(), reader.int32()
    if not 0 <= count <= reader.left:
        raise ProtocolViolation("invalid NegotiateProtocolVersion: impossible number of options")
    options = tuple(text_of(reader.string()) for _ in range(count))
    reader.end()
    return version, options


def encode_negotiation(version: int, options: Sequence[str]) -> bytes:
    """A NegotiateProtocolVersion."""
    names = b"".join(string(bytes_of(option)) for option in options)
    return message(b"v", int32(version) + int32(len(options)) + names)


def decode_row_description(body: bytes) -> tuple[Column, ...]:
    """The columns of the rows to come; none at all is legal."""
    reader = Reader(body, "RowDescription")
    columns = tuple(_decode_column(reader) for _ in range(reader.int16()))
    reader.end()
    return columns


def encode_row_description(columns: Sequence[Column]) -> bytes:
    """A RowDescription."""
    return message(b"T", int16(len(columns)) + b"".join(map(_encode_column, columns)))


def decode_data_row(body: bytes) -> tuple[bytes | None, ...]:
    """The values of one row; None is SQL NULL."""
    reader = Reader(body, "DataRow")
    values = tuple(reader.value() for _ in range(reader.int16()))
    reader.end()
    return values


def encode_data_row(values: Sequence[bytes | None]) -> bytes:
    """A DataRow."""
    return message(b"D", int16(len(values)) + b"".join(map(value, values)))


def decode_parameter_description(body: bytes) -> tuple[int, ...]:
    """The types of a statement's parameters, as Oids."""
    reader = Reader(body, "ParameterDescription")
    types = tuple(reader.uint32() for _ in range(reader.int16()))
    reader.end()
    return types


def encode_parameter_description(types: Sequence[int]) -> bytes:
    """A ParameterDescription."""
    return message(b"t", int16(len(types)) + b"".join(map(uint32, types)))


def decode_notification(body: bytes) -> tuple[int, str, str]:
    """Who notified (a process id), on which channel, with which payload."""
    reader = Reader(body, "NotificationResponse")
    process_id, channel, payload = reader.int32(), text_of(reader.string()), text_of(reader.string())
    reader.end()
    return process_id, channel, payload


def encode_notification(process_id: int, channel: str, payload: str) -> bytes:
    """A NotificationResponse."""
    return message(b"A", int32(process_id) + string(bytes_of(channel)) + string(bytes_of(payload)))


def decode_copy_response(body: bytes) -> tuple[int, tuple[int, ...]]:
    """CopyInResponse, CopyOutResponse and CopyBothResponse: the overall format and that of each column."""
    reader = Reader(body, "CopyResponse")
    overall = reader.byte()
    formats = tuple(reader.int16() for _ in range(reader.int16()))
    reader.end()
    return overall, formats


def encode_copy_in_response(overall: int, formats: Sequence[int]) -> bytes:
    """A CopyInResponse."""
    return message(b"G", bytes([overall]) + int16(len(formats)) + b"".join(map(int16, formats)))


def encode_copy_out_response(overall: int, formats: Sequence[int]) -> bytes:
    """A CopyOutResponse."""
    return message(b"H", bytes([overall]) + int16(len(formats)) + b"".join(map(int16, formats)))


def _encode_fields(fields: Mapping[str, str]) -> bytes:
    if any(len(code) != 1 or not "\0" < code <= "\xff" for code in fields):
        raise ValueError("the code of an error field is one letter")
    body = b"".join(code.encode("latin-1") + string(bytes_of(text)) for code, text in fields.items())
    return body + b"\0"


def _decode_mechanisms(data: bytes) -> tuple[str, ...]:
    reader = Reader(data, "AuthenticationSASL")
    mechanisms: list[str] = []
    while mechanism := reader.string():
        mechanisms.append(text_of(mechanism))
    reader.end()
    return tuple(mechanisms)


def _decode_column(reader: Reader) -> Column:
    name = reader.string()
    table_oid, attribute_number = reader.uint32(), reader.signed_int16()
    type_oid, type_size = reader.uint32(), reader.signed_int16()
    type_modifier, format_code = reader.int32(), reader.int16()
    return Column(name, table_oid, attribute_number, type_oid, type_size, type_modifier, format_code)


def _encode_column(column: Column) -> bytes:
    return b"".join(
        (
            string(column.name),
            uint32(column.table_oid),
            int16(column.attribute_number & 0xFFFF),
            uint32(column.type_oid),
            int16(column.type_size & 0xFFFF),
            int32(column.type_modifier),
            int16(column.format),
        )
    )
