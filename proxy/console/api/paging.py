"""A page of a list whose newest, or oldest, come first, and where the next one begins.

A place is a moment in microseconds and twelve digits that tell apart what bears the same: what has come since
moves no page, and a place stays good when what it names is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from typing import Final, TypeVar

Item = TypeVar("Item")
_SECOND: Final = 1_000_000


def place(moment: datetime, name: str) -> tuple[int, str]:
    """Where something stands; `name` tells it from what bears the same moment."""
    micros = int(moment.timestamp()) * _SECOND + moment.microsecond
    return micros, sha256(name.encode(errors="replace")).hexdigest()[:12]


def moment_of(cursor: str) -> datetime | None:
    """The moment of a cursor's place; None where there is no such moment."""
    try:
        return datetime.fromtimestamp(int(cursor.partition("-")[0]) / _SECOND, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def page(
    items: Iterable[Item],
    at: Callable[[Item], tuple[int, str]],
    cursor: str | None,
    limit: int,
    *,
    oldest_first: bool = False,
) -> tuple[tuple[Item, ...], str | None]:
    """Those behind a cursor, and the cursor of those that follow; None where none do."""
    ordered = sorted(items, key=at, reverse=not oldest_first)
    if cursor is not None:
        micros, _, digits = cursor.partition("-")
        last = int(micros), digits
        ordered = [item for item in ordered if (at(item) > last if oldest_first else at(item) < last)]
    shown = tuple(islice(ordered, limit))
    if len(ordered) <= limit:
        return shown, None
    return shown, "{}-{}".format(*at(shown[-1]))
