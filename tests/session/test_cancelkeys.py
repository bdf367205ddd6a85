"""Keys to cancel by: whose they are, where they are from, and what is no key."""

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.session.cancelkeys import CancelKeys, Identity, forwarded, unwrap

IDENTITIES = st.builds(Identity, st.integers(0, 255), st.integers(0, 63))
PROCESS_IDS = st.none() | st.integers(-(2**31), 2**31 - 1)


class Owner:
    """A session."""


def tokens() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"{next(numbers) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128:032x}"


@pytest.mark.defect_21
@given(IDENTITIES, PROCESS_IDS, st.booleans())
def test_a_key_leads_to_its_process_and_its_session(me: Identity, process_id: int | None, long: bool) -> None:
    keys, owner = CancelKeys(me, tokens()), Owner()
    key = keys.issue(owner, process_id, long=long)
    assert len(key) == (36 if long else 8)
    assert (keys.issuer(key), keys.find(key)) == (me, owner)
    if me != Identity():
        assert CancelKeys(Identity(me.peer ^ 1, 63), tokens()).issuer(key) == me
    assert unwrap(key) == (key, False)
    assert unwrap(forwarded(key)) == (key, True)


@pytest.mark.defect_21
@pytest.mark.parametrize("long", [False, True])
def test_another_secret_another_length_and_a_key_of_the_past_are_nobodys(long: bool) -> None:
    keys, owner = CancelKeys(Identity(), tokens()), Owner()
    key = keys.issue(owner, 4711, long=long)
    for at in range(len(key)):
        assert keys.find(key[:at] + bytes((key[at] ^ 1,)) + key[at + 1 :]) is None
    for length in (4, 5, 7, len(key) - 1):
        assert keys.find(key[:length]) is None
    assert keys.find(key + b"\0") is None
    keys.release(key)
    assert keys.find(key) is None


def test_servers_may_give_one_process_id_to_many_sessions() -> None:
    """Two servers behind two listeners, or a pooler: each key still names one session."""
    keys, owners = CancelKeys(Identity(1, 2), tokens()), [Owner() for _ in range(100)]
    issued = [keys.issue(owner, 7, long=False) for owner in owners]
    assert [keys.find(key) for key in issued] == owners
    keys.release(issued[0])
    assert [keys.find(key) for key in issued] == [None, *owners[1:]]


@pytest.mark.defect_21
def test_no_living_key_is_lost_to_later_ones() -> None:
    keys, first = CancelKeys(Identity(), tokens()), Owner()
    key = keys.issue(first, 1, long=False)
    others = [Owner() for _ in range(20_000)]
    for number, owner in enumerate(others):
        keys.issue(owner, number, long=bool(number % 2))
    assert keys.find(key) is first


def test_the_process_id_is_the_servers_where_nothing_else_has_to_stand_there() -> None:
    alone, one_of_many = CancelKeys(Identity(), tokens()), CancelKeys(Identity(3, 1), tokens())

    def shown(keys: CancelKeys, *, long: bool) -> int:
        return int.from_bytes(keys.issue(Owner(), 4711, long=long)[:4], "big")

    assert [shown(alone, long=False), shown(alone, long=True), shown(one_of_many, long=True)] == [4711] * 3
    assert shown(one_of_many, long=False) == (3 << 23) + (1 << 17) + 4711


def test_no_two_sessions_have_one_key() -> None:
    secrets = iter(["1", "1", "2"])
    keys, owners = CancelKeys(Identity(), lambda: f"{next(secrets):>032}"), [Owner(), Owner()]
    issued = [keys.issue(owner, 7, long=False) for owner in owners]
    assert issued == [bytes([0, 0, 0, 7, 0, 0, 0, 1]), bytes([0, 0, 0, 7, 0, 0, 0, 2])]
    assert [keys.find(key) for key in issued] == owners


@pytest.mark.defect_21
@given(st.binary(max_size=264))
def test_whatever_is_shown_is_a_key_or_none(shown: bytes) -> None:
    for me in (Identity(), Identity(1, 1)):
        keys = CancelKeys(me, tokens())
        bare, _ = unwrap(shown)
        assert keys.find(bare) is None
        assert keys.issuer(bare) is None or len(bare) in (8, 36)


@pytest.mark.parametrize(("peer", "worker"), [(256, 0), (0, 64), (-1, 0)])
def test_a_number_that_fits_into_no_key(peer: int, worker: int) -> None:
    with pytest.raises(ValueError, match="a peer is a number up to 255"):
        Identity(peer, worker)


def test_no_process_has_a_number_beyond_the_greatest() -> None:
    keys = CancelKeys(Identity(1, 1), tokens())
    assert keys.issuer(bytes(4) + bytes((1, 63)) + bytes(30)) == Identity(1, 63)
    assert keys.issuer(bytes(4) + bytes((1, 64)) + bytes(30)) is None
