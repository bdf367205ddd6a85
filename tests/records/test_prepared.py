"""What becomes of changes in prepared transactions, in whatever order the ledger is told of it."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import cast

import pytest

from proxy.policy.recording import Ending
from proxy.records import ChangeBegun, ChangeEnded, Ledger
from proxy.records.changelog import change, changes
from proxy.records.entry import Entry
from proxy.records.kinds.change import Part
from proxy.records.sqlite import SqliteStore
from proxy.records.store import Store
from tests.records.places import Open

_VERBS = {"commit": "COMMIT PREPARED", "rollback": "ROLLBACK PREPARED"}
C, R, P, NONE = Ending.COMMITTED, Ending.ROLLED_BACK, Ending.PREPARED, None


def checksum(words: str) -> str:
    return sha256(words.encode()).hexdigest()


def begin(ledger: Ledger, words: str, environment: str = "staging") -> int:
    """`alter` is a change, `commit x` and `rollback x` end the prepared transaction x, `@db` is where."""
    words, _, database = words.partition("@")
    verb, _, name = words.partition(" ")
    effect = f"transaction.{verb}_prepared" if name else "column.add"
    begun = ChangeBegun(
        statement=words,
        effects=(effect,),
        targets=(name or "t",),
        risk="low",
        role="app",
        database=database or "shop",
        client_address=None,
        application="",
        listener="",
        transaction="none",
        policy="",
        environment=environment,
        checksum=checksum(words),
        parts=(Part(effect=effect, on=name or "t"),),
    )
    return ledger.record(begun, "gate").sequence


def end(ledger: Ledger, number: int, how: str) -> None:
    """`x` keeps it as x, `x+N` with change N first; `ok VERB` completed with that answer."""
    name, _, first = how.partition("+")
    if how in ("failed", "unknown"):
        ended = ChangeEnded(ending=how)
    elif how.startswith("ok"):
        ended = ChangeEnded(ending="committed", tags=(how[3:],))
    else:
        ended = ChangeEnded(ending="prepared", kept_as=name, kept_with=int(first or number))
    ledger.record(ended, "gate", about=str(number))


_COMMITS, _ROLLS_BACK = "ok COMMIT PREPARED", "ok ROLLBACK PREPARED"
CASES: dict[str, tuple[list[str | tuple[int, str]], dict[int, Ending | None]]] = {
    "committed": (["alter", (1, "x"), "commit x", (3, _COMMITS)], {1: C, 3: C}),
    "rolled back": (["alter", (1, "x"), "rollback x", (3, _ROLLS_BACK)], {1: R, 3: C}),
    "two changes": (["alter", "alter", (1, "x"), (2, "x+1"), "commit x", (5, _COMMITS)], {1: C, 2: C, 5: C}),
    "no end": (["alter", (1, "x"), "commit y", (3, _COMMITS)], {1: P, 3: C}),
    "it failed": (["alter", (1, "x"), "commit x", (3, "failed")], {1: P}),
    "nobody knows": (["alter", (1, "x"), "commit x", (3, "unknown")], {1: P}),
    "under way": (["alter", (1, "x"), "commit x"], {1: P, 3: NONE}),
    "at last": (["alter", (1, "x"), "commit x", (3, "failed"), "commit x", (5, _COMMITS)], {1: C, 5: C}),
    "another database": (["alter", (1, "x"), "commit x@other", (3, _COMMITS)], {1: P}),
    "told too late": (["alter", "commit x", (2, _COMMITS), (1, "x")], {1: C}),
    "half too late": (["alter", "alter", (1, "x"), "commit x", (4, _COMMITS), (2, "x+1")], {1: C, 2: C}),
    "the name again": (["alter", (1, "x"), "alter", (3, "x"), "commit x", (5, _COMMITS)], {1: P, 3: C}),
    "again afterwards": (["alter", (1, "x"), "commit x", (3, _COMMITS), "alter", (5, "x")], {1: C, 5: P}),
    "again, begun before": (["alter", "alter", (1, "x"), "commit x", (4, _COMMITS), (2, "x")], {1: C, 2: P}),
    "both": (
        ["alter", (1, "x"), "commit x", (3, _COMMITS), "alter", (5, "x"), "rollback x", (7, _ROLLS_BACK)],
        {1: C, 5: R},
    ),
    "a name in quotes": (["alter", (1, "it's"), "commit it's", (3, _COMMITS)], {1: C}),
}  # fmt: skip


@pytest.mark.parametrize(("story", "expected"), CASES.values(), ids=CASES)
def test_the_end_of_a_prepared_transaction_is_that_of_its_changes(
    opened: Open, story: list[str | tuple[int, str]], expected: dict[int, Ending | None]
) -> None:
    ledger = opened()
    for each in story:
        if isinstance(each, str):
            begin(ledger, each)
        else:
            end(ledger, *each)
    told = {record.number: record.ending for record in changes(ledger)}
    assert {number: told[number] for number in expected} == expected
    for number, ending in expected.items():
        alone = change(ledger, number)
        assert alone is not None
        assert alone.ending == ending


def test_a_part_of_the_change_log_says_what_the_whole_says(opened: Open) -> None:
    """Of the name's last bearer a part may know nothing: it must not take the next one for it."""
    ledger = opened()
    first, second = begin(ledger, "alter"), begin(ledger, "alter")
    end(ledger, first, "x")
    decision = begin(ledger, "commit x")
    end(ledger, decision, _COMMITS)
    end(ledger, second, "x")
    whole = {record.number: record.ending for record in changes(ledger)}
    assert whole == {first: C, second: P, decision: C}
    for cut in range(1, decision + 3):
        newer, older = changes(ledger, after=cut - 1), changes(ledger, before=cut)
        assert {record.number: record.ending for record in (*newer, *older)} == whole


