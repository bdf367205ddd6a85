"""The messages that a client sends, after the startup packet.

Enters: the body of one message, or of some the first bytes. Leaves: its fields as bytes and integers; and the
other way round, whole messages ready to send.
Deliberately absent: text decoding (the session knows the encoding), values of Bind beyond what tests and
traces ask.

Strict as the server is, since every leniency is a second reading: exec_parse_message(), exec_bind_message(),
HandleFunctionRequest() and the switch of PostgresMain(), which end each message with pq_getmsgend().
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mypy_extensions import i64

from proxy.wire.errors import ProtocolViolation
from proxy.wire.framing import Cutter, View
from proxy.wire.longframe import find_nul
from proxy.wire.octets import Reader, int16, int32, message, string, text_of, uint32, value

_UNNAMED_EXECUTE: Final = 10
"""The length of an Execute of the unnamed portal, in bytes."""
_NO_TYPES: Final = b"\0\0"
_TEXT_ENDS: Final = b"\0" + _NO_TYPES
_AROUND_TEXT: Final = 9
"""How much longer a Parse is than its text, without a name or types: its header, two NULs, two bytes."""
_NO_NUL: Final = "invalid string in Parse: no terminating NUL"


@dataclass(slots=True, init=False)
class ParseMessage:
    """Parse: prepare `text` under `name` (empty: the unnamed statement)."""

    name: bytes
    text: View
    parameter_types: tuple[int, ...] = ()

    def __init__(self, name: bytes, text: View, parameter_types: tuple[int, ...] = ()) -> None:
        """Written out: mypyc leaves a generated one uncompiled."""
        self.name = name
        self.text = text
        self.parameter_types = parameter_types


@dataclass(frozen=True, slots=True)
class BindMessage:
    """Bind: make a portal of a statement. A parameter is None for SQL NULL."""

    portal: bytes
    statement: bytes
    parameters: tuple[bytes | None, ...] = ()
    parameter_formats: tuple[int, ...] = ()
    result_formats: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """FunctionCall: run the function with this Oid. An argument is None for SQL NULL."""

    oid: int
    arguments: tuple[bytes | None, ...] = ()
    argument_formats: tuple[int, ...] = ()
    result_format: int = 0


@dataclass(frozen=True, slots=True)
class SASLInitialResponse:
    """The client's choice of mechanism, and its first message where it has one."""

    mechanism: str
    data: bytes | None


def decode_query(body: View) -> View:
    """The text of a Query: exactly one NUL, at the very end.

    Raises: ProtocolViolation when there is none, or one inside: the server would run the part before it.
    """
    if isinstance(body, bytes):  # split at once: bytes.find() alone costs as much
        parts = body.split(b"\0", 1)
        if len(parts) == 2 and len(parts[1]) == 0:
            return parts[0]
    elif body and find_nul(body, 0) == len(body) - 1:
        return body[:-1]
    raise ProtocolViolation("invalid string in Query: it must end with its only NUL")


def decode_parse(body: View) -> ParseMessage:
    """Decode a Parse body. The number of types is unsigned, as in the server."""
    if isinstance(body, bytes):
        parts = body.split(b"\0", 2)
        if len(parts) != 3:
            raise ProtocolViolation(_NO_NUL)
        return ParseMessage(parts[0], parts[1], () if parts[2] == _NO_TYPES else _types(parts[2]))
    end = _end_of_string(body, 0)
    end_of_text = _end_of_string(body, end + 1)
    types = _types(bytes(body[end_of_text + 1 :]))
    return ParseMessage(bytes(body[:end]), body[end + 1 : end_of_text], types)


def repeats(shown: Cutter, text: bytes) -> bool:
    """Whether the Parse shown is of this text, without a name or types; looked at in place."""
    size: i64 = len(text)
    whole = shown.size == size + _AROUND_TEXT and shown.first() == 0
    return whole and shown.holds(1, text) and shown.holds(1 + size, _TEXT_ENDS)


def _types(rest: bytes) -> tuple[int, ...]:
    reader = Reader(rest, "Parse")
    types = tuple(reader.uint32() for _ in range(reader.int16()))
    reader.end()
    return types


def _end_of_string(body: memoryview, at: int) -> int:
    nul = find_nul(body, at)
    if nul < 0:
        raise ProtocolViolation(_NO_NUL)
    return nul


def bind_names(shown: Cutter) -> tuple[bytes, bytes]:
    """The portal and the statement that the Bind shown names, looked at in place; what follows is not.

    Raises: ProtocolViolation when a NUL is missing in what has come of it.
    """
    portal = shown.string(0, "Bind")
    return portal, shown.string(len(portal) + 1, "Bind")


def decode_bind(body: bytes) -> BindMessage:
    """Decode a whole Bind body, as exec_bind_message() does.

    Raises: ProtocolViolation on short input, trailing bytes, a length below -1, or a number of parameter
        formats that is not 0, 1 or the number of parameters.
    """
    reader = Reader(body, "Bind")
    portal, statement = reader.string(), reader.string()
    formats, parameters = _formatted_values(reader, "Bind")
    result_formats = tuple(reader.int16() for _ in range(reader.int16()))
    reader.end()
    return BindMessage(portal, statement, parameters, formats, result_formats)


def decode_describe(body: bytes) -> tuple[str, bytes]:
    """What a Describe asks about: "S" a statement or "P" a portal, and its name."""
    return _named_object(body, "Describe")


def decode_close(body: bytes) -> tuple[str, bytes]:
    """What a Close closes: "S" a statement or "P" a portal, and its name."""
    return _named_object(body, "Close")


