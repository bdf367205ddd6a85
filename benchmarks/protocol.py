"""The few messages that the load generator speaks, and the walk over the server's answers.

Enters: values to pack; chunks as they come off the socket. Leaves: whole messages ready to send; how many
ReadyForQuery and DataRow came. Deliberately absent: authentication (every target trusts the client, so that
a login is never measured by accident), any guess at a boundary from a chunk's last bytes (row data can
spell ReadyForQuery), and the gate's own decoders.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

HEADER_BYTES: Final = 5
_HEADER: Final = struct.Struct(">cI")
_unpack_head = struct.Struct(">BI").unpack_from

_READY: Final = ord("Z")
_ERROR: Final = ord("E")
_DATA_ROW: Final = ord("D")
_COPY_DATA: Final = ord("d")


class BenchmarkError(Exception):
    """The measurement cannot go on; the text says why."""


class ServerError(BenchmarkError):
    """The server answered with an ErrorResponse; `sqlstate` and `message` are its fields C and M."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        """Keep the two fields that a caller may act on."""
        self.sqlstate = fields.get("C", "")
        self.message = fields.get("M", "")
        super().__init__(f"{self.sqlstate}: {self.message}")


def _message(kind: bytes, body: bytes) -> bytes:
    return _HEADER.pack(kind, len(body) + 4) + body


def startup(parameters: Mapping[str, str]) -> bytes:
    """Pack a StartupMessage of protocol 3.0."""
    pairs = b"".join(f"{name}\0{value}\0".encode() for name, value in parameters.items())
    body = struct.pack(">I", 196608) + pairs + b"\0"
    return struct.pack(">I", len(body) + 4) + body


def ssl_request() -> bytes:
    """Pack an SSLRequest."""
    return struct.pack(">II", 8, 80877103)


def copy_data(data: bytes) -> bytes:
    """Pack a CopyData."""
    return _message(b"d", data)


def copy_done() -> bytes:
    """Pack a CopyDone."""
    return _message(b"c", b"")


def query(text: bytes) -> bytes:
    """Pack a Query."""
    return _message(b"Q", text + b"\0")


def parse(name: bytes, text: bytes) -> bytes:
    """Pack a Parse that leaves all parameter types to the server, as pgbench does."""
    return _message(b"P", name + b"\0" + text + b"\0" + b"\0\0")


def bind(statement: bytes, values: tuple[bytes, ...]) -> bytes:
    """Pack a Bind of the unnamed portal, parameters and results as text."""
    packed = b"".join(struct.pack(">I", len(value)) + value for value in values)
    return _message(
        b"B", b"\0" + statement + b"\0" + b"\0\0" + struct.pack(">H", len(values)) + packed + b"\0\0"
    )


def describe_portal() -> bytes:
    """Pack a Describe of the unnamed portal."""
    return _message(b"D", b"P\0")


def execute() -> bytes:
    """Pack an Execute of the unnamed portal, all rows."""
    return _message(b"E", b"\0" + b"\0\0\0\0")


def sync() -> bytes:
    """Pack a Sync."""
    return _message(b"S", b"")


def terminate() -> bytes:
    """Pack a Terminate."""
    return _message(b"X", b"")


def split_messages(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (type, body) of each whole message; for set-up, not for the measured loop."""
    offset = 0
    while offset + HEADER_BYTES <= len(data):
        kind, length = _HEADER.unpack_from(data, offset)
        yield kind.decode("latin-1"), data[offset + HEADER_BYTES : offset + 1 + length]
        offset += 1 + length


def error_fields(body: bytes) -> dict[str, str]:
    """Read an ErrorResponse's fields by their one-letter codes."""
    fields = (field.decode("utf-8", "replace") for field in body.split(b"\0") if field)
    return {field[0]: field[1:] for field in fields}


@dataclass(slots=True)
class ReplyWalk:
    """Walks one connection's answers by message length, across chunk borders.

    `rows` counts DataRow messages from the beginning: the caller holds it against what it asked for, so
    that a target that answers fast because it answers nothing is found out.
    """

    rows: int = 0
    copied: int = 0
    """CopyData messages."""
    _carry: bytes = b""
    _skip: int = 0

    def feed(self, data: bytes) -> int:
        """Take a chunk and return how many ReadyForQuery became whole with it.

        Raises: ServerError when an ErrorResponse has come in whole.
        """
        if self._carry:
            data = self._carry + data
        total = len(data)
        offset = self._skip
        ready = 0
        while offset + HEADER_BYTES <= total:
            kind, length = _unpack_head(data, offset)
            end = offset + 1 + length
            if kind == _DATA_ROW:
                self.rows += 1
            elif kind == _READY:
                if end > total:
                    break
                ready += 1
            elif kind == _ERROR:
                if end > total:
                    break
                raise ServerError(error_fields(data[offset + HEADER_BYTES : end]))
            elif kind == _COPY_DATA:
                self.copied += 1
            offset = end
        # Only a cut header, ReadyForQuery or ErrorResponse is kept; the body of any other message is
        # stepped over.
        if offset < total:
            self._carry, self._skip = data[offset:], 0
        else:
            self._carry, self._skip = b"", offset - total
        return ready
