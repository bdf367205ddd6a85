"""The cache of what texts mean: the cheapest way to judge a statement is to have read it before.

Kept by the text's very bytes, read as UTF-8 with standard_conforming_strings on, for servers of one major
version. What depends on the session (names, the transaction, the clock) is no part of a meaning.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from proxy.session.meaning import Meaning, of_analysis, of_unread
from proxy.sql.analyse import SqlSyntaxError, analyse

_OVERHEAD: Final = 2_048
"""What a meaning weighs beside its text, in bytes, roughly."""


class Meanings:
    """Texts and their meanings, the oldest forgotten first."""

    def __init__(self, server_major: int, most: int, most_bytes: int, timer: Callable[[], float]) -> None:
        """Keep at most so many meanings, and roughly so many bytes; a server_major of 0 is not known."""
        self._server_major = server_major
        self._timer = timer
        self._most = most
        self._most_bytes = most_bytes
        self._known: dict[bytes, Meaning] = {}
        self._bytes = 0

    def of(self, raw: bytes) -> Meaning:
        """What a text means.

        Raises: UnicodeDecodeError when it is not UTF-8.
        """
        found = self._known.get(raw)
        if found is None:
            started = self._timer()
            found = self._read(raw.decode())
            found.reading_s = self._timer() - started
            self._remember(raw, found)
        return found

    def _read(self, text: str) -> Meaning:
        try:
            return of_analysis(text, analyse(text, self._server_major))
        except SqlSyntaxError as error:
            return of_unread(text, error)

    def _remember(self, raw: bytes, meaning: Meaning) -> None:
        weight = len(raw) + _OVERHEAD
        if weight > self._most_bytes // 8:
            return  # one long text would push out a great many short ones
        self._known[raw] = meaning
        self._bytes += weight
        while len(self._known) > self._most or self._bytes > self._most_bytes:
            oldest = next(iter(self._known))
            del self._known[oldest]
            self._bytes -= len(oldest) + _OVERHEAD
