"""Durations as people write them: 30m, 24h, 14d, 2w.

Enters: text. Leaves: a timedelta, and words again. Deliberately absent: months and years, whose length
depends.
"""

import re
from datetime import timedelta

_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
DURATION = re.compile(r"([1-9][0-9]{0,5})([smhdw])")
LONGEST = timedelta(days=3660)


def parse_duration(text: str) -> timedelta:
    """Read one number and one unit.

    Raises:
        ValueError: with a sentence for the writer of the policy.
    """
    match = DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text}" is no duration; write a number and a unit, such as 30m, 24h, 14d or 2w')
    duration = int(match[1]) * _UNITS[match[2]]
    if duration > LONGEST:
        raise ValueError(f'"{text}" is longer than ten years')
    return duration


def describe_last(duration: timedelta) -> str:
    """What follows "the last": `hour`, `24 hours`."""
    return describe_duration(duration).removeprefix("1 ")


def describe_duration(duration: timedelta) -> str:
    """A duration in words: `30 minutes`, `24 hours`, `14 days`."""
    seconds = int(duration.total_seconds())
    for unit, size, least in (("day", 86400, 2), ("hour", 3600, 1), ("minute", 60, 1)):
        if seconds % size == 0 and seconds >= least * size:
            number = seconds // size
            return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
    return f"{seconds} second" if seconds == 1 else f"{seconds} seconds"
