"""From the bytes of a statement to its meaning, where the server is known to read them as the parser does.

Enters: a text's bytes. Leaves: its Meaning; a Denial where no policy can allow it; a Wait where the server
has to answer first, because what was sent before may change how it reads this text. Absent: rules.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from functools import partial
from typing import Final

from proxy.session.cache import Outcome, Screening
from proxy.session.gate import Gate, Limits
from proxy.session.judge import Judge
from proxy.session.lasttext import LONGEST_KEPT
from proxy.session.lexing import reads_alike
from proxy.session.meaning import Meaning
from proxy.session.refusal import Denial
from proxy.session.state import State
from proxy.sql.alike import Cut
from proxy.sql.analyse import Analysis, UnreadableText
from proxy.sql.screen import Screen, Screened
from proxy.sql.weight import is_light, weight
from proxy.wire.framing import LONG, View, size_of

_SAME_BATCH: Final = "an earlier statement of the same batch may have changed how it is read"


@dataclass(frozen=True, slots=True)
class Wait:
    """Read the text again when ReadyForQuery number ``ready`` has come."""

    ready: int


@dataclass(frozen=True, slots=True)
class HandOut:
    """Read the text again when ``analysed`` has been told what it does: reading it here takes too long.

    Attributes:
        screen: to be asked first, in another thread.
    """

    screen: Screening | None


class Texts:
    """Reads the texts of one connection."""

    def __init__(self, state: State, gate: Gate, judge: Judge) -> None:
        """Read by what the state says of the server; texts over the gate's limits are handed out."""
        self._state = state
        self._gate = gate
        self._judge = judge
        self._database = state.lookup.who.database
        self._consequences = judge.consequences
        self._screened_by: Screen | None = None
        self._meanings = gate.meanings(state.server_major)
        self._started = 0.0
        self._handed_out: tuple[View, Meaning | Denial] | None = None
        # The very text that came last of those that may come again, and what it means while the gate stays.
        self._again: View | None = None
        self._again_means: Meaning | None = None
        self._again_epoch = 0

    def analysed(self, raw: View, outcome: Outcome) -> None:
        """A text that was handed out has been read: it is asked for again, until ``forget``."""
        match outcome:
            case UnicodeDecodeError():
                read: Meaning | Denial = _undecodable(outcome)
            case Screened() if self._screen() is not self._screened_by:
                return  # other names count by now
            case Screened():
                read = self._take_screened(outcome)
            case _:
                read = _readable(self._meanings.take(raw, outcome, self._started))
        self._handed_out = (raw, read)

    @property
    def still(self) -> bool:
        """No text that was handed out is still to be asked for."""
        return self._handed_out is None

    def forget(self) -> None:
        """The text that was handed out is not asked for again."""
        self._handed_out = None

    def understand(
        self, raw: View, *, kept: bool = False, again: bool = False
    ) -> Meaning | Denial | Wait | HandOut:
        """What a text means now.

        Args:
            raw: the text; of one that has come before as the same object more is known.
            kept: it gets a name, by which it may still be run under another policy: it is not screened.
            again: it is likely to come again, since its values are parameters; only of another it is asked
                whether one that is like it may pass, for that one's meaning serves for a Query alone.
        """
        lexing, sent = self._state.lexing, self._state.inflight.boundaries
        if self._state.inflight.ready < sent and (len(raw) > LONG or not reads_alike(bytes(raw))):
            return Wait(sent)  # unseen code may have changed how it is read; a long text is not looked at
        if not lexing.plain:
            whole = bytes(raw)
            until = lexing.awaits(whole, sent + self._state.batch_open)
            if until > sent:
                return _read_otherwise(_SAME_BATCH)
            if until:
                return Wait(until)
            objection = lexing.objection(whole)
            if objection is not None:
                return _read_otherwise(objection)
        if self._handed_out is not None:
            read = self._read_elsewhere(raw)
            if read is not None:
                return read
        if raw is self._again and not kept and self._again_means is not None and self._stays():
            self._gate.tally.screened += 1
            return self._again_means
        known = self._meanings.known(raw)
        if known is not None:
            return known
        limits = self._gate.limits
        here = len(raw) <= limits.screened_bytes or (
            len(raw) <= limits.screened_light_bytes and isinstance(raw, bytes) and is_light(raw)
        )
        try:
            if not kept and here:
                screen = self._screen()
                screened = None if screen is None else _sort(screen, self._gate.screened, raw, again=again)
                if screened is not None:
                    return self._take_screened(screened, raw if again else None)
            if len(raw) <= limits.inline_bytes:
                whole = bytes(raw)
                whole_only = kept or again or self._gate.log_statements or not lexing.plain
                parts = None if whole_only else self._meanings.forms.cut(whole)
                alike = None if parts is None else self._meanings.alike(parts)
                if alike is not None and self._judge.permit(alike) is not None:
                    return alike
                if _is_light(raw, limits):
                    return _readable(self._read(whole, parts))
        except UnicodeDecodeError as error:
            return _undecodable(error)
        self._started = self._meanings.now()
        self._screened_by = None if kept or here else self._screen()
        if self._screened_by is None:
            return HandOut(None)
        return HandOut(partial(_sort, self._screened_by, frozenset(self._gate.screened)))

    def _read(self, raw: bytes, parts: Cut | None) -> Meaning:
        """Read a text here and now, so that the next that is like it need not be.

        What a text does may be permitted already: then nothing else of it is asked for.
        """
        meanings = self._meanings
        started = meanings.now()
        found = meanings.analyse(raw)
        if parts is not None and isinstance(found, Analysis):
            shared = meanings.equal(found)
            if shared is not None:
                meanings.learn(raw, parts, shared)
                if self._judge.permit(shared) is not None:
                    self._gate.tally.judged(meanings.now() - started)
                    return shared
        return meanings.take(raw, found, started)

    def _screen(self) -> Screen | None:
        """What tells harmless texts here and now; None where each has to be read."""
        gate, state = self._gate, self._state
        if not gate.screened or self._consequences.overlay is not None:
            return None  # what the session has defined, no screen knows
        return gate.screen(state.server_major, self._database)

    def _take_screened(self, screened: Screened, again: View | None = None) -> Meaning:
        self._gate.tally.screened += 1
        meaning = self._gate.meaning_of(screened, self._database)
        if again is not None and size_of(again) <= LONGEST_KEPT:
            self._again = again
            self._again_means = meaning
            self._again_epoch = self._gate.policy_epoch
        return meaning

    def _stays(self) -> bool:
        """Whether policy, catalogue and what the session has defined are as when that text was screened."""
        return self._again_epoch == self._gate.policy_epoch and self._consequences.overlay is None

    def _read_elsewhere(self, raw: View) -> Meaning | Denial | None:
        handed_out = self._handed_out
        return handed_out[1] if handed_out is not None and handed_out[0] is raw else None


