"""UTF-8 checked in pieces, so that a long text never holds the interpreter for long.

In: the pieces of a text, in order. Out: nothing, or UnicodeDecodeError with the place in the whole text.
"""

from __future__ import annotations

import codecs
from typing import Final

PIECE: Final = 64 * 1024


class Utf8:
    """Checks one text."""

    __slots__ = ("_decoder",)

    def __init__(self) -> None:
        """Begin at the text's first byte."""
        self._decoder: codecs.IncrementalDecoder | None = None

    def feed(self, piece: bytes, at: int, *, last: bool) -> None:
        """Check the next piece, which begins with byte ``at`` of the text.

        Raises: UnicodeDecodeError.
        """
        if self._decoder is None:
            if piece.isascii():
                return
            self._decoder = codecs.getincrementaldecoder("utf-8")()
        rest = len(self._decoder.getstate()[0])
        try:
            self._decoder.decode(piece, last)
        except UnicodeDecodeError as error:
            start = at - rest + error.start
            raise UnicodeDecodeError("utf-8", b"", start, start + 1, error.reason) from None


def check_utf8(raw: bytes | memoryview) -> None:
    """Check a whole text.

    Raises: UnicodeDecodeError.
    """
    text = Utf8()
    for at in range(0, len(raw), PIECE):
        text.feed(bytes(raw[at : at + PIECE]), at, last=at + PIECE >= len(raw))
