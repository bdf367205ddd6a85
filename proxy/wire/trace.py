"""A conversation in libpq's own trace format (PQtrace), which every PostgreSQL hacker reads.

Enters: pieces of a conversation in order, each with the side that sent it. Leaves: one line a message.
Deliberately absent: timestamps, so that traces can be compared; secrets: what a client sends to log in is
not shown.

    F	Parse	45	 "" "select n from generate_series(1,5) n" 0
    B	ReadyForQuery	6	 I

Source: fe-trace.c of PostgreSQL 18. Unlike it, this one checks: what a decoder refuses raises
ProtocolViolation.
"""

import enum
from collections.abc import Callable, Iterable
from typing import Final

from proxy.wire import backend, startup
from proxy.wire.errors import ProtocolViolation
from proxy.wire.octets import Reader


class Sender(enum.Enum):
    """The side that a piece of the conversation came from; its letter in the trace."""

    FRONTEND = "F"
    BACKEND = "B"


_EMPTY: Final = {
    Sender.FRONTEND: {"S": "Sync", "H": "Flush", "X": "Terminate", "c": "CopyDone"},
    Sender.BACKEND: {
        "1": "ParseComplete",
        "2": "BindComplete",
        "3": "CloseComplete",
        "I": "EmptyQueryResponse",
        "n": "NoData",
        "s": "PortalSuspended",
        "c": "CopyDone",
    },
}

_AUTHENTICATION: Final = {
    backend.AUTHENTICATION_OK: "AuthenticationOk",
    backend.AUTHENTICATION_CLEARTEXT: "AuthenticationCleartextPassword",
    backend.AUTHENTICATION_MD5: "AuthenticationMD5Password",
    backend.AUTHENTICATION_GSS: "AuthenticationGSS",
    backend.AUTHENTICATION_GSS_CONTINUE: "AuthenticationGSSContinue",
    backend.AUTHENTICATION_SSPI: "AuthenticationSSPI",
    backend.AUTHENTICATION_SASL: "AuthenticationSASL",
    backend.AUTHENTICATION_SASL_CONTINUE: "AuthenticationSASLContinue",
    backend.AUTHENTICATION_SASL_FINAL: "AuthenticationSASLFinal",
}


def trace(conversation: Iterable[tuple[Sender, bytes]], *, regress: bool = False) -> str:
    """The conversation as text.

    Args:
        conversation: pieces of whole messages; startup packets come with `trace_startup`.
        regress: as PQTRACE_REGRESS_MODE: what differs between runs (Oids, keys, source lines) is hidden.

    Raises: ProtocolViolation when a piece is no run of whole, well-formed messages.
    """
    lines: list[str] = []
    for sender, data in conversation:
        at = 0
        while at < len(data):
            size = 1 + int.from_bytes(data[at + 1 : at + 5], "big")
            if size < 5 or at + size > len(data):
                raise ProtocolViolation("incomplete message in a trace")
            lines.append(_line(sender, chr(data[at]), data[at + 5 : at + size], regress=regress))
            at += size
    return "".join(lines)


def trace_startup(packet: bytes) -> str:
    """The line of a packet without type byte. A cancel key is not shown: whoever has it can cancel."""
    decoded = startup.decode_startup(packet)
    code = int.from_bytes(packet[4:8], "big")
    match decoded:
        case startup.SSLRequest():
            name, fields = "SSLRequest", ""
        case startup.GSSENCRequest():
            name, fields = "GSSENCRequest", ""
        case startup.CancelRequest():
            name, fields = "CancelRequest", " NNNN NNNN"
        case startup.StartupMessage():
            name = "StartupMessage"
            fields = "".join(f' "{key}" "{value}"' for key, value in decoded.parameters)
    return f"F\t{len(packet)}\t{name}\t {code >> 16} {code & 0xFFFF}{fields}\n"


def _line(sender: Sender, kind: str, body: bytes, *, regress: bool) -> str:
    name = _EMPTY[sender].get(kind)
    if name is not None:
        Reader(body, name).end()
        return f"{sender.value}\t{len(body) + 4}\t{name}\n"
    known = (_FRONTEND if sender is Sender.FRONTEND else _BACKEND).get(kind)
    if known is None:
        return f"{sender.value}\t{len(body) + 4}\tUnknown message: {ord(kind):02x}\n"
    name, printer = known
    fields = _Fields(body, name, regress=regress)
    printer(fields)
    fields.reader.end()
    length = "NN" if regress and sender is Sender.BACKEND and kind in "EN" else str(len(body) + 4)
    return f"{sender.value}\t{length}\t{fields.name}" + ("\t" + fields.text if fields.text else "") + "\n"


