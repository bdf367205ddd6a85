"""Analyses of the texts in a snapshot, made without holding the event loop.

Enters: a snapshot. Leaves: what each text of it does, those known from the reading before taken over. Long
texts are read by children, like clients'; short ones here, a few at a time. Deliberately absent: what the
texts are for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from time import perf_counter
from typing import Final, TypeAlias

from proxy.session import Found, Limits
from proxy.sql.analyse import Analysis, SqlSyntaxError, UnreadableText, analyse
from proxy.sql.database.snapshot import Snapshot

_AT_ONCE_S: Final = 0.0003
_INLINE_BYTES: Final = Limits().inline_bytes

ReadText: TypeAlias = Analysis | SqlSyntaxError


class Texts:
    """The texts of one database."""

    def __init__(self, reader: Callable[[bytes, int], Coroutine[None, None, Found]]) -> None:
        """Begin with none; ``reader`` reads the long ones."""
        self._reader = reader
        self._known: dict[str, ReadText] = {}
        self._server_major = 0

    async def read(self, snapshot: Snapshot) -> dict[str, ReadText]:
        """What each text does."""
        if snapshot.server_major != self._server_major:
            self._known, self._server_major = {}, snapshot.server_major
        found: dict[str, ReadText] = {}
        since = perf_counter()
        for text in _texts(snapshot):
            known = self._known.get(text)
            found[text] = known if known is not None else await self._one(text)
            if perf_counter() - since > _AT_ONCE_S:
                await asyncio.sleep(0)
                since = perf_counter()
        # A limit of time or memory may hold next time.
        self._known = {
            text: outcome for text, outcome in found.items() if not isinstance(outcome, UnreadableText)
        }
        return found

    async def _one(self, text: str) -> ReadText:
        raw = text.encode(errors="surrogatepass")
        if len(raw) > _INLINE_BYTES:
            outcome = await self._reader(raw, self._server_major)
            if isinstance(outcome, Analysis | SqlSyntaxError):
                return outcome
            return UnreadableText("it is not UTF8")
        try:
            return analyse(text, self._server_major)
        except SqlSyntaxError as error:
            return error


def _texts(snapshot: Snapshot) -> Iterator[str]:
    texts = [function.text for function in snapshot.functions if function.text]
    texts += [code.text for code in snapshot.code]
    return iter(dict.fromkeys(texts))
