"""Conditions about when: named windows, dates, the state of the transaction, a freeze.

Enters: compiled spans. Leaves: conditions with exact moments until which their answers stay. Deliberately
absent: the clock (it comes with the case).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from proxy.policy.calendar import Span, moment_text
from proxy.policy.conditions.case import Case, Condition, Outcome, earliest
from proxy.policy.facts import Freeze
from proxy.policy.templates import printable


@dataclass(frozen=True, slots=True)
class Window:
    """A named window.

    Attributes:
        text: what it is, for people: `Mon-Fri 08:00-20:00 (America/New_York), except holidays`.
    """

    name: str
    text: str
    span: Span
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class WindowCondition:
    """Holds while one of the windows is open."""

    windows: tuple[Window, ...]

    @property
    def name(self) -> str:
        """As `explain` prints it."""
        return f"window: {', '.join(window.name for window in self.windows)}"

    @property
    def text(self) -> str:
        """The windows for a client: `during peak (Mon-Fri …)`."""
        described = " or ".join(f"{window.name} ({window.text})" for window in self.windows)
        return f"during {described}"

    def judge(self, case: Case) -> Outcome:
        """Look at the clock."""
        states = [(window, window.span.state(case.context.now)) for window in self.windows]
        zone = self.windows[0].zone
        is_open = any(state.open for _, state in states)
        until = earliest(state.until for _, state in states)
        now = moment_text(case.context.now, zone)
        found = ", ".join(
            f"{window.name} is {'open' if state.open else 'closed'}" for window, state in states
        )
        return Outcome(
            is_open,
            until,
            found=f"at {now} {found}",
            missing=f"a moment {self.text}",
            cure="" if until is None else f"changes at {moment_text(until, zone)}",
        )


@dataclass(frozen=True, slots=True)
class DatesCondition:
    """Holds on the dates named, in the policy's zone."""

    text: str
    span: Span
    zone: ZoneInfo

    @property
    def name(self) -> str:
        """As `explain` prints it."""
        return f"dates: {self.text}"

    def judge(self, case: Case) -> Outcome:
        """Look at the calendar."""
        state = self.span.state(case.context.now)
        now = moment_text(case.context.now, self.zone)
        return Outcome(
            state.open,
            state.until,
            found=f"it is {now}",
            cure=f"changes at {moment_text(state.until, self.zone)}",
        )


@dataclass(frozen=True, slots=True)
class TransactionCondition:
    """Holds when the transaction is in the state named."""

    state: str

    @property
    def name(self) -> str:
        """As `explain` prints it."""
        return f"transaction: {self.state}"

    def judge(self, case: Case) -> Outcome:
        """Look at the session."""
        state = case.context.transaction
        return Outcome(state == self.state, found=f"the transaction is {state}")


@dataclass(frozen=True, slots=True)
class FreezeCondition:
    """Holds when writes to the client's database are frozen (or, with `active` False, when they are not)."""

    active: bool
    zone: ZoneInfo

    @property
    def name(self) -> str:
        """As `explain` prints it."""
        return f"freeze: {str(self.active).lower()}"

    def judge(self, case: Case) -> Outcome:
        """Look for a freeze that has begun and not ended."""
        now = case.context.now
        known = [freeze for freeze in case.facts.freezes if freeze.concerns(case.context.database)]
        active = [freeze for freeze in known if freeze.stands(now)]
        edges = [f.until for f in active] + [f.since for f in known if f.since > now]
        until = earliest(edges)
        found = "; ".join(self._told(freeze) for freeze in active)
        return Outcome(
            bool(active) is self.active,
            until,
            found=found or "no freeze is active",
            cure="" if until is None else f"changes at {moment_text(until, self.zone)}",
            evidence=True,
        )

    def _told(self, freeze: Freeze) -> str:
        """Until when, by whom and why: `writes are frozen by ada@laptop: incident 12`."""
        until = "" if freeze.until is None else f" until {moment_text(freeze.until, self.zone)}"
        by = f" by {printable(freeze.by)}" if freeze.by else ""
        reason = f": {printable(freeze.reason)}" if freeze.reason else ""
        return f"writes are frozen{until}{by}{reason}"


@dataclass(frozen=True, slots=True)
class NotCondition:
    """Holds when the conditions inside do not all hold."""

    inside: tuple[Condition, ...]

    @property
    def name(self) -> str:
        """As `explain` prints it."""
        return f"not {join(self.inside)}"

    def judge(self, case: Case) -> Outcome:
        """Turn the answer round; it stays as long as all inside do."""
        outcomes = [condition.judge(case) for condition in self.inside]
        return Outcome(
            not all(outcome.holds for outcome in outcomes),
            earliest(outcome.until for outcome in outcomes),
            found="; ".join(outcome.found for outcome in outcomes),
            cure="; ".join(outcome.cure for outcome in outcomes if outcome.cure),
            evidence=any(outcome.evidence for outcome in outcomes),
        )


def join(conditions: Iterable[Condition]) -> str:
    """Several conditions in one line."""
    return " and ".join(condition.name for condition in conditions)


def windows_in(conditions: Iterable[Condition]) -> tuple[WindowCondition, ...]:
    """The window conditions among these, also inside a `not`: their texts explain a refusal."""
    found: list[WindowCondition] = []
    for condition in conditions:
        if isinstance(condition, WindowCondition):
            found.append(condition)
        elif isinstance(condition, NotCondition):
            found.extend(windows_in(condition.inside))
    return tuple(found)