class _Fields:
    """One message on its way to its line: each method reads a field and prints it as libpq does."""

    __slots__ = ("name", "reader", "regress", "text")

    def __init__(self, body: bytes, name: str, *, regress: bool) -> None:
        self.reader = Reader(body, name)
        self.name = name
        self.regress = regress
        self.text = ""

    def byte(self) -> int:
        code = self.reader.byte()
        self.text += f" {chr(code)}" if 0x20 <= code < 0x7F else f" \\x{code:02x}"
        return code

    def int16(self) -> int:
        number = self.reader.int16()
        self.text += f" {number}"
        return number

    def int32(self, *, varies: bool = False) -> int:
        number = self.reader.int32()
        self.text += " NNNN" if varies and self.regress else f" {number}"
        return number

    def string(self, *, varies: bool = False) -> None:
        value = self.reader.string().decode("utf-8", "backslashreplace")
        self.text += ' "SSSS"' if varies and self.regress else f' "{value}"'

    def run(self, length: int, *, varies: bool = False) -> None:
        value = self.reader.take(length)
        shown = "".join(chr(code) if 0x20 <= code < 0x7F else f"\\x{code:02x}" for code in value)
        self.text += " 'BBBB'" if varies and self.regress else f" '{shown}'"

    def value(self) -> None:
        length = self.int32()
        if length != -1:
            self.run(length)

    def repeat(self, field: Callable[[], object]) -> None:
        for _ in range(self.int16()):
            field()


def _strings(count: int) -> Callable[[_Fields], object]:
    def printer(fields: _Fields) -> None:
        for _ in range(count):
            fields.string()

    return printer


def _bind(fields: _Fields) -> None:
    fields.string()
    fields.string()
    fields.repeat(fields.int16)
    fields.repeat(fields.value)
    fields.repeat(fields.int16)


def _object(fields: _Fields) -> None:
    fields.byte()
    fields.string()


def _execute(fields: _Fields) -> None:
    fields.string()
    fields.int32()


def _function_call(fields: _Fields) -> None:
    fields.int32(varies=True)
    fields.repeat(fields.int16)
    fields.repeat(fields.value)
    fields.int16()


def _parse(fields: _Fields) -> None:
    fields.string()
    fields.string()
    fields.repeat(lambda: fields.int32(varies=True))


def _copy_data(fields: _Fields) -> None:
    fields.run(fields.reader.left, varies=True)


def _secret(fields: _Fields) -> None:
    """A password, md5 hash, SCRAM or GSSAPI message: one type byte for all, none of it for a trace."""
    fields.reader.rest()
    fields.text = " '***'"


def _notification(fields: _Fields) -> None:
    fields.int32(varies=True)
    fields.string()
    fields.string()


def _error(fields: _Fields) -> None:
    while code := fields.byte():
        fields.string(varies=chr(code) in "LFR")


def _copy_response(fields: _Fields) -> None:
    fields.byte()
    fields.repeat(fields.int16)


def _backend_key(fields: _Fields) -> None:
    fields.int32(varies=True)
    if fields.reader.left == 4:
        fields.int32(varies=True)
    else:
        fields.run(fields.reader.left, varies=True)


def _authentication(fields: _Fields) -> None:
    code = fields.reader.int32()
    fields.name = _AUTHENTICATION.get(code, f"Unknown authentication message {code}")
    if code == backend.AUTHENTICATION_SASL:
        while fields.reader.left > 1:
            fields.string()
        fields.string()
    elif code in (
        backend.AUTHENTICATION_GSS_CONTINUE,
        backend.AUTHENTICATION_SASL_CONTINUE,
        backend.AUTHENTICATION_SASL_FINAL,
    ):
        fields.run(fields.reader.left, varies=True)
    else:
        fields.reader.rest()  # the md5 salt; libpq reports it as a mismatched length instead


def _parameter_description(fields: _Fields) -> None:
    fields.repeat(lambda: fields.int32(varies=True))


def _row_description(fields: _Fields) -> None:
    for _ in range(fields.int16()):
        fields.string()
        fields.int32(varies=True)
        fields.int16()
        fields.int32(varies=True)
        fields.int16()
        fields.int32()
        fields.int16()


def _data_row(fields: _Fields) -> None:
    fields.repeat(fields.value)


def _negotiation(fields: _Fields) -> None:
    fields.int32()
    if fields.int32() > fields.reader.left:
        raise ProtocolViolation("invalid NegotiateProtocolVersion: impossible number of options")
    while fields.reader.left:
        fields.string()


_FRONTEND: Final[dict[str, tuple[str, Callable[[_Fields], object]]]] = {
    "B": ("Bind", _bind),
    "C": ("Close", _object),
    "D": ("Describe", _object),
    "E": ("Execute", _execute),
    "F": ("FunctionCall", _function_call),
    "P": ("Parse", _parse),
    "Q": ("Query", _strings(1)),
    "d": ("CopyData", _copy_data),
    "f": ("CopyFail", _strings(1)),
    "p": ("AuthenticationResponse", _secret),
}

_BACKEND: Final[dict[str, tuple[str, Callable[[_Fields], object]]]] = {
    "A": ("NotificationResponse", _notification),
    "C": ("CommandComplete", _strings(1)),
    "D": ("DataRow", _data_row),
    "E": ("ErrorResponse", _error),
    "G": ("CopyInResponse", _copy_response),
    "H": ("CopyOutResponse", _copy_response),
    "K": ("BackendKeyData", _backend_key),
    "N": ("NoticeResponse", _error),
    "R": ("Authentication", _authentication),
    "S": ("ParameterStatus", _strings(2)),
    "T": ("RowDescription", _row_description),
    "V": ("FunctionCallResponse", _Fields.value),
    "W": ("CopyBothResponse", _copy_response),
    "Z": ("ReadyForQuery", _Fields.byte),
    "d": ("CopyData", _copy_data),
    "t": ("ParameterDescription", _parameter_description),
    "v": ("NegotiateProtocolVersion", _negotiation),
}
