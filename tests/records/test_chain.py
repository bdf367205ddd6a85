"""Whatever is done to the rows of a ledger is found, and said of the right one."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from proxy.records import Entry, Head, Position, SigningKey, open_ledger
from proxy.records.chain import Chain
from proxy.records.entry import GENESIS, Draft, canonical, seal
from tests.records.places import address_of
from tests.servers.database import Database

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def sealed(drafts: Sequence[Draft], behind: Sequence[Entry] = ()) -> list[Entry]:
    """The entries that drafts become, one behind the other."""
    entries = list(behind)
    for draft in drafts:
        previous = entries[-1].hash if entries else GENESIS
        entries.append(seal(draft, len(entries) + 1, previous, NOON))
    return entries


KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
TEN = sealed([Draft("freeze", "ada", canonical({"n": n})) for n in range(10)])
TEXTS = ("kind", "about", "recorded_at", "recorded_by", "payload", "hash")


def head_of(entry: Entry) -> Head:
    return KEY.sign(Position(entry.sequence, entry.hash), NOON)


def findings(entries: Sequence[Entry], *heads: Head) -> list[str]:
    chain = Chain(heads=heads)
    for entry in entries:
        chain.take(entry)
    chain.end()
    return [finding.text for finding in chain.findings]


def changed(number: int, **fields: Any) -> list[Entry]:
    return [replace(entry, **fields) if entry.sequence == number else entry for entry in TEN]


def rewritten(number: int) -> list[Entry]:
    """Entry `number` is another, and all hashes after it are made anew."""
    drafts = [Draft(e.kind, e.recorded_by, e.payload if e.sequence != number else "{}") for e in TEN]
    return sealed(drafts[number - 1 :], TEN[: number - 1])


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (TEN, []),
        ([], []),
        (changed(1, payload="{}"), ["entry 1 has been changed"]),
        (changed(5, payload='{"n": 4}'), ["entry 5 has been changed, or entry 4 with its hash"]),
        (changed(5, hash="0" * 64), [
            "entry 5 has been changed, or entry 4 with its hash",
            "entry 6 has been changed, or entry 5 with its hash",
        ]),
        (TEN[1:], ["entry 1 is missing"]),
        (TEN[:3] + TEN[5:], ["entries 4 to 5 are missing"]),
        ([*TEN[:3], TEN[4], TEN[3], *TEN[5:]], ["entry 4 is missing", "entry 4 stands behind entry 5"]),
        (TEN + TEN[9:], ["entry 10 stands behind entry 10"]),
    ],
    ids=["whole", "empty", "first", "content", "hash", "no first", "gap", "order", "twice"],
)  # fmt: skip
def test_what_the_hashes_show(entries: list[Entry], said: list[str]) -> None:
    assert findings(entries) == said


CUT = "a head signed at 2026-11-22T12:00:00.000000+00:00 knows of entry 8"
OTHER = (
    "is not the one whose head was signed at 2026-11-22T12:00:00.000000+00:00: the ledger has been rewritten"
)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (TEN, []),
        (TEN[:9], []),
        (TEN[:7], [f"entry 8 is missing at the end: {CUT}"]),
        ([], [f"entries 1 to 8 are missing at the end: {CUT}"]),
        (rewritten(6), [f"entry 8 {OTHER} since entry 3"]),
        (rewritten(1)[:3], [
            f"entry 3 {OTHER} from the first on",
            f"entries 4 to 8 are missing at the end: {CUT}",
        ]),
        (rewritten(9), []),  # nobody has published a head of these
    ],
    ids=["whole", "beyond", "cut", "all cut", "rewritten", "both", "no head"],
)  # fmt: skip
def test_what_heads_show(entries: list[Entry], said: list[str]) -> None:
    assert findings(entries, head_of(TEN[2]), head_of(TEN[7])) == said


@given(st.integers(1, 10), st.sampled_from(TEXTS), st.text(max_size=8))
def test_any_change_of_any_field_is_found_there(number: int, field: str, value: str) -> None:
    entries = changed(number, **{field: value})
    if entries != TEN:
        assert findings(entries)[0].startswith(f"entry {number} has been changed")


@given(st.permutations(TEN))
def test_any_other_order_is_found(entries: list[Entry]) -> None:
    assert (findings(entries) == []) is (entries == TEN)


@given(st.sets(st.integers(1, 10), min_size=1))
def test_any_removal_is_found_where_the_last_has_a_head(numbers: set[int]) -> None:
    left = [entry for entry in TEN if entry.sequence not in numbers]
    first = findings(left, head_of(TEN[9]))[0]
    assert first.startswith((f"entry {min(numbers)} is missing", f"entries {min(numbers)} to "))


@given(st.integers(1, 10), st.integers(1, 10))
def test_a_rewritten_ledger_is_found_by_any_later_head(number: int, head: int) -> None:
    said = findings(rewritten(number), head_of(TEN[head - 1]))
    assert (said != []) is (head >= number)


def test_a_chain_goes_on_from_where_it_was_left() -> None:
    chain = Chain(5, TEN[4].hash, heads=[head_of(TEN[2]), head_of(TEN[9])])
    for entry in TEN[5:]:
        chain.take(entry)
    chain.end()
    assert (chain.findings, chain.position) == ([], Position(10, TEN[9].hash))


def test_an_export_must_fit_its_own_hashes() -> None:
    chain = Chain()
    chain.take(TEN[0], GENESIS)
    chain.take(TEN[1], "ab" * 32)
    chain.doubt("line 3 holds no entry of a ledger")
    assert [finding.text for finding in chain.findings] == [
        "entry 2 names another entry before it",
        "line 3 holds no entry of a ledger",
    ]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE entry SET payload = replace(payload, ':', ': ') WHERE sequence = 2",
         "entry 2 has been changed, or entry 1 with its hash"),
        ("UPDATE entry SET recorded_by = 'eve' WHERE sequence = 3",
         "entry 3 has been changed, or entry 2 with its hash"),
        ("DELETE FROM entry WHERE sequence = 2", "entry 2 is missing"),
        ("UPDATE entry SET sequence = 9 WHERE sequence = 2", "entry 2 is missing"),
    ],
)  # fmt: skip
def test_what_is_done_to_the_file_behind_the_triggers(tmp_path: Path, statement: str, said: str) -> None:
    ledger = open_ledger(tmp_path / "l")
    for number in range(4):
        ledger.freeze("ada", str(number))
    connection = sqlite3.connect(tmp_path / "l", isolation_level=None)
    for trigger in ("entry_no_update", "entry_no_delete"):
        connection.execute(f"DROP TRIGGER {trigger}")
    connection.execute(statement)
    connection.close()
    assert ledger.verify().findings[0].text == said
    ledger.close()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE pgwarden.entry SET payload = replace(payload, ':', ': ') WHERE sequence = 2",
         "entry 2 has been changed, or entry 1 with its hash"),
        ("DELETE FROM pgwarden.entry WHERE sequence = 2", "entry 2 is missing"),
        ("UPDATE pgwarden.entry SET sequence = CASE sequence WHEN 102 THEN 3 ELSE 2 END WHERE sequence > 100",
         "entry 2 has been changed, or entry 1 with its hash"),
        ("DELETE FROM pgwarden.entry WHERE sequence = 4",
         "entry 4 is missing at the end: a head signed at 2026-11-22T12:00:00.000000+00:00 knows of entry 4"),
    ],
    ids=["changed", "missing", "reordered", "cut off"],
)  # fmt: skip
def test_what_is_done_in_the_database_behind_the_triggers(
    database: Database, statement: str, said: str
) -> None:
    """By a superuser, who is stopped by none."""
    ledger = open_ledger(address_of(database))
    for number in range(4):
        ledger.freeze("ada", str(number))
    head = KEY.sign(ledger.last(), NOON)
    assert ledger.verify([head]).findings == []
    database.execute("ALTER TABLE pgwarden.entry DISABLE TRIGGER USER")
    if "CASE" in statement:
        database.execute("UPDATE pgwarden.entry SET sequence = sequence + 100 WHERE sequence IN (2, 3)")
    database.execute(statement)
    assert ledger.verify([head]).findings[0].text == said
    ledger.close()
