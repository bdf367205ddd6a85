"""What would have to come about for a refused statement to pass: exactly what makes it pass."""

from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec.structs import replace as changed

from proxy.policy.decision import BackupWanted
from proxy.policy.facts import Backup, Coverage, Verification
from proxy.policy.wanting import NO_MEANS, SOURCE, BackupMeans, Means, not_held
from proxy.sql.effects import Effect
from tests.policy.build import CONTEXT, NOW, effect, facts, judge, policy

DROP = effect("table.drop")
TABLE = frozenset(("public.users",))
HALF_HOUR = timedelta(minutes=30)
RULE = "{{id: {0}, match: {{effects: [table.drop, schema.drop]}}, {1}}}"


def wanted(*bodies: str, effects: tuple[Effect, ...] = (DROP,), **more: object) -> object:
    rules = ", ".join(RULE.format("ab"[number], body) for number, body in enumerate(bodies))
    made = policy(f"defaults: {{mode: enforce}}\nrules: [{rules}]")
    return judge(made, *effects, facts=replace(facts(), **more)).wanted  # type: ignore[arg-type]


def one(
    rules: str = "a",
    at_most: timedelta = HALF_HOUR,
    verified: Verification = Verification.RECORDED,
    copies: int = 1,
    tables: frozenset[str] | None = TABLE,
) -> tuple[BackupWanted]:
    return (BackupWanted(tuple(rules), at_most, verified, copies, tables),)


ASKS = "require: {backup: {within: 1h}}, else: backup"
WHOLE = "require: {backup: {within: 1h, covers: whole}}, else: backup"
PLACES = "this gate has 1 of the 2 places that backups have to go to"
WANTED = [
    pytest.param([ASKS], one(), id="the tables concerned"),
    pytest.param(
        ["require: {backup: {within: 1h, covers: whole}}, else: backup"], one(tables=None), id="all"
    ),
    pytest.param(["require: {backup: {within: 1h, covers: schema}}, else: backup"], one(), id="definitions"),
    pytest.param(
        [
            "require: {backup: {within: 1h, verified: restored}}, else: {backup: 1h}",
            "require: {backup: {within: 2h, copies: 2, covers: whole}}, else: {backup: 10m}",
        ],
        one("ab", timedelta(minutes=10), Verification.RESTORED, 2, None),
        id="what several rules ask for together",
    ),
    pytest.param(["require: {backup: {within: 1h, source: pgwarden}}, else: backup"], one(), id="ours"),
    pytest.param(["require: {backup: {within: 1h, source: wal-g}}, else: backup"], (), id="another's"),
    pytest.param([ASKS, "deny: 'No.'"], (), id="another rule refuses"),
    pytest.param([ASKS, "require: {backup: {within: 1h}}"], (), id="another rule leaves it to people"),
    pytest.param([ASKS, "deny: 'No.', mode: shadow"], one(), id="another rule only watches"),
    pytest.param([f"{ASKS}, mode: shadow"], (), id="it only watches itself"),
    pytest.param(["require: {backup: {within: 1h}, migration: run}, else: backup"], (), id="more is missing"),
    pytest.param(["deny: 'No.'"], (), id="nothing would help"),
]


@pytest.mark.parametrize(("bodies", "expected"), WANTED)
def test_what_is_wanted(bodies: list[str], expected: tuple[BackupWanted, ...]) -> None:
    assert wanted(*bodies) == expected


EFFECTS = [
    (effect("schema.drop", "shop", kind="schema"), None),
    (effect("table.drop", "users"), None),
    (effect("table.drop", "public.*unknown*"), None),
    (changed(DROP, traits=frozenset(("cascade",))), None),
    (changed(DROP, target=None), None),
]


@pytest.mark.parametrize(("found", "tables"), EFFECTS)
def test_where_the_tables_are_not_all_known_the_whole_database_is_wanted(
    found: Effect, tables: frozenset[str] | None
) -> None:
    assert wanted(ASKS, effects=(DROP, found)) == one(tables=tables)


def test_facts_that_prove_nothing_are_not_mended_by_a_backup() -> None:
    assert wanted(ASKS, stale=True) == ()


def test_what_is_wanted_makes_it_pass() -> None:
    made = policy(f"rules: [{RULE.format('a', ASKS)}]")
    (asked,) = judge(made, DROP).wanted
    assert isinstance(asked, BackupWanted)
    backup = Backup(
        CONTEXT.database, NOW, "", asked.verified, asked.copies, Coverage(tables=asked.tables), SOURCE
    )
    assert judge(made, DROP, facts=replace(facts(), backups=(backup,))).allowed


MEANS = [
    (NO_MEANS, "this gate is not set up to take backups"),
    (
        Means(BackupMeans(1, Verification.RESTORED)),
        "this gate has 1 of the 2 places that backups have to go to",
    ),
    (Means(BackupMeans(2, Verification.CHECKSUM)), "this gate cannot prove its backups as far as full_read"),
    (Means(BackupMeans(2, Verification.FULL_READ)), ""),
]


@pytest.mark.parametrize(("means", "why"), MEANS)
def test_what_a_gate_can_bring_about(means: Means, why: str) -> None:
    (asked,) = one(verified=Verification.FULL_READ, copies=2)
    assert means.lacking(asked) == why


def test_the_refusal_of_what_is_not_held_says_why() -> None:
    decision = judge(policy(f"rules: [{RULE.format('a', ASKS)}]"), DROP)
    told = not_held(decision, "it cannot be", "Do that.").refusal("d")
    assert (told.detail, told.hint) == ("No backup of shop is known. It cannot be.", "Do that.")
    told = not_held(decision, "it cannot be").refusal("d")
    assert told.hint == "Take a backup, record it, and run the statement again."
