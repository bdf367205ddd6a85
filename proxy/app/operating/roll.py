"""The sessions of one worker, by names that are given when somebody looks.

Enters: the listeners. Leaves: a bounded list of who is connected, with texts masked; the end of one session.
Nothing is noted as sessions come: a link gets its id when it is first listed, a random one, so that none
ever names another session, of any worker. Deliberately absent: who may look.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

from proxy.app.audit import shown_sql
from proxy.app.workers.messages import SessionLine
from proxy.relay import Link, Listener
from proxy.session import Activity, LongText

MOST_LISTED: Final = 500
_SHOWN_CHARS: Final = 500
_TERMINATED: Final = "terminating connection due to administrator command"
QUIET: Final = ("idle", "logging in")
"""States in which nothing is under way."""
_ROUNDING_S: Final = 0.001
"""Moments that people hand back have microseconds."""


@dataclass(frozen=True, slots=True)
class _Listed:
    listener: str
    link: Link
    activity: Activity


class Roll:
    """Who is connected to a worker."""

    def __init__(self, worker: int, listeners: Sequence[tuple[str, Listener]]) -> None:
        """Look at these, by the listeners' names."""
        self._worker = worker
        self._listeners = listeners
        self._ids: WeakKeyDictionary[Link, str] = WeakKeyDictionary()
        # Once, so that a session's moment is the same each time that it is listed.
        self._epoch = time.time() - asyncio.get_running_loop().time()

    async def listing(
        self, only: str = "", after: float | None = None
    ) -> tuple[tuple[SessionLine, ...], int]:
        """The sessions, busy ones first, then the oldest first; and how many more there are.

        Of one session alone where `only` is its id; of those since `after`, the oldest first.
        Texts are masked in a thread: that takes a parse of each that may hold a secret.
        """
        found = [
            _Listed(name, link, activity)
            for name, listener in self._listeners
            for link in listener.links
            if not only or self._ids.get(link) == only
            if (activity := link.activity) is not None
        ]
        if after is None:
            found.sort(key=lambda each: (each.activity.state in QUIET, each.link.since))
        else:
            since = after - self._epoch - _ROUNDING_S
            found = sorted(
                (each for each in found if each.link.since >= since), key=lambda each: each.link.since
            )
        listed = found[:MOST_LISTED]
        texts = await asyncio.to_thread(_masked, {each.activity.text for each in listed})
        lines = tuple(self._line(each, texts) for each in listed)
        return lines, len(found) - len(listed)

    def end(self, session: str, detail: str) -> bool:
        """End the session of this id; False where there is none."""
        link = next((link for link, known in self._ids.items() if known == session), None)
        if link is None or link.activity is None:
            return False
        link.terminate(_TERMINATED, detail)
        return True

    def _line(self, each: _Listed, texts: dict[str | LongText | None, str | None]) -> SessionLine:
        activity = each.activity
        return SessionLine(
            id=self._ids.setdefault(each.link, f"{self._worker}-{secrets.token_hex(6)}"),
            listener=each.listener,
            address=activity.address,
            role=activity.role,
            database=activity.database,
            application=activity.application,
            state=activity.state,
            since=each.link.since + self._epoch,
            transaction=activity.transaction,
            statement=texts[activity.text],
        )


def _masked(texts: set[str | LongText | None]) -> dict[str | LongText | None, str | None]:
    return {
        text: None if text is None else shown_sql(text, False, unreadable=False, limit=_SHOWN_CHARS)
        for text in texts
    }
