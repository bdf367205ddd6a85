"""Spans of wall-clock time: exact edges, daylight saving in both hemispheres, midnight, holidays."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.policy.calendar import Span, State, moment_text
from proxy.policy.rules import Policy
from proxy.policy.schema.words import WEEKDAYS
from tests.policy import minutes
from tests.policy.build import CONTEXT, at, effect, judge, policy, refusing

DAY = 24 * 3600


def clock(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60


def span(zone: str, start: str, end: str, days: str = "0123456") -> Span:
    return Span(ZoneInfo(zone), lambda day: str(day.weekday()) in days, clock(start), clock(end))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# zone, from, to, days; then moments in UTC in order: the span opens at the first, closes at the second, …
EDGES = [
    # New York, 2026-11-23 is a Monday
    (
        "America/New_York",
        "08:00",
        "20:00",
        "01234",
        "2026-11-21T01:00",
        ["2026-11-23T13:00", "2026-11-24T01:00", "2026-11-24T13:00", "2026-11-25T01:00"],
    ),
    # over midnight: belongs to Tuesday, so Wednesday until 02:00 too, but not Tuesday before 02:00
    ("Europe/Berlin", "22:00", "02:00", "1", "2026-11-23T00:00", ["2026-11-24T21:00", "2026-11-25T01:00"]),
    # over the year's end
    ("UTC", "22:00", "02:00", "3", "2026-12-31T00:00", ["2026-12-31T22:00", "2027-01-01T02:00"]),
    # clocks go forward, New York, Sunday 8 March 2026: 02:00-03:00 does not exist
    ("America/New_York", "02:30", "05:00", "6", "2026-03-08T00:00", ["2026-03-08T07:00", "2026-03-08T09:00"]),
    ("America/New_York", "00:00", "02:30", "6", "2026-03-08T04:00", ["2026-03-08T05:00", "2026-03-08T07:00"]),
    # a window inside the skipped hour does not open on that day
    ("America/New_York", "02:15", "02:45", "6", "2026-03-08T00:00", ["2026-03-15T06:15", "2026-03-15T06:45"]),
    # clocks go back, New York, Sunday 1 November 2026: 01:00-02:00 comes twice, both count
    (
        "America/New_York",
        "01:15",
        "01:45",
        "6",
        "2026-11-01T00:00",
        ["2026-11-01T05:15", "2026-11-01T05:45", "2026-11-01T06:15", "2026-11-01T06:45"],
    ),
    ("America/New_York", "00:30", "03:00", "6", "2026-11-01T00:00", ["2026-11-01T04:30", "2026-11-01T08:00"]),
    (
        "America/New_York",
        "00:00",
        "01:30",
        "6",
        "2026-11-01T03:00",
        ["2026-11-01T04:00", "2026-11-01T05:30", "2026-11-01T06:00", "2026-11-01T06:30"],
    ),
    # the southern half: Sydney goes forward on 4 October 2026 and back on 5 April 2026
    ("Australia/Sydney", "02:30", "04:00", "6", "2026-10-03T00:00", ["2026-10-03T16:00", "2026-10-03T17:00"]),
    (
        "Australia/Sydney",
        "02:30",
        "04:00",
        "6",
        "2026-04-04T00:00",
        ["2026-04-04T15:30", "2026-04-04T16:00", "2026-04-04T16:30", "2026-04-04T18:00"],
    ),
    # half an hour of daylight saving: Lord Howe, 5 April 2026, 02:00 becomes 01:30
    (
        "Australia/Lord_Howe",
        "01:00",
        "01:45",
        "6",
        "2026-04-04T00:00",
        ["2026-04-04T14:00", "2026-04-04T14:45", "2026-04-04T15:00", "2026-04-04T15:15"],
    ),
    # midnight itself is skipped: Beirut, Sunday 29 March 2026, 00:00 becomes 01:00
    ("Asia/Beirut", "00:00", "02:00", "6", "2026-03-28T12:00", ["2026-03-28T22:00", "2026-03-28T23:00"]),
    # midnight comes twice: Havana, Sunday 1 November 2026, 01:00 becomes 00:00
    ("America/Havana", "00:00", "01:00", "6", "2026-10-31T12:00", ["2026-11-01T04:00", "2026-11-01T06:00"]),
]


@pytest.mark.parametrize(("zone", "start", "end", "days", "begin", "edges"), EDGES)
def test_edges(zone: str, start: str, end: str, days: str, begin: str, edges: list[str]) -> None:
    window = span(zone, start, end, days)
    moment, found = utc(begin), []
    assert not window.state(moment).open
    for index in range(len(edges)):
        moment = window.state(moment).until
        found.append(moment)
        assert window.state(moment).open is (index % 2 == 0)
    assert found == [utc(edge) for edge in edges]


def test_whole_days_run_together() -> None:
    week = span("Europe/Berlin", "00:00", "24:00", "01234")
    assert week.state(utc("2026-11-23T12:00")) == State(
        True, utc("2026-11-23T12:00"), utc("2026-11-27T23:00")
    )


def test_a_span_that_never_opens_is_looked_at_again_within_a_year() -> None:
    never = Span(ZoneInfo("UTC"), lambda day: False, 0, DAY)
    state = never.state(utc("2026-01-01T00:00"))
    assert (state.open, state.until) == (False, utc("2026-01-01T00:00") + timedelta(days=400))


def test_answers_do_not_depend_on_what_was_asked_before() -> None:
    asked = span("Europe/Berlin", "22:00", "02:00", "135")
    moments = [utc("2026-11-25T00:00") + timedelta(hours=17 * n) for n in (3, 0, 9, 1, 40, 2, 0, 3)]
    fresh = [span("Europe/Berlin", "22:00", "02:00", "135").state(moment) for moment in moments]
    assert [(s.open, s.until) for s in map(asked.state, moments)] == [(s.open, s.until) for s in fresh]


ZONES = ["UTC", "America/New_York", "Australia/Sydney", "Europe/London", "America/Santiago", "Asia/Kathmandu"]


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(
        [*ZONES, "Australia/Lord_Howe", "Asia/Beirut", "America/Havana", "Africa/Casablanca"]
    ),
    start=st.integers(0, 1439),
    length=st.integers(1, 1439),
    days=st.sets(st.integers(0, 6), min_size=1),
    begin=st.datetimes(datetime(2024, 1, 1), datetime(2033, 12, 1)),
    near_change=st.booleans(),
)
def test_against_minute_by_minute(
    zone: str, start: int, length: int, days: set[int], begin: datetime, near_change: bool
) -> None:
    """The slow reference: every minute by its own wall clock."""
    info = ZoneInfo(zone)
    end = (start + length) % 1440
    window = Span(info, lambda day: day.weekday() in days, start * 60, end * 60 or DAY)
    moment = begin.replace(second=0, microsecond=0, tzinfo=UTC)
    if near_change:
        moment = last_change(moment, info) - timedelta(hours=30)

    def reference(minute: datetime) -> bool:
        local = minute.astimezone(info)
        wall, today = local.hour * 60 + local.minute, local.date()
        closes = end or 1440
        if start < closes:
            return start <= wall < closes and today.weekday() in days
        day = today if wall >= start else today - timedelta(days=1)
        return (wall >= start or wall < closes) and day.weekday() in days

    state = window.state(moment)
    for offset in range(3 * 1440):
        minute = moment + timedelta(minutes=offset)
        if minute >= state.until:
            assert minute == state.until
            assert reference(minute) is not state.open
            state = window.state(minute)
        assert reference(minute) is state.open


def last_change(moment: datetime, zone: ZoneInfo) -> datetime:
    """A day on which the zone's clocks changed, or the moment itself."""
    for days in range(400):
        day = moment - timedelta(days=days)
        if day.astimezone(zone).utcoffset() != (day - timedelta(days=1)).astimezone(zone).utcoffset():
            return day
    return moment


