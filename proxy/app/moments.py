"""How people write moments: in ISO 8601, or how long ago.

Enters: what a flag or a field of a form holds. Leaves: an aware moment, or a ValueError whose text is the
rest of the sentence `<where it came from>: <text>`.
"""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from proxy.app.kinds import shown, some_seconds


def read_moment(text: str, zone: tzinfo | None = None) -> datetime:
    """Read a moment in ISO 8601.

    Args:
        text: `2026-11-22T14:30:22Z`.
        zone: what a time without a zone is meant in; None asks for one.

    Raises:
        ValueError: it is none.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{shown(text)} is not a time such as 2026-11-22T14:30:22Z") from None
    if moment.tzinfo is not None:
        return moment
    if zone is None:
        raise ValueError(
            f"{shown(text)} has no time zone: end it with Z for UTC, or with +02:00 and the like"
        )
    return moment.replace(tzinfo=zone)


def read_moment_or_ago(text: str, now: datetime, zone: tzinfo | None = None) -> datetime:
    """Read a moment, or how long before `now`: `24h`, `30min`, `7d`.

    Raises:
        ValueError: it is neither.
    """
    word = text.strip()
    days = word.removesuffix("d")
    if days != word and days.isdecimal():
        word = f"{24 * int(days)}h"
    try:
        return now - timedelta(seconds=some_seconds(word))
    except (ValueError, OverflowError):
        return read_moment(text, zone)
