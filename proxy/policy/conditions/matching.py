"""A rule's `match`: which effects, of which clients, it speaks of.

Enters: the match block with its sets resolved. Leaves: a `Match`: the effect names it can concern (computed
once, the index is made of them) and the tests that remain. Each key narrows; the entries of a key widen.
What is in doubt fits a match, and never fits a `not`. Deliberately absent: time and evidence.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from proxy.policy.conditions.globs import compile_glob
from proxy.policy.conditions.targets import TargetPattern
from proxy.policy.conditions.who import Who
from proxy.policy.context import Context
from proxy.sql.effects import CLASSES, EFFECT_KINDS, Effect, Risk

# The effects whose `detail` is a setting's new value, and nothing else.
SETTING_EFFECTS = frozenset({"session.set"})

_COMPARISONS: Mapping[str, Callable[[int, int], bool]] = MappingProxyType(
    {
        ">=": lambda left, right: left >= right,
        "<=": lambda left, right: left <= right,
        ">": lambda left, right: left > right,
        "<": lambda left, right: left < right,
        "=": lambda left, right: left == right,
    }
)
_RISKS = frozenset(Risk)
COMPARISONS = frozenset(_COMPARISONS)


@dataclass(frozen=True, slots=True)
class MatchShape:
    """One block, its sets resolved; each key is None where it says nothing."""

    effects: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None
    traits: tuple[str, ...] | None = None
    risk: tuple[str, Risk] | None = None
    targets: tuple[TargetPattern, ...] | None = None
    values: tuple[str, ...] | None = None
    who: Who | None = None
    excluded: tuple["MatchShape", ...] = ()


NO_KEYS = MatchShape()


@dataclass(frozen=True, slots=True)
class Part:
    """One test of a match, and how `explain` names it."""

    text: str
    fits: Callable[[Effect, Context], bool]


@dataclass(frozen=True, slots=True)
class Match:
    """A compiled match.

    Attributes:
        names: the effect names it can fit: the index leads only these here, so they are not tested again.
        parts: what else has to fit.
        shape: what it was compiled from.
        traits: None where any will do, or none.
        risk: None where any will do.
        by_kind: effects of one name, risk and traits all fit, or none does.
    """

    names: frozenset[str]
    parts: tuple[Part, ...]
    shape: MatchShape = NO_KEYS
    traits: frozenset[str] | None = None
    risk: tuple[str, Risk] | None = None
    by_kind: bool = False

    def fits(self, effect: Effect, context: Context) -> bool:
        """Whether an effect whose name is among `names` fits."""
        return all(part.fits(effect, context) for part in self.parts)

    def may_fit(self, effect: Effect) -> bool:
        """Whether an effect of this name, risk and traits fits, on some target, for some client."""
        return (
            effect.name in self.names
            and (self.traits is None or bool(effect.traits & self.traits))
            and (self.risk is None or _COMPARISONS[self.risk[0]](effect.risk, self.risk[1]))
        )

    def misfit(self, effect: Effect, context: Context) -> Part | None:
        """The first part that does not fit."""
        return next((part for part in self.parts if not part.fits(effect, context)), None)


def names_of(shape: MatchShape) -> frozenset[str]:
    """The effect names that the keys about names admit, exclusions left aside."""
    names = frozenset(EFFECT_KINDS)
    if shape.effects is not None:
        names &= frozenset(shape.effects)
    if shape.classes is not None:
        names &= frozenset().union(*(CLASSES[name] for name in shape.classes))
    if shape.values is not None:
        names &= SETTING_EFFECTS
    return names


def compile_match(shape: MatchShape) -> Match:
    """Compile a block. The result's `names` are empty when nothing can ever fit."""
    names = names_of(shape)
    parts = _parts(shape)
    for excluded in shape.excluded:
        excluded_names = names_of(excluded)
        if not _has_tests(excluded):
            names -= excluded_names
        elif names & excluded_names:
            parts.append(_exclusion(excluded, excluded_names))
    traits = None if shape.traits is None else frozenset(shape.traits)
    by_kind = all(each.targets is None and each.values is None for each in (shape, *shape.excluded))
    return Match(names, tuple(parts), shape, traits, shape.risk, by_kind)


def risks_of(bound: tuple[str, Risk] | None) -> frozenset[Risk]:
    """The risks that a block admits."""
    if bound is None:
        return _RISKS
    comparison, level = bound
    return frozenset(risk for risk in _RISKS if _COMPARISONS[comparison](risk, level))


def _has_tests(shape: MatchShape) -> bool:
    """Whether a block asks for more than names."""
    return any(key is not None for key in (shape.traits, shape.risk, shape.targets, shape.values, shape.who))


def _parts(shape: MatchShape) -> list[Part]:
    parts: list[Part] = []
    if shape.who is not None:
        who = shape.who
        parts.append(Part(f"who: {who.text}", lambda _, context: who.may_fit(context)))
    if shape.traits is not None:
        traits = frozenset(shape.traits)
        parts.append(
            Part(f"traits: {', '.join(shape.traits)}", lambda effect, _: bool(effect.traits & traits))
        )
    if shape.risk is not None:
        parts.append(_risk(*shape.risk))
    if shape.targets is not None:
        targets = shape.targets
        parts.append(
            Part(_list("targets", targets), lambda effect, _: any(t.may_match(effect) for t in targets))
        )
    if shape.values is not None:
        test = _values(shape.values)
        # A value that is not known might be any.
        parts.append(Part(f"values: {', '.join(shape.values)}", lambda e, _: not e.detail or test(e.detail)))
    return parts


def _exclusion(shape: MatchShape, names: frozenset[str]) -> Part:
    """A `not` block: it excludes only what certainly fits all its keys."""
    tests: list[Callable[[Effect, Context], bool]] = [lambda effect, _: effect.name in names]
    words: list[str] = []
    if shape.effects is not None or shape.classes is not None:
        words.append(", ".join((*(shape.effects or ()), *(shape.classes or ()))))
    if shape.who is not None:
        who = shape.who
        tests.append(lambda _, context: who.must_fit(context))
        words.append(who.text)
    if shape.traits is not None:
        traits = frozenset(shape.traits)
        tests.append(lambda effect, _: bool(effect.traits & traits))
        words.append(f"traits {', '.join(shape.traits)}")
    if shape.risk is not None:
        risk = _risk(*shape.risk)
        tests.append(risk.fits)
        words.append(risk.text)
    if shape.targets is not None:
        targets = shape.targets
        tests.append(lambda effect, _: any(target.must_match(effect) for target in targets))
        words.append(_list("targets", targets))
    if shape.values is not None:
        value = _values(shape.values)
        tests.append(lambda effect, _: bool(effect.detail) and value(effect.detail))
        words.append(f"values {', '.join(shape.values)}")
    every = tuple(tests)
    return Part(f"not {'; '.join(words)}", lambda effect, context: not all(t(effect, context) for t in every))


def _risk(comparison: str, level: Risk) -> Part:
    compare = _COMPARISONS[comparison]
    return Part(f"risk {comparison} {level.name.lower()}", lambda effect, _: compare(effect.risk, level))


def _values(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    globs = tuple(compile_glob(pattern, ignore_case=True) for pattern in patterns)
    return lambda value: any(glob(value) for glob in globs)


def _list(word: str, targets: Iterable[TargetPattern]) -> str:
    return f"{word}: {', '.join(target.text for target in targets)}"