def decode_execute(body: bytes) -> tuple[bytes, int]:
    """The portal and the greatest number of rows; zero and below mean all."""
    reader = Reader(body, "Execute")
    portal, max_rows = reader.string(), reader.int32()
    reader.end()
    return portal, max_rows


def execute_portal(shown: Cutter) -> bytes:
    """The portal that the Execute shown runs; nearly always the unnamed one, for which nothing is copied."""
    return b"" if shown.size == _UNNAMED_EXECUTE and not shown.first() else decode_execute(shown.body())[0]


def decode_function_oid(prefix: bytes) -> int:
    """The Oid of the function that a FunctionCall runs: its first four bytes; the rest is not looked at."""
    return Reader(prefix, "FunctionCall").uint32()


def decode_function_call(body: bytes) -> FunctionCall:
    """Decode a whole FunctionCall body, as HandleFunctionRequest() does."""
    reader = Reader(body, "FunctionCall")
    oid = reader.uint32()
    formats, arguments = _formatted_values(reader, "FunctionCall")
    result_format = reader.int16()
    reader.end()
    return FunctionCall(oid, arguments, formats, result_format)


def decode_copy_fail(body: bytes) -> bytes:
    """The reason that the client gives for stopping a COPY."""
    return _only_string(body, "CopyFail")


def decode_password(body: bytes) -> bytes:
    """The password, in clear or as md5 hash. A secret: it goes nowhere but to the server."""
    return _only_string(body, "PasswordMessage")


def decode_sasl_initial(body: bytes) -> SASLInitialResponse:
    """Decode a SASLInitialResponse. A mechanism that is not text stays distinguishable."""
    reader = Reader(body, "SASLInitialResponse")
    mechanism = text_of(reader.string())
    data = reader.value()
    reader.end()
    return SASLInitialResponse(mechanism, data)


def encode_query(text: bytes) -> bytes:
    """A Query."""
    return message(b"Q", string(text))


def encode_parse(name: bytes, text: bytes, parameter_types: Sequence[int] = ()) -> bytes:
    """A Parse."""
    types = b"".join(map(uint32, parameter_types))
    return message(b"P", string(name) + string(text) + int16(len(parameter_types)) + types)


def encode_bind(bind: BindMessage) -> bytes:
    """A Bind."""
    body = string(bind.portal) + string(bind.statement)
    body += _encode_values(bind.parameter_formats, bind.parameters)
    return message(b"B", body + _encode_formats(bind.result_formats))


def encode_describe(kind: str, name: bytes) -> bytes:
    """A Describe of "S" a statement or "P" a portal."""
    return message(b"D", kind.encode("ascii") + string(name))


def encode_close(kind: str, name: bytes) -> bytes:
    """A Close of "S" a statement or "P" a portal."""
    return message(b"C", kind.encode("ascii") + string(name))


def encode_execute(portal: bytes, max_rows: int = 0) -> bytes:
    """An Execute; zero rows means all."""
    return message(b"E", string(portal) + int32(max_rows))


def encode_function_call(call: FunctionCall) -> bytes:
    """A FunctionCall."""
    values = _encode_values(call.argument_formats, call.arguments)
    return message(b"F", uint32(call.oid) + values + int16(call.result_format))


def encode_copy_data(data: bytes) -> bytes:
    """A CopyData."""
    return message(b"d", data)


def encode_copy_done() -> bytes:
    """A CopyDone."""
    return message(b"c")


def encode_copy_fail(text: bytes) -> bytes:
    """A CopyFail."""
    return message(b"f", string(text))


def encode_password(password: bytes) -> bytes:
    """A PasswordMessage."""
    return message(b"p", string(password))


def encode_sasl_initial(response: SASLInitialResponse) -> bytes:
    """A SASLInitialResponse."""
    mechanism = response.mechanism.encode("utf-8", "surrogateescape")
    return message(b"p", string(mechanism) + value(response.data))


def encode_sasl_response(data: bytes) -> bytes:
    """A SASLResponse."""
    return message(b"p", data)


def encode_sync() -> bytes:
    """A Sync."""
    return message(b"S")


def encode_flush() -> bytes:
    """A Flush."""
    return message(b"H")


def encode_terminate() -> bytes:
    """A Terminate."""
    return message(b"X")


def _named_object(body: bytes, name: str) -> tuple[str, bytes]:
    reader = Reader(body, name)
    kind = reader.byte()
    if kind not in b"SP":
        raise ProtocolViolation(f"invalid {name} message subtype {kind}")
    target = reader.string()
    reader.end()
    return chr(kind), target


def _only_string(body: bytes, name: str) -> bytes:
    reader = Reader(body, name)
    text = reader.string()
    reader.end()
    return text


def _formatted_values(reader: Reader, name: str) -> tuple[tuple[int, ...], tuple[bytes | None, ...]]:
    formats = tuple(reader.int16() for _ in range(reader.int16()))
    values = tuple(reader.value() for _ in range(reader.int16()))
    if len(formats) > 1 and len(formats) != len(values):
        raise ProtocolViolation(f"{name} has {len(formats)} formats but {len(values)} values")
    return formats, values


def _encode_formats(formats: Sequence[int]) -> bytes:
    return int16(len(formats)) + b"".join(map(int16, formats))


def _encode_values(formats: Sequence[int], values: Sequence[bytes | None]) -> bytes:
    return _encode_formats(formats) + int16(len(values)) + b"".join(map(value, values))
