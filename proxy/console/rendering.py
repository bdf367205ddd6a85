"""From values to HTML: the templates of `pages/`, every value escaped.

Enters: the name of a template, values. Leaves: HTML. A name that a template uses and nobody has given is an
error, not an empty place. Deliberately absent: HTTP.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

NAVIGATION: Final = (
    ("/", "Now"),
    ("/refusals", "Refusals"),
    ("/policy", "Policy"),
    ("/calendar", "Calendar"),
    ("/backups", "Backups"),
    ("/changes", "Changes"),
    ("/sessions", "Sessions"),
    ("/approvals", "Approvals"),
    ("/freezes", "Freezes"),
    ("/explain", "Explain"),
)

_THREE_DIGITS: Final = 100
_LEAST: Final = 0.01


class Pages:
    """The templates."""

    def __init__(self) -> None:
        """Read them when they are first used."""
        self._templates = Environment(
            loader=PackageLoader("proxy.console", "pages"),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(moment=_moment, iso=_iso, span=_span, figure=_figure)
        self._templates.globals["navigation"] = NAVIGATION

    def read_all(self) -> None:
        """Read every template now: an upgrade below a running gate must not mix two versions' pages."""
        for name in self._templates.list_templates():
            self._templates.get_template(name)

    def render(self, name: str, **values: object) -> str:
        """A page."""
        return self._templates.get_template(name).render(values)


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _iso(moment: datetime) -> str:
    """For `datetime` attributes."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _span(span: timedelta) -> str:
    """A time for people, in the largest unit of which there are two: `47 h`."""
    seconds = int(span.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if abs(seconds) >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _figure(value: float | None, unit: str = "") -> str:
    """A number in three digits that count: `1240`, `12.4`, `0.0124`; words for hardly any and for none."""
    if value is None:
        return "none"
    if 0 < value < _LEAST:
        return f"under {_LEAST} {unit}".rstrip()
    return (
        f"{value:.0f} {unit}".rstrip()
        if value == 0 or value >= _THREE_DIGITS
        else f"{value:.3g} {unit}".rstrip()
    )
