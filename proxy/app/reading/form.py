"""How requests and answers travel between the gate and a child: typed MessagePack, never pickle.

Enters: requests and analyses. Leaves: bytes, and what they mean, or `MalformedAnswer`. The layout of an
analysis is derived from the classes of proxy.sql, so that a field added there travels too. Deliberately
absent: trust. A child has read hostile text with C code; an answer that is not of this form is no answer.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from types import GenericAlias
from typing import Final, TypeAlias, get_args, get_type_hints

import msgspec

from proxy import __version__
from proxy.sql.analyse import SqlSyntaxError, Statement, UnreadableText
from proxy.sql.effects import EFFECT_KINDS, NO_MENTIONS, Act, Effect, Prepares

VERSION: Final = f"{__version__}/2"
"""Said by each child first: files that were replaced under a running gate must not be guessed at."""

REQUEST: Final = struct.Struct("!QII")
"""The request's number, the server's major version, the text's length in bytes; the text follows."""

LENGTH: Final = struct.Struct("!I")
"""Stands before each message of an answer."""

MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024
PART_EFFECTS: Final = 20
"""An answer comes in parts of so many effects: decoding one takes well under a millisecond."""


class MalformedAnswer(Exception):
    """What came from a child is not of this form."""


class Bounds(msgspec.Struct, frozen=True):
    """What reading one text may take.

    Attributes:
        time_s: from handing it to a child until the answer has come.
        memory_bytes: on top of what a child has when it starts.
    """

    time_s: float
    memory_bytes: int


class Hello(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The child is ready."""

    version: str
    pid: int


class Part(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """Some statements of the analysis, in order; others may follow.

    continues: the first has more effects of the last statement before, and nothing else to tell.
    """

    statements: msgspec.Raw
    continues: bool


class Done(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The analysis of request ``number`` is complete; a child that ``retires`` reads no other text."""

    number: int
    retires: bool


class Rejected(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The text cannot be read; ``limit`` tells that a limit was passed, else it is no SQL."""

    number: int
    retires: bool
    message: str
    position: int
    limit: bool

    def error(self) -> SqlSyntaxError:
        """As analyse() would have raised it."""
        return (UnreadableText if self.limit else SqlSyntaxError)(self.message, self.position)


class Failed(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The child could not read the text by a fault of the program: what kind, and where."""

    number: int
    kind: str
    place: str


Message: TypeAlias = Hello | Part | Done | Rejected | Failed

# A union of plain dataclasses has no form in msgspec, so an act travels in the field that has its name.
_ACT_KINDS: Final = get_args(Act)
_OneOfActs = msgspec.defstruct(
    "_OneOfActs", [(kind.__name__, kind | None, None) for kind in _ACT_KINDS], omit_defaults=True
)
_NAMES: Final = Statement.__struct_fields__
_Row = msgspec.defstruct(
    "_Row",
    [
        (name, GenericAlias(tuple, (_OneOfActs, ...)) if name == "acts" else hint)
        for name, hint in get_type_hints(Statement).items()
    ],
    array_like=True,
    forbid_unknown_fields=True,
)

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final[Callable[[bytes], Message]] = msgspec.msgpack.Decoder(Message).decode
_decode_rows: Final[Callable[[msgspec.Raw], tuple[msgspec.Struct, ...]]] = msgspec.msgpack.Decoder(
    GenericAlias(tuple, (_Row, ...))
).decode


def encode(message: Message) -> bytes:
    """A message with its length in front."""
    body = _encode(message)
    return LENGTH.pack(len(body)) + body


def decode(body: bytes) -> Message:
    """The message whose bytes these are, its length left out.

    Raises: MalformedAnswer.
    """
    try:
        return _decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise MalformedAnswer(type(error).__name__) from None


def encode_statements(statements: Iterable[Statement]) -> msgspec.Raw:
    """Statements as a Part has them."""
    return msgspec.Raw(_encode([_row(statement) for statement in statements]))


def decode_statements(raw: msgspec.Raw) -> tuple[Statement, ...]:
    """The statements of a Part.

    Raises: MalformedAnswer.
    """
    try:
        return tuple(_statement(row) for row in _decode_rows(raw))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise MalformedAnswer(type(error).__name__) from None


def _row(statement: Statement) -> msgspec.Struct:
    values = {name: getattr(statement, name) for name in _NAMES}
    values["acts"] = tuple(_OneOfActs(**{type(act).__name__: act}) for act in statement.acts)
    return _Row(**values)


def _statement(row: msgspec.Struct) -> Statement:
    values = {name: getattr(row, name) for name in _NAMES}
    values["acts"] = acts = tuple(_act(one) for one in values["acts"])
    if values["mentions"] == NO_MENTIONS:
        values["mentions"] = NO_MENTIONS  # one object: joining thousands of them is the event loop's work
    _check(values["effects"])
    for act in acts:
        if isinstance(act, Prepares):
            _check(act.effects)
    return Statement(**values)


def _act(one: msgspec.Struct) -> Act:
    """The act of a _OneOfActs; the unpacking fails unless it is exactly one."""
    (act,) = (found for kind in _ACT_KINDS if (found := getattr(one, kind.__name__)) is not None)
    known: Act = act
    return known


def _check(effects: tuple[Effect, ...]) -> None:
    """What no catalogue has, no policy could judge."""
    for effect in effects:
        if effect.name not in EFFECT_KINDS:
            raise ValueError("an effect of another catalogue")
