"""From the bytes of a statement to its meaning, where the server is known to read them as the parser does.

Enters: a text's bytes. Leaves: its Meaning; a Denial where no policy can allow it; a Wait where the server
has to answer first, because what was sent before may change how it reads this text. Absent: rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from proxy.session.meaning import Meaning
from proxy.session.meanings import Meanings, Outcome
from proxy.session.refusal import Denial
from proxy.session.state import State
from proxy.sql.analyse import UnreadableText

_SAME_BATCH: Final = "an earlier statement of the same batch may have changed how it is read"


@dataclass(frozen=True, slots=True)
class Wait:
    """Read the text again when ReadyForQuery number ``ready`` has come."""

    ready: int


@dataclass(frozen=True, slots=True)
class HandOut:
    """Read the text again when ``analysed`` has been told what it does: reading it here takes too long."""


class Texts:
    """Reads the texts of one connection."""

    def __init__(self, state: State, meanings: Meanings, inline_bytes: int) -> None:
        """Read by what the state says of the server; texts over so many bytes are handed out."""
        self._state = state
        self._meanings = meanings
        self._inline_bytes = inline_bytes
        self._started = 0.0
        self._handed_out: tuple[bytes, Meaning] | None = None

    def analysed(self, raw: bytes, outcome: Outcome) -> None:
        """A text that was handed out has been read: it is asked for again at once."""
        self._handed_out = (raw, self._meanings.take(raw, raw.decode(), outcome, self._started))

    def understand(self, raw: bytes) -> Meaning | Denial | Wait | HandOut:
        """What a text means now."""
        lexing = self._state.lexing
        if not lexing.plain:
            sent = self._state.inflight.boundaries
            until = lexing.awaits(raw, sent + self._state.batch_open)
            if until > sent:
                return _read_otherwise(_SAME_BATCH)
            if until:
                return Wait(until)
            objection = lexing.objection(raw)
            if objection is not None:
                return _read_otherwise(objection)
        if self._handed_out is not None:
            read = self._take_handed_out(raw)
            if read is not None:
                return _readable(read)
        known = self._meanings.known(raw)
        if known is not None:
            return known
        try:
            if len(raw) > self._inline_bytes:
                if not raw.isascii():
                    raw.decode()  # it makes a copy, which takes long enough to look first
                self._started = self._meanings.now()
                return HandOut()
            return _readable(self._meanings.read(raw))
        except UnicodeDecodeError as error:
            return Denial(
                "undecodable",
                "22021",
                f"Byte {error.start + 1} of the statement is not UTF8, so it was not run. [rule undecodable]",
                "pgwarden lets no statement pass that it cannot read.",
                "Send the statement in UTF8.",
            )

    def _take_handed_out(self, raw: bytes) -> Meaning | None:
        handed_out, self._handed_out = self._handed_out, None
        return handed_out[1] if handed_out is not None and handed_out[0] == raw else None


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
