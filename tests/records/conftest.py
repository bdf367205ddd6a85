"""Fixtures: `place` is where a test's ledger lies, of either kind in turn; `opened` opens it, repeatedly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.records import Clock, Ledger, open_ledger
from proxy.records.ledger import utc_now
from tests.records.places import Open, Place, address_of


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place without a ledger."""
    if request.param == "sqlite":
        return tmp_path / "ledger"
    return address_of(request.getfixturevalue("database"))


@pytest.fixture
def opened(place: Place) -> Iterator[Open]:
    """`opened()` is the test's ledger; each call gives a connection of its own."""
    ledgers: list[Ledger] = []

    def connect(*, create: bool = True, wait_s: float = 5.0, clock: Clock = utc_now) -> Ledger:
        ledgers.append(open_ledger(place, create=create, wait_s=wait_s, clock=clock))
        return ledgers[-1]

    yield connect
    for ledger in ledgers:
        ledger.close()
