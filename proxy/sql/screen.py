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

from ahocorasick_rs import BytesAhoCorasick, Implementation
from mypy_extensions import i64, mypyc_attr

from proxy.sql.bookkeeping import HISTORIES
from proxy.sql.builtins import OPERATORS
from proxy.sql.effects import Effect, Risk, Target
from proxy.sql.encoding import PIECE, Utf8
from proxy.sql.functions import as_field, effective, harmless
from proxy.sql.literals import Literals, NoPieces, pieces, whole
from proxy.sql.parse import FIXED_WORDS, KEY_WORDS, OPERATOR_CHARACTERS, can_begin
from proxy.sql.sameness import code_of, is_certain

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

_SHORT: Final = 8 * 1024
"""What is looked at at a glance first: a longer text has long literals, in which there is much to see."""

_MOST_KEPT: Final = 2_000
_LONGEST_KEPT: Final = 2 * 1024
_REST: Final = 20_000
"""Of texts that come again, what was said of them is kept, of so many and up to so many bytes each."""

LONGEST_QUERY: Final = 128 * 1024
"""Of longer texts, in bytes, only INSERT … VALUES passes: what a server does with one grows with its length,
while an hour of planning or of looking for names of WITH lists may be behind another.
"""

# Key words of newer grammars, which an older server takes for names: of users' functions, for instance.
_NEW_WORDS: Final = re.compile(r"json.*|merge_action|system_user")
_FEW_WORDS: Final = 2_000
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
# Written out: mypyc compares with numbers at once.
_INITIALS: Final = (0x69, 0x73, 0x74, 0x76, 0x77)  # i, s, t, v, w
_SYSTEM: Final = b"pg_"
_ESCAPED_NAME: Final = b'&"'
_COMMENT_SIGNS: Final = (b"/*", b"*/")
_KNOWN_RUNS: Final = frozenset((*(name.encode() for name in OPERATORS), b"!=", *_COMMENT_SIGNS))
# A comment that certainly is one. `*/` elsewhere may be anyone's operator, as behind `/*` in quotes.
_IN_COMMENT: Final = rb"(?: [^*/'\"$\\-] | \*(?!/) | /(?!\*) | -(?!-) )*+"
_COMMENT: Final = re.compile(
    rb"/\* IN (?: ' IN ' IN )*+ \*/".replace(b"IN", _IN_COMMENT),
    re.VERBOSE,
)
# What in front of a name may make it another schema's: a dot, the end of a comment behind one.
_QUALIFYING: Final = frozenset(b"./")
# What in front of a parenthesis is no function's name, and no end of a comment behind one.
_QUIET: Final = frozenset(b"(),=<>+-*%;'[]")
# Names as the server folds them, blanks, and a line's end for what is quiet.
_BEFORE_CALLS: Final = bytes(
    10 if byte in _QUIET - {40} else 32 if byte in _SPACES else byte + 32 * (65 <= byte <= 90)
    for byte in range(256)
)
_AFTER_NO_NAME: Final = (b"\n", b"\n ")


class Screened(enum.Enum):
    """What a text that passed does at most."""

    READS = "read"
    ADDS = "write"

    __hash__ = object.__hash__  # Enum's own is a call of Python, and each text is looked up by this

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


