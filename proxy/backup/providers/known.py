"""A backup that somebody else keeps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import msgspec

from proxy.backup.clients import BackupError
from proxy.policy.facts import Verification

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Known:
    """One copy, as its maker lists it.

    Attributes:
        location: names it for ever, whoever lists it.
        database: None where it holds a whole server, and so every database.
        position: of the write-ahead log.
    """

    location: str
    finished: datetime
    verified: Verification = Verification.EXISTS
    size_bytes: int | None = None
    database: str | None = None
    position: str = ""
    tool: str = ""
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """All that a maker has.

    Attributes:
        source: who makes them.
        scopes: of what locations begin with one of these, the list is complete: what is not listed is gone.
    """

    source: str
    scopes: tuple[str, ...]
    backups: tuple[Known, ...]


class Row(msgspec.Struct, frozen=True):
    """A maker's JSON object: what is not known here is passed over, for makers add fields."""


def decode(text: bytes, shape: type[T], what: str) -> T:
    """Read JSON of a shape.

    Raises:
        BackupError: it has another.
    """
    try:
        return msgspec.json.decode(text, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BackupError(f"this is not what {what} prints: {error}") from None
