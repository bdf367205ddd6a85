"""What holds for every policy: more rules never allow more, order is nothing, decisions hold as they say."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from proxy.policy.context import Context
from proxy.policy.decide import fitting_rules
from proxy.policy.decision import Decision
from proxy.policy.explain import explain
from proxy.policy.facts import Backup, Coverage, Facts, Freeze, Verification
from proxy.policy.loading.load import load_policy
from proxy.policy.rules import Mode, Policy
from proxy.source import SourceError
from proxy.sql.effects import CLASSES, EFFECT_KINDS, TRAITS, Effect, Risk, Target
from tests.policy.build import HEAD, judge, reader, refusing

PRELUDE = """
time:
  timezone: America/New_York
  holidays: {country: US}
  windows:
    peak: {days: mon-fri, from: 08:00, to: 20:00, except: holidays}
    change: {days: [tue, thu], from: 22:00, to: 02:00}
    early: {from: 01:30, to: 02:30}
sets:
  critical: [public.users, "billing.*"]
  people: {roles: [dba, app]}
"""
UNREACHABLE = re.compile("nothing can ever match|can never (fire|hold)")
SOME_EFFECTS = [
    "table.drop",
    "table.create",
    "row.read",
    "row.delete",
    "index.create",
    "code.call",
    "schema.drop",
]
TARGETS = ["public.users", "billing.*", "*.orders", "table:public.*"]


def some(words: list[str]) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(words), min_size=1, max_size=3, unique=True).map(
        lambda chosen: "[" + ", ".join(f'"{word}"' for word in chosen) + "]"
    )


def block(**keys: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """A mapping with at least one of the keys."""
    return (
        st.fixed_dictionaries({}, optional=keys)
        .filter(bool)
        .map(lambda made: "{" + ", ".join(f"{key}: {value}" for key, value in made.items()) + "}")
    )


WHO = block(
    roles=some(["app", "dba", "a*"]),
    cidrs=some(["10.0.0.0/8", "192.168.1.1", "::/0"]),
    databases=some(["shop", "cart"]),
)
INNER = block(
    effects=some(SOME_EFFECTS),
    classes=some(["ddl", "write", "destructive"]),
    traits=some(["cascade", "unscoped", "temporary"]),
    risk=st.sampled_from(['">= low"', "high", '"< high"']),
    targets=some(["critical", *TARGETS]),
    who=WHO,
)
MATCH = st.tuples(INNER, st.none() | INNER).map(
    lambda parts: parts[0] if parts[1] is None else f"{parts[0][:-1]}, not: {parts[1]}}}"
)
WHEN = block(
    window=some(["peak", "change", "early"]),
    transaction=st.sampled_from(["open", "none"]),
    freeze=st.sampled_from(["true", "false"]),
    dates=st.sampled_from(["2026-11-24", "2026-11-20..2026-12-01"]),
)
REQUIRE = block(
    backup=st.sampled_from(
        [
            "{within: 1h}",
            "{within: 24h, copies: 2}",
            "{within: 7d, verified: toc}",
            "{within: 24h, covers: whole}",
            "{within: 24h, source: [pgwarden, supabase]}",
            "{within: 24h, source: pgwarden}",
        ]
    ),
    window=some(["change", "early"]),
    migration=st.just("run"),
)
UNLESS = block(who=WHO, when=WHEN, require=REQUIRE)
BODY = st.tuples(MATCH, st.none() | WHEN, st.none() | REQUIRE, st.lists(UNLESS, max_size=2))
Body = tuple[str, str | None, str | None, list[str]]


def write_rule(number: int, body: Body, mode: str = "enforce") -> str:
    match, when, require, unless = body
    keys = [f"id: r{number}", f"match: {match}", f"mode: {mode}"]
    keys += [f"when: {when}"] if when else []
    keys += [f"require: {require}"] if require else []
    keys += [f"unless: [{', '.join(unless)}]"] if unless else []
    return "  - {" + ", ".join(keys) + "}"


def load(rules: list[str]) -> Policy | None:
    """A policy, or None where some rule can reach nothing (an error, and not what is tested here)."""
    text = HEAD + PRELUDE + ("rules:\n" + "\n".join(rules) if rules else "rules: []")
    try:
        return load_policy("p.yaml", reader({"p.yaml": text}))
    except SourceError as error:
        assert all(UNREACHABLE.search(each.message) for each in error.diagnostics), str(error)
        return None


def rules_of(bodies: list[Body]) -> list[str]:
    """Those that can reach something, numbered."""
    written = [write_rule(number, body) for number, body in enumerate(bodies)]
    return [rule for rule in written if load([rule]) is not None]


EFFECTS = st.lists(
    st.builds(
        Effect,
        st.sampled_from([*SOME_EFFECTS, "statement.unparsed", "session.set"]),
        st.none()
        | st.builds(
            Target,
            st.sampled_from(["table", "schema", "function", "setting"]),
            st.sampled_from([None, "public", "billing"]),
            st.sampled_from([None, "users", "orders", "public"]),
        ),
        st.frozensets(st.sampled_from(["cascade", "unscoped", "temporary"])),
        st.sampled_from(Risk),
    ),
    min_size=1,
    max_size=3,
)
MOMENTS = st.datetimes(datetime(2026, 10, 25), datetime(2026, 12, 31)).map(lambda m: m.replace(tzinfo=UTC))
CONTEXTS = st.builds(
    Context,
    role=st.sampled_from(["app", "dba", "analyst"]),
    database=st.sampled_from(["shop", "cart"]),
    client_address=st.sampled_from([None, "10.1.1.1", "192.168.1.1", "fe80::1"]),
    application=st.sampled_from([None, "psql"]),
    now=MOMENTS,
    transaction=st.sampled_from(["none", "open"]),
)
BACKUPS = st.builds(
    Backup,
    database=st.just("shop"),
    finished=MOMENTS,
    location=st.just("x"),
    verified=st.sampled_from(Verification),
    copies=st.integers(1, 3),
    source=st.sampled_from(["", "pgwarden", "supabase"]),
    covers=st.sampled_from([Coverage(), Coverage(data=False), Coverage(tables=frozenset({"public.users"}))]),
)
FREEZES = st.builds(
    Freeze,
    reason=st.just("sale"),
    since=MOMENTS,
    until=st.none() | MOMENTS,
    database=st.sampled_from([None, "shop", "cart"]),
)
FACTS = st.builds(
    Facts,
    backups=st.lists(BACKUPS, max_size=4).map(tuple),
    as_of=MOMENTS,
    stale=st.booleans(),
    freezes=st.lists(FREEZES, max_size=2).map(tuple),
)


@settings(max_examples=150, deadline=None)
@given(bodies=st.lists(BODY, min_size=2, max_size=5), done=EFFECTS, context=CONTEXTS, facts=FACTS)
def test_another_rule_never_allows_more(
    bodies: list[Body],
    done: list[Effect],
    context: Context,
    facts: Facts,
) -> None:
    rules = rules_of(bodies)
    decisions = [_judge(load(rules[:count]), done, context, facts) for count in range(len(rules) + 1)]
    for fewer, more in pairwise(decisions):
        assert set(refusing(fewer)) <= set(refusing(more))
        assert fewer.allowed or not more.allowed


@settings(max_examples=150, deadline=None)
@given(
    bodies=st.lists(BODY, min_size=2, max_size=5), done=EFFECTS, context=CONTEXTS, facts=FACTS, data=st.data()
)
def test_order_of_rules_and_files_changes_nothing(
    bodies: list[Body],
    done: list[Effect],
    context: Context,
    facts: Facts,
    data: st.DataObject,
) -> None:
    rules = rules_of(bodies)
    straight = _judge(load(rules), done, context, facts)
    assert _judge(load(data.draw(st.permutations(rules))), done, context, facts) == straight
    cut = data.draw(st.integers(0, len(rules)))
    files = {
        "a.yaml": "version: 1\nrules:\n" + "\n".join(rules[:cut]) if cut else "version: 1\n",
        "b.yaml": "version: 1\nrules:\n" + "\n".join(rules[cut:]) if cut < len(rules) else "version: 1\n",
    }
    for order in ("[a.yaml, b.yaml]", "[b.yaml, a.yaml]"):
        packed = load_policy("p.yaml", reader({"p.yaml": f"{HEAD}include: {order}\n{PRELUDE}", **files}))
        assert _judge(packed, done, context, facts) == straight


@settings(max_examples=150, deadline=None)
@given(
    one=BODY, other=BODY, exceptions=st.lists(UNLESS, min_size=1), done=EFFECTS, context=CONTEXTS, facts=FACTS
)
def test_unless_lifts_only_its_own_rule(
    one: Body,
    other: Body,
    exceptions: list[str],
    done: list[Effect],
    context: Context,
    facts: Facts,
) -> None:
    plain = load([write_rule(1, one), write_rule(2, other)])
    excepted = load([write_rule(1, (*one[:3], exceptions)), write_rule(2, other)])
    if plain is None or excepted is None:
        return
    before, after = (_judge(policy, done, context, facts) for policy in (plain, excepted))
    assert ("r2" in refusing(before)) == ("r2" in refusing(after))


BACKUP_ONLY = st.sampled_from(["{backup: {within: 1h}}", "{backup: {within: 24h}}", "{backup: {within: 7d}}"])
TIMED = st.tuples(
    st.just("{classes: [ddl]}"),
    st.none() | WHEN,
    BACKUP_ONLY | REQUIRE,
    st.just([]) | BACKUP_ONLY.map(lambda need: [f"{{require: {need}}}"]) | st.lists(UNLESS, max_size=2),
)
AGES = [timedelta(hours=1), timedelta(hours=24), timedelta(days=7)]
HALF_HOUR = timedelta(minutes=30)


@settings(max_examples=250, deadline=None)
@given(
    body=TIMED,
    context=CONTEXTS.map(lambda context: replace(context, database="shop")),
    ages=st.lists(st.integers(-300, 26 * 60), min_size=1, max_size=3),
    level=st.sampled_from(Verification),
    freezes=st.lists(st.tuples(st.integers(-100, 100), st.integers(1, 100)), max_size=2),
)
def test_a_decision_holds_as_long_as_it_says(
    body: Body,
    context: Context,
    ages: list[int],
    level: Verification,
    freezes: list[tuple[int, int]],
) -> None:
    """Compared at every moment at which anything could change, and every half hour of four days.

    A timeless one is the same before, too.
    """
    rules = load([write_rule(1, body)])
    assume(rules is not None)
    done = [Effect("table.drop", Target("table", "public", "users"), risk=Risk.HIGH)]
    finished = [context.now - timedelta(minutes=age) for age in ages]
    edges = [
        (context.now + since * HALF_HOUR, context.now + (since + length) * HALF_HOUR)
        for since, length in freezes
    ]
    facts = Facts(
        tuple(Backup("shop", moment, "x", level, 2) for moment in finished),
        context.now,
        freezes=tuple(Freeze("sale", since, until) for since, until in edges),
    )
    decision = _judge(rules, done, context, facts)
    until = decision.holds_until
    assert until is None or until > context.now
    halves = context.now.replace(minute=0, second=0, microsecond=0)
    moments = {halves + number * HALF_HOUR for number in range(-48, 4 * 48)}
    moments |= {moment for freeze in edges for moment in freeze}
    moments |= {moment + age for moment in finished for age in (timedelta(0), *AGES)}
    if until is not None:
        moments.add(until - timedelta(microseconds=1))
    for moment in sorted(moments):
        if decision.timeless or (context.now < moment and (until is None or moment < until)):
            assert _bare(_judge(rules, done, replace(context, now=moment), facts)) == _bare(decision)


@settings(max_examples=150, deadline=None)
@given(bodies=st.lists(BODY, min_size=1, max_size=4), done=EFFECTS, context=CONTEXTS, facts=FACTS)
def test_an_observer_refuses_nothing_and_sees_the_same(
    bodies: list[Body],
    done: list[Effect],
    context: Context,
    facts: Facts,
) -> None:
    rules = rules_of(bodies)
    watching = load_policy(
        "p.yaml",
        reader({"p.yaml": f"{HEAD}defaults: {{mode: shadow}}\n{PRELUDE}rules: [" + _flow(rules) + "]"}),
    )
    strict = _judge(load(rules), done, context, facts)
    watched = _judge(watching, done, context, facts)
    assert watched.allowed
    asked = {firing.rule for firing in watched.shadowed}
    if not facts.stale:
        assert asked == {firing.rule for firing in strict.enforced}


@settings(max_examples=150, deadline=None)
@given(bodies=st.lists(BODY, min_size=1, max_size=4), done=EFFECTS, context=CONTEXTS, facts=FACTS)
def test_an_explanation_decides_the_same_and_names_every_firing_rule(
    bodies: list[Body],
    done: list[Effect],
    context: Context,
    facts: Facts,
) -> None:
    rules = load(rules_of(bodies))
    assert rules is not None
    told = explain(done, context, rules, facts)
    assert told.decision == _judge(rules, done, context, facts)
    text = "\n".join(told.lines())
    for rule in refusing(told.decision):
        assert f"{rule}: refuses" in text


@given(bodies=st.lists(BODY, min_size=1, max_size=4), done=EFFECTS, context=CONTEXTS)
def test_effects_of_one_kind_are_told_apart_where_a_rule_does(
    bodies: list[Body], done: list[Effect], context: Context
) -> None:
    rules = load(rules_of(bodies))
    assert rules is not None
    one_by_one = {
        rule: fit
        for rule in rules.rules
        if rule.mode is not Mode.OFF
        and not rule.reserved
        and (fit := [e for e in done if e.name in rule.match.names and rule.match.fits(e, context)])
    }
    found = fitting_rules(done, context, rules, Facts((), as_of=context.now))
    assert {rule: fit for rule, fit in found.items() if not rule.reserved} == one_by_one


def _flow(rules: list[str]) -> str:
    return ", ".join(rule.removeprefix("  - ") for rule in rules)


def _judge(policy: Policy | None, done: list[Effect], context: Context, facts: Facts) -> Decision:
    assert policy is not None
    return judge(policy, *done, context=context, facts=facts)


def _bare(decision: Decision) -> object:
    """What may not change: the texts name moments, but which rules fire and what is missing stays."""
    return (
        decision.allowed,
        [(firing.rule, firing.missing) for firing in decision.enforced],
        [(firing.rule, firing.missing) for firing in decision.shadowed],
    )


WORDS = [
    *(
        "version",
        "name",
        "include",
        "defaults",
        "time",
        "windows",
        "timezone",
        "sets",
        "rules",
        "id",
        "match",
    ),
    *(
        "effects",
        "classes",
        "not",
        "who",
        "when",
        "window",
        "require",
        "backup",
        "within",
        "unless",
        "else",
        "deny",
    ),
    *(
        "table.drop",
        "ddl",
        "mon-fri",
        "08:00",
        "24h",
        "UTC",
        "holidays",
        "country",
        "US",
        "p.yaml",
        "{effect}",
    ),
    *("1", "-1", "1.5", "true", "~", "''", "enforce", "approval", "by", "values", "risk", ">= low", "dates"),
]
SCALARS = (
    st.sampled_from(WORDS) | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
)
KEYS = st.sampled_from(WORDS)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)


def written(tree: object) -> str:
    """YAML in flow style, without help from the reader that is tested."""
    match tree:
        case dict():
            return "{" + ", ".join(f"{written(key)}: {written(value)}" for key, value in tree.items()) + "}"
        case list():
            return "[" + ", ".join(written(value) for value in tree) + "]"
        case str() if tree in WORDS:
            return tree if tree[0].isalnum() else f'"{tree}"'
        case str():
            return '"' + "".join(f"\\U{ord(c):08x}" for c in tree if not 0xD800 <= ord(c) < 0xE000) + '"'
        case None:
            return "~"
        case _:
            return str(tree).lower()


@settings(max_examples=400, deadline=None)
@given(
    st.dictionaries(KEYS, TREES, max_size=6).map(written)
    | TREES.map(lambda tree: f"version: 1\nrules: [{{id: a, match: {written(tree)}}}]")
    | TREES.map(
        lambda tree: f"version: 1\nrules: [{{id: a, match: {{classes: ddl}}, when: {written(tree)}}}]"
    )
    | TREES.map(lambda tree: f"version: 1\ntime: {written(tree)}\n")
    | TREES.map(lambda tree: f"version: 1\nsets: {written(tree)}\n")
    | st.text(max_size=80)
)
def test_any_text_loads_or_is_told_what_is_wrong_and_where(text: str) -> None:
    try:
        load_policy("p.yaml", reader({"p.yaml": text}))
    except SourceError as error:
        assert error.diagnostics
        for diagnostic in error.diagnostics:
            assert diagnostic.position.file == "p.yaml"
            assert diagnostic.position.line >= 1
            assert diagnostic.message


@pytest.mark.parametrize("name", sorted(EFFECT_KINDS))
def test_every_effect_can_be_named(name: str) -> None:
    named = load([f"  - {{id: a, match: {{effects: [{name}]}}}}"])
    assert named is not None
    effect = Effect(name, risk=EFFECT_KINDS[name].risk)
    context = Context("app", "shop", None, None, datetime(2026, 1, 1, tzinfo=UTC), "none")
    assert "a" in refusing(_judge(named, [effect], context, Facts((), context.now)))


def test_every_class_and_trait_can_be_named() -> None:
    assert load([f"  - {{id: {name}, match: {{classes: [{name}]}}}}" for name in sorted(CLASSES)]) is not None
    ids = {name: name.replace("_", "-") for name in sorted(TRAITS)}
    assert load([f"  - {{id: {ids[name]}, match: {{traits: [{name}]}}}}" for name in ids]) is not None
