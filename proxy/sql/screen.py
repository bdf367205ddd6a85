"""The screen: texts that certainly do nothing but read rows, or read and add rows, told without a parse.

In: a text's bytes, which the server is known to read as UTF-8 or ASCII. Out: what it does at most, or that it
has to be read. No key word of the grammar can be spelled otherwise, so a first statement that begins as a
query changes something only by one of a few words; what begins any other statement is asked of the parser.
Names can be spelled otherwise: U&"…" has to be read. A text passes only if all that it may call are built-ins
without effect, or functions of a database that was read and found so; the names of whatever else there has
effects are words, too. What looks like any of this in a comment, or in a string that is not certainly one,
costs a parse, no more. Deliberately absent: policies.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

from ahocorasick_rs import BytesAhoCorasick

from proxy.sql.builtins import OPERATORS
from proxy.sql.effects import Effect, Risk, Target
from proxy.sql.encoding import PIECE, Utf8
from proxy.sql.functions import harmless
from proxy.sql.literals import Literals, NoPieces, pieces
from proxy.sql.parse import FIXED_WORDS, KEY_WORDS, OPERATOR_CHARACTERS, can_begin

MAJORS: Final = (0, 15, 16, 17, 18)
"""The major versions of servers that are told apart, 0 where it is not known."""

QUERIES: Final = frozenset({"insert", "select", "table", "values", "with"})
"""What the first statement of a screened text begins with."""

CHANGING: Final = frozenset({"delete", "insert", "into", "merge", "share", "update"})
"""Without these a query changes and locks nothing: they stand in its WITH list, in SELECT INTO, in ON
CONFLICT DO UPDATE, in FOR UPDATE and FOR SHARE. The INSERT INTO that a text begins with is not looked at.
"""

MAX_PARTS: Final = 1_000_000
"""Commas, parentheses and operators: with more, a text is the boxed parser's to measure."""

LONGEST_QUERY: Final = 128 * 1024
"""Of longer texts, in bytes, only INSERT … VALUES passes: what a server does with one grows with its length,
while an hour of planning or of looking for names of WITH lists may be behind another.
"""

# Key words of newer grammars, which an older server takes for names: of users' functions, for instance.
_NEW_WORDS: Final = re.compile(r"json.*|merge_action|system_user")
# What is looked at of the piece before: more than any name or operator is long.
_OVERLAP: Final = 256
# The server cuts names to 63 bytes, and to fewer where that would split a character.
_CUT: Final = 60

# Digits and $ may stand inside a name, but an older lexer reads `1delete` as two tokens: they separate here.
_WORDS: Final = bytes(
    byte + 32 if 65 <= byte <= 90 else byte if 97 <= byte <= 122 or byte == 95 or byte > 127 else 32
    for byte in range(256)
)
_NAMES: Final = bytes(
    byte if 48 <= byte <= 57 or byte == 36 else letter for byte, letter in enumerate(_WORDS)
)
_OPERATORS: Final = bytes(byte if chr(byte) in OPERATOR_CHARACTERS else 32 for byte in range(256))
_SPACES: Final = b" \t\n\r\f\v"

_BEGINNING: Final = re.compile(
    rb"""[ \t\n\r\f\v]*+ (?: /\* [^*/]*+ \*/ [ \t\n\r\f\v]*+ ){0,4}+
    (?: insert [ \t\n\r\f\v]++ into [ \t\n\r\f\v]++
        (?P<table> NAME (?: \. NAME ){0,2}+ ) (?: [ \t\n\r\f\v]*+ \( )?+
      | (?: select | table | values | with ) (?! [a-z_0-9$\x80-\xff] )
      | \( )""".replace(b"NAME", rb'(?: [a-z_\x80-\xff][a-z_0-9$\x80-\xff]*+ | "(?: [^"] | "" ){0,200}+" )'),
    re.IGNORECASE | re.VERBOSE,
)
_SYSTEM: Final = b"pg_"
_ESCAPED_NAME: Final = b'&"'
_COMMENT_SIGNS: Final = (b"/*", b"*/")
_KNOWN_RUNS: Final = frozenset((*(name.encode() for name in OPERATORS), b"!=", *_COMMENT_SIGNS))
# What in front of a parenthesis is no function's name, and no end of a comment behind one.
_QUIET: Final = frozenset(b"(),=<>+-*%;'[]")


class Screened(enum.Enum):
    """What a text that passed does at most."""

    READS = "read"
    ADDS = "write"

    @property
    def effects(self) -> tuple[Effect, ...]:
        """Its effects, on targets that are not known."""
        table = Target("table", None, None)
        reads = Effect("row.read", table)
        return (reads,) if self is Screened.READS else (reads, Effect("row.insert", table, risk=Risk.LOW))


def beginnings() -> frozenset[str]:
    """The key words that a statement can begin with."""
    return frozenset(word for word in KEY_WORDS if can_begin(word))


@dataclass(frozen=True, slots=True)
class Names:
    """What a database holds beside the built-ins, by name as its catalogue has it.

    Attributes:
        effective: what does more than a text shows wherever it is named: functions, types, views and columns,
            overloads of built-ins among them.
        on_insert: tables where adding rows does more than add rows.
        calls: functions that may be called.
        operators: operators that may be used.
    """

    effective: frozenset[str] = frozenset()
    on_insert: frozenset[str] = frozenset()
    calls: frozenset[str] = frozenset()
    operators: frozenset[str] = frozenset()


NO_NAMES: Final = Names()
"""Nothing of a database is known: then nothing passes that may call more than built-ins."""


