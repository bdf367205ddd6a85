"""The cache of what texts mean: the cheapest way to judge a statement is to have read it before.

Kept by the text's very bytes, read as UTF-8 with standard_conforming_strings on, for servers of one major
version. What depends on the session (names, the transaction, the clock) is no part of a meaning.

Who sends many texts pushes out others', at the cost of one reading for each. What the screen passes
is not kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from proxy.session.events import told
from proxy.session.letting import Held
from proxy.session.meaning import Meaning, of_alike, of_analysis, of_unread
from proxy.sql.alike import Cut, Forms, Places, telling
from proxy.sql.analyse import Analysis, SqlSyntaxError, UnreadableText, analyse
from proxy.sql.effects import Prepares
from proxy.sql.screen import Screened
from proxy.wire.framing import View

_OVERHEAD: Final = 2_048
_EFFECT: Final = 512
"""What a meaning, and each of its effects, weighs beside its text, in bytes, roughly."""

_HEAVIEST: Final = 256 * 1024
"""What is heavier is not kept, in bytes: it would push out a hundred others at once."""

_MOST_ALIKE: Final = 2_000
"""So many frames, and so many meanings of texts that are alike, are kept."""

_MOST_TOLD: Final = 16
_LONGEST_TOLD: Final = 2 * 1024
"""What texts with more effects and statements, or of more bytes, mean is compared with no other."""

Screening: TypeAlias = Callable[[View], Screened | None]
"""Says what a text does at most, if that is enough to judge it; takes some 4 ns a byte."""

Found: TypeAlias = Analysis | SqlSyntaxError | Screened | UnicodeDecodeError
"""What reading a text gave; it need not be read where the screen says what it does at most."""

Outcome: TypeAlias = Found | Meaning
"""The same for a session; of much a Meaning, since making it belongs into another thread."""


def understood_aside(raw: View, outcome: Analysis | SqlSyntaxError) -> Meaning:
    """The meaning of a text that was read, made in another thread because there is much to it."""
    meaning = _understood(raw, outcome)
    _ = meaning.digest  # it keeps it
    meaning.held = Held(meaning.effects, meaning.statements)
    return meaning


def _understood(raw: View, outcome: Analysis | SqlSyntaxError) -> Meaning:
    text = told(raw)
    return of_analysis(text, outcome, raw) if isinstance(outcome, Analysis) else of_unread(text, outcome)


class Meanings:
    """Texts and their meanings, the oldest forgotten first.

    Attributes:
        forms: cuts texts.
    """

    def __init__(self, server_major: int, most: int, most_bytes: int, timer: Callable[[], float]) -> None:
        """Keep at most so many meanings, and roughly so many bytes; a server_major of 0 is not known."""
        self.server_major = server_major
        self._timer = timer
        self._most = most
        self._most_bytes = most_bytes
        self._known: dict[bytes, Meaning] = {}
        self._bytes = 0
        self.forms = Forms()
        self._frames: dict[bytes, Places | None] = {}  # None: met once
        self._alike: dict[tuple[bytes, ...], Meaning] = {}
        self._equal: dict[tuple[object, ...], Meaning] = {}

    def known(self, raw: View) -> Meaning | None:
        """What a text means, if it has been read before. A view's has not been kept."""
        return self._known.get(raw) if isinstance(raw, bytes) else None

    def alike(self, parts: Cut) -> Meaning | None:
        """What a text means, if one has been read that differs from it in nothing that matters."""
        places = self._frames.get(parts.frame)
        return None if places is None else self._alike.get(parts.key(places))

    def equal(self, analysis: Analysis) -> Meaning | None:
        """The meaning of all texts that do just this, wherever in them it stands; None where each counts.

        A permit of one is a permit of all: nothing else of a text is judged.
        """
        key = _told(analysis)
        if key is None:
            return None
        shared = self._equal.get(key)
        if shared is None:
            shared = of_alike(analysis)
            if shared is not None:
                if len(self._equal) >= _MOST_ALIKE:
                    self._equal.clear()
                self._equal[key] = shared
        return shared

    def learn(self, raw: bytes, parts: Cut, shared: Meaning) -> None:
        """Take in of a text that has just been read what it has in common with all that are like it."""
        frame = parts.frame
        if frame not in self._frames:
            if len(self._frames) >= _MOST_ALIKE:
                self._frames.clear()
            self._frames[frame] = None  # most come once
            return
        places = self._frames[frame]
        if places is None:
            places = self._frames[frame] = telling(raw, parts)
        if len(places.exact) == parts.form.count:
            return
        if len(self._alike) >= _MOST_ALIKE:
            self._alike.clear()
        self._alike[parts.key(places)] = shared

    def analyse(self, raw: bytes) -> Analysis | SqlSyntaxError:
        """Read a text here and now.

        Raises: UnicodeDecodeError when it is not UTF-8.
        """
        try:
            return analyse(raw.decode(), self.server_major)
        except SqlSyntaxError as error:
            return error

    def read(self, raw: bytes) -> Meaning:
        """Read a text here and now, and keep what it means.

        Raises: UnicodeDecodeError when it is not UTF-8.
        """
        started = self._timer()
        return self.take(raw, self.analyse(raw), started)

    def now(self) -> float:
        """When reading a text elsewhere begins, for ``take``."""
        return self._timer()

    def take(self, raw: View, outcome: Analysis | SqlSyntaxError | Meaning, started: float) -> Meaning:
        """Take in what reading a text gave, begun at ``started`` by the gate's timer."""
        meaning = outcome if isinstance(outcome, Meaning) else _understood(raw, outcome)
        if isinstance(outcome, Analysis) and len(raw) <= _LONGEST_TOLD:
            meaning.like = self.equal(outcome)
        meaning.reading_s = self._timer() - started
        # A limit of time or memory may hold next time.
        if isinstance(raw, bytes) and not isinstance(meaning.error, UnreadableText):
            self._remember(raw, meaning)
        return meaning

    def _remember(self, raw: bytes, meaning: Meaning) -> None:
        weight = _weight(raw, meaning)
        if weight > min(_HEAVIEST, self._most_bytes // 8):
            return  # one long text would push out a great many short ones, all at once
        former = self._known.pop(raw, None)  # two sessions may have had it read at a time
        if former is not None:
            self._bytes -= _weight(raw, former)
        self._known[raw] = meaning
        self._bytes += weight
        while len(self._known) > self._most or self._bytes > self._most_bytes:
            oldest = next(iter(self._known))
            self._bytes -= _weight(oldest, self._known.pop(oldest))


def _told(analysis: Analysis) -> tuple[object, ...] | None:
    """All that is judged of a text's statements; None where a text's own words count, or there is much."""
    told: list[object] = []
    for statement in analysis.statements:
        if statement.acts or statement.digest or len(statement.effects) > _MOST_TOLD:
            return None
        told.append((statement.kind, statement.mentions, statement.lexing, statement.copies_in))
        for effect in statement.effects:
            told.append(
                (effect.name, effect.target, effect.traits, effect.risk, effect.detail, effect.through)
            )
    return tuple(told) if len(told) <= _MOST_TOLD else None


def _weight(raw: bytes, meaning: Meaning) -> int:
    """The text is kept as bytes and as characters; what it prepares has effects too."""
    prepared = sum(len(act.effects) for group in meaning.acts for act in group if isinstance(act, Prepares))
    return 2 * len(raw) + _OVERHEAD + _EFFECT * (len(meaning.effects) + prepared)