def _is_light(raw: View, limits: Limits) -> bool:
    operators, words = weight(raw)
    return operators <= limits.inline_operators and words <= limits.inline_words


def _sort(screen: Screen, passing: Container[Screened], raw: View, *, again: bool = False) -> Screened | None:
    """What the screen says of a text, where that is enough; texts that are likely to come again it keeps."""
    if again and isinstance(raw, bytes):
        found = screen.passed.get(raw)
        if found is None:
            found = screen.sort(raw)
            if found is not None:
                screen.keep(raw, found)
    else:
        found = screen.sort(raw)
    return found if found in passing else None


def _undecodable(error: UnicodeDecodeError) -> Denial:
    return Denial(
        "undecodable",
        "22021",
        f"Byte {error.start + 1} of the statement is not UTF8, so it was not run. [rule undecodable]",
        "pgwarden lets no statement pass that it cannot read.",
        "Send the statement in UTF8.",
    )


def _readable(meaning: Meaning) -> Meaning | Denial:
    """The meaning of a text just read, unless a limit stopped the reader.

    Then no policy is asked, not even one that only watches: what holds this parser's lexer up holds the
    server's up, where nothing can end it.
    """
    error = meaning.error
    return limited(error) if isinstance(error, UnreadableText) else meaning


def limited(error: UnreadableText) -> Denial:
    """The refusal of a text over a limit that keeps reading cheap."""
    return Denial(
        "over-size",
        "54000",
        f"This statement takes too much to read: {error.message}. [rule over-size]",
        "pgwarden lets no statement pass that it cannot read.",
        "Split the statement, or send its values as parameters or with COPY.",
        error.position,
    )


def _read_otherwise(why: str) -> Denial:
    return Denial(
        "lexing",
        "42501",
        "The server may read this statement otherwise than pgwarden does. [rule lexing]",
        f"{why[0].upper()}{why[1:]}.",
        "Use client_encoding UTF8 and standard_conforming_strings on, "
        "or send it by itself, when the statements before it are done.",
    )


def over_size(size: int, limit: int) -> Denial:
    """The refusal of a message of ``size`` bytes where texts may have ``limit``."""
    return Denial(
        "over-size",
        "54000",
        f"A statement of {size} bytes is longer than pgwarden reads. [rule over-size]",
        f"The limit is {limit} bytes.",
        "Split the statement, send its values as parameters or with COPY, or raise max_statement_bytes.",
    )
