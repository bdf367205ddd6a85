"""A policy in force, as the console shows it: its rules with what they have done, its windows.

Enters: a policy, how often its rules fired, the moment. Leaves: `PolicyInForce`. Trying the examples of a
policy's rules takes a quarter of a second, so that is done once, in a thread, for as long as the policy is in
force; they are parsed in this process, for who writes policies is trusted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final

from proxy.app.offline import runner
from proxy.app.workers.merging import Family
from proxy.console import PolicyInForce, RuleExample, RuleInForce, WindowNow
from proxy.policy.calendar import State
from proxy.policy.conditions.moments import Window
from proxy.policy.loading.trials import examples_of, told_of
from proxy.policy.rules import RESERVED, Mode, Policy, Rule
from proxy.policy.schema.circumstances import Example
from proxy.policy.timetable import timetable

_HITS: Final = "pgwarden_blocked_statements"

Hits = Mapping[tuple[str, str], int]
Told = Mapping[str, tuple[RuleExample, ...]]


class PolicyShelf:
    """Policies as they are shown."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._told: dict[str, tuple[str, Told]] = {}

    async def try_examples(self, path: str, policy: Policy) -> None:
        """Have the examples of its rules tried, unless that was done for this very policy."""
        if self._told.get(path, ("",))[0] != policy.digest:
            self._told[path] = policy.digest, await asyncio.to_thread(_tried, policy)

    def in_force(self, path: str, policy: Policy, hits: Hits, now: datetime) -> PolicyInForce:
        """One of them, as of now."""
        return PolicyInForce(
            path,
            policy.name,
            policy.environment,
            policy.mode,
            policy.digest,
            tuple(self._rule(path, rule, hits) for rule in policy.rules),
            tuple(
                WindowNow(window.name, window.text, state.open, state.until, _opens(window, state))
                for window, state in timetable(policy, now)
            ),
        )

    def _rule(self, path: str, rule: Rule, hits: Hits) -> RuleInForce:
        _, told = self._told.get(path, ("", {}))
        place = "" if rule.position is None else f"{rule.position.file}:{rule.position.line}"
        return RuleInForce(
            rule.id,
            str(rule.mode),
            rule.why or (f"For {RESERVED[rule.id]}." if rule.reserved else ""),
            hits.get((rule.id, str(Mode.ENFORCE)), 0),
            hits.get((rule.id, str(Mode.SHADOW)), 0),
            place,
            told.get(rule.id, ()),
        )


def _tried(policy: Policy) -> Told:
    """The examples of each rule, with what came of them."""
    told: dict[str, tuple[RuleExample, ...]] = {}
    for file, document in policy.documents.items():
        trials = examples_of(document, file)
        problems: dict[tuple[object, ...], str] = {}
        with suppress(Exception):  # of the pages: they show what they can
            results = zip(trials.trials, runner.run(trials, policy), strict=True)
            problems = {(trial.rule, trial.decision, trial.place[-1]): it.problem for trial, it in results}
        for rule in told_of(document):
            told[rule.id] = tuple(
                _example(example, decision, problems.get((rule.id, decision, number)))
                for decision, examples in (("refuse", rule.refuse), ("allow", rule.allow))
                for number, example in enumerate(examples)
            )
    return told


def _opens(window: Window, state: State) -> datetime | None:
    """When it opens the next time."""
    if not state.open:
        return state.until
    closed = window.span.state(state.until)
    return None if closed.open else closed.until


def hits_of(families: Iterable[Family]) -> Hits:
    """How often each rule fired, by its name and mode."""
    return {
        (labels["rule"], labels["mode"]): int(value)
        for family in families
        if family.name == _HITS
        for name, pairs, value in family.samples
        if name == f"{_HITS}_total"
        for labels in [dict(pairs)]
    }


def _example(example: Example, decision: str, problem: str | None) -> RuleExample:
    said = example.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"sql"})
    return RuleExample(decision == "refuse", example.sql, _words(said), problem)


def _words(said: object) -> str:
    """Circumstances on one line, as their file has them: `as: app, facts: {backups: [{ago: …}]}`."""
    match said:
        case dict():
            return ", ".join(f"{key}: {_inner(value)}" for key, value in said.items())
        case _:
            return str(said)


def _inner(value: object) -> str:
    match value:
        case dict():
            return f"{{{_words(value)}}}"
        case list() | tuple():
            return f"[{', '.join(map(_inner, value))}]"
        case bool():
            return str(value).lower()
        case _:
            return str(value)
