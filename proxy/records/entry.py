"""One entry of the ledger, its canonical spelling, and the hash that chains it to the one before.

Enters: what is to be recorded. Leaves: a sealed `Entry`, and the JSON line that it is exported as.
Deliberately absent: where entries are kept, what their payloads mean (kinds/), and whether a chain is whole
(chain.py).

The canonical spelling is that of RFC 8785 (JCS), for what payloads may hold: objects with ASCII keys, arrays,
strings, booleans, null, and whole numbers up to 2**53 - 1. The hash is SHA-256 over the canonical JSON of all
of an entry's fields and the hash of the entry before, in hexadecimal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, NoReturn

GENESIS: Final = "0" * 64
"""What stands for the hash before the first entry's."""

MAX_TEXT_CHARS: Final = 4096
_MAX_INTEGER: Final = 2**53 - 1
# C0, C1 (a terminal takes U+009B for an escape), ends of lines, and what turns the writing's direction round.
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_FIELDS: Final = frozenset(
    {"about", "hash", "kind", "payload", "previous", "recorded_at", "recorded_by", "sequence"}
)


class LedgerError(Exception):
    """The ledger cannot be used, or refuses what it was given; the text says which and what to do."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be appended.

    Attributes:
        payload: canonical JSON.
        about: what it speaks of, to find it by: a checksum, another entry's number; "" for nothing.
        limits: (kind, number): nothing is appended once so many entries of that kind are about the same.
    """

    kind: str
    recorded_by: str
    payload: str
    about: str = ""
    limits: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One row, as it is kept.

    Attributes:
        sequence: counts from 1, without gaps, over all kinds.
        recorded_at: ISO 8601 in UTC, with microseconds.
        payload: canonical JSON.
        hash: 64 hexadecimal digits.
    """

    sequence: int
    kind: str
    about: str
    recorded_at: str
    recorded_by: str
    payload: str
    hash: str

    @property
    def moment(self) -> datetime:
        """When it was recorded.

        Raises:
            LedgerError: the row is damaged.
        """
        try:
            return datetime.fromisoformat(self.recorded_at)
        except ValueError as error:
            raise LedgerError(f"entry {self.sequence} of the ledger cannot be read") from error

    def hash_after(self, previous: str) -> str:
        """The hash that this content has behind an entry with that hash."""
        return sha256(self._spelled(previous).encode("utf-8", "surrogatepass")).hexdigest()

    def line(self, previous: str) -> str:
        """The entry as one line of an export, without its end: canonical JSON with both hashes."""
        about, rest = self._spelled(previous).split(',"kind":', 1)
        return f'{about},"hash":{_quoted(self.hash)},"kind":{rest}'

    def _spelled(self, previous: str) -> str:
        # The payload is spliced in as it is kept, so that no other spelling of it has the same hash.
        return (
            f'{{"about":{_quoted(self.about)},"kind":{_quoted(self.kind)},"payload":{self.payload},'
            f'"previous":{_quoted(previous)},"recorded_at":{_quoted(self.recorded_at)},'
            f'"recorded_by":{_quoted(self.recorded_by)},"sequence":{self.sequence}}}'
        )


COLUMNS: Final = "sequence, kind, about, recorded_at, recorded_by, payload, hash"
"""The columns of a row, in the order of `row_of` and `entry_of`."""


def row_of(entry: Entry) -> tuple[object, ...]:
    """The values of an entry's row."""
    return (
        entry.sequence,
        entry.kind,
        entry.about,
        entry.recorded_at,
        entry.recorded_by,
        entry.payload,
        entry.hash,
    )


def entry_of(row: Sequence[object]) -> Entry:
    """A row as it is, whatever somebody has put into its columns: the hash tells."""
    sequence, *texts = row
    return Entry(int(str(sequence)), *map(str, texts))


def seal(draft: Draft, sequence: int, previous: str, recorded_at: datetime) -> Entry:
    """The entry that a draft becomes behind the one with this hash."""
    moment = written(recorded_at)
    bare = Entry(sequence, draft.kind, draft.about, moment, draft.recorded_by, draft.payload, "")
    return Entry(
        sequence, draft.kind, draft.about, moment, draft.recorded_by, draft.payload, bare.hash_after(previous)
    )


def read_line(line: str) -> tuple[Entry, str]:
    """Read a line of an export: the entry, and the hash that it says stands before it.

    Raises:
        ValueError: it is no such line.
    """
    fields = json.loads(line, object_pairs_hook=_unique, parse_float=_no_float, parse_constant=_no_float)
    if not isinstance(fields, dict) or fields.keys() != _FIELDS:
        raise ValueError("no entry of a ledger")
    texts = {name: fields[name] for name in _FIELDS - {"payload", "sequence"}}
    sequence = fields["sequence"]
    if type(sequence) is not int or not all(isinstance(text, str) for text in texts.values()):
        raise ValueError("no entry of a ledger")
    previous = texts.pop("previous")
    return Entry(sequence=sequence, payload=canonical(fields["payload"]), **texts), previous


def canonical(value: object) -> str:
    """Spell a value of plain types as RFC 8785 does.

    Raises:
        ValueError: it holds what has no one spelling here: a float, a large number, a lone surrogate.
    """
    _check(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def written(moment: datetime) -> str:
    """The one spelling of a moment."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def check_text(name: str, text: str, *, most: int = MAX_TEXT_CHARS) -> None:
    """Refuse a text that is endless or could move a reader's cursor.

    Raises:
        LedgerError: with one sentence.
    """
    if len(text) > most:
        raise LedgerError(f"the {name} is longer than {most} characters")
    if _CONTROL.search(text):
        raise LedgerError(f"the {name} holds a control character")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _check(value: object) -> None:
    match value:
        case None | bool():
            return
        case int() if abs(value) <= _MAX_INTEGER:
            return
        case str():
            value.encode()
        case list() | tuple():
            for item in value:
                _check(item)
        case dict():
            for key, item in value.items():
                if not isinstance(key, str) or not key.isascii():
                    raise ValueError("a key is not ASCII")
                _check(item)
        case _:
            raise ValueError(f"a {type(value).__name__} has no canonical spelling")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_float(text: str) -> NoReturn:
    raise ValueError(f"{text} is no whole number")
