"""How many clients there may be at once: in all, by role, by database, and before they have logged in.

Enters: numbers from the settings; each connection as it comes, names whom it is for, logs in and goes.
Leaves: a seat, or why there is none. Deliberately absent: sockets, and telling the client (the session does).

One `Occupancy` counts for all listeners of a process, and looks at what the others of its gate count. A seat
counts as a client from the moment at which the
server would be connected to for it: until then it is only one that has not logged in, of which there are not
many either. At that limit, and where clients that have not logged in hold the last places, who has taken
longer than a login takes makes room for who comes; so half-open connections cannot keep anybody out.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from proxy.session import ALONE, Elsewhere, Excess

_Counted: TypeAlias = tuple[str, ...]
_ALL_CLIENTS: Final = ("clients",)
_ALL_LOGINS: Final = ("logins",)

EVERYBODY: Final = "*"
"""In place of a name: every one that is not named."""

CLIENTS: Final = "max_client_conn"
USERS: Final = "max_user_connections"
DATABASES: Final = "max_db_connections"
LOGINS: Final = "max_logins"
LOGINS_PER_ADDRESS: Final = "max_logins_per_address"
PROXY_HEADER: Final = "proxy_protocol"
REASONS: Final = (CLIENTS, USERS, DATABASES, LOGINS, LOGINS_PER_ADDRESS, PROXY_HEADER)
"""Why a connection was refused: the setting that said so."""

_SLOW_LOGIN_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many connections there may be; 0 is no limit.

    Attributes:
        max_client_conn: clients that have named their role, in all.
        reserved_connections: of those, how many are kept for each of these roles.
        max_user_connections: connections to one server by role, EVERYBODY for those not named.
        max_db_connections: the same by database.
        max_logins: clients that have not logged in.
        max_logins_per_address: those of one address.
        own_clients, own_logins: how many of either this process has open files for.
    """

    max_client_conn: int = 0
    reserved_connections: Mapping[str, int] = field(default_factory=dict)
    max_user_connections: Mapping[str, int] = field(default_factory=dict)
    max_db_connections: Mapping[str, int] = field(default_factory=dict)
    max_logins: int = 1000
    max_logins_per_address: int = 0
    own_clients: int = 0
    own_logins: int = 0


class Place:
    """What a connection that is in counts as: one for all of a role and a database at a server.

    Attributes:
        taken: how many hold it.
    """

    __slots__ = ("_occupancy", "database", "role", "server", "taken")

    def __init__(self, occupancy: "Occupancy", server: str, role: str, database: str) -> None:
        self._occupancy = occupancy
        self.server = server
        self.role = role
        self.database = database
        self.taken = 0

    def connects(self, server: str, role: str, database: str) -> Excess | None:
        """Whoever has one is connected."""
        raise RuntimeError("a second connection to the server")

    def logged_in(self) -> "Place":
        """It is this already."""
        return self

    def leave(self) -> None:
        """One of those that hold it is gone."""
        self._occupancy.vacate(self)


class Seat(Place):
    """One connection's part in what is limited, until it has logged in, or its end before that.

    Attributes:
        cut_off: closes the connection.
    """

    __slots__ = ("address", "cut_off", "logging_in", "seated", "since")

    def __init__(self, occupancy: "Occupancy", cut_off: Callable[[], None], since: float) -> None:
        super().__init__(occupancy, "", "", "")
        self.cut_off = cut_off
        self.since = since
        self.address: str | None = None
        self.logging_in = True
        self.seated = False

    def comes_from(self, address: str | None) -> bool:
        """The client's address is known; False when there is no place for one more of it."""
        return self._occupancy.locate(self, address)

    def connects(self, server: str, role: str, database: str) -> Excess | None:
        """The server is to be connected to for this role and database; says why not."""
        self.server, self.role, self.database = server, role, database
        return self._occupancy.seat(self)

    def logged_in(self) -> Place:
        """The login is done: this is what it counts as from now on."""
        return self._occupancy.logged_in(self)

    def evict(self) -> None:
        """Make room for another."""
        cut_off = self.cut_off
        self.leave()
        cut_off()

    def leave(self) -> None:
        """The connection is gone, or will be; once is enough."""
        self._occupancy.leave(self)


