"""Spans of wall-clock time in one zone: when are they open, and when does that change?

Enters: days, times of day, dates, and the moment to judge. Leaves: open or closed, and the exact next edge.
A span belongs to the day it starts on. It is judged by the wall clock: in an hour that daylight saving
skips, a span starts at the next real minute; in one that it repeats, both passes count. Deliberately absent:
the clock itself.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

DAY_SECONDS = 24 * 60 * 60
# How far ahead an edge is looked for. Beyond that the horizon itself is given: judging again then is always
# right.
HORIZON_DAYS = 400
STEP_HOURS = 12
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Days = Callable[[date], bool]


@dataclass(frozen=True, slots=True)
class State:
    """Open or closed, for every moment from `since` until just before `until`."""

    open: bool
    since: datetime
    until: datetime


class Span:
    """Wall-clock time from `start` to `end` (seconds of the day) on the days that `starts_on` names.

    An `end` at or before `start` lies on the next day.
    """

    __slots__ = ("_days", "_end", "_last", "_start", "_zone")

    def __init__(self, zone: ZoneInfo, days: Days, start: int = 0, end: int = DAY_SECONDS) -> None:
        """Nothing is computed yet."""
        self._zone = zone
        self._days = days
        self._start = start
        self._end = end
        # The last two answers, of now and of a later opening: each is true for its whole range, so that
        # remembering it changes no answer.
        self._last: tuple[State, ...] = ()

    def state(self, now: datetime) -> State:
        """Whether the span is open at `now` (aware), and until when that stays so."""
        for last in self._last:
            if last.since <= now < last.until:
                return last
        now = now.astimezone(UTC)
        state = State(self._open_at(now), now, self._edge_after(now))
        self._last = (state, *self._last[:1])
        return state

    def _open_at(self, now: datetime) -> bool:
        local = now.astimezone(self._zone)
        second = local.hour * 3600 + local.minute * 60 + local.second
        today = local.date()
        if self._start < self._end:
            return self._start <= second < self._end and self._days(today)
        if second >= self._start:
            return self._days(today)
        return second < self._end and self._days(today - _DAY)

    def _edge_after(self, now: datetime) -> datetime:
        """The first moment after `now` at which the span opens or closes."""
        is_open = self._open_at(now)
        first = now.replace(hour=0, minute=0, second=0, microsecond=0)
        for offset in range(HORIZON_DAYS):
            for moment in sorted(self._candidates(first + offset * _DAY)):
                if moment > now and self._open_at(moment) != is_open:
                    return moment
        return first + HORIZON_DAYS * _DAY

    def _candidates(self, begin: datetime) -> set[datetime]:
        """Moments of one UTC day at which anything can change.

        The times of day of every local date that touches it, both passes of a repeated hour, and the changes
        of the zone's offset.
        """
        moments = set(transitions(self._zone, begin))
        for offset in (-1, 0, 1):
            midnight = begin.replace(tzinfo=None) + offset * _DAY
            for second in (0, self._start, self._end):
                wall = midnight + timedelta(seconds=second)
                for fold in (0, 1):
                    moments.add(wall.replace(tzinfo=self._zone, fold=fold).astimezone(UTC))
        return {moment for moment in moments if begin <= moment < begin + _DAY}


def transitions(zone: ZoneInfo, begin: datetime) -> Iterator[datetime]:
    """The moments within a day from `begin` (UTC) at which the zone's offset changes, to the second.

    In steps so short that no zone ever changed twice within one.
    """
    for step in range(0, 24, STEP_HOURS):
        low = begin - _SECOND + timedelta(hours=step)  # a change at `begin` itself counts
        high = low + timedelta(hours=STEP_HOURS)
        before = low.astimezone(zone).utcoffset()
        if before == high.astimezone(zone).utcoffset():
            continue
        while high - low > _SECOND:
            middle = low + timedelta(seconds=(high - low) // _SECOND // 2)
            if middle.astimezone(zone).utcoffset() == before:
                low = middle
            else:
                high = middle
        yield high


def moment_text(moment: datetime, zone: ZoneInfo) -> str:
    """A moment for people: `Mon 23 Nov 2026 20:00 EST`, whatever the locale (strftime would follow it)."""
    local = moment.astimezone(zone)
    name = local.tzname() or ""
    if name[:1] in {"+", "-"}:
        name = f"UTC{name}"
    weekday, month = _WEEKDAYS[local.weekday()], _MONTHS[local.month - 1]
    return f"{weekday} {local.day} {month} {local.year} {local:%H:%M} {name}"
