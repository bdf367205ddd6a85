"""The tree that `explain` prints, whole."""

from dataclasses import replace

import pytest

from proxy.policy.context import Transaction
from proxy.policy.explain import explain
from proxy.policy.facts import Freeze
from tests.policy.build import CONTEXT, NO_FACTS, NOW, backup, effect, facts, policy

TEXT = """
time: {timezone: America/New_York, windows: {peak: {days: mon-fri, from: 08:00, to: 20:00}}}
rules:
  - {id: no-drop, match: {effects: [table.drop]}, approval: {by: 2}}
  - {id: guard, why: It is gone then., match: {effects: [table.drop]}, approval: never}
  - {id: quiet, match: {classes: [ddl]}, when: {window: peak}, mode: shadow}
  - {id: saved, match: {classes: [ddl]}, require: {backup: {within: 24h}, migration: run},
     unless: [{who: {roles: [dba]}}, {when: {not: {window: peak}}}]}
  - {id: dates, match: {classes: [ddl]}, when: {dates: [2027-01-01]}}
  - {id: readers, match: {classes: [write, ddl], who: {roles: [analyst]}}}
  - {id: big, match: {effects: [row.delete], traits: [unscoped]}}
  - {id: silent, match: {classes: [ddl]}, mode: off}
"""
DROP = effect("table.drop", "public.users", "cascade")


def test_a_refusal() -> None:
    told = explain([DROP, effect("row.delete")], CONTEXT, policy(TEXT), facts(backup(2)))
    assert told.lines() == (
        "refused by guard, no-drop, saved; shadow rules that would refuse: quiet [policy test]",
        "effects",
        "  table.drop on table public.users (risk high, cascade)",
        "  row.delete on table public.users (risk medium)",
        "rules that match",
        "  no-drop: refuses [p.yaml:6]",
        "    + matches table.drop on table public.users (risk high, cascade)",
        "    an approval by 2 people lifts this",
        "  guard: refuses [p.yaml:7]",
        "    + matches table.drop on table public.users (risk high, cascade)",
        "    why: It is gone then.",
        "    no approval lifts this rule",
        "  quiet: would refuse (shadow) [p.yaml:8]",
        "    + matches table.drop on table public.users (risk high, cascade)",
        "    + when window: peak",
        "      at Tue 24 Nov 2026 10:00 EST peak is open",
        "      changes at Tue 24 Nov 2026 20:00 EST",
        "  saved: refuses [p.yaml:9]",
        "    + matches table.drop on table public.users (risk high, cascade)",
        "    - requires migration: run",
        "      it belongs to no migration",
        "      would hold in a migration run that the gate has opened (pgwarden migrate)",
        "    + requires backup: within 24 hours, of the tables concerned",
        "      a backup finished at Tue 24 Nov 2026 08:00 EST",
        "      expires at Wed 25 Nov 2026 08:00 EST",
        "    - not lifted by unless 1",
        "      - if who: roles dba",
        "        role app, database shop, address 10.1.2.3",
        "    - not lifted by unless 2",
        "      - if not window: peak",
        "        at Tue 24 Nov 2026 10:00 EST peak is open",
        "        changes at Tue 24 Nov 2026 20:00 EST",
        "    no approval lifts this rule",
        "  dates: does not fire [p.yaml:11]",
        "    + matches table.drop on table public.users (risk high, cascade)",
        "    - when dates: 2027-01-01",
        "      it is Tue 24 Nov 2026 10:00 EST",
        "      changes at Fri 1 Jan 2027 00:00 EST",
        "rules about such effects that do not match",
        "  readers: table.drop does not fit who: roles analyst",
        "  big: row.delete does not fit traits: unscoped",
        "this holds until Tue 24 Nov 2026 20:00 EST",
    )