@mypyc_attr(allow_interpreted_subclasses=True)
class Screen:
    """Tells harmless texts, for servers of one major version.

    Also compiled, one of another kind can take its place: benchmarks measure a gate that passes everything.

    Attributes:
        passed: what was said of texts that are likely to come again.
    """

    def __init__(self, server_major: int, names: Names = NO_NAMES) -> None:
        """Know what to look for, on a server of this major version, 0 when it is not known."""
        self.passed: dict[bytes, Screened] = {}
        self._passed_code: dict[bytes, Screened] = {}
        self._found = 0  # how often something was found there
        self._rests = 0  # for so many texts nothing is looked for there
        self._callable = _callable(server_major) | {name.encode() for name in names.calls}
        self._runs = _KNOWN_RUNS | {sign.encode() for sign in names.operators}
        self._uncommented = self._runs.difference(_COMMENT_SIGNS)
        words = names.effective | _callable_as_fields(server_major) | HISTORIES
        self._ascii_only = not all(name.isascii() for name in words | names.on_insert)
        self._table = _automaton(CHANGING | words | names.on_insert) if names.on_insert else None
        self._inside = _automaton(CHANGING | words)
        self._values = _automaton(CHANGING | words | (QUERIES - {"values"}))
        self._anywhere = _automaton(CHANGING | words | (beginnings() - QUERIES))

    def sort(self, raw: bytes | memoryview) -> Screened | None:
        """What a text does at most; None when it has to be read to know.

        A text of many PIECEs belongs into another thread.

        The server must take a backslash in a string for itself, if there is one.

        Raises: UnicodeDecodeError when it is not UTF-8, as far as it was looked at.
        """
        code = b""
        if isinstance(raw, bytes):
            if not _may_begin(raw):
                return None
            if self._rests:
                self._rests -= 1
            elif len(raw) <= _LONGEST_KEPT:
                code = code_of(raw)
                known = self._passed_code.get(code)
                if known is not None:
                    self._found += 1
                    if not raw.isascii():
                        raw.decode()
                    return known
        beginning = _BEGINNING.match(raw)
        if beginning is None:
            return None
        screened = self._look(raw, beginning)
        if screened is not None and isinstance(raw, bytes) and len(code) and is_certain(raw, code):
            self._keep_code(code, screened)
        return screened

    def _keep_code(self, code: bytes, found: Screened) -> None:
        """Say the same of all texts of this code; where most codes come once it is left alone for a while."""
        if len(self._passed_code) >= _MOST_KEPT:
            self._rests = 0 if self._found >= _MOST_KEPT // 4 else _REST
            self._found = 0
        _keep(self._passed_code, code, found)

    def _look(self, raw: bytes | memoryview, beginning: re.Match[bytes]) -> Screened | None:
        """The same of a text that begins so, whatever is known."""
        if isinstance(raw, bytes) and len(raw) <= _SHORT and raw.isascii():
            screened = self._at_a_glance(raw, beginning)
            if screened is not None:
                return screened
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

    def keep(self, raw: bytes, found: Screened) -> None:
        """Say the same of this text the next time; of very long ones, and when there are many, of none."""
        if len(raw) <= _LONGEST_KEPT:
            _keep(self.passed, raw, found)

    def objection(self, raw: bytes) -> str | None:
        """What it is that keeps a text from passing, for people; None when it passes.

        Raises: UnicodeDecodeError when it is not UTF-8, as far as it was looked at.
        """
        if self.sort(raw) is not None:
            return None
        beginning = _BEGINNING.match(raw)
        if beginning is None:
            return f"it begins with {_first_word(raw)}"
        code = raw[beginning.end() :]
        code = b" " * beginning.end() + Literals().leave_out(code)
        table, automaton = beginning["table"], self._inside
        if table is not None:
            if _SYSTEM in table.lower() or self._finds(self._table or self._inside, table):
                return f"adding rows to {table.decode()} may do more"
            automaton = self._values if len(raw) > LONGEST_QUERY else automaton
        if b";" in code and not _ends(code):
            automaton = self._anywhere
        if _ESCAPED_NAME in code:
            return 'it has an escaped name (U&"…")'
        folded = b" %b " % code.translate(_WORDS)
        for _, start, end in automaton.find_matches_as_indexes(folded):
            return f"it has the word {folded[start:end].strip().decode()}"
        for segment in code.split(b"(")[:-1]:
            if not _is_quiet(segment[-2:]) and self._calls(segment[-_OVERLAP:]):
                called = segment.rstrip(_SPACES).translate(_NAMES).rpartition(b" ")[2]
                return f"it may call {called.decode() or 'a function'}"
        for run in code.translate(_OPERATORS).split():
            if run not in self._runs:
                return f"it has the operator {run.decode()}"
        return "it is too long, or not certain where its parts end"

    def _at_a_glance(self, raw: bytes, beginning: re.Match[bytes]) -> Screened | None:
        """What a text without comments does at most, if nothing in its literals looks like more, either.

        All of it is taken for code, so where literals begin and end makes no difference.
        """
        table = beginning["table"]
        rest = code = raw[beginning.end() :]
        automaton = self._inside
        if table is not None:
            if _SYSTEM in table.lower():
                return None
            code, automaton = raw[beginning.start("table") :], self._table or automaton
        # Looking for a number is four times as fast as for a byte.
        if (59 in rest and not _ends(rest)) or (38 in rest and _ESCAPED_NAME in rest):
            return None
        if rest.count(b"'") & 1:
            return None
        if automaton.find_matches_as_indexes(b" %b " % code.translate(_WORDS)):
            return None
        if not self._uncommented.issuperset(rest.translate(_OPERATORS).split()):
            return None
        if 40 in rest and self._has_strange_call(rest):
            return None
        return Screened.READS if table is None else Screened.ADDS

    def _has_strange_call(self, code: bytes) -> bool:
        """Whether a parenthesis stands behind anything but a quiet sign or a name that may be called."""
        segments = code.translate(_BEFORE_CALLS).split(b"(")
        segments.pop()
        callable_ = self._callable
        for segment in set(segments):  # rows of VALUES call the same
            if segment.endswith(_AFTER_NO_NAME):
                continue
            words = segment.rsplit(None, 1)
            if words and (words[-1] not in callable_ or words[0].endswith(b".")):
                return True
        return False

    def _is_harmless(self, raw: bytes | memoryview, start: int, *, long: bool) -> bool:
        """Whether a query whose beginning ends there does nothing more."""
        if isinstance(raw, bytes) and len(raw) <= PIECE and raw.isascii():
            return self._is_harmless_piece(raw[start:])
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
                or _has_odd_comment(window)
            ):
                return False
            before = window[-_OVERLAP:]
        return not literals.inside

    def _is_harmless_piece(self, piece: bytes) -> bool:
        """The same of what is one piece and ASCII, as most texts are, at a third of the price."""
        code = piece
        if b"'" in piece:
            found = whole(piece)
            if found is None:
                literals = Literals()
                found = literals.leave_out(piece)
                if literals.inside:
                    return False
            code = found
        automaton = self._anywhere if b";" in code and not _ends(code) else self._inside
        if b"&" in code and _ESCAPED_NAME in code:
            return False
        for at in range(0, len(code), _SHORT):  # all that is found is told: of much, the first is enough
            window = code[max(at - _OVERLAP, 0) : at + _SHORT]
            if automaton.find_matches_as_indexes(b" %b " % window.translate(_WORDS)):
                return False
        if b"(" in code and self._may_call(b"", code):
            return False
        return self._runs.issuperset(code.translate(_OPERATORS).split()) and not _has_odd_comment(code)

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
        for segment in segments:
            tail = segment[-2:]
            if tail and tail[-1] in _QUIET:
                continue
            if not _is_quiet(tail) and self._calls(segment[-_OVERLAP:]):
                return True
        return False

    def _calls(self, tail: bytes) -> bool:
        """Whether what ends here is a name in front of a parenthesis that may have effects when called."""
        words = tail.rsplit(None, 2)
        if len(words) == 3 and words[2].lower() in self._callable and words[1][-1] not in _QUALIFYING:
            return False
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
        return tail[-1] in _QUALIFYING if tail else not whole


