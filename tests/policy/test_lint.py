"""Warnings about policies that load: each in the same words (warnings.txt), and none that is not so."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.policy.conditions.reach import kinds_of, may_have
from proxy.policy.context import Context
from proxy.policy.covering import covers
from proxy.policy.facts import Facts
from proxy.policy.lint import lint
from proxy.policy.loading.load import load_policy
from proxy.source import SourceError
from proxy.sql.analyse import SqlSyntaxError, analyse
from proxy.sql.effects import CLASSES, EFFECT_KINDS, Effect
from tests.policy.build import judge, policy, reader
from tests.policy.test_mistakes import read_cases
from tests.policy.test_properties import BODY, CONTEXTS, EFFECTS, FACTS, PRELUDE, Body, write_rule
from tests.sql.golden import FOLDER, cases

POLICIES = Path(__file__).parents[2] / "policies"
SHIPPED = sorted(path for path in POLICIES.rglob("*.yaml") if ".test." not in path.name)


@pytest.mark.parametrize(
    ("text", "answer"), [pytest.param(p, a, id=name) for name, p, a in read_cases("warnings.txt")]
)
def test_warning(text: str, answer: str) -> None:
    made = load_policy("p.yaml", reader({"p.yaml": text}))
    assert "\n".join(str(warning) for warning in lint(made)) == answer


def test_warnings_of_packs_are_told_with_their_file() -> None:
    made = policy(
        "include: x.yaml\nrules: [{id: a, match: {classes: [ddl]}}]",
        x="rules: [{id: b, match: {effects: [table.drop]}}]",
    )
    assert [f"{each.position}: {each.message}" for each in lint(made)] == [
        "x.yaml:3:10: needless: whatever this rule refuses, a (p.yaml:4:10) refuses too"
    ]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_shipped_policies_have_none(path: Path) -> None:
    made = load_policy(str(path), lambda name: Path(name).read_text(encoding="utf-8"))
    # Two packs ask for evidence that the gate cannot keep yet, and say so.
    assert [str(warning) for warning in lint(made) if "is never met" not in warning.message] == []


@settings(max_examples=400, deadline=None)
@given(one=BODY, other=BODY, same=st.booleans(), done=EFFECTS, context=CONTEXTS, facts=FACTS)
def test_a_needless_rule_can_be_left_out(
    one: Body, other: Body, same: bool, done: list[Effect], context: Context, facts: Facts
) -> None:
    """Rules that share parts, so that one often covers the other."""
    narrow = (one[0] if same else other[0], one[1] or other[1], other[2], one[3])
    wide = (one[0], one[1], one[2] or other[2], one[3])
    text = f"{PRELUDE}rules:\n{write_rule(1, wide)}\n{write_rule(2, narrow)}\n"
    try:
        both = policy(text)
    except SourceError:
        return  # a rule that can never match
    needless = [w.source_line.split("id: ")[1][:2] for w in lint(both) if w.message.startswith("needless")]
    for rule in needless:
        rest = policy(f"{PRELUDE}rules:\n{write_rule(1, wide) if rule == 'r2' else write_rule(2, narrow)}\n")
        decisions = [judge(each, *done, context=context, facts=facts) for each in (both, rest)]
        assert decisions[0].allowed == decisions[1].allowed


def golden_effects() -> list[Effect]:
    """The effects of every statement that the analysis is tested with."""
    texts = [sql for path in sorted(FOLDER.glob("*.txt")) for _, sql, _ in cases(path)]
    found: list[Effect] = []
    for sql in (*texts, *(kind.example for kind in EFFECT_KINDS.values())):
        try:
            found += analyse(sql).effects
        except SqlSyntaxError:
            continue  # the example of an unreadable text
    return found


def test_what_effects_can_have_is_what_they_are_seen_to_have() -> None:
    seen = golden_effects()
    no_statements = CLASSES["opaque"] | {"connection.replication"}
    assert {effect.name for effect in seen} >= set(EFFECT_KINDS) - no_statements
    strange = [
        effect
        for effect in seen
        if not all(may_have(trait, effect.name) for trait in effect.traits)
        or (
            effect.target is not None
            and (kinds := kinds_of(effect.name)) is not None
            and effect.target.kind not in kinds
        )
    ]
    assert strange == []


@pytest.mark.parametrize(
    ("wide", "narrow", "needless"),
    [
        ("covers: whole", "covers: schema", True),
        ("covers: whole", "covers: targets", True),
        ("covers: schema", "covers: whole", False),
        ("covers: targets", "covers: schema", False),
    ],
)
def test_a_backup_of_less_makes_no_rule_needless(wide: str, narrow: str, needless: bool) -> None:
    first, second = policy(
        f"""rules:
  - {{id: a, match: {{effects: [table.drop]}}, require: {{backup: {{within: 24h, {wide}}}}}}}
  - {{id: b, match: {{effects: [table.drop]}}, require: {{backup: {{within: 24h, {narrow}}}}}}}
"""
    ).rules[:2]
    assert covers(first, second) is needless