class Counting:
    """A ledger's store that counts how often it is read."""

    def __init__(self, store: Store) -> None:
        self.pages = 0
        self._store = store

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def page(self, *args: object) -> list[Entry]:
        self.pages += 1
        found: list[Entry] = self._store.page(*args)  # type: ignore[arg-type]
        return found


@pytest.mark.parametrize("many", [1, 20])
def test_however_many_are_prepared_the_ledger_is_read_once(tmp_path: Path, many: int) -> None:
    store = SqliteStore(tmp_path / "ledger", create=True, wait_s=5)
    counting = Counting(store)
    ledger = Ledger(cast(Store, counting))
    for number in range(many):
        end(ledger, begin(ledger, "alter"), f"x{number}")
    assert [record.ending for record in changes(ledger)] == [P] * many
    assert counting.pages == 4  # the changes, and what all entries come to; each ends with an empty page
    counting.pages = 0
    assert [record.ending for record in changes(ledger)] == [P] * many
    assert counting.pages == 3  # of the latter nothing is new
    store.close()


def test_who_decided_is_told_and_what_was_committed_ran(opened: Open) -> None:
    ledger = opened()
    altered = begin(ledger, "alter")
    end(ledger, altered, "x")
    assert ("staging", checksum("alter")) not in ledger.facts(datetime.now(UTC)).ran
    committed = begin(ledger, "commit x")
    end(ledger, committed, _COMMITS)
    (_, told) = changes(ledger)
    assert (told.number, told.decided_by) == (altered, committed)
    assert ("staging", checksum("alter")) in ledger.facts(datetime.now(UTC)).ran
    thrown = begin(ledger, "alter more")
    end(ledger, thrown, "x")
    end(ledger, begin(ledger, "rollback x"), _ROLLS_BACK)
    assert ("staging", checksum("alter more")) not in ledger.facts(datetime.now(UTC)).ran


def test_what_has_no_environment_leaves_the_facts_of_what_ran_as_they_are(opened: Open) -> None:
    """It is followed for the change log alone."""
    ledger = opened()
    end(ledger, begin(ledger, "alter"), "ok ALTER TABLE")
    before = ledger.facts(datetime.now(UTC)).ran
    assert list(before) == [("staging", checksum("alter"))]
    end(ledger, begin(ledger, "alter elsewhere@shop", environment=""), "ok ALTER TABLE")
    assert ledger.facts(datetime.now(UTC)).ran is before
