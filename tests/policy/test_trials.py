"""Files of cases, and examples in rules: whatever they hold, they are read or their mistakes have a place."""

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.policy.loading.trials import read_trials, told_rules
from proxy.source import SourceError

CASES = """\
version: 1
policy: production.yaml
given: {as: app, database: shop}
cases:
  - name: one
    sql: ALTER TABLE users ADD COLUMN email text
    at: 2026-11-24T15:00
    client: 203.0.113.10
    transaction: open
    facts: {backups: [{ago: 2h, verified: full_read, copies: 2, tables: [public.users]}], stale: false}
    expect: {decision: refuse, rules: [no-drop], shadow: staging-first}
  - {name: two, migrations: ../prisma/migrations, as: prisma, expect: allow}
"""
RULES = """\
version: 1
rules:
  - id: no-drop
    why: What is dropped is gone.
    match: {effects: [table.drop]}
    deny: "{effect} on {targets}."
    hint: "Keep it, {{or}} ask {role}."
    examples:
      refuse: [DROP TABLE a, {sql: DROP TABLE b, as: app}]
      allow: SELECT 1
"""
TEXTS = (CASES, RULES)
CHANGE = st.tuples(st.integers(0, 700), st.integers(0, 30), st.text(max_size=4))


def test_circumstances_of_all_cases_hold_where_one_says_nothing_else() -> None:
    one, two = read_trials(CASES, "folder/c.yaml").trials
    assert (one.given.role, one.given.database, one.given.transaction) == ("app", "shop", "open")
    assert (two.given.role, two.given.database, two.given.transaction) == ("prisma", "shop", "none")
    assert (two.migrations, read_trials(CASES, "folder/c.yaml").policy) == (
        "prisma/migrations",
        "folder/production.yaml",
    )


def test_what_a_rule_tells() -> None:
    text = RULES.replace("allow: SELECT 1", "allow: [SELECT 1]")
    (rule,) = told_rules(text, "p.yaml")
    assert (rule.id, rule.why, rule.deny, rule.fix) == (
        "no-drop",
        "What is dropped is gone.",
        "{effect} on {targets}.",
        "Keep it, {or} ask {role}.",
    )
    assert [(each.sql, each.role) for each in rule.refuse] == [
        ("DROP TABLE a", None),
        ("DROP TABLE b", "app"),
    ]
    assert [each.sql for each in rule.allow] == ["SELECT 1"]


@settings(max_examples=600, deadline=None)
@given(text=st.sampled_from(TEXTS), changes=st.lists(CHANGE, max_size=3))
def test_a_changed_file_is_read_or_its_mistakes_have_a_place(
    text: str, changes: list[tuple[int, int, str]]
) -> None:
    for start, length, put in changes:
        text = text[:start] + put + text[start + length :]
    try:
        read_trials(text, "c.yaml")
    except SourceError as error:
        assert error.diagnostics
        assert all(each.position.line >= 1 and each.message for each in error.diagnostics)
