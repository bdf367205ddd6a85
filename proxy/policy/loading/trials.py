"""Trials of a policy: statements, circumstances, and what the policy should say of them.

Enters: a file of cases, or a policy's own file, whose rules hold examples. Leaves: trials, each with its
place, or a `SourceError` with every mistake. Deliberately absent: reading SQL, and judging.
"""

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from pydantic import BeforeValidator, ValidationError, model_validator

from proxy.policy import schema
from proxy.policy.loading.complaints import Complaints
from proxy.policy.schema.block import Block
from proxy.policy.schema.circumstances import Circumstances, Example, Examples
from proxy.policy.schema.described import Some
from proxy.policy.schema.scalars import FilePath, Name, Prose, Sql
from proxy.policy.schema.words import found, nearest
from proxy.source import Document, Path, Position, SourceError, read_yaml

Choice = Literal["allow", "refuse", "backup", "hold"]
"""What becomes of a statement; "backup", "hold": a gate that can holds it for a backup, an approval."""
_SHOWN = 60
Shape = TypeVar("Shape", bound=Block)


class Expect(Block):
    """What the policy should say; `expect: allow` is short for `expect: {decision: allow}`."""

    decision: Choice
    rules: Some[Name] | None = None
    shadow: Some[Name] | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"decision": value} if isinstance(value, str) else value


class CaseShape(Circumstances):
    """One case of a file."""

    name: Prose
    sql: Sql | None = None
    migrations: FilePath | None = None
    expect: Expect


class CasesShape(Block):
    """A file of cases. The cases are read one by one, so that one mistake hides no other."""

    version: Literal[1]
    policy: FilePath
    given: Circumstances | None = None
    cases: Annotated[tuple[object, ...], BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v)]


@dataclass(frozen=True, slots=True)
class Trial:
    """One statement, or one folder of migrations, to judge.

    Attributes:
        sql, migrations: one of them is given; `migrations` is a path.
        decision: what the policy should say; of an example, what its rule alone should do.
        rules, shadow: rules that should refuse, or would in shadow; others may, too.
        rule: of an example, the rule that it belongs to.
        place: where it stands in its file.
    """

    name: str
    given: Circumstances
    decision: Choice
    place: Path
    sql: str | None = None
    migrations: str | None = None
    rules: tuple[str, ...] = ()
    shadow: tuple[str, ...] = ()
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class TrialFile:
    """The trials of one file, and the policy that they are about."""

    path: str
    policy: str
    trials: tuple[Trial, ...]
    complaints: Complaints

    def position(self, trial: Trial) -> Position:
        """Where a trial stands."""
        return self.complaints.position(trial.place)


@dataclass(frozen=True, slots=True)
class ToldRule:
    """A rule as its file tells of it, for people.

    Attributes:
        fix: what to do instead: the hint that clients read.
    """

    id: str
    why: str
    deny: str
    fix: str
    refuse: tuple[Example, ...]
    allow: tuple[Example, ...]


def kind_of(document: Document) -> Literal["cases", "policy", "other"]:
    """What a YAML file is, by its keys at the top."""
    keys = set(document.data) if isinstance(document.data, dict) else set()
    if "cases" in keys:
        return "cases"
    return "policy" if "version" in keys and keys & {"rules", "include"} else "other"


def read_trials(text: str, path: str) -> TrialFile:
    """Read the cases of a file, or the examples of a policy's rules.

    Raises:
        SourceError: with every mistake. A policy is read as far as its examples; its other mistakes are for
            `load_policy` to tell.
    """
    document = read_yaml(text, path)
    if kind_of(document) != "cases":
        return examples_of(document, path)
    complaints = Complaints(document)
    head = _read(CasesShape, document.data, (), complaints)
    listed = document.data.get("cases")
    given = (head.given if head is not None else None) or Circumstances()
    cases = [
        case
        for index, data in enumerate(listed if isinstance(listed, list) else [])
        if (case := _case(data, ("cases", index), given, path, complaints)) is not None
    ]
    _check_names(cases, complaints)
    if complaints.diagnostics or head is None:
        raise SourceError(complaints.diagnostics)
    return TrialFile(path, _beside(path, head.policy), tuple(cases), complaints)


