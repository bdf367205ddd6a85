"""Rows as the protocol has them: columns of a few types, values in text and in binary.

Enters: Python values. Leaves: RowDescription and DataRow. Text is as PostgreSQL writes it with DateStyle
ISO and TimeZone UTC; binary as its send functions do (int8send, boolsend, timestamptz_send, textsend).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final, TypeAlias

from proxy.wire.backend import Column as WireColumn
from proxy.wire.backend import encode_data_row, encode_row_description

Cell: TypeAlias = str | int | bool | datetime | None

TEXT_FORMAT: Final = 0
BINARY_FORMAT: Final = 1

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Kind(Enum):
    """A type: its OID and size in pg_type."""

    TEXT = (25, -1)
    INT8 = (20, 8)
    BOOL = (16, 1)
    TIMESTAMPTZ = (1184, 8)


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    name: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True, slots=True)
class Table:
    """An answer; without columns it has no rows.

    Attributes:
        tag: its CommandComplete's.
        notices: what people are told besides.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    tag: str = "SHOW"
    notices: tuple[str, ...] = ()


def texts(*names: str) -> tuple[Column, ...]:
    """Columns of text."""
    return tuple(Column(name) for name in names)


def formats_of(asked: Sequence[int], columns: Sequence[Column]) -> tuple[int, ...]:
    """A format for each column, from what a Bind says: none, one for all, or one each.

    Raises: ValueError, with the server's words.
    """
    if any(each not in (TEXT_FORMAT, BINARY_FORMAT) for each in asked):
        raise ValueError("unsupported format code")
    if len(asked) <= 1:
        return (asked[0] if asked else TEXT_FORMAT,) * len(columns)
    if len(asked) != len(columns):
        raise ValueError(f"bind message has {len(asked)} result formats but query has {len(columns)} columns")
    return tuple(asked)


def describe(columns: Sequence[Column], formats: Sequence[int]) -> bytes:
    """A RowDescription."""
    return encode_row_description(
        [
            WireColumn(
                column.name.encode(),
                type_oid=column.kind.value[0],
                type_size=column.kind.value[1],
                format=chosen,
            )
            for column, chosen in zip(columns, formats, strict=True)
        ]
    )


def encode_row(columns: Sequence[Column], row: Sequence[Cell], formats: Sequence[int]) -> bytes:
    """A DataRow."""
    return encode_data_row(
        [
            None if cell is None else (_binary if chosen else _text)(column.kind, cell)
            for column, cell, chosen in zip(columns, row, formats, strict=True)
        ]
    )


def _text(kind: Kind, cell: Cell) -> bytes:
    match kind, cell:
        case Kind.BOOL, _:
            return b"t" if cell else b"f"
        case Kind.TIMESTAMPTZ, datetime():
            return _moment(cell).encode()
        case _:
            return _plain(str(cell))


def _binary(kind: Kind, cell: Cell) -> bytes:
    match kind, cell:
        case Kind.BOOL, _:
            return b"\1" if cell else b"\0"
        case Kind.INT8, int():
            return struct.pack(">q", cell)
        case Kind.TIMESTAMPTZ, datetime():
            return struct.pack(">q", (cell - _EPOCH) // _MICROSECOND)
        case _:
            return _plain(str(cell))


def _moment(moment: datetime) -> str:
    """`2026-11-26 15:48:20.25+00`: a fraction without noughts at its end, as EncodeDateTime() writes it."""
    utc = moment.astimezone(UTC)
    fraction = f".{utc.microsecond:06d}".rstrip("0").rstrip(".")
    return f"{utc:%Y-%m-%d %H:%M:%S}{fraction}+00"


def _plain(text: str) -> bytes:
    """UTF-8 that no client trips over: a NUL cannot stand in a text, nor can half a surrogate pair."""
    return text.replace("\0", "\ufffd").encode(errors="replace")
