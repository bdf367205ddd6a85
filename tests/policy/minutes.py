"""Windows against the slow way: every minute by its own wall clock.

`python -m tests.policy.minutes` goes through ten years of every zone here (that takes some minutes itself);
the tests take the days around every change of the clocks, the ends of months and years, and some more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from proxy.policy.calendar import Span, transitions

# Both hemispheres, half an hour of summer time, midnights skipped or repeated, odd offsets, Ramadan.
ZONES = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Sydney",
    "America/Santiago",
    "Australia/Lord_Howe",
    "America/Havana",
    "Africa/Cairo",
    "Asia/Kathmandu",
    "Africa/Casablanca",
]
BEGIN, END = date(2024, 1, 1), date(2034, 1, 1)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@dataclass(frozen=True)
class Hours:
    """A window: minutes of the day, days of the week."""

    start: int
    end: int
    days: str

    def span(self, zone: ZoneInfo) -> Span:
        """As the policy compiles it."""
        return Span(zone, self.starts_on, self.start * 60, self.end * 60)

    def starts_on(self, day: date) -> bool:
        """Whether it starts on a day; the 24th and the last days of December are off."""
        return str(day.weekday()) in self.days and not (day.month == 12 and day.day >= 24)

    def open_at(self, wall: int, today: date) -> bool:
        """Whether it is open when the clock on the wall shows this minute of this day."""
        if self.start < self.end:
            return self.start <= wall < self.end and self.starts_on(today)
        if wall >= self.start:
            return self.starts_on(today)
        return wall < self.end and self.starts_on(today - DAY)


EVERY, WEEK = "0123456", "01234"
WINDOWS = [
    Hours(8 * 60, 20 * 60, WEEK),
    Hours(22 * 60, 2 * 60, "123"),
    Hours(0, 24 * 60, WEEK),
    Hours(30, 2 * 60 + 30, EVERY),
    Hours(60 + 15, 60 + 45, "6"),
    Hours(23 * 60 + 59, 1, EVERY),
    Hours(2 * 60 + 30, 2 * 60, "456"),
]


def check(zone: ZoneInfo, begin: datetime, end: datetime) -> int:
    """Compare every window at every minute; gives how many minutes there were.

    Raises:
        AssertionError: a window is open when the clock on the wall says closed, or says a wrong next edge.
    """
    windows = [(hours, hours.span(zone)) for hours in WINDOWS]
    states = [span.state(begin) for _, span in windows]
    minute, count = begin, 0
    while minute < end:
        local = minute.astimezone(zone)
        wall, today = local.hour * 60 + local.minute, local.date()
        for index, (hours, span) in enumerate(windows):
            expected, state = hours.open_at(wall, today), states[index]
            if minute >= state.until:
                assert minute == state.until, (zone, hours, minute)
                assert expected is not state.open, (zone, hours, minute)
                states[index] = state = span.state(minute)
            assert expected is state.open, (zone, hours, minute)
        minute += MINUTE
        count += 1
    return count


def changes(zone: ZoneInfo) -> list[datetime]:
    """Every change of the clocks in the ten years."""
    days = (datetime(BEGIN.year, 1, 1, tzinfo=UTC) + number * DAY for number in range((END - BEGIN).days))
    return [moment for day in days for moment in transitions(zone, day)]


def month_ends() -> Iterator[datetime]:
    """The last noon of every month."""
    for year in range(BEGIN.year, END.year):
        for month in range(1, 13):
            yield datetime(year + month // 12, month % 12 + 1, 1, 12, tzinfo=UTC) - DAY


def main(zones: Sequence[str] = ZONES) -> None:
    """Ten years of every zone."""
    for name in zones:
        begin, end = (datetime(day.year, 1, 1, tzinfo=UTC) for day in (BEGIN, END))
        count = check(ZoneInfo(name), begin, end)
        print(
            f"{name}: {count:,} minutes, {len(WINDOWS)} windows, {len(changes(ZoneInfo(name)))} changes",
            flush=True,
        )


if __name__ == "__main__":
    main()
