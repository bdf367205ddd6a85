"""Days that are no working days: public holidays of a country, and dates of one's own.

Enters: a country's code, perhaps a subdivision's, and dates. Leaves: a test on dates. The rules of the
countries come from the `holidays` package. Deliberately absent: network access; the package carries its
calendars.
"""

from collections.abc import Callable, Iterable
from datetime import date
from functools import cache

from proxy.policy.schema.words import Dates


def country_codes() -> frozenset[str]:
    """The codes of countries whose holidays are known."""
    import holidays  # takes 60 ms: only for policies that speak of holidays

    return frozenset(holidays.list_supported_countries(include_aliases=False))


def subdivisions(country: str) -> frozenset[str]:
    """The codes of a country's subdivisions, names that stand for them included."""
    import holidays

    return frozenset(holidays.list_supported_countries()[country])


def days_off(country: str | None, subdivision: str | None, dates: Iterable[Dates]) -> Callable[[date], bool]:
    """A test for days off; observed days count."""
    own = in_dates(dates)
    if country is None:
        return own
    of_year = _public_holidays(country, subdivision)
    return lambda day: own(day) or day in of_year(day.year)


def in_dates(dates: Iterable[Dates]) -> Callable[[date], bool]:
    """A test whether a day lies in one of some spans, both ends included."""
    spans = tuple(dates)
    return lambda day: any(first <= day <= last for first, last in spans)


def _public_holidays(country: str, subdivision: str | None) -> Callable[[int], frozenset[date]]:
    import holidays

    @cache
    def of_year(year: int) -> frozenset[date]:
        return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=year))

    return of_year
