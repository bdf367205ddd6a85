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
        # The last answer: true for its whole range, so remembering it changes no answer.
        self._last: State | None = None

    def state(self, now: datetime) -> State:
        """Whether the span is open at `now` (aware), and until when that stays so."""
        last = self._last
        if last is None or not last.since <= now < last.until:
            now = now.astimezone(UTC)
            last = State(self._open_at(now), now, self._edge_after(now))
            self._last = last
        return last

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
        first = now.astimezone(self._zone).date() - _DAY
        for offset in range(HORIZON_DAYS):
            for moment in sorted(self._candidates(first + offset * _DAY)):
                if moment > now and self._open_at(moment) != is_open:
                    return moment
        return now + (HORIZON_DAYS - 3) * _DAY

    def _candidates(self, day: date) -> Iterator[datetime]:
        """Moments at which anything can change on this local day.

        Also those of the day after: where midnight itself is repeated, the two days overlap.
        """
        for which in (day, day + _DAY):
            midnight = datetime(which.year, which.month, which.day)
            for second in (0, self._start, self._end):
                wall = midnight + timedelta(seconds=second)
                for fold in (0, 1):
                    yield wall.replace(tzinfo=self._zone, fold=fold).astimezone(UTC)
        yield from transitions(self._zone, day)


def transitions(zone: ZoneInfo, day: date) -> Iterator[datetime]:
    """The moments at which the zone's offset changes on a day or the next, to the second, in UTC.

    Searched from the day's beginning in the earliest zone on earth to the next day's end in the latest, in
    steps short enough that no zone ever changed twice within one.
    """
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=14)
    for step in range(0, 77, 11):
        low, high = start + timedelta(hours=step), start + timedelta(hours=step + 11)
        before = low.astimezone(zone).utcoffset()
        if before == high.astimezone(zone).utcoffset():
            continue
        while high - low > _SECOND:
            middle = low + (high - low) // 2
            middle = middle.replace(microsecond=0)
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
