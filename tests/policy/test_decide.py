"""Decisions: modes, reserved rules, exceptions, evidence, what the client is told."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from proxy.policy.conditions.case import Proof
from proxy.policy.context import Transaction
from proxy.policy.decision import Decision, Firing, Refusal
from proxy.policy.facts import Backup, Coverage, Freeze, Verification
from proxy.policy.firing import MOST_TOLD
from proxy.policy.rules import Policy
from proxy.sql.effects import Effect, Risk
from tests.policy.build import (
    CONTEXT,
    NOW,
    at,
    backup,
    effect,
    facts,
    judge,
    policy,
    refusing,
    watching,
)

DROP = effect("table.drop")
READ = effect("row.read")
UNPARSED = effect("statement.unparsed", None)
UNKNOWN = effect("statement.unknown", None)
PEAK = "time: {timezone: America/New_York, windows: {peak: {days: mon-fri, from: 08:00, to: 20:00}}}\n"


def rule(body: str) -> Policy:
    """A policy of one rule about schema changes."""
    return policy(f"{PEAK}rules: [{{id: a, match: {{classes: [ddl]}}{body}}}]")


def test_what_no_rule_concerns_passes() -> None:
    assert judge(rule(""), READ) == Decision(
        allowed=True,
        enforced=(),
        shadowed=(),
        holds_until=None,
        effects=(READ,),
        facts_used=False,
        transaction_used=False,
        timeless=True,
    )
    assert judge(rule("")).allowed


def test_a_refusal_whole() -> None:
    made = policy(
        "rules:\n"
        "  - id: no-drop\n"
        "    match: {effects: [table.drop]}\n"
        "    deny: '{effect} on {targets} would lose data.'\n"
        "    hint: 'Ask for it: pgwarden approve request {decision_id}'\n"
    )
    decision = judge(made, DROP, effect("table.drop", "orders"), READ)
    assert decision.enforced == (
        Firing(
            rule="no-drop",
            mode="enforce",
            sqlstate="42501",
            message="DROP TABLE on public.users, orders would lose data. [rule no-drop]",
            detail="A table is dropped: public.users (high risk). A table is dropped: orders (high risk).",
            hint="Ask for it: pgwarden approve request {decision_id}",
            targets=("public.users", "orders"),
            effects=("table.drop",),
            missing=(),
        ),
    )
    assert decision.refusal("d-17") == Refusal(
        rule="no-drop",
        sqlstate="42501",
        message="DROP TABLE on public.users, orders would lose data. [rule no-drop]",
        detail="A table is dropped: public.users (high risk). A table is dropped: orders (high risk).",
        hint="Ask for it: pgwarden approve request d-17",
        decision_id="d-17",
    )


def test_an_allowed_statement_has_no_refusal() -> None:
    with pytest.raises(ValueError, match="an allowed statement has no refusal"):
        judge(rule(""), READ).refusal("d")


# a rule's end, the refusal's message and hint
TEXTS = [
    (
        "",
        "DROP TABLE on public.users is not allowed. [rule a]",
        "Ask the owners of this database's policy, and name the rule a.",
    ),
    (", deny: '{role} in {database}: {rule} {{x}}'", "app in shop: a {x} [rule a]", None),
    (
        ", require: {backup: {within: 24h}}",
        "DROP TABLE on public.users needs a backup of shop from the last 24 hours, of the tables concerned. "
        "[rule a]",
        "Take a backup, record it, and run the statement again.",
    ),
    (
        ", require: {backup: {within: 2d, verified: full_read, copies: 2, covers: whole}}, "
        "deny: '{missing}; {backup.within}, {backup.verified}, {backup.copies}, {backup.covers}, "
        "{backup.last}'",
        "a backup of shop from the last 2 days, of the whole database, read back in full, in 2 places; "
        "2 days, full_read, 2, whole, never [rule a]",
        None,
    ),
    (
        ", when: {window: peak}, deny: 'Not {window.text}; the next opening is {window.next}.'",
        "Not during peak (Mon-Fri 08:00-20:00 America/New_York); "
        "the next opening is Tue 24 Nov 2026 20:00 EST. [rule a]",
        "Run it again after Tue 24 Nov 2026 20:00 EST.",
    ),
    (
        ", require: {migration: run}",
        "DROP TABLE on public.users needs a migration run that the gate has opened (pgwarden migrate). "
        "[rule a]",
        None,
    ),
    (
        ", require: {ran: {environment: staging, within: 14d}, approval: {by: 2}}",
        "DROP TABLE on public.users needs a run of the same statement on staging within the last 14 days, "
        "without error and an approval by 2 people. [rule a]",
        None,
    ),
]


@pytest.mark.parametrize(("body", "message", "hint"), TEXTS)
def test_texts(body: str, message: str, hint: str | None) -> None:
    [firing] = judge(rule(body), DROP).enforced
    assert firing.message == message
    assert hint is None or firing.hint == hint


def test_names_from_a_client_cannot_move_a_cursor_or_fill_a_log() -> None:
    nasty = effect("table.drop", "pub\x1b[2J\u202elic." + "x" * 300)
    [firing] = judge(rule(""), nasty).enforced
    assert firing.message == f"DROP TABLE on pub?[2J?lic.{'x' * 87}… is not allowed. [rule a]"
    assert firing.targets == ("pub\x1b[2J\u202elic." + "x" * 300,)


def test_many_targets_are_counted() -> None:
    drops = [effect("table.drop", f"public.t{n}") for n in range(9)]
    [firing] = judge(rule(""), *drops).enforced
    assert firing.message == (
        "DROP TABLE on public.t0, public.t1, public.t2, public.t3, public.t4 and 4 more is not allowed. "
        "[rule a]"
    )


def test_of_endless_targets_the_first_of_the_gravest_are_told() -> None:
    adds = [effect("column.add", f"public.t{n}") for n in range(MOST_TOLD)]
    drops = [effect("table.drop", f"public.u{n}") for n in range(MOST_TOLD)]
    [firing] = judge(rule(""), *adds, *drops).enforced
    assert firing.message == (
        "DROP TABLE on public.u0, public.u1, public.u2, public.u3, public.u4 and many more is not allowed. "
        "[rule a]"
    )
    assert firing.detail == (
        "A table is dropped: public.u0 (high risk). A table is dropped: public.u1 (high risk). "
        "A table is dropped: public.u2 (high risk). And many more."
    )
    assert firing.effects == ("column.add", "table.drop")
    assert firing.targets == tuple(f"public.u{n}" for n in range(MOST_TOLD))


def test_code_without_a_target() -> None:
    [firing] = judge(
        policy("rules: [{id: a, match: {classes: [opaque]}}]"), effect("code.run", None)
    ).enforced
    assert firing.message == "DO on this database is not allowed. [rule a]"


def test_the_first_told_is_the_one_that_no_evidence_can_help_and_order_plays_no_part() -> None:
    rules = [
        "{id: backup, match: {classes: [ddl]}, require: {backup: {within: 1h}}}",
        "{id: hours, match: {classes: [ddl]}, when: {window: peak}}",
        "{id: z-drop, match: {classes: [ddl]}}",
        "{id: b-drop, match: {effects: [table.drop]}}",
    ]
    told = ["b-drop", "z-drop", "hours", "backup"]
    for ordered in (rules, rules[::-1]):
        decision = judge(policy(f"{PEAK}rules: [{', '.join(ordered)}]"), DROP)
        assert [firing.rule for firing in decision.enforced] == told
        assert decision.refusal("d").detail == (
            "A table is dropped: public.users (high risk). Also refused by: z-drop, hours, backup."
        )


# the policy's mode, the rule's, what happens
MODES = [
    ("enforce", "enforce", ["a"], []),
    ("enforce", "shadow", [], ["a"]),
    ("enforce", "off", [], []),
    ("shadow", "enforce", [], ["a"]),
    ("shadow", "shadow", [], ["a"]),
    ("shadow", "off", [], []),
    ("off", "enforce", [], []),
]


@pytest.mark.parametrize(("whole", "single", "enforced", "shadowed"), MODES)
def test_modes(whole: str, single: str, enforced: list[str], shadowed: list[str]) -> None:
    made = policy(
        f"defaults: {{mode: {whole}}}\nrules: [{{id: a, match: {{classes: [ddl]}}, mode: {single}}}]"
    )
    decision = judge(made, DROP)
    assert (refusing(decision), watching(decision)) == (enforced, shadowed)
    assert decision.allowed is not bool(enforced)
    assert made.mode == whole


# defaults, enforced for unparsed and unknown, shadowed
DEFAULTS = [
    ("{}", ["unknown", "unparsed"], []),
    ("{unparsed: deny, unknown: deny}", ["unknown", "unparsed"], []),
    ("{unparsed: shadow}", ["unknown"], ["unparsed"]),
    ("{unknown: shadow}", ["unparsed"], ["unknown"]),
    ("{mode: shadow}", [], ["unknown", "unparsed"]),
    ("{mode: off}", [], []),
]


@pytest.mark.parametrize(("defaults", "enforced", "shadowed"), DEFAULTS)
def test_what_cannot_be_judged(defaults: str, enforced: list[str], shadowed: list[str]) -> None:
    head = "" if defaults == "{}" else f"defaults: {defaults}\n"
    decision = judge(policy(f"{head}rules: []"), UNPARSED, UNKNOWN, READ)
    assert (refusing(decision), watching(decision)) == (enforced, shadowed)


def test_reserved_refusals() -> None:
    told = [
        (f.rule, f.sqlstate, f.message, f.hint)
        for f in judge(policy("rules: []"), UNPARSED, UNKNOWN).enforced
    ]
    assert told == [
        (
            "unknown",
            "42501",
            "This statement does something that pgwarden does not know, so it was not run. [rule unknown]",
            "Write it in a plainer way, or report the statement to those who run pgwarden.",
        ),
        (
            "unparsed",
            "42601",
            "This statement cannot be read, so it was not run. [rule unparsed]",
            "Check its syntax, or write it in a plainer way.",
        ),
    ]


# the rule's end, transaction, moment, fires
WHEN: list[tuple[str, Transaction, str, bool]] = [
    (", when: {window: peak}", "none", "2026-11-24T15:00", True),
    (", when: {window: peak}", "none", "2026-11-25T01:00", False),
    (", when: {not: {window: peak}}", "none", "2026-11-24T15:00", False),
    (", when: {not: {window: peak}}", "none", "2026-11-25T01:00", True),
    (", when: {transaction: open}", "none", "2026-11-24T15:00", False),
    (", when: {transaction: open}", "open", "2026-11-24T15:00", True),
    (", when: {window: peak, transaction: none}", "open", "2026-11-24T15:00", False),
    (", when: {not: {window: peak, transaction: none}}", "open", "2026-11-24T15:00", True),
    (", when: {dates: [2026-11-24]}", "none", "2026-11-25T04:59", True),
    (", when: {dates: [2026-11-24]}", "none", "2026-11-25T05:00", False),
    (", when: {freeze: true}", "none", "2026-11-24T15:00", False),
    (", when: {freeze: false}", "none", "2026-11-24T15:00", True),
    (", require: {window: peak}", "none", "2026-11-24T15:00", False),
    (", require: {window: peak}", "none", "2026-11-25T01:00", True),
]


@pytest.mark.parametrize(("body", "transaction", "moment", "fires"), WHEN)
def test_when(body: str, transaction: Transaction, moment: str, fires: bool) -> None:
    context = replace(at(moment), transaction=transaction)
    assert judge(rule(body), DROP, context=context).allowed is not fires


FRESH = backup(1)
PROVED = backup(1, verified=Verification.RESTORED, copies=2)
TABLES = Coverage(tables=frozenset({"public.users", "public.orders"}))
# what is asked, the backups there are, met
BACKUPS: list[tuple[str, list[Backup], bool]] = [
    ("{within: 24h}", [], False),
    ("{within: 24h}", [FRESH], True),
    ("{within: 24h}", [backup(24.1)], False),
    ("{within: 24h}", [backup(24)], False),
    ("{within: 24h}", [backup(23.99)], True),
    ("{within: 24h}", [backup(-0.1)], False),
    ("{within: 24h}", [backup(1, database="other")], False),
    ("{within: 24h, verified: checksum}", [FRESH], False),
    ("{within: 24h, verified: checksum}", [backup(1, verified=Verification.CHECKSUM)], True),
    ("{within: 24h, verified: full_read}", [PROVED], True),
    ("{within: 24h, copies: 2}", [FRESH], False),
    ("{within: 24h, copies: 2}", [PROVED], True),
    # one backup has to meet all of it
    ("{within: 2h, verified: full_read}", [FRESH, backup(3, verified=Verification.RESTORED)], False),
    ("{within: 24h, covers: whole}", [FRESH], True),
    ("{within: 24h, covers: whole}", [backup(1, covers=TABLES)], False),
    ("{within: 24h, covers: targets}", [backup(1, covers=TABLES)], True),
    ("{within: 24h}", [backup(1, covers=Coverage(tables=frozenset({"public.orders"})))], False),
    ("{within: 24h}", [backup(1, covers=Coverage(data=False))], False),
    ("{within: 24h, covers: schema}", [backup(1, covers=Coverage(data=False))], True),
    ("{within: 24h, source: supabase}", [FRESH, backup(1, source="pgwarden")], False),
    ("{within: 24h, source: [pgwarden, supabase]}", [backup(1, source="pgwarden")], True),
]


@pytest.mark.parametrize(("asked", "backups", "met"), BACKUPS)
def test_backups(asked: str, backups: list[Backup], met: bool) -> None:
    decision = judge(rule(f", require: {{backup: {asked}}}"), DROP, facts=facts(*backups))
    assert decision.allowed is met
    assert decision.facts_used


def test_what_a_decision_rests_on_is_said() -> None:
    made = rule(", require: {backup: {within: 24h}}")
    assert judge(made, DROP, facts=facts(backup(1, location="/b/1"))).proofs == (Proof("backup", "/b/1"),)
    assert judge(made, DROP).proofs == ()
    assert judge(rule(""), DROP, facts=facts(backup(1))).proofs == ()


def test_a_partial_backup_covers_only_tables_named_in_full() -> None:
    made = rule(", require: {backup: {within: 24h}}")
    partial = facts(backup(1, covers=TABLES))
    for done in (
        effect("table.drop", "users"),
        effect("table.drop", "*unknown*"),
        effect("table.drop", "public.users", "cascade"),
    ):
        assert not judge(made, done, facts=partial).allowed


def test_what_is_known_of_backups_is_told() -> None:
    made = rule(", require: {backup: {within: 24h, verified: full_read}}")
    [firing] = judge(made, DROP, facts=facts(backup(30, copies=3), backup(50))).enforced
    assert firing.detail == (
        "The newest finished at Mon 23 Nov 2026 04:00 EST, only written down, in 3 places."
    )
    assert firing.missing == (
        "a backup of shop from the last 24 hours, of the tables concerned, read back in full",
    )


def test_how_long_a_decision_holds() -> None:
    made = rule(", require: {backup: {within: 24h}}")
    assert judge(made, DROP).holds_until is None
    older, newer = backup(20), backup(10)
    assert judge(made, DROP, facts=facts(newer, older)).holds_until == newer.finished + timedelta(hours=24)
    coming = backup(-2)
    assert judge(made, DROP, facts=facts(coming)).holds_until == coming.finished
    assert judge(rule(", when: {window: peak}"), READ).holds_until is None
    both = rule(", when: {window: peak}, require: {backup: {within: 24h}}")
    until = judge(both, DROP, facts=facts(backup(23))).holds_until
    assert until == NOW + timedelta(hours=1)


# entries of unless, context, lifted
UNLESS = [
    ("[{who: {roles: [dba]}}]", replace(CONTEXT, role="dba"), True),
    ("[{who: {roles: [dba]}}]", CONTEXT, False),
    ("[{who: {roles: [dba]}, when: {window: peak}}]", replace(CONTEXT, role="dba"), True),
    (
        "[{who: {roles: [dba]}, when: {not: {window: peak}}}]",
        replace(CONTEXT, role="dba"),
        False,
    ),
    ("[{who: {roles: [dba]}}, {when: {window: peak}}]", CONTEXT, True),
    ("[{require: {backup: {within: 24h}}}]", CONTEXT, True),
    ("[{require: {backup: {within: 1h}}}]", CONTEXT, False),
    ("[{require: {migration: run}}]", CONTEXT, False),
    ("[{require: {approval: {by: 1}}}]", CONTEXT, False),
    ("[{require: {ran: {environment: staging}}}]", CONTEXT, False),
    ("{who: {roles: [app]}}", CONTEXT, True),
]


@pytest.mark.parametrize(("entries", "context", "lifted"), UNLESS)
def test_unless(entries: str, context: object, lifted: bool) -> None:
    made = rule(f", unless: {entries}")
    decision = judge(made, DROP, context=context, facts=facts(backup(2)))  # type: ignore[arg-type]
    assert decision.allowed is lifted


def test_nothing_allows_past_another_rule() -> None:
    made = policy(
        "rules:\n"
        "  - {id: a, match: {classes: [ddl]}, unless: [{who: {roles: [app]}}]}\n"
        "  - {id: b, match: {effects: [table.drop]}}\n"
    )
    assert refusing(judge(made, DROP)) == ["b"]


ASKING = ", require: {backup: {within: 24h}}"
# defaults, rule's end, backups, enforced, shadowed while facts are stale
STALE = [
    ("deny", ASKING, [FRESH], ["a", "stale-facts"], []),
    ("deny", ASKING, [], ["a", "stale-facts"], []),
    ("shadow", ASKING, [FRESH], [], ["stale-facts"]),
    ("shadow", ASKING, [], ["a"], ["stale-facts"]),
    ("deny", f"{ASKING}, mode: shadow", [FRESH], [], ["a", "stale-facts"]),
    ("deny", "", [], ["a"], []),
    ("deny", ", unless: [{require: {backup: {within: 24h}}}]", [FRESH], ["a"], []),
    ("shadow", ", unless: [{require: {backup: {within: 24h}}}]", [FRESH], [], []),
]


@pytest.mark.parametrize(("reaction", "body", "backups", "enforced", "shadowed"), STALE)
def test_stale_facts(
    reaction: str, body: str, backups: list[Backup], enforced: list[str], shadowed: list[str]
) -> None:
    made = policy(
        f"defaults: {{stale_facts: {reaction}}}\nrules: [{{id: a, match: {{classes: [ddl]}}{body}}}]"
    )
    decision = judge(made, DROP, facts=facts(*backups, stale=True))
    assert (refusing(decision), watching(decision)) == (enforced, shadowed)


def test_stale_facts_are_no_matter_where_an_exception_lifts_the_rule() -> None:
    made = rule(f"{ASKING}, unless: [{{who: {{roles: [app]}}}}]")
    assert judge(made, DROP, facts=facts(FRESH, stale=True)).allowed


def test_stale_facts_are_told_first() -> None:
    decision = judge(rule(ASKING), DROP, facts=facts(FRESH, stale=True))
    refusal = decision.refusal("d")
    assert (refusal.rule, refusal.message, refusal.detail, refusal.hint) == (
        "stale-facts",
        "DROP TABLE on public.users needs evidence, and the record of it cannot be read at the moment. "
        "[rule stale-facts]",
        "Asked for by: a. Also refused by: a.",
        "Run it again in a minute; if it is refused again, tell those who run pgwarden.",
    )


def test_stale_facts_matter_only_to_what_needs_evidence() -> None:
    assert judge(rule(ASKING), READ, facts=facts(stale=True)).allowed
    shadow = policy(f"defaults: {{mode: shadow}}\nrules: [{{id: a, match: {{classes: [ddl]}}{ASKING}}}]")
    decision = judge(shadow, DROP, facts=facts(FRESH, stale=True))
    assert (decision.allowed, watching(decision)) == (True, ["stale-facts"])


NEXT = """
time:
  timezone: UTC
  windows:
    morning: {days: mon-fri, from: 08:00, to: 12:00}
    noon: {days: mon-fri, from: 12:00, to: 14:00}
    change: {days: [tue, thu], from: 22:00, to: 02:00}
    never: {days: mon, from: 08:00, to: 12:00, except: [2000-01-01..2099-12-31]}
