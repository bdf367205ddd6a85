"""Which backups may go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from proxy.backup.retention import Kept, Retention, removable
from proxy.policy.facts import WHOLE_DATABASE, Coverage, Verification

_NEWEST = datetime(2026, 11, 26, 2, tzinfo=UTC)


def kept(
    age: timedelta, verified: Verification = Verification.RECORDED, covers: Coverage = WHOLE_DATABASE
) -> Kept:
    return Kept("shop", _NEWEST - age, verified, covers, (f"file:///{age}",))


def ages(backups: list[Kept]) -> list[float]:
    return sorted((_NEWEST - backup.finished) / timedelta(days=1) for backup in backups)


def test_the_newest_of_each_day_week_and_month_stays() -> None:
    backups = [kept(timedelta(hours=12 * i)) for i in range(140)]  # 70 days, two a day
    gone = ages(removable(backups, Retention(daily=3, weekly=2, monthly=2)))
    stay = sorted({i / 2 for i in range(140)} - set(gone))
    # Thursday 26, Wednesday 25, Tuesday 24; Sunday 22 of the week before; 31 October.
    assert stay == [0, 0.5, 1.5, 3.5, 25.5]


def test_the_last_that_is_proved_stays_for_each_level() -> None:
    backups = [
        kept(timedelta(days=0)),
        kept(timedelta(days=1), Verification.CHECKSUM),
        kept(timedelta(days=2), Verification.FULL_READ),
        kept(timedelta(days=3), Verification.FULL_READ),
        kept(timedelta(days=4), Verification.RESTORED),
        kept(timedelta(days=5), Verification.RESTORED),
    ]
    assert ages(removable(backups, Retention(daily=1))) == [3, 5]


def test_a_backup_of_some_tables_stands_for_no_other() -> None:
    users = Coverage(tables=frozenset({"public.users"}))
    backups = [kept(timedelta(days=0), covers=users), kept(timedelta(days=1))]
    assert removable(backups, Retention(daily=1)) == []


@given(
    st.lists(
        st.tuples(st.integers(0, 10_000), st.sampled_from(Verification)), min_size=1, unique_by=lambda r: r[0]
    ),
    st.builds(Retention, st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)),
)
def test_the_last_verified_never_goes(rows: list[tuple[int, Verification]], retention: Retention) -> None:
    backups = [kept(timedelta(hours=hours), level) for hours, level in rows]
    left = [backup for backup in backups if backup not in removable(backups, retention)]
    assert max(b.finished for b in left) == max(b.finished for b in backups)
    for level in (Verification.CHECKSUM, Verification.FULL_READ, Verification.RESTORED):
        reaching = [b.finished for b in backups if b.verified >= level]
        assert max((b.finished for b in left if b.verified >= level), default=None) == max(
            reaching, default=None
        )
