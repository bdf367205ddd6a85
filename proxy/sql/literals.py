"""String literals left out of a text, piece by piece, as far as it is certain where they begin and end.

In: the pieces of a text, in order, that begins outside of any token and whose backslashes are ordinary
characters (standard_conforming_strings is on). Out: the pieces with '' in place of each literal. From the
first sign of anything else in which an apostrophe may stand (a comment, a quoted name, $quotes$, E'…') all is
left as it is, literals too: who looks at the result then sees more than code, never less.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

# In code, outside of literals. A parameter's $1 begins no quote.
_DOLLAR_QUOTE: Final = re.compile(rb"\$(?![0-9])")
# A piece must not end with the first part of what means another thing as a whole: comment signs, E'.
_UNFINISHED: Final = frozenset(b"-/*$eE")
_FARTHEST: Final = 256
_ESCAPES: Final = frozenset((b"e", b"E"))


class NoPieces(Exception):
    """The text cannot be cut."""


def pieces(raw: bytes | memoryview, at: int, size: int) -> Iterator[bytes]:
    """The text from a place on, in pieces of some size.

    Raises: NoPieces where no end of a piece is certain.
    """
    while at < len(raw):
        end = min(at + size, len(raw))
        farthest = end + _FARTHEST
        while end < len(raw) and raw[end - 1] in _UNFINISHED:
            end += 1
            if end > farthest:
                raise NoPieces
        yield bytes(raw[at:end])
        at = end


def whole(text: bytes) -> bytes | None:
    """A text that begins outside of any token, without its literals; None where it takes a closer look."""
    found = parted(text)
    return None if found is None else found[0]


def parted(text: bytes) -> tuple[bytes, list[bytes]] | None:
    """The same, and the text as it is cut at its apostrophes: code and literals by turns."""
    parts = text.split(b"'")
    coded = parts[::2]
    code = b"''".join(coded)
    if len(parts) % 2 == 0 or _has_other_quotes(code):
        return None
    if code.find(b'"', len(coded[0])) >= 0 and any([part.count(b'"') & 1 for part in coded]):
        return None
    if coded[0].count(b'"') & 1 or b"e''" in code or b"E''" in code:
        return None
    return code, parts


class Literals:
    """Leaves the literals of one text out.

    Attributes:
        inside: the last piece ended within a literal.
    """

    def __init__(self) -> None:
        """Begin outside of any literal."""
        self.inside = False
        self._certain = True

    def leave_out(self, piece: bytes) -> bytes:
        """A piece without its literals."""
        if not self._certain:
            return piece
        parts = piece.split(b"'")
        first = int(self.inside)
        code = parts[first::2]
        closed = (len(parts) - 1 - first) % 2 == 0  # the last part is code
        bare = b"''".join(code) if closed else b"''".join((*code, b""))
        odd = b'"' in bare and any([part.count(b'"') & 1 for part in code])
        if odd or b"e''" in bare or b"E''" in bare or _has_other_quotes(bare):
            for index, part in enumerate(code):
                quoted = not closed or index < len(code) - 1
                if _is_uncertain(part, quoted=quoted):
                    self._certain = self.inside = False
                    return b"''".join((*code[:index], b"'".join(parts[first + 2 * index :])))
        self.inside = not closed
        return bare


def _has_other_quotes(code: bytes) -> bool:
    """Whether comments or dollar quotes begin here. Looking for one byte is ten times as fast as for two."""
    return (
        (45 in code and b"--" in code)  # a number: CPython takes bytes for one first, and drops the error
        or (47 in code and b"/*" in code)
        or (36 in code and _DOLLAR_QUOTE.search(code) is not None)
    )


def _is_uncertain(code: bytes, *, quoted: bool) -> bool:
    """Whether an apostrophe in or behind this may be another thing than a plain literal's."""
    return _has_other_quotes(code) or code.count(b'"') % 2 == 1 or (quoted and code[-1:] in _ESCAPES)
