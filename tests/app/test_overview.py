"""What the console's pages are gathered from: rates out of counters, the change log out of the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from proxy.app.overview.changes import find_changes, whole_change
from proxy.app.overview.policies import PolicyShelf
from proxy.app.overview.rates import Counts, RateRing, quantile_ms
from proxy.console import ChangeSearch, RuleExample
from proxy.policy.loading.load import load_policy
from proxy.policy.recording import Ending
from proxy.records import Ledger, open_ledger
from proxy.records.kinds.change import ChangeBegun
from proxy.records.kinds.outcome import ChangeEnded
from proxy.session.tally import JUDGEMENT_BUCKETS

BEGAN = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


def judged(**at: int) -> tuple[float, ...]:
    """Counts by bucket: `b3=7` is seven judgements in the fourth."""
    return tuple(float(at.get(f"b{number}", 0)) for number in range(len(JUDGEMENT_BUCKETS) + 1))


@pytest.mark.parametrize(
    ("counts", "share", "expected"),
    [
        (judged(), 0.5, None),
        (judged(b0=10), 0.5, 0.0005),  # half way through the first, from nought to a microsecond
        (judged(b0=10, b3=10), 0.5, 0.001),
        (judged(b0=10, b3=10), 0.75, 0.0075),
        (judged(b16=5), 0.99, 1000.0),  # longer than any bound: the last one
    ],
)
def test_quantiles(counts: tuple[float, ...], share: float, expected: float | None) -> None:
    assert quantile_ms(counts, share) == (None if expected is None else pytest.approx(expected))


def counts(after_s: float, passed: float, refused: float = 0) -> Counts:
    return Counts(BEGAN + timedelta(seconds=after_s), passed, refused, 0, judged(b2=int(passed)), 3)


def test_rates_are_what_came_between_two_samples() -> None:
    ring = RateRing()
    ring.take(counts(0, 100))
    assert (ring.rates().samples, ring.rates().spans) == ((), ())
    ring.take(counts(10, 150, 5))
    ring.take(counts(20, 150, 5))
    found = ring.rates()
    assert [(each.passed, each.refused, each.judged) for each in found.samples] == [(5, 0.5, 50), (0, 0, 0)]
    assert found.samples[1].half_ms is None
    assert [(name, each.passed) for name, each in found.spans] == [
        ("the last minute", 2.5), ("the last ten minutes", 2.5), ("the last hour", 2.5)
    ]  # fmt: skip


def test_no_more_than_an_hour_is_kept() -> None:
    ring = RateRing()
    for number in range(500):
        ring.take(counts(10 * number, 10.0 * number))
    found = ring.rates()
    assert len(found.samples) == 360
    assert found.samples[-1].at == BEGAN + timedelta(seconds=4990)
    assert {each.passed for _, each in found.spans} == {1.0}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """60 changes; every tenth, of risk high and by grace, failed."""
    book = open_ledger(tmp_path / "ledger")
    for number in range(60):
        tenth = number % 10 == 0
        begun = ChangeBegun(
            database="shop",
            client_address=None,
            application="",
            listener="127.0.0.1:6432",
            transaction="none",
            policy="d" * 64,
            role="grace" if tenth else "ada",
            effects=("table.drop",) if tenth else ("column.add",),
            targets=(f"t{number}",),
            risk="high" if tenth else "low",
            statement=f"ALTER TABLE t{number} …",
        )
        entry = book.record(begun, "gate")
        ending = Ending.FAILED if tenth else Ending.COMMITTED
        book.record(ChangeEnded(ending=str(ending)), "gate", about=str(entry.sequence))
    yield book
    book.close()


def test_the_newest_changes_come_a_page_at_a_time(ledger: Ledger) -> None:
    first = find_changes(ledger, ChangeSearch())
    assert [each.number for each in first.shown] == list(range(119, 19, -2))
    assert first.older == "21"
    second = find_changes(ledger, ChangeSearch(before=first.older))
    assert [each.number for each in second.shown] == list(range(19, 0, -2))
    assert (second.older, second.in_time) == ("", True)
    assert {each.outcome for each in (*first.shown, *second.shown)} == {"committed", "failed"}


@pytest.mark.parametrize(
    ("search", "found"),
    [
        (ChangeSearch(risk="high"), [101, 81, 61, 41, 21, 1]),
        (ChangeSearch(role="grace", before="61"), [41, 21, 1]),
        (ChangeSearch(outcome="failed", text="T50"), [101]),
        (ChangeSearch(text="table.drop", since="1h"), [101, 81, 61, 41, 21, 1]),
        (ChangeSearch(until="2020-01-01"), []),
        (ChangeSearch(database="other"), []),
    ],
)
def test_a_search(ledger: Ledger, search: ChangeSearch, found: list[int]) -> None:
    assert [each.number for each in find_changes(ledger, search).shown] == found


@pytest.mark.parametrize(
    ("search", "told"),
    [
        (ChangeSearch(since="yesterday"), 'From: "yesterday" is not a time such as 2026-11-22T14:30:22Z.'),
        (ChangeSearch(risk="grave"), 'Risk: "grave" is none of low, medium, high.'),
        (
            ChangeSearch(before="x"),
            "The page's place: is not the number of a change; begin again at the newest.",
        ),
    ],
)
def test_a_word_that_means_nothing_is_told(ledger: Ledger, search: ChangeSearch, told: str) -> None:
    found = find_changes(ledger, search)
    assert (found.problem, found.shown) == (told, ())


def test_one_change_whole(ledger: Ledger) -> None:
    found = whole_change(ledger, 1)
    assert found is not None
    facts = dict(found.facts)
    assert facts["outcome"].startswith("failed: nothing of it stays")
    assert found.plan == ("Nothing to undo: nothing of it stays.",)
    assert whole_change(ledger, 2) is None


# -- windows -----------------------------------------------------------------------------------------------

WINDOWS = """\
version: 1
name: p
time: {timezone: Europe/Berlin, windows: {evenings: {days: mon-thu, from: "20:00", to: "22:00"}}}
rules:
  - {id: r, match: {effects: [table.drop]}, require: {window: evenings}}