rules:
"""
# rule's end, moment, the next opening
OPENINGS = [
    ("when: {window: [morning, noon]}", "2026-11-24T09:00", "Tue 24 Nov 2026 14:00 UTC"),
    ("when: {window: morning}", "2026-11-24T09:00", "Tue 24 Nov 2026 12:00 UTC"),
    ("when: {not: {window: change}}", "2026-11-25T09:00", "Thu 26 Nov 2026 22:00 UTC"),
    ("require: {window: change}", "2026-11-24T09:00", "Tue 24 Nov 2026 22:00 UTC"),
    ("require: {window: change}", "2026-11-25T02:00", "Thu 26 Nov 2026 22:00 UTC"),
    ("when: {window: morning}, require: {window: change}", "2026-11-24T09:00", "Tue 24 Nov 2026 12:00 UTC"),
    ("require: {window: never}", "2026-11-24T09:00", "no moment in sight"),
    ("when: {window: morning, dates: 2026-11-24}", "2026-11-24T09:00", "Tue 24 Nov 2026 12:00 UTC"),
]


@pytest.mark.parametrize(("body", "moment", "opening"), OPENINGS)
def test_next_opening(body: str, moment: str, opening: str) -> None:
    made = policy(f"{NEXT}  - {{id: a, match: {{classes: [ddl]}}, {body}, deny: '{{window.next}}'}}")
    [firing] = judge(made, DROP, context=at(moment)).enforced
    assert firing.message == f"{opening} [rule a]"


@pytest.mark.parametrize(
    ("body", "uses"),
    [
        ("", False),
        (", when: {window: peak}", False),
        (", when: {transaction: open}", True),
        (", when: {not: {transaction: open}}", True),
        (", unless: [{when: {transaction: none}}]", True),
        (", when: {transaction: open}, mode: off", False),
        (", when: {transaction: open}, mode: shadow", True),
        (", require: {backup: {within: 1h}}, else: backup", False),
    ],
)
def test_the_transaction_plays_a_part_where_a_rule_that_fits_asks_for_it(body: str, uses: bool) -> None:
    assert judge(rule(body), DROP).transaction_used is uses
    assert judge(rule(body), READ).transaction_used is False


def test_sqlstate() -> None:
    assert judge(rule(", sqlstate: 55006"), DROP).enforced[0].sqlstate == "55006"
    assert judge(rule(", sqlstate: P0001"), DROP).enforced[0].sqlstate == "P0001"


LATER = NOW + timedelta(hours=2)
# the freezes known, the role's database, whether a rule for freezes and the reserved one refuse, until when
FREEZES: list[tuple[list[Freeze], str, bool, datetime | None]] = [
    ([], "shop", False, None),
    ([Freeze("sale", NOW)], "shop", True, None),
    ([Freeze("sale", NOW - timedelta(hours=1), LATER)], "shop", True, LATER),
    ([Freeze("sale", NOW - timedelta(hours=1), NOW)], "shop", False, None),
    ([Freeze("sale", LATER)], "shop", False, LATER),
    ([Freeze("sale", NOW, database="shop")], "shop", True, None),
    ([Freeze("sale", NOW, database="cart")], "shop", False, None),
    ([Freeze("a", NOW, LATER), Freeze("b", NOW + timedelta(hours=1))], "shop", True, None),
]


@pytest.mark.parametrize(("freezes", "database", "frozen", "until"), FREEZES)
def test_freeze(freezes: list[Freeze], database: str, frozen: bool, until: datetime | None) -> None:
    known = replace(facts(), freezes=tuple(freezes))
    context = replace(CONTEXT, database=database)
    for body, firing in ((", when: {freeze: true}", frozen), (", when: {freeze: false}", not frozen)):
        decision = judge(rule(body), DROP, facts=known, context=context)
        assert refusing(decision) == sorted(["a"] * firing + ["freeze"] * frozen)
        assert decision.facts_used
    decision = judge(policy("rules: []"), DROP, facts=known)
    assert refusing(decision) == ["freeze"] * frozen
    if len(freezes) < 2:
        assert decision.holds_until == until
    assert judge(policy("rules: []"), READ, facts=known).allowed
    assert judge(policy("defaults: {mode: shadow}"), DROP, facts=known).allowed


def test_what_a_freeze_says() -> None:
    known = replace(
        facts(), freezes=(Freeze("Black Friday\x1b[2J", NOW - timedelta(days=1), LATER, by="ada"),)
    )
    refusal = judge(policy("rules: []"), DROP, facts=known).refusal("d")
    assert (refusal.rule, refusal.message, refusal.detail, refusal.hint) == (
        "freeze",
        "Writes are frozen, and DROP TABLE on public.users is one. [rule freeze]",
        "Writes are frozen until Tue 24 Nov 2026 17:00 UTC by ada: Black Friday?[2J.",
        "Wait until the freeze has ended, or ask who declared it.",
    )


@pytest.mark.parametrize(
    ("defaults", "refused", "shadowed"),
    [
        ("{mode: enforce}", ["ledger"], []),
        ("{stale_facts: shadow}", [], ["ledger"]),
        ("{mode: shadow}", [], ["ledger"]),
    ],
)
def test_nothing_is_written_by_facts_that_are_overdue(
    defaults: str, refused: list[str], shadowed: list[str]
) -> None:
    made = policy(f"defaults: {defaults}")
    overdue = replace(facts(), stale=True, overdue=True)
    decision = judge(made, DROP, facts=overdue)
    assert (refusing(decision), [firing.rule for firing in decision.shadowed]) == (refused, shadowed)
    assert judge(made, READ, facts=overdue).allowed
    assert judge(made, DROP, facts=replace(overdue, overdue=False)).allowed


def test_what_is_said_of_facts_that_are_overdue() -> None:
    overdue = replace(facts(), stale=True, overdue=True)
    refusal = judge(policy("rules: []"), DROP, facts=overdue).refusal("d")
    assert (refusal.message, refusal.hint) == (
        "DROP TABLE on public.users was not run: the ledger is out of reach, and writes may have been frozen "
        "meanwhile. [rule ledger]",
        "Run it again in a moment; if that does not help, the gate's log tells those who run it why.",
    )


def test_approvals_of_the_policy_hold_where_a_rule_says_nothing() -> None:
    made = policy(
        "approvals: {by: 2, within: 2h}\n"
        "rules:\n"
        "  - {id: a, match: {classes: ddl}, else: hold}\n"
        "  - {id: b, match: {classes: ddl}, approval: never}\n"
        "  - {id: c, match: {classes: ddl}, approval: {by: 1, with: {migration: run}}}\n"
    )
    assert [(rule.id, str(rule.approval)) for rule in made.rules if not rule.reserved] == [
        ("a", "by 2 people within 2 hours"),
        ("b", "None"),
        ("c", "by one person within 2 hours, with migration: run"),
    ]
    assert [rule.otherwise.at_most for rule in made.rules][:2] == [timedelta(minutes=10), timedelta()]


@pytest.mark.parametrize(
    ("match", "other", "meant"),
    [
        (
            "effects: [row.delete], traits: [unscoped]",
            effect("row.delete"),
            effect("row.delete", "public.users", "unscoped"),
        ),
        (
            "effects: [row.delete], risk: high",
            effect("row.delete", risk=Risk.LOW),
            effect("row.delete", risk=Risk.HIGH),
        ),
    ],
)
def test_what_one_effect_is_judged_to_be_says_nothing_of_the_next(
    match: str, other: Effect, meant: Effect
) -> None:
    ours = policy(f"rules: [{{id: a, match: {{{match}}}}}]")
    assert judge(ours, other).allowed
    assert refusing(judge(ours, other, meant)) == ["a"]
    assert refusing(judge(ours, meant, other)) == ["a"]


def test_the_gravest_refusal_is_told_first_whatever_the_rules_are_called() -> None:
    ours = policy("rules: [{id: a, match: {effects: [row.read]}}, {id: z, match: {effects: [table.drop]}}]")
    decision = judge(ours, effect("row.read", risk=Risk.LOW), effect("table.drop", risk=Risk.HIGH))
    assert [firing.rule for firing in decision.enforced] == ["z", "a"]
