"""What a kind of entry is: the shape of its payload, what may be said in it, and what comes of it.

Enters: nothing. Leaves: `Payload`, the base of every kind's shape, with its canonical spelling; `Fold`, the
port from entries to facts. Deliberately absent: any kind; each has a module of its own beside this one.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Final, Protocol, TypeVar, cast

import msgspec

from proxy.policy.facts import Facts
from proxy.records.entry import Entry, LedgerError, canonical, written


class Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one kind of entry says. Fields are never renamed; new ones have a default.

    Attributes:
        kind: the kind's name, in the ledger for ever.
    """

    kind: ClassVar[str]

    def check(self, now: datetime) -> None:
        """Refuse what could never be true, or would put a secret where everybody reads it.

        Raises:
            LedgerError: with one sentence that repeats no secret.
        """


P = TypeVar("P", bound=Payload)


def spelled(payload: Payload) -> str:
    """The payload's canonical JSON.

    Raises:
        LedgerError: it holds what has no one spelling.
    """
    try:
        plain = msgspec.to_builtins(payload, builtin_types=(datetime,))
        return canonical({name: _plain(value) for name, value in plain.items()})
    except ValueError as error:
        raise LedgerError(f"this cannot be recorded: {error}") from error


_decoders: Final[dict[type[Payload], msgspec.json.Decoder[Payload]]] = {}
_building: Final = threading.Lock()
"""Of two threads that are the first to decode a type, msgspec 0.22 crashes one: it finds what the other has
begun to build (StructInfo, in its _core.c). An entry that is new is read by several threads at once."""


def read(entry: Entry, shape: type[P]) -> P:
    """What an entry says; any thread may ask.

    Raises:
        LedgerError: it has not the shape of its kind: damaged, or from a newer pgwarden.
    """
    decoder = _decoders.get(shape)
    if decoder is None:
        with _building:
            decoder = _decoders.setdefault(shape, msgspec.json.Decoder(cast(type[Payload], shape)))
    try:
        return cast(P, decoder.decode(entry.payload))
    except (ValueError, msgspec.DecodeError) as error:
        raise unreadable(entry) from error


def unreadable(entry: Entry) -> LedgerError:
    """What to raise about an entry that does not have the shape of its kind."""
    return LedgerError(
        f"entry {entry.sequence} of the ledger cannot be read: it is damaged, or a newer pgwarden wrote it"
    )


class Fold(Protocol):
    """What the entries of some kinds come to, one after the other."""

    shapes: ClassVar[Mapping[str, type[Payload]]]
    """The kinds that it takes, by name."""

    def add(self, entry: Entry) -> None:
        """Take the next entry of its kinds; may raise LedgerError."""
        ...

    def into(self, facts: Facts, now: datetime) -> Facts:
        """Add what is known as of `now` to the facts."""
        ...


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return written(value) if isinstance(value, datetime) else value
