"""Words of a text, and where one command ends and the next begins.

Enters: text. Leaves: for each command its tokens. Strings and comments are read as with
standard_conforming_strings = on (manual, 4.1), since in them a semicolon ends nothing. Deliberately absent:
what the words mean; dollar quotes and escapes, which no command of the console has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from proxy.session.refusal import Denial


class Refused(Exception):
    """A command comes to nothing; the connection goes on."""

    def __init__(
        self, sqlstate: str, message: str, detail: str = "", hint: str = "", position: int = 0
    ) -> None:
        """Keep what the client is told; `position` is 1-based in characters, 0 for none."""
        super().__init__(message)
        self.denial = Denial("console", sqlstate, message, detail, hint, position)


class Kind(Enum):
    """What a token is."""

    WORD = auto()  # a bare word
    NAME = auto()  # in double quotes
    TEXT = auto()  # in single quotes
    NUMBER = auto()
    SIGN = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """One word or sign.

    Attributes:
        text: what it says, without quotes, as it was written.
        at: where it begins, in characters from 0.
    """

    kind: Kind
    text: str
    at: int

    @property
    def folded(self) -> str:
        """A bare word in small letters, which is how names and key words are compared; else the text."""
        return self.text.lower() if self.kind is Kind.WORD else self.text

    def says(self, *words: str) -> bool:
        """Whether it is one of these bare words."""
        return self.kind is Kind.WORD and self.text.lower() in words


_MOST_TOKENS: Final = 4000
"""Ten times what psql asks at its longest; reading so many takes some milliseconds."""

_BLANK: Final = re.compile(r"[ \t\n\r\f\v]+|--[^\n\r]*")
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")
_TOKENS: Final = (
    (Kind.WORD, re.compile(r"[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_$\u0080-\U0010ffff]*")),
    (Kind.NUMBER, re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")),
    (Kind.TEXT, re.compile(r"'(?:[^']|'')*'")),
    (Kind.NAME, re.compile(r'"(?:[^"]|"")*"')),
    (Kind.SIGN, re.compile(r"::|[^'\"]", re.DOTALL)),
)


def commands(text: str) -> tuple[tuple[Token, ...], ...]:
    """The commands of a text, those without a word left out.

    Raises: Refused where a quote or a comment is not closed, or there are too many words.
    """
    found: list[tuple[Token, ...]] = []
    current: list[Token] = []
    for number, token in enumerate(_tokens(text)):
        if number >= _MOST_TOKENS:
            raise Refused("54001", f"a text has at most {_MOST_TOKENS} words here")
        if token.kind is Kind.SIGN and token.text == ";":
            found.append(tuple(current))
            current = []
        else:
            current.append(token)
    return tuple(command for command in (*found, tuple(current)) if command)


def _tokens(text: str) -> Iterator[Token]:
    at = 0
    while at < len(text):
        blank = _BLANK.match(text, at)
        if blank is not None:
            at = blank.end()
        elif text.startswith("/*", at):
            at = _end_of_comment(text, at)
        else:
            token, at = _token(text, at)
            yield token


def _token(text: str, at: int) -> tuple[Token, int]:
    for kind, pattern in _TOKENS:
        found = pattern.match(text, at)
        if found is not None:
            written = found[0]
            if kind in (Kind.TEXT, Kind.NAME):
                written = written[1:-1].replace(written[0] * 2, written[0])
            return Token(kind, written, at), found.end()
    raise Refused("42601", f'unterminated quoted text at or near "{shown(text[at:])}"', position=at + 1)


def _end_of_comment(text: str, begin: int) -> int:
    """Comments nest, as the server's do."""
    depth, at = 0, begin
    while edge := _COMMENT_EDGE.search(text, at):
        depth += 1 if edge[0] == "/*" else -1
        at = edge.end()
        if not depth:
            return at
    raise Refused("42601", "unterminated /* comment", position=begin + 1)


_LONGEST_SHOWN: Final = 40


def shown(text: str) -> str:
    """A piece of a client's text as an error may show it: one line, and short."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text[: _LONGEST_SHOWN + 1])
    return plain if len(plain) <= _LONGEST_SHOWN else plain[:_LONGEST_SHOWN] + "…"