"""


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-26T19:30:00+00:00", (True, "2026-11-26T21:00:00+00:00", "2026-11-30T19:00:00+00:00")),
        ("2026-11-27T12:00:00+00:00", (False, "2026-11-30T19:00:00+00:00", "2026-11-30T19:00:00+00:00")),
    ],
)
def test_a_window_says_when_it_opens_the_next_time(now: str, expected: tuple[bool, str, str]) -> None:
    policy = load_policy("/p.yaml", lambda path: WINDOWS)
    (window,) = PolicyShelf().in_force("/p.yaml", policy, {}, datetime.fromisoformat(now)).windows
    opens = "" if window.opens is None else window.opens.isoformat()
    assert (window.open, window.changes.isoformat(), opens) == expected


# -- tests of rules ----------------------------------------------------------------------------------------

TRIED = """\
version: 1
name: p
include: [pack.yaml]
rules:
  - id: no-drop
    match: {effects: [table.drop]}
    examples: {refuse: [DROP TABLE a, SELECT 1], allow: [SELECT 2]}
  - {id: silent, mode: "off", match: {effects: [table.drop]}, examples: {refuse: [DROP TABLE a]}}
"""
PACK = """\
version: 1
rules:
  - id: no-truncate
    match: {effects: [table.truncate]}
    examples: {refuse: [{sql: TRUNCATE a, as: app}]}
"""


async def test_examples_are_tried_by_the_policy_in_force() -> None:
    texts = {"/p.yaml": TRIED, "/pack.yaml": PACK}
    policy, shelf = load_policy("/p.yaml", texts.__getitem__), PolicyShelf()
    await shelf.try_examples("/p.yaml", policy)
    shown = {
        rule.name: rule.examples for rule in shelf.in_force("/p.yaml", policy, {}, datetime.now(UTC)).rules
    }
    assert shown["no-drop"] == (
        RuleExample(True, "DROP TABLE a", "", ""),
        RuleExample(True, "SELECT 1", "", "the rule no-drop does not fire"),
        RuleExample(False, "SELECT 2", "", ""),
    )
    assert shown["no-truncate"] == (RuleExample(True, "TRUNCATE a", "as: app", ""),)
    assert shown["silent"] == (RuleExample(True, "DROP TABLE a", "", None),)
    mended = load_policy("/p.yaml", {**texts, "/p.yaml": TRIED.replace(", SELECT 1", "")}.__getitem__)
    await shelf.try_examples("/p.yaml", mended)
    (again,) = (
        each
        for each in shelf.in_force("/p.yaml", mended, {}, datetime.now(UTC)).rules
        if each.name == "no-drop"
    )
    assert [each.problem for each in again.examples] == ["", ""]
