"""What makes two statements the same: their tokens, whatever stands between them.

In: a text, and where a statement stands in it. Out: a digest that comments, blanks and ends of lines do not
change, and nothing else leaves as it was: case, literals and names count as they are written. (A fingerprint
of the parser's leaves too much out: `WHERE 1=1` and `WHERE 1=2` have one.) Deliberately absent: what a
statement does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256

from proxy.sql.parse import tokens

_END = "ASCII_59"


def digests(text: str, places: Iterable[tuple[int, int]]) -> Iterator[str]:
    """SHA-256, in hexadecimal, of each of these statements.

    Args:
        text: one that the parser reads.
        places: where each begins and ends, in characters and in order; a semicolon at its end is none of it.

    Raises:
        SqlSyntaxError, UnreadableText: the text is none.
    """
    words = tokens(text)
    number = 0
    for start, end in places:
        own: list[str] = []
        while number < len(words) and words[number].start < start:
            number += 1
        last = ""
        while number < len(words) and words[number].start < end:
            last = words[number].name
            own.append(text[words[number].start : words[number].end])
            number += 1
        yield digest_of(own[:-1] if last == _END else own)


def digest_of(words: Iterable[str]) -> str:
    """The digest of a statement of these tokens; no token holds a NUL."""
    return sha256("\0".join(words).encode()).hexdigest()


def digest(statement: str) -> str:
    """The digest of a text that is one statement."""
    (found,) = digests(statement, ((0, len(statement)),))
    return found
