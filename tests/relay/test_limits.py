"""Who gets a place, who does not and what that is called, and that no place is ever lost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.app.workers.counts import SharedCounts
from proxy.relay.limits import Capacity, Occupancy, Place, Seat
from proxy.session import ALONE, Elsewhere

SERVER, OTHER = "db:5432", "staging:5432"


class House:
    """An occupancy with a clock to turn, and who was cut off."""

    def __init__(self, capacity: Capacity, elsewhere: Elsewhere = ALONE) -> None:
        self.now = 0.0
        self.evicted: list[str] = []
        self.told: list[tuple[str, str | None, str]] = []
        self.occupancy = Occupancy(
            capacity, lambda: self.now, lambda *told: self.told.append(told), elsewhere
        )

    def enter(self, name: str = "", address: str | None = None) -> Seat | None:
        seat = self.occupancy.enter(lambda: self.evicted.append(name))
        if seat is not None and not seat.comes_from(address):
            seat.leave()
            return None
        return seat

    def sit(
        self, role: str = "app", database: str = "shop", server: str = SERVER, *, log_in: bool = True
    ) -> tuple[Place, str]:
        """A client that names its role; the setting that is in its way."""
        seat = self.enter(role)
        assert seat is not None
        excess = seat.connects(server, role, database)
        if excess is not None:
            seat.leave()
            return seat, excess.setting
        return (seat.logged_in() if log_in else seat), ""

    @property
    def refused(self) -> dict[str, int]:
        return {reason: count for reason, count in self.occupancy.refused.items() if count}


def test_without_limits_everybody_gets_in() -> None:
    house = House(Capacity(max_logins=0))
    assert {house.sit()[1] for _ in range(3000)} == {""}
    assert (house.occupancy.clients, house.occupancy.logins, house.refused) == (3000, 0, {})


def test_max_client_conn() -> None:
    house = House(Capacity(max_client_conn=2))
    first, _ = house.sit("a")
    house.sit("b", server=OTHER)
    assert house.sit("c")[1] == "max_client_conn"
    first.leave()
    assert (house.sit("c")[1], house.sit("d")[1]) == ("", "max_client_conn")
    assert house.refused == {"max_client_conn": 2}
    assert house.told == [("max_client_conn", None, "")] * 2


def test_some_places_are_kept() -> None:
    house = House(Capacity(max_client_conn=4, reserved_connections={"ada": 2, "eve": 1}))
    assert [house.sit("app")[1] for _ in range(2)] == ["", "max_client_conn"]
    assert [house.sit("ada")[1] for _ in range(3)] == ["", "", "max_client_conn"]
    assert [house.sit("eve")[1] for _ in range(2)] == ["", "max_client_conn"]


@pytest.mark.parametrize(
    ("capacity", "who", "answers"),
    [
        (Capacity(max_user_connections={"app": 1}), {"role": "app"}, ["", "max_user_connections"]),
        (Capacity(max_user_connections={"app": 1}), {"role": "ada"}, ["", "", ""]),
        (Capacity(max_user_connections={"*": 2}), {"role": "ada"}, ["", "", "max_user_connections"]),
        (Capacity(max_user_connections={"*": 1, "app": 2}), {}, ["", "", "max_user_connections"]),
        (Capacity(max_user_connections={"*": 1, "app": 0}), {}, ["", "", ""]),
        (Capacity(max_db_connections={"*": 1}), {"database": "x"}, ["", "max_db_connections"]),
        (Capacity(max_db_connections={"shop": 1}), {"database": "x"}, ["", "", ""]),
        (Capacity(max_db_connections={"shop": 1}), {}, ["", "max_db_connections"]),
    ],
)
def test_roles_and_databases(capacity: Capacity, who: dict[str, Any], answers: list[str]) -> None:
    house = House(capacity)
    assert [house.sit(**who)[1] for _ in answers] == answers


def test_each_server_is_counted_by_itself() -> None:
    house = House(Capacity(max_user_connections={"*": 1}, max_db_connections={"*": 1}))
    assert house.sit(server=SERVER)[1] == ""
    assert house.sit(server=OTHER)[1] == ""
    assert house.sit("ada", "shop", OTHER)[1] == "max_db_connections"
    assert house.sit("app", "crm", OTHER)[1] == "max_user_connections"


def test_who_is_turned_away_takes_no_part_of_a_place() -> None:
    house = House(Capacity(max_user_connections={"*": 1}, max_db_connections={"*": 1}))
    house.sit("app", "shop")
    assert house.sit("ada", "shop")[1] == "max_db_connections"
    assert house.sit("ada", "crm")[1] == ""


@pytest.mark.parametrize(
    ("capacity", "message", "detail"),
    [
        (
            Capacity(max_client_conn=1),
            "sorry, too many clients already",
            "The gate's max_client_conn is 1; 1 are connected.",
        ),
        (
            Capacity(max_client_conn=2, reserved_connections={"ada": 1}),
            "sorry, too many clients already",
            "The gate's max_client_conn is 2, 1 of them kept for other roles; 1 are connected.",
        ),
        (
            Capacity(max_client_conn=9, own_clients=1),
            "sorry, too many clients already",
            "One of the gate's workers has open files for 1; 1 are connected.",
        ),
        (
            Capacity(max_user_connections={"app": 1}),
            'too many connections for role "app"',
            "The gate's max_user_connections allows 1 for this role; 1 are open.",
        ),
        (
            Capacity(max_db_connections={"*": 1}),
            'too many connections for database "shop"',
            "The gate's max_db_connections allows 1 for every database without a limit of its own; "
            "1 are open.",
        ),
    ],
)
def test_what_the_client_is_told(capacity: Capacity, message: str, detail: str) -> None:
    house = House(capacity)
    house.sit()
    seat = house.enter()
    assert seat is not None
    excess = seat.connects(SERVER, "app", "shop")
    assert excess is not None
    assert (excess.message, excess.detail) == (message, detail)
    assert excess.hint.endswith(f"or raise {excess.setting}.")


# -- several workers -------------------------------------------------------------------------------------


def houses(capacity: Capacity, workers: int = 2) -> list[House]:
    counts = SharedCounts(workers)
    return [House(capacity, counts.of(number)) for number in range(workers)]


@pytest.mark.parametrize(
    ("capacity", "setting"),
    [
        (Capacity(max_client_conn=3), "max_client_conn"),
        (Capacity(max_client_conn=4, reserved_connections={"ada": 1}), "max_client_conn"),
        (Capacity(max_user_connections={"*": 3}), "max_user_connections"),
        (Capacity(max_db_connections={"shop": 3}), "max_db_connections"),
    ],
)
def test_a_limit_is_that_of_all_workers(capacity: Capacity, setting: str) -> None:
    one, other = houses(capacity)
    first, _ = one.sit()
    assert [other.sit()[1], one.sit()[1]] == ["", ""]
    assert [other.sit()[1], one.sit()[1]] == [setting, setting]
    first.leave()
    assert [other.sit()[1], one.sit()[1]] == ["", setting]


def test_what_is_kept_for_a_role_counts_wherever_that_role_is() -> None:
    one, other = houses(Capacity(max_client_conn=3, reserved_connections={"ada": 2}))
    assert other.sit("ada")[1] == ""
    assert [one.sit()[1], one.sit()[1]] == ["", "max_client_conn"]
    assert [one.sit("ada")[1], other.sit("ada")[1]] == ["", "max_client_conn"]


def test_who_has_not_logged_in_counts_for_all_workers() -> None:
    one, other = houses(Capacity(max_logins=3, max_logins_per_address=2))
    assert [one.enter(address="a"), other.enter(address="a")] != [None, None]
    assert (one.enter(address="a"), other.enter(address="a")) == (None, None)
    third = other.enter(address="b")
    assert third is not None
    assert (one.enter(address="c"), other.enter(address="c")) == (None, None)
    third.logged_in()
    assert one.enter(address="c") is not None


def test_a_worker_takes_no_more_than_it_has_files_for() -> None:
    one, other = houses(Capacity(max_client_conn=3, own_clients=2, max_logins=3, own_logins=2))
    assert [one.sit()[1] for _ in range(3)] == ["", "", "max_client_conn"]
    assert [other.sit()[1] for _ in range(2)] == ["", "max_client_conn"]
    assert [one.enter() is None for _ in range(3)] == [False, False, True]
    assert [other.enter() is None for _ in range(2)] == [False, True]


# -- before login ----------------------------------------------------------------------------------------


def test_logins_are_limited_and_who_is_in_counts_no_more() -> None:
    house = House(Capacity(max_logins=2))
    first, second = house.enter(), house.enter()
    assert first is not None and second is not None
    assert house.enter() is None
    first.logged_in()
    assert house.enter() is not None
    assert house.enter() is None
    assert (house.refused, house.evicted) == ({"max_logins": 2}, [])


@pytest.mark.defect_20
def test_who_takes_too_long_makes_room() -> None:
    house = House(Capacity(max_logins=2))
    house.enter("slowest")
    house.now = 1
    house.enter("slower")
    house.now = 4.9
    assert house.enter("hasty") is None
    house.now = 5.1
    assert house.enter("quick") is not None
    assert (house.evicted, house.occupancy.logins) == (["slowest"], 2)
    assert house.refused == {"max_logins": 2}
    assert house.enter("hasty") is None


def test_logins_of_one_address_are_limited() -> None:
    house = House(Capacity(max_logins_per_address=1))
    first = house.enter("first", "10.0.0.1")
    assert first is not None
    assert house.enter("second", "10.0.0.1") is None
    assert house.enter("other", "10.0.0.2") is not None
    assert house.enter("by a Unix socket") is not None
    assert house.told == [("max_logins_per_address", "10.0.0.1", "")]
    house.now = 6
    assert house.enter("second", "10.0.0.1") is not None
    assert house.evicted == ["first"]
    first.leave()  # as its transport does, later
    assert house.enter("third", "10.0.0.1") is None


@pytest.mark.defect_20
def test_half_open_logins_hold_no_place_for_long() -> None:
    """Startup packets by the dozen, and nothing behind them."""
    house = House(Capacity(max_client_conn=3, max_user_connections={"app": 2}))
    house.sit("app", log_in=False)
    house.sit("app", log_in=False)
    assert house.sit("app")[1] == "max_user_connections"
    house.now = 6
    assert house.sit("app")[1] == ""
    assert (house.evicted, house.occupancy.clients) == (["app"], 2)
    assert [house.sit(role)[1] for role in ("ada", "eve")] == ["", ""]
    assert house.evicted == ["app", "app"]
    assert house.sit("max")[1] == "max_client_conn"  # all of them have logged in


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["enter", "connect", "log in", "leave", "wait"]),
        st.integers(0, 7),
        st.sampled_from(["a", "b"]),
    ),
    max_size=60,
)


@given(STEPS)
def test_no_place_is_ever_lost_and_no_limit_passed(steps: list[tuple[str, int, str]]) -> None:
    capacity = Capacity(3, {"a": 1}, {"*": 2}, {"b": 2}, max_logins=4, max_logins_per_address=3)
    house = House(capacity)
    seats: list[Seat] = []
    places: list[Place] = []
    for step, number, name in steps:
        seat = seats[number % len(seats)] if seats else None
        if step == "wait":
            house.now += number
        elif step == "enter" or seat is None:
            entered = house.enter(address=name)
            seats += [] if entered is None else [entered]
        elif step == "connect" and seat.logging_in and not seat.seated:
            if seat.connects(SERVER, name, name) is not None:
                seat.leave()
        elif step == "log in" and seat.seated:
            places.append(seat.logged_in())
            seats.remove(seat)
        elif step == "leave" and number % 2 and places:
            places.pop(number % len(places)).leave()
        elif step == "leave":
            seat.leave()
        seated = [seat for seat in (*seats, *places) if not isinstance(seat, Seat) or seat.seated]
        assert house.occupancy.clients == len(seated) <= 3
        assert house.occupancy.logins <= 4
        assert all(sum(seat.role == role for seat in seated) <= 2 for role in "ab")
    for each in (*seats, *seats, *places):
        each.leave()
    left = house.occupancy
    assert (left._counts, left._logins, left._places, left.capacity) == ({}, {}, {}, capacity)