@pytest.mark.parametrize("zone", minutes.ZONES)
def test_around_every_change_of_the_clocks(zone: str) -> None:
    """The ten years whole: python -m tests.policy.minutes."""
    info = ZoneInfo(zone)
    for change in minutes.changes(info):
        minutes.check(info, change - timedelta(hours=26), change + timedelta(hours=26))


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland"])
def test_at_the_ends_of_months_and_years(zone: str) -> None:
    for noon in minutes.month_ends():
        if noon.month == 12 or noon.year % 4 == 0:
            minutes.check(ZoneInfo(zone), noon, noon + timedelta(days=1))


HOURS = st.builds(
    minutes.Hours,
    start=st.integers(0, 1439),
    end=st.integers(1, 1440),
    days=st.sets(st.sampled_from("0123456"), min_size=1).map("".join),
).filter(lambda hours: hours.start != hours.end)
# A rule's conditions on the windows a and b, and whether it lets pass when they are open.
OPENINGS: list[tuple[str, Callable[[bool, bool], bool]]] = [
    ("when: {window: a}", lambda a, b: not a),
    ("when: {window: [a, b]}", lambda a, b: not (a or b)),
    ("when: {not: {window: b}}", lambda a, b: b),
    ("require: {window: b}", lambda a, b: b),
    ("require: {window: [a, b]}", lambda a, b: a or b),
    ("when: {window: a}, require: {window: b}", lambda a, b: not a or b),
    ("when: {window: a, not: {window: b}}", lambda a, b: not a or b),
]


