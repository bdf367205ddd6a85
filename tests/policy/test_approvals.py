"""What an approval lifts: rules that it names, of the very text, as each of them says; and nothing else."""

from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.context import Context, Migration
from proxy.policy.decision import ApprovalWanted, Decision, Lift
from proxy.policy.explain import explain
from proxy.policy.facts import Approved, Facts, Freeze, Run
from proxy.policy.rules import Policy
from tests.policy.build import CONTEXT, NO_FACTS, NOW, backup, effect, judge, policy, refusing

DROP = effect("table.drop")
DIGEST = "ab" * 32
HERE = replace(CONTEXT, digest=DIGEST)
HOUR = timedelta(hours=1)
APPROVED = Approved(
    id="r1",
    digest=DIGEST,
    environment="test",
    roles=frozenset(("app",)),
    rules=frozenset(("a", "b")),
    since=NOW - HOUR,
    until=NOW + HOUR,
    granted=(NOW - timedelta(minutes=5), NOW - timedelta(minutes=90)),
)


def rules(*bodies: str, head: str = "approvals: {by: 2}\n") -> Policy:
    written = (
        f"{{id: {'abcd'[number]}, match: {{effects: [table.drop]}}{body}}}"
        for number, body in enumerate(bodies)
    )
    return policy(f"{head}rules: [{', '.join(written)}]")


def given_these(*approvals: Approved, **more: object) -> Facts:
    return replace(NO_FACTS, approvals=approvals, **more)  # type: ignore[arg-type]


def decided(made: Policy, approved: Approved = APPROVED, context: object = HERE, **more: object) -> Decision:
    return judge(made, DROP, context=context, facts=given_these(approved, **more))  # type: ignore[arg-type]


def test_it_lifts_the_rules_that_it_names() -> None:
    decision = decided(rules("", ""))
    assert (decision.allowed, decision.lifted, decision.approvals) == (
        True,
        (Lift("a", "r1"), Lift("b", "r1")),
        ("r1",),
    )
    assert (decision.holds_until, decision.facts_used) == (NOW + HOUR, True)


def test_a_rule_that_it_does_not_name_refuses() -> None:
    decision = decided(rules("", "", ""))
    assert (decision.allowed, refusing(decision)) == (False, ["c"])


@pytest.mark.parametrize(
    ("body", "approved", "lifts"),
    [
        ("", APPROVED, True),
        (", approval: never", APPROVED, False),
        (", approval: {by: 3}", APPROVED, False),
        ("", replace(APPROVED, nobody_asked=True), False),
        (", approval: {by: 1}", replace(APPROVED, nobody_asked=True), True),
        (", approval: {by: 2, within: 1h}", APPROVED, False),
        (", approval: {by: 1, within: 1h}", APPROVED, True),
        (", approval: {by: 1, with: {backup: {within: 2h}}}", APPROVED, False),
        ("", replace(APPROVED, digest="cd" * 32), False),
        ("", replace(APPROVED, environment="staging"), False),
        ("", replace(APPROVED, roles=frozenset(("dba",))), False),
        ("", replace(APPROVED, database="shop"), True),
        ("", replace(APPROVED, database="cart"), False),
        ("", replace(APPROVED, networks=(ip_network("10.0.0.0/8"),)), True),
        ("", replace(APPROVED, networks=(ip_network("::/0"), ip_network("192.168.0.0/16"))), False),
        ("", replace(APPROVED, since=NOW + HOUR / 2), False),
        ("", replace(APPROVED, until=NOW), False),
        ("", replace(APPROVED, left=0), False),
        ("", replace(APPROVED, granted=(), own=NOW), False),
        ("", replace(APPROVED, granted=(), own=NOW, break_glass=True), False),
        (", require: {backup: {within: 1h}}", APPROVED, False),
        (", require: {backup: {within: 1h}}", replace(APPROVED, break_glass=True), False),
        (", require: {approval: {by: 2}}", APPROVED, True),
        (", approval: never, require: {approval: {by: 2}}", APPROVED, True),
        (", require: {approval: {by: 3}}", APPROVED, False),
        (", require: {approval: {by: 2, with: {backup: {within: 1h}}}}", APPROVED, False),
        (", unless: [{require: {approval: {by: 2, within: 2h}}}]", APPROVED, True),
    ],
)
def test_it_lifts_a_rule_as_that_says(body: str, approved: Approved, lifts: bool) -> None:
    decision = decided(rules(body), approved)
    assert (decision.allowed, decision.approvals) == (lifts, ("r1",) if lifts else ())
    assert bool(judge(rules(body), DROP, context=HERE).enforced) is True


