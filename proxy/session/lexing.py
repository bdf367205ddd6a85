"""How the server reads a text now: client_encoding and standard_conforming_strings, as it reports them.

The parser reads UTF-8 with standard_conforming_strings on. A text that the server may read otherwise is not
judged but objected to. The server reports a change only with ReadyForQuery, so after a statement that may
change either, how texts are read is unsettled until the answer to that statement's batch has come.
"""

from __future__ import annotations

import sys
from typing import Final

from mypy_extensions import i64

ASCII_SAFE: Final = frozenset(
    [
        "SQL_ASCII",
        *(f"LATIN{n}" for n in range(1, 11)),
        *(f"ISO_8859_{n}" for n in range(5, 9)),
        "KOI8R",
        "KOI8U",
    ]
    + [f"WIN{n}" for n in (866, 874, *range(1250, 1259))]
)
"""Single-byte encodings: bytes below 128 mean what they mean in UTF-8."""


def reads_alike(raw: bytes) -> bool:
    """Whether every server reads this text as the parser does, whatever its settings."""
    return b"\\" not in raw and raw.isascii()


class Lexing:
    """The server's reading of texts, as far as it has been confirmed."""

    __slots__ = ("_encoding", "_ever_other", "_settled", "_standard", "_unsettled_until", "plain")

    def __init__(self) -> None:
        """Begin with nothing known: the server reports both when a login succeeds."""
        self._encoding = ""
        self._standard = False
        self._ever_other = False
        self._unsettled_until: i64 = 0
        self._settled: i64 = 0
        self.plain = False
        """True while the server reads texts as the parser does, and nothing in flight may change that."""

    @property
    def usual(self) -> bool:
        """The server reads texts as the parser does, and always has: as with ``usual_lexing``."""
        return self.plain and not self._ever_other

    @property
    def tells(self) -> bool:
        """With nothing in flight, a question in ASCII is read as it is meant, and so is an answer in it.

        Bytes below 128 are nothing else in this encoding, and a backslash in a literal is one.
        """
        plain = self._encoding == "UTF8" or self._encoding in ASCII_SAFE
        return plain and self._standard and self._settled >= self._unsettled_until

    def report(self, name: str, value: str) -> None:
        """Take in a ParameterStatus."""
        if name == "client_encoding":
            self._encoding = sys.intern(value.upper())
            self._ever_other |= self._encoding != "UTF8"
        elif name == "standard_conforming_strings":
            self._standard = value == "on"
            self._ever_other |= not self._standard
        else:
            return
        self._refresh()

    def unsettle(self, boundary: i64) -> None:
        """A statement that may change the reading was sent; ReadyForQuery number ``boundary`` will tell."""
        self._unsettled_until = max(self._unsettled_until, boundary)
        self.plain = False

    def postpone(self, after: i64, until: i64) -> None:
        """What a ReadyForQuery behind number ``after`` tells comes with number ``until`` at the earliest."""
        if self._unsettled_until > after:
            self._unsettled_until = max(self._unsettled_until, until)

    def settle(self, boundary: i64) -> None:
        """ReadyForQuery number ``boundary`` has come."""
        self._settled = boundary
        if not self.plain:
            self._refresh()

    def _refresh(self) -> None:
        same = self._encoding == "UTF8" and self._standard and not self._ever_other
        self.plain = same and self._settled >= self._unsettled_until

    def awaits(self, raw: bytes, boundary: int) -> int:
        """The ReadyForQuery that must come before this text can be judged, 0 for none.

        Args:
            raw: the text.
            boundary: the number of the last ReadyForQuery that is owed or has come; once the reading has
                been anything but the parser's, whatever is in flight may change it (ROLLBACK does).
        """
        if reads_alike(raw):
            return 0
        until = max(self._unsettled_until, boundary) if self._ever_other else self._unsettled_until
        return until if until > self._settled else 0

    def objection(self, raw: bytes) -> str | None:
        """Why the server may not read this text as the parser does; None when it does."""
        if self._encoding and reads_alike(raw):
            return None  # every encoding reads these bytes alike: lead bytes are above 127
        if self._encoding != "UTF8":
            if not self._encoding:
                return "the server has not reported its client_encoding"
            if self._encoding not in ASCII_SAFE:
                return f"the client_encoding is {self._encoding}, in which a character can hide a backslash"
            if not raw.isascii():
                return (
                    f"the client_encoding is {self._encoding} and the statement has characters outside ASCII"
                )
        if not self._standard and b"\\" in raw:
            return "the statement has a backslash and standard_conforming_strings is not known to be on"
        return None


def usual_lexing() -> Lexing:
    """That of a server that has always read texts as the parser does."""
    lexing = Lexing()
    lexing.report("client_encoding", "UTF8")
    lexing.report("standard_conforming_strings", "on")
    return lexing