def test_nothing_to_say() -> None:
    told = explain([effect("row.read")], CONTEXT, policy(TEXT), NO_FACTS)
    assert told.lines() == (
        "allowed [policy test]",
        "effects",
        "  row.read on table public.users (risk none)",
    )
    assert explain([], CONTEXT, policy(TEXT), NO_FACTS).lines() == (
        "allowed [policy test]",
        "effects",
        "  none",
    )


def test_an_observer_says_so() -> None:
    told = explain(
        [DROP], CONTEXT, policy("defaults: {mode: shadow}\nrules: [{id: a, match: {classes: ddl}}]"), NO_FACTS
    )
    assert told.lines()[0] == (
        "allowed; shadow rules that would refuse: a "
        "(the policy's mode is shadow: it refuses nothing) [policy test]"
    )


def test_names_cannot_move_a_cursor() -> None:
    told = explain([effect("table.drop", "public.a\x1b[2J")], CONTEXT, policy(TEXT), NO_FACTS)
    assert "\x1b" not in "\n".join(told.lines())


WAYS = """
approvals: {by: 2, within: 2h}
time: {timezone: UTC, windows: {change: {days: [tue, thu], from: "22:00", to: "02:00"}}}
rules:
  - {id: a, match: {classes: ddl}, else: {hold: 90m}}
  - {id: b, match: {classes: ddl}, require: {backup: {within: 1h}}, else: backup,
     approval: {by: 1, with: {window: change}}}
  - {id: c, match: {classes: ddl}, approval: never}
  - {id: d, match: {classes: ddl}, mode: shadow}
"""
HELD = "outside a transaction an approval may be waited for, for at most 90 minutes"
TAKEN = "outside a transaction a backup may be taken first, for at most 30 minutes"


@pytest.mark.parametrize(
    ("head", "still"),
    [
        ("", "what it requires must still hold"),
        (
            "break_glass: true",
            "what it requires must still hold, unless the approval breaks the glass",
        ),
    ],
)
def test_what_people_could_do(head: str, still: str) -> None:
    told = explain([DROP], CONTEXT, policy(f"{head}{WAYS}"), NO_FACTS)
    (rules,) = [branch for branch in told.branches if branch.text == "rules that match"]
    ways = [
        [each.text for each in rule.below if each.holds is None and not each.text.startswith("matches")]
        for rule in rules.below
    ]
    assert ways == [
        ["an approval by 2 people within 2 hours lifts this", HELD],
        ["an approval by one person within 2 hours, with window: change lifts this", still, TAKEN],
        ["no approval lifts this rule"],
        [],
    ]


@pytest.mark.parametrize(
    ("transaction", "where"), [("none", "where the gate can"), ("open", "outside of a transaction")]
)
def test_what_a_gate_does_about_it(transaction: Transaction, where: str) -> None:
    asks = "{within: 1h, verified: restored, copies: 2, covers: whole}"
    made = policy(f"rules: [{{id: a, match: {{classes: ddl}}, require: {{backup: {asks}}}, else: backup}}]")
    told = explain([DROP], replace(CONTEXT, transaction=transaction), made, NO_FACTS)
    assert told.lines()[:2] == (
        "refused by a [policy test]",
        f"{where}, a backup is taken first, for at most 30 minutes: the whole database, in 2 places, "
        "verified: restored",
    )


def test_reserved_rules_are_shown() -> None:
    made = policy("rules: [{id: a, match: {classes: ddl}, require: {backup: {within: 1h}}}]")
    known = replace(facts(backup(2), stale=True), freezes=(Freeze("month end", NOW),))
    told = explain([DROP, effect("statement.unknown", None)], CONTEXT, made, known)
    assert told.lines()[:1] == ("refused by unknown, freeze, stale-facts, a [policy test]",)
    text = told.lines()
    for line in (
        "  freeze: refuses [reserved]",
        "    + when freeze: true",
        "      writes are frozen: month end",
        "    no approval lifts this rule",
        "  unknown: refuses [reserved]",
        "  stale-facts: refuses [reserved]",
        "    Asked for by: a.",
    ):
        assert line in text