def written(hours: minutes.Hours) -> str:
    days = ", ".join(WEEKDAYS[int(day)] for day in hours.days)
    times = (f"{minute // 60:02}:{minute % 60:02}" for minute in (hours.start, hours.end))
    return f"{{days: [{days}], from: {next(times)}, to: {next(times)}}}"


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(minutes.ZONES),
    a=HOURS,
    b=HOURS,
    kind=st.sampled_from(OPENINGS),
    begin=st.datetimes(datetime(2026, 1, 2), datetime(2026, 11, 30)),
)
def test_the_client_is_told_the_next_opening(
    zone: str,
    a: minutes.Hours,
    b: minutes.Hours,
    kind: tuple[str, Callable[[bool, bool], bool]],
    begin: datetime,
) -> None:
    """Against the first minute at which the walls' clocks let it pass."""
    body, passes = kind
    made = policy(
        f"time: {{timezone: {zone}, windows: {{a: {written(a)}, b: {written(b)}}}}}\n"
        f"rules: [{{id: r, match: {{classes: ddl}}, {body}, deny: '{{window.next}}'}}]"
    )
    info = ZoneInfo(zone)

    def free(minute: datetime) -> bool:
        local = minute.astimezone(info)
        wall, today = local.hour * 60 + local.minute, local.date()
        return passes(a.open_at(wall, today), b.open_at(wall, today))

    moment = begin.replace(second=0, microsecond=0, tzinfo=UTC)
    decision = judge(made, effect("table.create"), context=replace(CONTEXT, now=moment))
    assert decision.allowed is free(moment)
    if not decision.allowed:
        later = (moment + timedelta(minutes=number) for number in range(15 * 1440))
        opening = next((minute for minute in later if free(minute)), None)
        expected = "no moment in sight" if opening is None else moment_text(opening, info)
        assert decision.enforced[0].message == f"{expected} [rule r]"


TEXTS = [
    ("America/New_York", "2026-11-24T01:00", "Mon 23 Nov 2026 20:00 EST"),
    ("America/New_York", "2026-07-04T01:05", "Fri 3 Jul 2026 21:05 EDT"),
    ("America/Sao_Paulo", "2026-11-24T01:00", "Mon 23 Nov 2026 22:00 UTC-03"),
    ("Asia/Kathmandu", "2026-11-24T01:00", "Tue 24 Nov 2026 06:45 UTC+0545"),
    ("UTC", "2026-11-24T01:00", "Tue 24 Nov 2026 01:00 UTC"),
]


@pytest.mark.parametrize(("zone", "moment", "text"), TEXTS)
def test_moment_text(zone: str, moment: str, text: str) -> None:
    assert moment_text(utc(moment), ZoneInfo(zone)) == text


HOLIDAYS = """
time:
  timezone: America/New_York
  holidays: {country: US, subdivision: NY, dates: [2026-12-24, 2026-12-28..2026-12-30]}
  windows:
    peak: {days: mon-fri, from: 08:00, to: 20:00, except: [holidays, 2026-12-31]}
    night: {days: wed, from: 22:00, to: 02:00, except: holidays}
    weekend: {days: [fri-mon], from: 23:30}
rules:
  - {id: peak, match: {classes: [ddl]}, when: {window: peak}}
  - {id: night, match: {classes: [ddl]}, when: {window: night}}
  - {id: weekend, match: {classes: [ddl]}, when: {window: weekend}}
"""

ON_HOLIDAYS = [
    ("2026-11-25T15:00", ["peak"]),  # Wednesday 10:00
    ("2026-11-26T15:00", []),  # Thanksgiving, Thursday
    ("2026-11-26T06:00", ["night"]),  # Thursday 01:00 belongs to Wednesday, which is no holiday
    ("2026-07-03T15:00", []),  # the 4th of July falls on a Saturday: observed on Friday
    ("2026-12-24T15:00", []),  # own date
    ("2026-12-29T15:00", []),  # within own dates
    ("2026-12-31T15:00", []),  # the window's own exception
    ("2026-12-30T15:00", []),
    ("2027-01-04T15:00", ["peak"]),
    ("2026-12-31T03:00", []),  # Wednesday 22:00, but the 30th is off
    ("2026-11-29T04:45", ["weekend"]),  # Saturday 23:45
    ("2026-11-29T05:00", []),  # Sunday 00:00
]


@pytest.fixture(scope="module")
def holiday_policy() -> Policy:
    return policy(HOLIDAYS)


@pytest.mark.parametrize(("moment", "open_windows"), ON_HOLIDAYS)
def test_holidays(holiday_policy: Policy, moment: str, open_windows: list[str]) -> None:
    assert refusing(judge(holiday_policy, effect("table.create"), context=at(moment))) == open_windows


def test_dates() -> None:
    frozen = policy(
        "time: {timezone: Pacific/Auckland}\n"
        "rules: [{id: xmas, match: {classes: [ddl]}, when: {dates: [2026-12-20..2027-01-05]}}]"
    )
    change = effect("table.create")
    before = judge(frozen, change, context=at("2026-12-19T10:59:59"))
    assert (before.allowed, before.holds_until) == (True, utc("2026-12-19T11:00"))
    during = judge(frozen, change, context=at("2026-12-19T11:00"))
    assert (during.allowed, during.holds_until) == (False, utc("2027-01-05T11:00"))


def test_a_day_is_what_the_zone_says() -> None:
    monday = Span(ZoneInfo("Pacific/Kiritimati"), lambda day: day == date(2026, 11, 23))
    assert monday.state(utc("2026-11-22T10:00")) == State(
        True, utc("2026-11-22T10:00"), utc("2026-11-23T10:00")
    )