def examples_of(document: Document, path: str) -> TrialFile:
    """The examples of a policy's rules, or of a pack's, as trials."""
    trials = [trial for place, rule in _rules(document) for trial in _examples(rule, place)]
    return TrialFile(path, path, tuple(trials), Complaints(document))


def told_rules(text: str, path: str) -> tuple[ToldRule, ...]:
    """What a file of rules tells of each: why, what is refused, what to do instead, examples."""
    return told_of(read_yaml(text, path))


def told_of(document: Document) -> tuple[ToldRule, ...]:
    """The same of a file that was read."""
    told = []
    for _, rule in _rules(document):
        shown = rule.examples or Examples()
        deny, fix = ("" if each is None else each.text for each in (rule.deny, rule.hint))
        told.append(ToldRule(rule.id, rule.why or "", deny, fix, shown.refuse or (), shown.allow or ()))
    return tuple(told)


def check_ids(file: TrialFile, known: Iterable[str]) -> None:
    """Note every rule that a trial expects and the policy does not have."""
    ids = frozenset(known)
    for trial in file.trials:
        for key, names in (("rules", trial.rules), ("shadow", trial.shadow)):
            for index, name in enumerate(names):
                if name not in ids:
                    place = (*trial.place, "expect", key, index)
                    near = nearest(name, ids)
                    file.complaints.add(place, f'the policy has no rule "{name}"', near)


def _rules(document: Document) -> Iterable[tuple[Path, schema.Rule]]:
    """The well-formed rules of a policy's file."""
    data = document.data.get("rules") if isinstance(document.data, dict) else None
    for index, each in enumerate(data if isinstance(data, list) else []):
        rule = _read(schema.Rule, each, ("rules", index), Complaints(document))
        if rule is not None:
            yield ("rules", index), rule


def _examples(rule: schema.Rule, place: Path) -> Iterable[Trial]:
    if rule.examples is None or rule.mode == "off":
        return
    lists: Mapping[Choice, tuple[Example, ...]] = {
        "refuse": rule.examples.refuse or (),
        "allow": rule.examples.allow or (),
    }
    for decision, examples in lists.items():
        for index, example in enumerate(examples):
            yield Trial(
                name=f"{rule.id}: {decision} {_short(example.sql)}",
                given=example,
                decision=decision,
                place=(*place, "examples", decision, index),
                sql=example.sql,
                rule=rule.id,
            )


def _case(data: object, place: Path, given: Circumstances, path: str, complaints: Complaints) -> Trial | None:
    case = _read(CaseShape, data, place, complaints)
    if case is None:
        return None
    if (case.sql is None) == (case.migrations is None):
        said = "both sql and migrations" if case.sql is not None else "neither sql nor migrations"
        complaints.add(place, f"the case has {said}; it needs one of them")
    if case.expect.decision == "allow" and case.expect.rules:
        complaints.add((*place, "expect", "rules"), "what is allowed is refused by no rule", key=True)
    return Trial(
        name=case.name,
        given=_merged(given, case),
        decision=case.expect.decision,
        place=place,
        sql=case.sql,
        migrations=None if case.migrations is None else _beside(path, case.migrations),
        rules=case.expect.rules or (),
        shadow=case.expect.shadow or (),
    )


def _merged(given: Circumstances, case: Circumstances) -> Circumstances:
    """The circumstances of all cases, where this one says nothing else."""
    own = {name: getattr(case, name) for name in Circumstances.model_fields if name in case.model_fields_set}
    return given.model_copy(update=own)


def _read(shape: type[Shape], data: object, place: Path, complaints: Complaints) -> Shape | None:
    if not isinstance(data, dict):
        complaints.add(place, f"expected a mapping, found {found(data)}")
        return None
    try:
        return shape.model_validate(data)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            if detail["input"] is None or detail["input"] == {}:
                complaints.add(
                    (*place, *detail["loc"]), "this holds nothing; leave it out, or write what it holds"
                )
        complaints.add_validation(place, shape, error)
    return None


def _check_names(cases: Iterable[Trial], complaints: Complaints) -> None:
    """Two cases of one name cannot be told apart in a report."""
    seen: set[str] = set()
    for case in cases:
        if case.name in seen:
            complaints.add((*case.place, "name"), f'another case is named "{_short(case.name)}"')
        seen.add(case.name)


def _beside(path: str, other: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), other))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
