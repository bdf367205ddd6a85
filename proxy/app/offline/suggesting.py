"""What a team's own traffic says about its policy: who migrates, who reads, when it is busy, what is usual.

Enters: lines of the statement log and the refusal log, a policy. Leaves: values for the policy's own sets and
windows, each with what was seen; and what no set excuses. A rule's exceptions are the sets that it names
itself: nothing is proposed that its author has not provided for. Deliberately absent: whether a proposal is a
good idea; a person decides that, and a busy attacker looks like a busy application.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from proxy.app.offline.judging import judge
from proxy.app.offline.loglines import Line, LogReader
from proxy.policy.decision import Decision
from proxy.policy.facts import Facts
from proxy.policy.rules import Policy
from proxy.sql.effects import CLASSES, EFFECT_KINDS, Effect

# Below these a pattern may be chance.
LEAST_TIMES: Final = 3
LEAST_READS: Final = 20
LEAST_OF_A_DAY: Final = 100
LEAST_DAYS: Final = 5

_BUSY_SHARE: Final = 0.9
_LONGEST_PEAK_H: Final = 16
_BUSY_DAY: Final = 0.25
_CHANGES: Final = frozenset().union(
    *(CLASSES[name] for name in ("write", "ddl", "destructive", "privilege", "opaque"))
)
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SHOWN_CHARS: Final = 80


Key = TypeVar("Key", str, tuple[str, str])


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A key of the policy, the value that it should have, and why.

    Attributes:
        evidence: lines for a reader.
    """

    path: tuple[str, ...]
    value: object
    evidence: tuple[str, ...]


@dataclass(slots=True)
class Seen:
    """How often something was seen.

    Attributes:
        example: the first statement of its kind.
    """

    times: int
    first: datetime
    last: datetime
    example: str
    roles: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        """For a comment."""
        times = "once" if self.times == 1 else f"{self.times} times"
        days = f"{self.first:%Y-%m-%d}"
        if self.last.date() != self.first.date():
            days += f" to {self.last:%Y-%m-%d}"
        roles = ", ".join(role for role, _ in self.roles.most_common(3))
        shown = " ".join(self.example.split())
        shown = shown if len(shown) <= _SHOWN_CHARS else shown[: _SHOWN_CHARS - 1] + "…"
        return f"{times}, {days}, by {roles}: {shown}"


@dataclass(slots=True)
class Observed:
    """What a log shows.

    Attributes:
        exceptions: by set and entry, what rules that name the set would have refused.
        unexcused: by rule, what would be refused and no set excuses.
        reads, changes: by role.
        hours: statements by day and hour, in the policy's zone.
        unread: lines that say nothing, by reason.
    """

    exceptions: dict[tuple[str, str], Seen] = field(default_factory=dict)
    unexcused: dict[str, Seen] = field(default_factory=dict)
    reads: dict[str, Seen] = field(default_factory=dict)
    changes: Counter[str] = field(default_factory=Counter)
    hours: Counter[tuple[datetime, int]] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)


class Outline:
    """The policy as it is written: its sets, windows and rules, over those of the packs that it includes."""

    def __init__(self, documents: Iterable[object]) -> None:
        """Of plain documents, the policy's own first."""
        self._documents = [document for document in documents if isinstance(document, dict)]

    def defined(self, path: tuple[str, ...]) -> object:
        """What stands at a path in the first file that has it; None where none has."""
        for document in self._documents:
            value: object = document
            for step in path:
                value = value.get(step) if isinstance(value, dict) else None
            if value is not None:
                return value
        return None

    def exceptions_of(self, rule: str) -> Iterator[tuple[str, str]]:
        """The sets that a rule excepts: each with `targets` or `who`."""
        for entry in self._entries(rule, ("match", "not")):
            yield from self._sets(entry, "targets")
        for entry in self._entries(rule, ("unless",)):
            yield from self._sets(entry, "who")

    def readers(self) -> str | None:
        """The set of roles that only read, where a rule holds such roles to it."""
        for rule in self._rules():
            match = rule.get("match")
            if isinstance(match, dict) and "write" in _many(match.get("classes")):
                for name, _ in self._sets(match, "who"):
                    return name
        return None

    def _rules(self) -> Iterator[Mapping[str, object]]:
        for document in self._documents:
            yield from (rule for rule in _many(document.get("rules")) if isinstance(rule, dict))

    def _entries(self, rule: str, path: tuple[str, ...]) -> Iterator[Mapping[str, object]]:
        for written in self._rules():
            if written.get("id") == rule:
                value: object = written
                for step in path:
                    value = value.get(step) if isinstance(value, dict) else None
                yield from (entry for entry in _many(value) if isinstance(entry, dict))

    def _sets(self, entry: Mapping[str, object], key: str) -> Iterator[tuple[str, str]]:
        for name in _many(entry.get(key)):
            if isinstance(name, str) and self.defined(("sets", name)) is not None:
                yield name, key


