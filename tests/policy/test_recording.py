"""Which statements have to be in the ledger before they go on."""

from __future__ import annotations

import pytest

from proxy.policy.recording import to_be_recorded, unrecorded
from proxy.sql.analyse import analyse
from tests.policy.build import judge, policy


@pytest.mark.parametrize(
    ("sql", "recorded"),
    [
        ("SELECT 1", False),
        ("INSERT INTO t VALUES (1)", False),
        ("UPDATE t SET a = 1 WHERE id = 1", False),
        ("UPDATE t SET a = 1", True),
        ("DELETE FROM t", True),
        ("TRUNCATE t", True),
        ("ALTER TABLE t ADD COLUMN a int", True),
        ("CREATE INDEX ON t (a)", True),
        ("CREATE TEMP TABLE t (a int)", False),
        ("GRANT SELECT ON t TO bob", True),
        ("SET ROLE bob", False),
        ("SELECT 1; DROP TABLE t", True),
    ],
)
def test_changes_are_recorded(sql: str, recorded: bool) -> None:
    effects = analyse(sql).effects
    assert to_be_recorded(effects, policy("rules: []")) is recorded
    assert not to_be_recorded(effects, policy("defaults: {mode: shadow}"))


def test_what_cannot_be_recorded_is_refused_by_the_rule_ledger() -> None:
    allowed = judge(policy("rules: []"), *analyse("DROP TABLE public.users").effects)
    refusal = unrecorded(allowed, "the ledger l cannot grow: the disk is full").refusal("d")
    assert (refusal.rule, refusal.sqlstate, refusal.message, refusal.detail, refusal.hint) == (
        "ledger",
        "42501",
        "This change was not run, since the ledger could not record it first. [rule ledger]",
        "The ledger l cannot grow: the disk is full.",
        "Run it again in a moment; if that does not help, tell those who run pgwarden.",
    )
