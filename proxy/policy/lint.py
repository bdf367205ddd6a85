"""What in a policy that loads is probably not meant.

Enters: a policy. Leaves: warnings with their places: rules that another makes needless, conditions that a
client can turn as it likes, rules that no effect reaches, evidence that nobody can give, unused names.
Deliberately absent: mistakes that keep a policy from loading (loading/compiling.py), and any judgement.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from proxy.policy.conditions.reach import may_fall_on, may_have
from proxy.policy.covering import covers
from proxy.policy.loading.complaints import Complaints
from proxy.policy.rules import Mode, Policy, Rule
from proxy.source import Diagnostic, Path

# Where a block says who, and what a client achieves by calling itself otherwise.
_SPOOFED: Mapping[str, str] = MappingProxyType(
    {
        "match": "a client chooses its application name, so it can slip past this rule",
        "not": "a client chooses its application name, so it can slip past this rule",
        "unless": "a client chooses its application name, so it can lift this rule",
        "sets": "a client chooses its application name, so it can enter or leave this set",
    }
)


def lint(policy: Policy) -> tuple[Diagnostic, ...]:
    """All warnings, in the order of files and lines."""
    complaints = {file: Complaints(document) for file, document in policy.documents.items()}
    for file, document in policy.documents.items():
        for path in _spoofable(document.data, ()):
            word = next(step for step in reversed(path) if step in _SPOOFED)
            complaints[file].add(path, f"{_SPOOFED[str(word)]}; roles and addresses prove more", key=True)
        for path, message in _unused(policy, document.data):
            complaints[file].add(path, message, key=True)
    if not any(rule.mode is not Mode.OFF and not rule.reserved for rule in policy.rules):
        _say_that_nothing_is_refused(policy, complaints[policy.files[0]])
    written = [rule for rule in policy.rules if rule.position is not None and rule.mode is not Mode.OFF]
    targets = {rule.id: _target_texts(rule) for rule in policy.rules}
    for rule in written:
        for path, message in (*_needless(rule, policy, targets), *_unreached(rule)):
            if rule.position is not None:
                complaints[rule.position.file].add((*rule.place, *path), message, key=True)
    found = (diagnostic for each in complaints.values() for diagnostic in each.diagnostics)
    return tuple(sorted(found, key=lambda diagnostic: diagnostic.position))


def _say_that_nothing_is_refused(policy: Policy, complaints: Complaints) -> None:
    if policy.mode == "off":
        complaints.add(("defaults", "mode"), "the whole policy is off: everything passes", key=True)
    elif all(rule.reserved for rule in policy.rules):
        complaints.add((), "no rule: all that can be read passes", key=True)
    else:
        complaints.add(("rules",), "no rule is on: all that can be read passes", key=True)


def _spoofable(data: object, path: Path) -> Iterator[Path]:
    """Every place that asks for a client's own name."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key == "applications":
                yield (*path, key)
            yield from _spoofable(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _spoofable(value, (*path, index))


def _unused(policy: Policy, data: object) -> Iterator[tuple[Path, str]]:
    """Windows and sets of one file that no rule of any file names."""
    used = {word for document in policy.documents.values() for word in _words(document.data)}
    for keys in (("time", "windows"), ("sets",)):
        below = data
        for key in keys:
            below = below.get(key) if isinstance(below, dict) else None
        for name in below if isinstance(below, dict) else ():
            if name not in used:
                yield (*keys, name), f'no rule uses "{name}"'


def _words(data: object) -> Iterator[str]:
    """Every scalar of text below the rules of a file."""
    match data:
        case {"rules": rules}:
            yield from _words(rules)
        case dict():
            for value in data.values():
                yield from _words(value)
        case list():
            for value in data:
                yield from _words(value)
        case str():
            yield data
        case _:
            return


def _target_texts(rule: Rule) -> frozenset[str] | None:
    shape = rule.match.shape
    return None if shape.targets is None else frozenset(target.text for target in shape.targets)


def _needless(
    rule: Rule, policy: Policy, targets: Mapping[str, frozenset[str] | None]
) -> Iterator[tuple[Path, str]]:
    """Another rule refuses all that this one refuses; of two that are alike, the later is told."""
    own = targets[rule.id]
    lists = (policy.rules_for(name) for name in rule.match.names)
    for other in min(lists, key=len):
        theirs = targets[other.id]
        if theirs is not None and (own is None or not own <= theirs):
            continue  # what tells most rules apart, before the dearer comparison
        if other is rule or other.position is None or not covers(other, rule):
            continue
        if covers(rule, other) and policy.rules.index(other) > policy.rules.index(rule):
            continue
        yield ("id",), f"needless: whatever this rule refuses, {other.id} ({other.position}) refuses too"
        return


def _unreached(rule: Rule) -> Iterator[tuple[Path, str]]:
    shape, names = rule.match.shape, rule.match.names
    if shape.traits is not None and not any(
        may_have(trait, name) for trait in shape.traits for name in names
    ):
        asked = " or ".join(shape.traits)
        yield ("match", "traits"), f"no effect reaches this rule: none that it names ever is {asked}"
    if shape.targets is not None and not any(may_fall_on(t, name) for t in shape.targets for name in names):
        asked = " or ".join(target.text for target in shape.targets)
        yield ("match", "targets"), f"no effect reaches this rule: none that it names falls on {asked}"