def observe(lines: Iterable[bytes], policy: Policy, outline: Outline, facts: Facts) -> Observed:
    """Judge what was logged by the policy, and remember what it says of roles, hours and exceptions."""
    observed = Observed()
    reader = LogReader()
    for raw in lines:
        if not raw.strip():
            continue
        line, meaning, reason = reader.read(raw)
        if line is not None:
            local = line.time.astimezone(policy.zone)
            observed.hours[local.replace(hour=0, minute=0, second=0, microsecond=0), local.hour] += 1
        if line is None or meaning is None:
            observed.unread[reason] += 1
            continue
        _count_role(observed, line, meaning.effects)
        verdict = judge(meaning, line.context, policy, facts)
        if verdict.decision is None:
            continue
        _count_firings(observed, line, verdict.decision, outline)
    return observed


def suggest(observed: Observed, outline: Outline, zone: ZoneInfo) -> tuple[Suggestion, ...]:
    """What to set in the policy."""
    return (
        *_peak(observed, outline, zone),
        *_readers(observed, outline),
        *_exceptions(observed, outline),
    )


# -- what is seen ------------------------------------------------------------------------------------------


def _count_role(observed: Observed, line: Line, effects: Sequence[Effect]) -> None:
    lasting = [effect for effect in effects if "temporary" not in effect.traits]
    if any(effect.name in _CHANGES for effect in lasting):
        observed.changes[line.role] += 1
    elif any("read" in EFFECT_KINDS[effect.name].classes for effect in lasting):
        _see(observed.reads, line.role, line)


def _count_firings(observed: Observed, line: Line, decision: Decision, outline: Outline) -> None:
    """Entries that excuse all of it, or the rules that nothing excuses: evidence can be had later."""
    entries: dict[tuple[str, str], None] = {}
    stubborn = []
    for firing in (*decision.enforced, *decision.shadowed):
        matched = [effect for effect in decision.effects if effect.name in firing.effects]
        excused = dict.fromkeys(_entries_for(outline, firing.rule, line, matched))
        entries.update(excused)
        if not excused and not firing.missing:
            stubborn.append(firing.rule)
    for rule in stubborn:
        _see(observed.unexcused, rule, line)
    for key in () if stubborn else entries:
        _see(observed.exceptions, key, line)


def _entries_for(
    outline: Outline, rule: str, line: Line, effects: Sequence[Effect]
) -> Iterator[tuple[str, str]]:
    """The entries of sets that would have excused this."""
    for name, key in outline.exceptions_of(rule):
        if key == "who":
            yield name, line.role
            continue
        for effect in effects:
            if (entry := _pattern(effect)) is not None:
                yield name, entry


def _pattern(effect: Effect) -> str | None:
    """The target pattern that names what an effect falls on, and nothing else."""
    target = effect.target
    if target is None or target.name is None:
        return None
    named = f'"{target.name}"' if set(target.name) & set('*?".:') else target.name
    if target.kind in ("function", "operator"):
        return f"{target.kind}:{named}" if target.schema is None else f"{target.kind}:{target.schema}.{named}"
    return f"{target.schema or '*'}.{named}"


