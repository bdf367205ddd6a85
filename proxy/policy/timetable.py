"""The windows that a policy's rules ask about, as of one moment.

Enters: a policy, the moment. Leaves: each window with whether it is open and when that changes. Deliberately
absent: windows that no rule asks about; they change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain

from proxy.policy.calendar import State
from proxy.policy.conditions.case import Condition
from proxy.policy.conditions.moments import Window, WindowCondition
from proxy.policy.rules import Policy


def timetable(policy: Policy, now: datetime) -> tuple[tuple[Window, State], ...]:
    """Each window once, in the order of the rules; `now` is aware."""
    windows = {
        window.name: window
        for rule in policy.rules
        for window in _windows(chain(rule.when, rule.require, *rule.unless))
    }
    return tuple((window, window.span.state(now)) for window in windows.values())


def _windows(conditions: Iterable[Condition]) -> Iterator[Window]:
    for condition in conditions:
        if isinstance(condition, WindowCondition):
            yield from condition.windows
        inside: tuple[Condition, ...] = getattr(condition, "inside", ())
        yield from _windows(inside)
