"""Named windows, compiled in the policy's zone.

Enters: definitions. Leaves: windows by name; complaints about those that can never open, and about a zone or
holidays that are missing. Deliberately absent: conditions that ask about windows.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from zoneinfo import ZoneInfo

from proxy.policy import schema
from proxy.policy.calendar import DAY_SECONDS, Span
from proxy.policy.conditions.moments import Window
from proxy.policy.loading.daysoff import country_codes, days_off, in_dates, subdivisions
from proxy.policy.loading.definitions import Definition, Definitions
from proxy.policy.schema.words import HOLIDAYS, nearest

_DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

MAX_LISTED = 20
Days = Callable[[date], bool]


def compile_windows(definitions: Definitions) -> Mapping[str, Window]:
    """All windows that are in order."""
    if definitions.holidays is not None:
        _check_holidays(definitions.holidays)
    windows: dict[str, Window] = {}
    for name, definition in definitions.windows.items():
        if definitions.zone is None:
            if "timezone" in definitions.time_keys:
                continue
            definition.file.complaints.add(
                definition.path, f'the window "{name}" needs a time zone; say time: timezone', key=True
            )
            continue
        if _in_order(definition, definitions):
            windows[name] = _window(name, definition.value, definitions, definitions.zone.value)
    return windows


def _in_order(definition: Definition[schema.Window], definitions: Definitions) -> bool:
    window, complaints, path = definition.value, definition.file.complaints, definition.path
    if window.start == window.end or window.start == DAY_SECONDS:
        complaints.add(path, "the window begins when it ends; a whole day is from 00:00 to 24:00", key=True)
        return False
    excepted = window.excepted or ()
    if HOLIDAYS in excepted and "holidays" not in definitions.time_keys:
        complaints.add((*path, "except"), "no holidays are named; say time: holidays")
        return False
    return True


def _window(name: str, window: schema.Window, definitions: Definitions, zone: ZoneInfo) -> Window:
    weekdays = frozenset().union(*window.days) if window.days is not None else frozenset(range(7))
    off = _excepted(window, definitions)
    span = Span(zone, lambda day: day.weekday() in weekdays and not off(day), window.start, window.end)
    return Window(name, _describe(window, weekdays, zone), span, zone)


def _excepted(window: schema.Window, definitions: Definitions) -> Days:
    excepted = window.excepted or ()
    own = in_dates(each for each in excepted if not isinstance(each, str))
    if HOLIDAYS not in excepted or definitions.holidays is None:
        return own
    named = definitions.holidays.value
    off = days_off(named.country, named.subdivision, named.dates or ())
    return lambda day: own(day) or off(day)


def _check_holidays(definition: Definition[schema.Holidays]) -> None:
    named, complaints, path = definition.value, definition.file.complaints, definition.path
    if named.country is None:
        if named.subdivision is not None:
            complaints.add((*path, "subdivision"), "a subdivision needs its country")
        return
    if named.country not in country_codes():
        near = nearest(named.country.upper(), country_codes())
        message = f'no holidays are known for the country "{named.country}"; it is a code, such as US'
        complaints.add((*path, "country"), message, near)
        return
    known = subdivisions(named.country)
    if named.subdivision is not None and named.subdivision not in known:
        listed = f"; there are {', '.join(sorted(known))}" if 0 < len(known) <= MAX_LISTED else ""
        near = nearest(named.subdivision.upper(), known)
        message = f'no subdivision "{named.subdivision}" of {named.country} is known{listed}'
        complaints.add((*path, "subdivision"), message, near)


def _describe(window: schema.Window, weekdays: Iterable[int], zone: ZoneInfo) -> str:
    """`Mon-Fri 08:00-20:00 America/New_York, except holidays`."""
    words = [_describe_days(sorted(weekdays)), f"{_clock(window.start)}-{_clock(window.end)}", str(zone)]
    excepted = [each if isinstance(each, str) else _describe_dates(*each) for each in window.excepted or ()]
    text = " ".join(word for word in words if word)
    return f"{text}, except {', '.join(excepted)}" if excepted else text


def _describe_days(days: list[int]) -> str:
    if len(days) == len(_DAY_NAMES):
        return "daily"
    if len(days) > 2 and days == list(range(days[0], days[0] + len(days))):
        return f"{_DAY_NAMES[days[0]]}-{_DAY_NAMES[days[-1]]}"
    return ", ".join(_DAY_NAMES[day] for day in days)


def _describe_dates(first: date, last: date) -> str:
    return str(first) if first == last else f"{first} to {last}"


def _clock(second: int) -> str:
    return f"{second // 3600:02}:{second // 60 % 60:02}"