class Occupancy:
    """Who is there now.

    Attributes:
        refused: how many connections were turned away or made room, by the setting that said so.
        on_refusal: is told that setting, the client's address, and what was wrong where that says more.
    """

    def __init__(
        self,
        capacity: Capacity,
        clock: Callable[[], float],
        on_refusal: Callable[[str, str | None, str], None] = lambda reason, address, why: None,
        elsewhere: Elsewhere = ALONE,
    ) -> None:
        """Begin with nobody; the clock gives seconds from anywhere."""
        self.capacity = capacity
        self.refused = dict.fromkeys(REASONS, 0)
        self.on_refusal = on_refusal
        self._clock = clock
        self._elsewhere = elsewhere
        self._logins: dict[Seat, None] = {}  # who has not logged in, longest first
        self._places: dict[tuple[str, str, str], Place] = {}
        self._beside = Place(self, "", "", "")
        self._counts: Counter[_Counted] = Counter()  # what else is limited, of this process

    @property
    def clients(self) -> int:
        """How many clients hold a place in this process."""
        return self._counts[_ALL_CLIENTS]

    @property
    def logins(self) -> int:
        """How many connections to this process have not logged in."""
        return len(self._logins)

    def enter(self, cut_off: Callable[[], None]) -> Seat | None:
        """Take a connection in, unless there are too many that have not logged in.

        Args:
            cut_off: closes the connection, when it has to make room.
        """
        self._count(_ALL_LOGINS, 1)
        if self._full_of_logins() and not self._make_room(LOGINS, lambda seat: True):
            self._count(_ALL_LOGINS, -1)
            self.refuse(LOGINS, None)
            return None
        seat = Seat(self, cut_off, self._clock())
        self._logins[seat] = None
        return seat

    def refuse(self, reason: str, address: str | None, why: str = "") -> None:
        """Count a connection that was turned away."""
        self.refused[reason] += 1
        self.on_refusal(reason, address, why)

    # -- what seats ask ----------------------------------------------------------------------------------

    def locate(self, seat: Seat, address: str | None) -> bool:
        """Count it among those of its address."""
        limit = self.capacity.max_logins_per_address
        if address is None:
            return True
        counted = ("logins of", address)
        self._count(counted, 1)
        full = bool(limit) and self._total(counted) > limit
        if full and not self._make_room(LOGINS_PER_ADDRESS, lambda other: other.address == address):
            self._count(counted, -1)
            self.refuse(LOGINS_PER_ADDRESS, address)
            return False
        seat.address = address
        return True

    def seat(self, seat: Seat) -> Excess | None:
        """Give it a place, or say which limit is in the way."""
        self._count_seated(seat, 1)
        for find in (self._excess_of_clients, self._excess_of_user, self._excess_of_database):
            excess = find(seat)
            if excess is not None:
                self._count_seated(seat, -1)
                self.refuse(excess.setting, seat.address)
                return excess
        seat.seated = True
        return None

    def logged_in(self, seat: Seat) -> Place:
        """It is none of those any more that have not logged in; callers of the console hold no place."""
        self._ends_login(seat)
        if not seat.seated:
            return self._beside
        seat.seated = False
        named = (seat.server, seat.role, seat.database)
        place = self._places.get(named)
        if place is None:
            place = self._places[named] = Place(self, *named)
        place.taken += 1
        return place

    def vacate(self, place: Place) -> None:
        """One of those that hold it is gone."""
        if place is self._beside:
            return
        place.taken -= 1
        if not place.taken:
            del self._places[place.server, place.role, place.database]
        self._count_seated(place, -1)

    def leave(self, seat: Seat) -> None:
        """Forget it."""
        self._ends_login(seat)
        if seat.seated:
            seat.seated = False
            self._count_seated(seat, -1)

    # -- counting ----------------------------------------------------------------------------------------

    def _ends_login(self, seat: Seat) -> None:
        if seat.logging_in:
            seat.logging_in = False
            self._logins.pop(seat, None)
            self._count(_ALL_LOGINS, -1)
            if seat.address is not None:
                self._count(("logins of", seat.address), -1)

    def _count_seated(self, seat: Place, by: int) -> None:
        self._count(_ALL_CLIENTS, by)
        self._count(("role", seat.role), by)
        self._count(("user", seat.server, seat.role), by)
        self._count(("database", seat.server, seat.database), by)

    def _count(self, counted: _Counted, by: int) -> None:
        """Count here, and tell the others. Names come from clients: none is kept that nobody bears."""
        count = self._counts[counted] + by
        if count:
            self._counts[counted] = count
        else:
            self._counts.pop(counted, None)
        self._elsewhere.add(by, *counted)

    def _total(self, counted: _Counted) -> int:
        """Of the whole gate. Who has told the others before looking cannot be overlooked by all of them."""
        return self._counts[counted] + self._elsewhere.count(*counted)

    # -- limits ------------------------------------------------------------------------------------------

    def _full_of_logins(self) -> bool:
        limit, own = self.capacity.max_logins, self.capacity.own_logins
        if own and self._counts[_ALL_LOGINS] > own:
            return True
        return bool(limit) and self._total(_ALL_LOGINS) > limit

    def _excess_of_clients(self, seat: Seat) -> Excess | None:
        limit, own = self.capacity.max_client_conn, self.capacity.own_clients
        kept = sum(
            max(0, count - self._total(("role", role)))
            for role, count in self.capacity.reserved_connections.items()
            if role != seat.role
        )
        connected, mine = self._total(_ALL_CLIENTS) - 1, self.clients - 1
        full, no_files = bool(limit) and connected >= limit - kept, bool(own) and mine >= own - kept
        if not (full or no_files) or self._make_room(CLIENTS, lambda other: other.seated):
            return None
        whose, most, there = "The gate's max_client_conn is", limit, connected
        if not full:
            whose, most, there = "One of the gate's workers has open files for", own, mine
        reserved = f", {kept} of them kept for other roles" if kept else ""
        return Excess(
            CLIENTS,
            "sorry, too many clients already",
            f"{whose} {most}{reserved}; {there} are connected.",
            "Close connections that nobody uses, let clients share a pool, or raise max_client_conn.",
        )

    def _excess_of_user(self, seat: Seat) -> Excess | None:
        def same(other: Seat) -> bool:
            return other.seated and (other.server, other.role) == (seat.server, seat.role)

        open_now = self._total(("user", seat.server, seat.role)) - 1
        limits = self.capacity.max_user_connections
        return self._excess_of_name(USERS, "role", seat.role, open_now, limits, same)

    def _excess_of_database(self, seat: Seat) -> Excess | None:
        def same(other: Seat) -> bool:
            return other.seated and (other.server, other.database) == (seat.server, seat.database)

        open_now = self._total(("database", seat.server, seat.database)) - 1
        limits = self.capacity.max_db_connections
        return self._excess_of_name(DATABASES, "database", seat.database, open_now, limits, same)

    def _excess_of_name(
        self,
        setting: str,
        kind: str,
        name: str,
        open_now: int,
        limits: Mapping[str, int],
        same: Callable[[Seat], bool],
    ) -> Excess | None:
        named = name if name in limits else EVERYBODY
        limit = limits.get(named, 0)
        if not limit or open_now < limit or self._make_room(setting, same):
            return None
        whom = f"this {kind}" if named != EVERYBODY else f"every {kind} without a limit of its own"
        return Excess(
            setting,
            f'too many connections for {kind} "{name}"',
            f"The gate's {setting} allows {limit} for {whom}; {open_now} are open.",
            f"Close connections that nobody uses, let clients share a pool, or raise {setting}.",
        )

    def _make_room(self, reason: str, counts: Callable[[Seat], bool]) -> bool:
        """Cut off who has been logging in the longest, of those that count, if that is too long."""
        too_slow = self._clock() - _SLOW_LOGIN_S
        for seat in self._logins:
            if seat.since > too_slow:
                return False
            if counts(seat):
                self.refuse(reason, seat.address)
                seat.evict()
                return True
        return False