def _keep(kept: dict[bytes, Screened], key: bytes, found: Screened) -> None:
    if len(kept) >= _MOST_KEPT:
        kept.clear()
    kept[key] = found


def _may_begin(raw: bytes) -> bool:
    """Whether a text's first character may begin what is screened: UPDATE and DELETE are told by that."""
    if len(raw) == 0:
        return False
    first: i64 = raw[0] | 32
    return not 0x61 <= first <= 0x7A or first in _INITIALS


def _first_word(raw: bytes) -> str:
    words = raw.translate(_WORDS).split()
    return f"the word {words[0].decode(errors='replace')}" if words else "no word"


def _has_odd_comment(code: bytes) -> bool:
    """Whether a sign of a comment stands there that may be part of something else."""
    if b"*/" not in code:
        return False
    rest = _COMMENT.sub(b" ", code)
    return b"*/" in rest or b"/*" in rest


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


def _callable_as_fields(server_major: int) -> frozenset[str]:
    """What does more than compute when it stands behind a dot, without a parenthesis."""
    return frozenset(name for name in effective() if as_field(name, server_major) is not None)


def _automaton(words: Iterable[str]) -> BytesAhoCorasick:
    """Finds the words in a text whose letters were folded and whose other characters became blanks."""
    patterns = set()
    for word in words:
        for spelling in (word, word.replace('"', '""')):
            raw = spelling.encode()
            # A word without a letter is found everywhere; of a name outside ASCII any such text is suspect.
            pattern = b" %b " % raw.translate(_WORDS)
            patterns.add((pattern[:-1] if len(raw) >= _CUT else pattern) if pattern.strip() else b" ")
    # A table of all states is half as fast again, but has a hundred bytes for each byte of a word.
    return BytesAhoCorasick(
        sorted(patterns), implementation=Implementation.DFA if len(patterns) <= _FEW_WORDS else None
    )