def _see(found: dict[Key, Seen], key: Key, line: Line) -> None:
    seen = found.get(key)
    if seen is None:
        seen = found[key] = Seen(0, line.time, line.time, line.sql or "")
    seen.times += 1
    seen.first, seen.last = min(seen.first, line.time), max(seen.last, line.time)
    seen.roles[line.role] += 1


# -- what follows ------------------------------------------------------------------------------------------


def _readers(observed: Observed, outline: Outline) -> Iterator[Suggestion]:
    name = outline.readers()
    if name is None:
        return
    known = _roles_of(outline.defined(("sets", name)))
    found = {
        role: seen
        for role, seen in sorted(observed.reads.items())
        if seen.times >= LEAST_READS and not observed.changes[role] and role not in known
    }
    if found:
        evidence = tuple(f"{role} read {seen}; it changed nothing" for role, seen in found.items())
        yield Suggestion(("sets", name), {"roles": [*known, *found]}, evidence)


def _exceptions(observed: Observed, outline: Outline) -> Iterator[Suggestion]:
    often = {key: seen for key, seen in sorted(observed.exceptions.items()) if seen.times >= LEAST_TIMES}
    for name in dict.fromkeys(name for name, _ in often):
        entries = {entry: seen for (of, entry), seen in often.items() if of == name}
        present = outline.defined(("sets", name))
        evidence = tuple(f"{entry}: {seen}" for entry, seen in entries.items())
        if isinstance(present, dict):
            roles = [*_roles_of(present), *entries]
            yield Suggestion(("sets", name), {**present, "roles": roles}, evidence)
        else:
            yield Suggestion(("sets", name), [*_many(present), *entries], evidence)


def _peak(observed: Observed, outline: Outline, zone: ZoneInfo) -> Iterator[Suggestion]:
    """The shortest span of hours that holds nine statements in ten of the busy days."""
    by_day: Counter[datetime] = Counter()
    for (day, _), count in observed.hours.items():
        by_day[day] += count
    days = {day: count for day, count in by_day.items() if count >= LEAST_OF_A_DAY}
    if len(days) < LEAST_DAYS:
        return
    weekdays: Counter[int] = Counter()
    for day, count in days.items():
        weekdays[day.weekday()] += count
    most = max(weekdays.values())
    busy = sorted(day for day, count in weekdays.items() if count >= most * _BUSY_DAY)
    hours = [0] * 24
    for (day, hour), count in observed.hours.items():
        if day in days and day.weekday() in busy:
            hours[hour] += count
    start, length = _shortest(hours)
    if length > _LONGEST_PEAK_H:
        return
    end = (start + length) % 24
    value = {"days": _spelled(busy), "from": f"{start:02}:00", "to": f"{end or 24:02}:00"}
    present = outline.defined(("time", "windows", "peak"))
    if isinstance(present, dict):
        value = {**present, **value}
    if present != value:
        share = sum(hours[(start + n) % 24] for n in range(length)) / sum(hours)
        evidence = f"{share:.0%} of {sum(hours)} statements on {len(days)} days, in {zone.key}"
        yield Suggestion(("time", "windows", "peak"), value, (evidence,))


def _shortest(hours: Sequence[int]) -> tuple[int, int]:
    """Where the shortest span begins that holds its share, and how long it is."""
    wanted = sum(hours) * _BUSY_SHARE
    for length in range(1, 25):
        counts = [sum(hours[(start + n) % 24] for n in range(length)) for start in range(24)]
        best = max(range(24), key=counts.__getitem__)
        if counts[best] >= wanted:
            return best, length
    return 0, 24


def _spelled(days: Sequence[int]) -> object:
    if len(days) > 1 and days[-1] - days[0] == len(days) - 1:
        return f"{_DAYS[days[0]]}-{_DAYS[days[-1]]}"
    return [_DAYS[day] for day in days]


def _roles_of(value: object) -> list[str]:
    return [str(role) for role in _many(value.get("roles"))] if isinstance(value, dict) else []


def _many(value: object) -> Sequence[object]:
    if value is None:
        return ()
    return value if isinstance(value, (list, tuple)) else (value,)
