"""Runs trials: judges each by its policy, and says which came out otherwise than they should.

Enters: trial files and their policies. Leaves: a result for each trial, and the rules that none has fired.
Deliberately absent: finding the files, and printing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from proxy.app.offline.judging import Verdict, context_of, facts_of, judge, of, read_sql
from proxy.app.offline.scripts import find_scripts
from proxy.policy.loading.trials import Trial, TrialFile
from proxy.policy.rules import RESERVED, Mode, Policy, Rule
from proxy.source import Position

_EXPECTED = {"backup": "a backup to be taken first", "hold": "an approval to be waited for"}


@dataclass(frozen=True, slots=True)
class Result:
    """How one trial came out.

    Attributes:
        problem: why it failed; "" when it passed.
        fired: ids of all rules that fired in it.
    """

    file: str
    name: str
    position: Position
    problem: str
    fired: frozenset[str]


@dataclass(frozen=True, slots=True)
class Unfired:
    """A rule that no trial has fired."""

    policy: str
    rule: str
    position: Position | None


def known_ids(policy: Policy) -> frozenset[str]:
    """The rules that a trial may name: the policy's, and those that exist unwritten."""
    return frozenset(RESERVED) | {rule.id for rule in policy.rules}


def run(file: TrialFile, policy: Policy) -> tuple[Result, ...]:
    """Judge every trial of a file."""
    return tuple(_result(file, trial, policy) for trial in file.trials)


def unfired(results: Mapping[str, Sequence[Result]], policies: Mapping[str, Policy]) -> tuple[Unfired, ...]:
    """The rules of some policies that no trial of any of them has fired.

    Args:
        results: by the policy's path.
        policies: by their path. A rule that several of them include is one rule.
    """
    fired = {
        _key(path, rule)
        for path, policy in policies.items()
        for rule in policy.rules
        if any(rule.id in result.fired for result in results.get(path, ()))
    }
    left: dict[object, Unfired] = {}
    for path, policy in policies.items():
        for rule in policy.rules:
            if not rule.reserved and rule.mode is not Mode.OFF and _key(path, rule) not in fired:
                left.setdefault(_key(path, rule), Unfired(path, rule.id, rule.position))
    return tuple(left.values())


def _key(path: str, rule: Rule) -> object:
    return rule.position or (path, rule.id)


def _result(file: TrialFile, trial: Trial, policy: Policy) -> Result:
    try:
        verdicts = list(_verdicts(trial, policy))
    except OSError as error:
        verdicts, problem = [], f"{error.filename} cannot be read: {error.strerror}"
    else:
        problem = _problem(trial, verdicts) if verdicts else f"{trial.migrations} holds no SQL"
    fired = frozenset(rule for verdict in verdicts for rule in (*verdict.refusing, *verdict.shadowing))
    return Result(file.path, trial.name, file.position(trial), problem, fired)


def _verdicts(trial: Trial, policy: Policy) -> Iterator[Verdict]:
    context = context_of(trial.given, policy)
    migration = None if trial.given.facts is None else trial.given.facts.migration
    texts = [trial.sql] if trial.sql is not None else _migrations(trial)
    for text in texts:
        meaning = read_sql(text)
        own = of(context, meaning, migration)
        yield judge(meaning, own, policy, facts_of(trial.given, own, policy.environment))


def _migrations(trial: Trial) -> list[str]:
    return [] if trial.migrations is None else [each.sql for each in find_scripts([trial.migrations]).scripts]


def _problem(trial: Trial, verdicts: Sequence[Verdict]) -> str:
    refusing = list(dict.fromkeys(rule for verdict in verdicts for rule in verdict.refusing))
    shadowing = list(dict.fromkeys(rule for verdict in verdicts for rule in verdict.shadowing))
    if trial.rule is not None:
        return _problem_of_example(trial.rule, trial, {*refusing, *shadowing}, verdicts)
    allowed = all(verdict.allowed for verdict in verdicts)
    held = {verdict.held for verdict in verdicts if not verdict.allowed}
    becomes = {
        "allow": allowed,
        "refuse": not allowed,
        "backup": held == {"backup"},
        "hold": held == {"hold"},
    }
    if not becomes[trial.decision]:
        watched = f"; in shadow, {_listed(shadowing)} would refuse it" if shadowing else ""
        said = (
            f"it is allowed{watched}"
            if allowed
            else f"it is refused by {_listed(refusing)}: {_words(verdicts)}"
        )
        expected = _EXPECTED.get(trial.decision, trial.decision)
        return f"expected {expected}, and {said}"
    for names, fired, verb, done in (
        (trial.rules, refusing, "refuse", "refused"),
        (trial.shadow, shadowing, "watch", "watched"),
    ):
        lost = [name for name in names if name not in fired]
        if lost:
            return f"expected {_listed(lost)} to {verb} it, and it is {done} by {_listed(fired) or 'no rule'}"
    return ""


def _problem_of_example(rule: str, trial: Trial, fired: set[str], verdicts: Sequence[Verdict]) -> str:
    unread = {"unparsed", "over-size"} & fired
    if unread and rule not in unread:
        return f"the SQL cannot be read: {_words(verdicts)}"
    if (rule in fired) == (trial.decision == "refuse"):
        return ""
    return (
        f"the rule {rule} fires on what it should allow"
        if rule in fired
        else f"the rule {rule} does not fire"
    )


def _words(verdicts: Iterable[Verdict]) -> str:
    return next((each.denial.message for each in verdicts if each.denial is not None), "")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
