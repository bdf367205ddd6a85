"""What loading makes of files: names, packs, definitions, the digest, and how fast."""

from time import perf_counter

import pytest

from proxy.policy.context import Context
from proxy.policy.decide import decide
from proxy.policy.loading.load import load_policy
from proxy.policy.rules import RESERVED
from tests.policy.build import CONTEXT, NO_FACTS, NOW, effect, judge, policy, reader, refusing


def test_a_policy_and_its_packs() -> None:
    files = {
        "a/p.yaml": "version: 1\nname: shop\nenvironment: production\ninclude: [rules/x.yaml, ../b/y.yaml]\n"
        "break_glass: true\nrules: [{id: own, match: {classes: ddl}, mode: shadow}]\n",
        "a/rules/x.yaml": "version: 1\ninclude: z.yaml\nrules: [{id: x, match: {classes: read}}]\n",
        "a/rules/z.yaml": "version: 1\nrules: [{id: z, match: {classes: write}}]\n",
        "b/y.yaml": "version: 1\ninclude: ../a/rules/z.yaml\n"
        "rules: [{id: y, match: {classes: session}, mode: off}]\n",
    }
    made = load_policy("a/p.yaml", reader(files))
    assert (made.name, made.environment, made.mode, made.break_glass) == (
        "shop",
        "production",
        "enforce",
        True,
    )
    assert made.files == ("a/p.yaml", "a/rules/x.yaml", "a/rules/z.yaml", "b/y.yaml")
    assert [(rule.id, str(rule.mode), str(rule.position)) for rule in made.rules] == [
        ("own", "shadow", "a/p.yaml:6:10"),
        ("x", "enforce", "a/rules/x.yaml:3:10"),
        ("z", "enforce", "a/rules/z.yaml:2:10"),
        ("y", "off", "b/y.yaml:3:10"),
        ("unparsed", "enforce", "None"),
        ("catalogue", "enforce", "None"),
        ("unknown", "enforce", "None"),
        ("replication", "enforce", "None"),
        ("stale-facts", "enforce", "None"),
        ("freeze", "enforce", "None"),
        ("ledger", "enforce", "None"),
    ]


@pytest.mark.parametrize(
    ("path", "head", "name", "environment"),
    [
        ("etc/shop.yaml", "", "shop", "shop"),
        ("shop.prod.yaml", "name: shop\n", "shop", "shop"),
        ("shop.yaml", "environment: staging\n", "shop", "staging"),
    ],
)
def test_names(path: str, head: str, name: str, environment: str) -> None:
    made = load_policy(path, reader({path: f"version: 1\n{head}"}))
    assert (made.name, made.environment) == (name, environment)


def test_the_digest_is_of_the_text_and_not_of_the_path() -> None:
    text, pack = "version: 1\ninclude: x.yaml\n", "version: 1\n"
    one = load_policy("p.yaml", reader({"p.yaml": text, "x.yaml": pack})).digest
    assert one == load_policy("etc/q.yaml", reader({"etc/q.yaml": text, "etc/x.yaml": pack})).digest
    assert one != load_policy("p.yaml", reader({"p.yaml": text, "x.yaml": f"{pack}# why\n"})).digest
    assert len(one) == 64


def test_what_a_policy_defines_goes_before_what_it_includes() -> None:
    pack = (
        "version: 1\n"
        "time: {timezone: UTC, windows: {w: {from: 00:00, to: 01:00}}}\n"
        "sets: {s: public.a}\n"
        "rules:\n"
        "  - {id: window, match: {classes: ddl}, when: {window: w}}\n"
        "  - {id: set, match: {classes: ddl, targets: s}}\n"
    )
    alone = load_policy("x.yaml", reader({"x.yaml": pack}))
    assert refusing(judge(alone, effect("table.drop"))) == []
    own = (
        "version: 1\ninclude: x.yaml\n"
        "time: {timezone: Asia/Tokyo, windows: {w: {days: wed}}}\nsets: {s: public.users}\n"
    )
    over = load_policy("p.yaml", reader({"p.yaml": own, "x.yaml": pack}))
    assert refusing(judge(over, effect("table.drop"))) == ["set", "window"]


def test_reserved_ids() -> None:
    assert sorted(RESERVED) == [
        "catalogue",
        "freeze",
        "ledger",
        "lexing",
        "over-size",
        "protocol",
        "replication",
        "stale-facts",
        "undecodable",
        "unknown",
        "unparsed",
    ]


def test_a_thousand_rules_load_fast_and_cost_nothing_where_they_concern_other_effects() -> None:
    rule = "  - {{id: r{0}, match: {{effects: [table.drop], targets: public.t{0}}}, deny: '{{effect}}'}}\n"
    many = policy("rules:\n" + "".join(rule.format(number) for number in range(1000)))
    few = policy("rules:\n" + "".join(rule.format(number) for number in range(10)))
    assert len(many.index["table.drop"]) == 1000
    assert many.index["row.read"] == few.index["row.read"] == ()
    began = perf_counter()
    policy("rules:\n" + "".join(rule.format(number) for number in range(100)))
    # Some 20 ms on a quiet machine; the bound is for a busy one.
    assert perf_counter() - began < 1.0


def test_a_judgement_is_a_value() -> None:
    rules = policy("rules: [{id: a, match: {classes: ddl}}]")
    context = Context("app", "shop", None, None, NOW, "none")
    effects = (effect("table.drop"), effect("row.read"))
    first = decide(effects, context, rules, NO_FACTS)
    assert decide(list(effects), context, rules, NO_FACTS) == first
    assert hash(first.enforced[0]) == hash(decide(effects, context, rules, NO_FACTS).enforced[0])
    assert decide(effects, CONTEXT, rules, NO_FACTS).enforced == first.enforced