@pytest.mark.parametrize(
    ("body", "approved", "lifts"),
    [
        ("", replace(APPROVED, granted=(), own=NOW), True),
        (", require: {backup: {within: 1h}}", replace(APPROVED, granted=(), own=NOW), True),
        (", approval: never", replace(APPROVED, own=NOW), False),
        (", approval: {by: 5}", replace(APPROVED, granted=APPROVED.granted[:1]), True),
        (", approval: {by: 2, within: 30m}", replace(APPROVED, granted=(), own=NOW - HOUR), False),
        (", approval: {by: 1, with: {backup: {within: 2h}}}", replace(APPROVED, own=NOW), False),
    ],
)
def test_where_the_policy_admits_it_the_glass_is_broken(body: str, approved: Approved, lifts: bool) -> None:
    made = rules(body, head="approvals: {by: 2}\nbreak_glass: true\n")
    decision = decided(made, replace(approved, break_glass=True))
    assert decision.lifted == ((Lift("a", "r1", break_glass=True),) if lifts else ())
    assert decision.allowed is lifts


def test_evidence_besides_may_be_there() -> None:
    made = rules(", approval: {by: 1, with: {backup: {within: 2h}}}")
    assert decided(made, backups=(backup(1),)).allowed


def test_a_freeze_and_stale_facts_are_lifted_by_nobody() -> None:
    made = rules("")
    frozen = decided(made, replace(APPROVED, rules=frozenset(("a", "freeze"))), freezes=(Freeze("x", NOW),))
    assert refusing(frozen) == ["freeze"]
    assert refusing(decided(made, stale=True)) == ["a"]


def test_shadow_rules_use_nothing_up() -> None:
    decision = decided(rules(", mode: shadow", ", mode: shadow, require: {approval: {by: 1}}"))
    assert (decision.allowed, decision.approvals, [f.rule for f in decision.shadowed]) == (True, (), ["a"])


def test_what_is_not_yet_is_looked_at_again_when_it_is() -> None:
    assert decided(rules(""), replace(APPROVED, since=NOW + HOUR / 2)).holds_until == NOW + HOUR / 2
    within = decided(rules(", approval: {by: 1, within: 1h}"))
    assert within.holds_until == NOW + timedelta(minutes=55)


def test_what_may_be_approved() -> None:
    for bodies, approvable in (
        (("",), True),
        (("", ", approval: never"), False),
        ((", require: {backup: {within: 1h}}", ""), True),  # a backup may be there by then
        ((", approval: never, require: {approval: {by: 1}}",), True),
    ):
        assert judge(rules(*bodies), DROP, context=HERE).approvable is approvable
    refusal = judge(rules(""), DROP, context=HERE).refusal("d1")
    assert refusal.hint == "Ask for it: pgwarden approve request d1"
    partly = decided(rules(""), replace(APPROVED, granted=APPROVED.granted[:1])).refusal("d1")
    assert partly.detail == "Approval r1 is granted by one person."