class Screen:
    """Tells harmless texts, for servers of one major version."""

    def __init__(self, server_major: int, names: Names = NO_NAMES) -> None:
        """Know what to look for, on a server of this major version, 0 when it is not known."""
        self._callable = _callable(server_major) | {name.encode() for name in names.calls}
        self._runs = _KNOWN_RUNS | {sign.encode() for sign in names.operators}
        words = names.effective
        self._ascii_only = not all(name.isascii() for name in words | names.on_insert)
        self._table = _automaton(words | names.on_insert) if names.on_insert else None
        self._inside = _automaton(CHANGING | words)
        self._values = _automaton(CHANGING | words | (QUERIES - {"values"}))
        self._anywhere = _automaton(CHANGING | words | (beginnings() - QUERIES))

    def sort(self, raw: bytes | memoryview) -> Screened | None:
        """What a text does at most; None when it has to be read to know.

        A text of many PIECEs belongs into another thread.

        The server must take a backslash in a string for itself, if there is one.

        Raises: UnicodeDecodeError when it is not UTF-8, as far as it was looked at.
        """
        beginning = _BEGINNING.match(raw)
        if beginning is None:
            return None
        table = beginning["table"]
        if table is not None and (
            _SYSTEM in table.lower() or self._finds(self._table or self._inside, table)
        ):
            return None  # the system's own tables are more than rows
        if table is not None and self._ascii_only and not table.isascii():
            return None
        long = len(raw) > LONGEST_QUERY
        if long and table is None:
            return None
        try:
            harmless = self._is_harmless(raw, beginning.end(), long=long)
        except NoPieces:
            return None
        if not harmless:
            return None
        return Screened.READS if table is None else Screened.ADDS

    def _is_harmless(self, raw: bytes | memoryview, start: int, *, long: bool) -> bool:
        """Whether a query whose beginning ends there does nothing more."""
        automaton = self._values if long else self._inside
        encoding, literals = Utf8(), Literals()
        encoding.feed(bytes(raw[:start]), 0, last=True)
        at, before, parts = start, b"", 0
        for piece in pieces(raw, start, PIECE):
            last = at + len(piece) == len(raw)
            encoding.feed(piece, at, last=last)
            at += len(piece)
            code = literals.leave_out(piece)
            if b";" in code and not (last and _ends(code)):
                automaton = self._anywhere
            window = before + code
            runs = window.translate(_OPERATORS).split()
            parts += len(runs) + code.count(b"(") + code.count(b",")
            if (
                parts > MAX_PARTS
                or (long and automaton is self._anywhere)
                or (self._ascii_only and not code.isascii())
                or self._finds(automaton, window)
                or self._may_call(before, code)
                or not self._runs.issuperset(runs)  # `--` is none of them: a comment could hide a name
            ):
                return False
            before = window[-_OVERLAP:]
        return not literals.inside

    @staticmethod
    def _finds(automaton: BytesAhoCorasick, window: bytes) -> bool:
        """Whether a word or an escaped name is there. A cut one may be found wrongly, never missed."""
        if _ESCAPED_NAME in window:
            return True
        return bool(automaton.find_matches_as_indexes(b" %b " % window.translate(_WORDS)))

    def _may_call(self, before: bytes, piece: bytes) -> bool:
        """Whether a parenthesis may open the arguments of anything but a built-in without effect."""
        if b"(" not in piece:
            return False
        segments = piece.split(b"(")
        segments.pop()
        segments[0] = before + segments[0]
        if all(_is_quiet(tail) for tail in {segment[-2:] for segment in segments}):
            return False
        return any(self._calls(segment[-_OVERLAP:]) for segment in segments if not _is_quiet(segment[-2:]))

    def _calls(self, tail: bytes) -> bool:
        """Whether what ends here is a name in front of a parenthesis that may have effects when called."""
        whole = len(tail) < _OVERLAP
        tail = tail.rstrip(_SPACES)
        if not tail:
            return not whole
        if tail[-1] in _QUIET:
            return False
        name = tail.translate(_NAMES).rpartition(b" ")[2]
        if name not in self._callable:
            return True
        tail = tail[: -len(name)].rstrip(_SPACES)
        # Of another schema, or the end of a comment behind the schema's name.
        return tail[-1:] in {b".", b"/"} if tail else not whole


def _is_quiet(tail: bytes) -> bool:
    """Whether what ends in these two characters is clearly no name in front of a parenthesis."""
    return not tail or tail[-1] in _QUIET or (tail[-1] == 32 and len(tail) == 2 and tail[0] in _QUIET)


@cache
def plain_screen(server_major: int) -> Screen:
    """The screen where nothing of a database is known."""
    return Screen(server_major)


def _ends(piece: bytes) -> bool:
    """Whether nothing but blanks and semicolons follow the first semicolon."""
    return not piece[piece.index(b";") :].strip(_SPACES + b";")


def _callable(server_major: int) -> frozenset[bytes]:
    """What may stand in front of a parenthesis: key words that name no function, and harmless built-ins."""
    fixed = {word for word in FIXED_WORDS if not _NEW_WORDS.fullmatch(word)}
    return frozenset(name.encode() for name in fixed | harmless(server_major))


def _automaton(words: Iterable[str]) -> BytesAhoCorasick:
    """Finds the words in a text whose letters were folded and whose other characters became blanks."""
    patterns = set()
    for word in words:
        for spelling in (word, word.replace('"', '""')):
            raw = spelling.encode()
            # A word without a letter is found everywhere; of a name outside ASCII any such text is suspect.
            pattern = b" %b " % raw.translate(_WORDS)
            patterns.add((pattern[:-1] if len(raw) >= _CUT else pattern) if pattern.strip() else b" ")
    return BytesAhoCorasick(sorted(patterns))
