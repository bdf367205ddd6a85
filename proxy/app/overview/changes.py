"""The change log, searched for a page of it.

Enters: the ledger, a question as written into a form. Leaves: the newest changes that fit, and where to
look on. It is read backwards, some thousand entries at a time, until a page is full or the time is over: a
ledger of years must not hold up a page. Deliberately absent: threads; whoever asks is in one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic
from typing import Final, TypeVar

from proxy.app.changelog.choosing import Choice, read_ending, read_risk
from proxy.app.changelog.plan import rollback_plan
from proxy.app.changelog.shown import facts_of, outcome_word
from proxy.app.moments import read_moment_or_ago
from proxy.console import ChangeMade, ChangeSearch, ChangesFound, ChangeWhole
from proxy.records import Ledger
from proxy.records.changelog import ChangeRecord, change, changes

PAGE: Final = 50
_BLOCK: Final = 2000
_LOOK_S: Final = 1.5

Value = TypeVar("Value")


class Unfit(ValueError):
    """A word of the question that means nothing; the text says which, why, and what to write."""


def find_changes(ledger: Ledger, search: ChangeSearch, most: int = PAGE) -> ChangesFound:
    """The newest that fit.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    try:
        choice, before = _read(search, datetime.now(UTC))
    except Unfit as error:
        return ChangesFound(problem=str(error))
    end = ledger.last().sequence + 1
    before = end if before is None else min(before, end)
    give_up = monotonic() + _LOOK_S
    shown: list[ChangeMade] = []
    while before > 1 and monotonic() < give_up:
        after = max(0, before - _BLOCK - 1)
        oldest = None
        for record in changes(ledger, after=after, before=before):
            oldest = record.entry.moment
            if choice.fits(record):
                shown.append(_made(record))
                if len(shown) == most:
                    return ChangesFound(tuple(shown), older=str(record.number))
        if oldest is not None and choice.since is not None and oldest < choice.since:
            return ChangesFound(tuple(shown))
        before = after + 1
    return ChangesFound(tuple(shown)) if before <= 1 else ChangesFound(tuple(shown), "", str(before), False)


def whole_change(ledger: Ledger, number: int) -> ChangeWhole | None:
    """All that is known of one; None where the ledger has no such change.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    found = change(ledger, number)
    if found is None:
        return None
    copies = ledger.copies(found.begun.database)
    return ChangeWhole(
        number, tuple(facts_of(found, copies).items()), rollback_plan(found, copies), found.begun.statement
    )


def newest_changes(ledger: Ledger, most: int) -> tuple[ChangeMade, ...]:
    """The newest among the newest entries.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    return find_changes(ledger, ChangeSearch(), most).shown


def _made(record: ChangeRecord) -> ChangeMade:
    begun = record.begun
    return ChangeMade(
        record.number,
        record.entry.moment,
        begun.database,
        begun.role,
        begun.risk,
        outcome_word(record),
        begun.statement or ", ".join(begun.effects),
    )


def _read(search: ChangeSearch, now: datetime) -> tuple[Choice, int | None]:
    def moment(text: str) -> datetime:
        return read_moment_or_ago(text, now, UTC)

    return (
        Choice(
            since=_word("From", moment, search.since),
            until=_word("Until", moment, search.until),
            database=search.database.strip() or None,
            role=search.role.strip() or None,
            risk=_word("Risk", read_risk, search.risk),
            outcome=_word("Outcome", read_ending, search.outcome),
            text=search.text.strip() or None,
        ),
        _word("The page's place", _number, search.before),
    )


def _word(field: str, read: Callable[[str], Value], text: str) -> Value | None:
    if not text.strip():
        return None
    try:
        return read(text)
    except ValueError as error:
        raise Unfit(f"{field}: {error}.") from None


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise ValueError("is not the number of a change; begin again at the newest")
    return int(text)