def test_what_is_held_for_an_approval() -> None:
    holds = ", else: {hold: 10m}"
    wanted = judge(rules(holds, f", require: {{approval: {{by: 3}}}}{holds}"), DROP, context=HERE).wanted
    assert wanted == (ApprovalWanted(("a", "b"), timedelta(minutes=10), 3),)
    for bodies in ((holds, ""), (f", require: {{backup: {{within: 1h}}}}{holds}",)):
        assert judge(rules(*bodies), DROP, context=HERE).wanted == ()


def test_explain_tells_by_which_approval() -> None:
    made = rules("", ", approval: {by: 3}")
    told = "\n".join(explain([DROP], HERE, made, given_these(APPROVED)).lines())
    assert "a: is lifted by an approval" in told
    assert "+ lifted by approval r1" in told
    assert "- approval r1 is granted by 2 people" in told


TOKEN, STATEMENT = "ef" * 32, "01" * 32
FILE = replace(APPROVED, left=0, statements=frozenset((STATEMENT,)), runs=frozenset((TOKEN,)))
RUN = Run(TOKEN, "app", "shop", NOW - HOUR, NOW + HOUR / 4)
STEP = replace(HERE, digest="cd" * 32, statement=STATEMENT, migration=Migration(run=TOKEN))


def test_a_files_approval_covers_its_statements_in_the_run_that_has_taken_a_use() -> None:
    decision = decided(rules(""), FILE, STEP, runs=(RUN,))
    assert (decision.allowed, decision.approvals, decision.uses) == (True, ("r1",), ())
    assert decision.holds_until == RUN.until
    whole = decided(rules(""), FILE, replace(STEP, digest=DIGEST, statement=""), runs=(RUN,))
    assert (whole.allowed, whole.uses) == (True, ())
    required = decided(rules(", require: {approval: {by: 2}}"), FILE, STEP, runs=(RUN,))
    assert (required.allowed, required.approvals, required.uses) == (True, ("r1",), ())


@pytest.mark.parametrize(
    ("approved", "context", "runs"),
    [
        (FILE, STEP, ()),  # it has ended, or never was
        (FILE, STEP, (replace(RUN, until=NOW),)),
        (FILE, STEP, (replace(RUN, role="dba"),)),
        (FILE, STEP, (replace(RUN, database="cart"),)),
        (FILE, replace(STEP, migration=Migration()), (RUN,)),  # a session beside it
        (FILE, replace(STEP, migration=Migration(run="23" * 32)), (RUN,)),
        (FILE, replace(STEP, migration=Migration(run="23" * 32)), (RUN, replace(RUN, token="23" * 32))),
        (FILE, replace(STEP, statement="45" * 32), (RUN,)),  # in no file, or changed since
        (FILE, replace(STEP, statement=""), (RUN,)),  # several, or none that can be approved
        (FILE, replace(STEP, digest=""), (RUN,)),
        (replace(FILE, runs=frozenset(), left=1), STEP, (RUN,)),  # no use was taken for the run
        (replace(FILE, statements=frozenset()), STEP, (RUN,)),
        (replace(FILE, until=NOW), STEP, (RUN,)),
        (replace(FILE, environment="staging"), STEP, (RUN,)),
        (replace(FILE, roles=frozenset(("dba",))), STEP, (RUN,)),
        (replace(FILE, networks=(ip_network("192.168.0.0/16"),)), STEP, (RUN,)),
    ],
)
def test_nothing_else_is_covered_by_a_files_approval(
    approved: Approved, context: Context, runs: tuple[Run, ...]
) -> None:
    assert decided(rules(""), approved, context, runs=runs).allowed is False


def test_beside_the_run_the_whole_text_takes_a_use_of_its_own() -> None:
    beside = replace(STEP, digest=DIGEST, migration=Migration())
    assert decided(rules(""), replace(FILE, left=1), beside, runs=(RUN,)).uses == ("r1",)
    assert not decided(rules(""), FILE, beside, runs=(RUN,)).allowed


APPROVALS = st.builds(
    Approved,
    id=st.sampled_from(["r1", "r2", "r3"]),
    digest=st.sampled_from([DIGEST, "cd" * 32, ""]),
    environment=st.sampled_from(["test", "staging"]),
    roles=st.just(frozenset(("app",))),
    rules=st.frozensets(st.sampled_from("abcd"), min_size=1),
    since=st.sampled_from([NOW - HOUR, NOW + HOUR / 4]),
    until=st.sampled_from([NOW + HOUR, NOW + HOUR / 2, NOW]),
    granted=st.lists(st.integers(0, 120).map(lambda ago: NOW - timedelta(minutes=ago)), max_size=3).map(
        lambda moments: tuple(sorted(moments, reverse=True))
    ),
    left=st.integers(0, 2),
    nobody_asked=st.booleans(),
    break_glass=st.booleans(),
    own=st.none() | st.just(NOW - HOUR / 4),
)
BODIES = st.lists(
    st.sampled_from(
        [
            "",
            ", approval: never",
            ", approval: {by: 1, within: 30m}",
            ", approval: {by: 1, with: {backup: {within: 2h}}}",
            ", require: {backup: {within: 2h}}",
            ", require: {approval: {by: 2, within: 1h}}",
            ", approval: never, require: {approval: {by: 1}}",
            ", mode: shadow",
        ]
    ),
    min_size=1,
    max_size=4,
)
SOME = st.lists(APPROVALS, max_size=3, unique_by=lambda each: each.id)


@given(BODIES, SOME, st.booleans(), st.booleans())
def test_an_approval_lifts_no_rule_that_it_does_not_list_and_none_that_says_never(
    bodies: list[str], approvals: list[Approved], backed: bool, glass: bool
) -> None:
    made = rules(*bodies, head=f"approvals: {{by: 2}}\nbreak_glass: {'true' if glass else 'false'}\n")
    facts = given_these(*approvals, backups=(backup(1),) if backed else ())
    without = judge(made, DROP, context=HERE, facts=replace(facts, approvals=()))
    decision = judge(made, DROP, context=HERE, facts=facts)
    known = {each.id: each for each in approvals}
    gone = set(refusing(without)) - set(refusing(decision))
    assert gone == {lift.rule for lift in decision.lifted}
    for lift in decision.lifted:
        approved = known[lift.approval]
        body = bodies["abcd".index(lift.rule)]
        assert lift.rule in approved.rules
        assert (approved.digest, approved.environment) == (DIGEST, "test")
        assert approved.left > 0
        assert approved.since <= NOW < approved.until
        assert "never" not in body or "approval: {by" in body
        assert not lift.break_glass or (glass and approved.break_glass)
        assert lift.break_glass or "require: {backup" not in body
    assert set(refusing(decision)) <= set(refusing(without))


@given(BODIES, SOME, st.integers(0, 7200))
def test_a_decision_with_approvals_holds_as_long_as_it_says(
    bodies: list[str], approvals: list[Approved], later_s: int
) -> None:
    made, facts = rules(*bodies, head="approvals: {by: 2}\nbreak_glass: true\n"), given_these(*approvals)
    decision = judge(made, DROP, context=HERE, facts=facts)
    later = NOW + timedelta(seconds=later_s)
    if decision.holds_until is None or later < decision.holds_until:
        again = judge(made, DROP, context=replace(HERE, now=later), facts=facts)
        assert (again.allowed, again.lifted) == (decision.allowed, decision.lifted)


@given(BODIES, SOME)
def test_what_explain_says_of_approvals_is_what_decide_does(
    bodies: list[str], approvals: list[Approved]
) -> None:
    made, facts = rules(*bodies, head="approvals: {by: 2}\nbreak_glass: true\n"), given_these(*approvals)
    told = "\n".join(explain([DROP], HERE, made, facts).lines())
    for lift in judge(made, DROP, context=HERE, facts=facts).lifted:
        assert f"approval {lift.approval}" in told
