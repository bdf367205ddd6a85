"""Statements as applications send them: pgbench's TPC-B, an ORM's page, texts of which some are new, inserts.

Enters: a running number. Leaves: workloads. What is not in the cache of a gate is a text with another
literal. All numbers in one place of a text have as many digits, so a message is packed once and only they are
put in. Deliberately absent: tables (database.py makes them).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks import protocol
from benchmarks.client import Request
from benchmarks.workloads import KEY_FIRST, PROXIES, TABLE, Mode, Queries, bound, key, select

FIRST_USER: Final = 10_000
USERS: Final = 10_000
ORDERS: Final = 5
"""Of each user."""
FIRST_BRANCH: Final = 100
BRANCHES: Final = 10
FIRST_TELLER: Final = 100
TELLERS: Final = 100
UNJUDGED: Final = (*PROXIES, "unjudged")
_FIRST_STAMP: Final = 1_000_000_000
_POOL: Final = 100
"""How many texts come again and again."""
_MARK: Final = re.compile(rb"\x01([A-Z])\x02+")


@dataclass(frozen=True, slots=True)
class Number:
    """A place for a number of so many digits, three at least; its text is a mark of that length."""

    letter: str
    digits: int

    def __str__(self) -> str:
        """Return the mark."""
        return f"\x01{self.letter}".ljust(self.digits, "\x02")


Part = tuple[str, Sequence[Number | int | str]]
"""A statement with $1, $2 …, and their values."""


def _literal(value: Number | int | str) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


def simple(part: Part) -> bytes:
    """Pack a statement as a Query, its values as literals in it."""
    text, values = part
    for number in range(len(values), 0, -1):
        text = text.replace(f"${number}", _literal(values[number - 1]))
    return protocol.query(text.encode())


def extended(part: Part) -> bytes:
    """Pack a statement as the unnamed one, its values as parameters."""
    text, values = part
    return protocol.parse(b"", text.encode()) + bound(b"", *(str(value).encode() for value in values))


def script(
    parts: Sequence[Part],
    pack: Callable[[Part], bytes],
    numbers: Callable[[int], Mapping[bytes, int]],
) -> Request:
    """Make a request of statements that are sent one after the other."""
    templates = [_MARK.sub(rb"%(\1)d", pack(part).replace(b"%", b"%%")) for part in parts]

    def request(number: int) -> list[bytes]:
        values = numbers(number)
        return [template % values for template in templates]

    return request


_ACCOUNT, _TELLER, _BRANCH, _DELTA = Number("A", 7), Number("T", 3), Number("B", 3), Number("D", 4)
TPCB: Final[Sequence[Part]] = (
    ("BEGIN", ()),
    (f"UPDATE {TABLE} SET abalance = abalance + $1 WHERE aid = $2", (_DELTA, _ACCOUNT)),
    (f"SELECT abalance FROM {TABLE} WHERE aid = $1", (_ACCOUNT,)),
    ("UPDATE pgbench_tellers SET tbalance = tbalance + $1 WHERE tid = $2", (_DELTA, _TELLER)),
    ("UPDATE pgbench_branches SET bbalance = bbalance + $1 WHERE bid = $2", (_DELTA, _BRANCH)),
    (
        "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime)"
        " VALUES ($1, $2, $3, $4, CURRENT_TIMESTAMP)",
        (_TELLER, _BRANCH, _ACCOUNT, _DELTA),
    ),
    ("END", ()),
)
"""pgbench's built-in transaction."""


def _tpcb_numbers(number: int) -> Mapping[bytes, int]:
    return {
        b"A": key(number),
        b"T": FIRST_TELLER + number * 7 % TELLERS,
        b"B": FIRST_BRANCH + number * 3 % BRANCHES,
        b"D": 1_000 + number % 9_000,
    }


_COLUMNS: Final = ("id", "email", "name", "role", "seen", "created_at", "tenant_id")
_DJANGO_USER: Final = ", ".join(f'"shop_user"."{column}"' for column in _COLUMNS)
_PRISMA_USER: Final = ", ".join(f'"public"."shop_user"."{column}"' for column in _COLUMNS)
_ORDER: Final = ", ".join(
    f'"shop_order"."{column}"' for column in ("id", "user_id", "state", "total", "created_at")
)
_USER, _STAMP = Number("U", 5), Number("S", 10)
_FEW: Final = tuple(Number(letter, 5) for letter in "EFGH")
PAGE: Final[Sequence[Part]] = (
    (
        f'SELECT {_DJANGO_USER} FROM "shop_user"'
        ' WHERE ("shop_user"."id" = $1 AND "shop_user"."role" = $2) LIMIT 21',
        (_USER, "MEMBER"),
    ),
    ('SELECT COUNT(*) AS "__count" FROM "shop_order" WHERE "shop_order"."user_id" = $1', (_USER,)),
    (
        f'SELECT {_ORDER}, {_DJANGO_USER} FROM "shop_order" INNER JOIN "shop_user" ON'
        ' ("shop_order"."user_id" = "shop_user"."id") WHERE ("shop_order"."state" IN ($1, $2, $3) AND'
        f' "shop_order"."user_id" = $4) ORDER BY "shop_order"."created_at" DESC LIMIT {ORDERS}',
        ("open", "paid", "sent", _USER),
    ),
    (
        f'SELECT {_PRISMA_USER} FROM "public"."shop_user" WHERE "public"."shop_user"."id" IN'
        " ($1,$2,$3,$4) OFFSET $5",
        (*_FEW, 0),
    ),
    (
        'SELECT (1) AS "a" FROM "shop_user" WHERE "shop_user"."email" = $1 LIMIT 1',
        (f"user{_USER}@example.org",),
    ),
    ("BEGIN", ()),
    (
        'UPDATE "public"."shop_user" SET "seen" = $1, "name" = $2'
        ' WHERE ("public"."shop_user"."id" = $3 AND 1=1)',
        (_STAMP, f"Ada {_STAMP}", _USER),
    ),
    (
        'INSERT INTO "public"."shop_event" ("user_id","kind","detail","created_at") VALUES ($1,$2,$3,$4)'
        ' RETURNING "public"."shop_event"."id"',
        (_USER, "page.viewed", f"/orders/{_STAMP}", "2026-11-26 10:00:00+00"),
    ),
    ("COMMIT", ()),
)
"""What a page of a shop asks for and changes, as Django and Prisma spell it."""
PAGE_ROWS: Final = 1 + 1 + ORDERS + 4 + 1 + 1


def _page_numbers(number: int) -> Mapping[bytes, int]:
    user = number * 617 % USERS
    few = {letter: FIRST_USER + (user + step) % USERS for step, letter in enumerate((b"E", b"F", b"G", b"H"))}
    return {b"U": FIRST_USER + user, b"S": _FIRST_STAMP + number, **few}


_ABOVE = Number("M", 10)
_NEW: Final[Part] = (
    'UPDATE "shop_user" SET "role" = \'MEMBER\', "seen" = $1'
    ' WHERE ("shop_user"."tenant_id" = 1 AND "shop_user"."email" IS NOT NULL AND "shop_user"."id" = $2)',
    (_STAMP, _USER),
)


_BOUND: Final[Part] = (f'{_NEW[0]} AND "shop_user"."id" < $3', (*_NEW[1], _ABOVE))
_UNLIKE: Final[Part] = (
    f'{_NEW[0]} AND mod("shop_user"."id", $3) > 0',
    (*_NEW[1], _ABOVE),
)


def _new_numbers(number: int) -> Mapping[bytes, int]:
    return {b"S": _FIRST_STAMP + number, b"U": FIRST_USER + number % USERS, b"M": _FIRST_STAMP + number}


def some_new(percent: int, name: str = "new", part: Part = _NEW) -> Queries:
    """Make the workload of an ORM's updates, of which so many in a hundred are new texts."""

    def numbers(number: int) -> Mapping[bytes, int]:
        if number % 100 < percent:
            return _new_numbers(number)
        return {b"S": _FIRST_STAMP, b"U": FIRST_USER + number % _POOL, b"M": _FIRST_STAMP}

    request = script([part], simple, numbers)
    return Queries(name=f"{name}-{percent}%-c8", concurrency=8, request=request, rows=0, targets=UNJUDGED)


def update(mode: Mode, *, alike: bool = True) -> Queries:
    """Make the workload of an ORM's updates, one at a time, each with new values.

    alike: they make no difference; else each text has to be read.
    """
    pack = simple if mode is Mode.SIMPLE else extended
    request = script([_NEW if alike else _UNLIKE], pack, _new_numbers)
    name = f"{'update' if alike else 'unlike'}-{mode.value}-c1"
    return Queries(name=name, concurrency=1, request=request, rows=0)


def insert_rows(rows: int) -> bytes:
    """Pack an insert of so many rows as a Query."""
    row = "({}, 17, {}, -250, '2026-11-26 10:00:00')"
    values = ", ".join(row.format(number % TELLERS, KEY_FIRST + number) for number in range(rows))
    return protocol.query(f"INSERT INTO shop_sink (tid, bid, aid, delta, mtime) VALUES {values}".encode())


def insert_parameters(count: int) -> bytes:
    """Pack an insert of so many parameters, a row each."""
    values = "), (".join(f"${number}" for number in range(1, count + 1))
    text = f"INSERT INTO shop_sink (tid) VALUES ({values})".encode()
    return protocol.parse(b"", text) + bound(b"", *((b"7",) * count))


BESIDE: Final = tuple(
    select(Mode.PREPARED, 4, name=f"beside-{name}", load=load)
    for name, load in (
        ("nothing", b""),
        ("1000-rows", insert_rows(1_000)),
        ("32765-values", insert_parameters(32_765)),
    )
)
"""Four clients at work while another one inserts; the first is what the others are held against."""

STATEMENT_ROWS: Final = (
    *(
        Queries(
            name=f"{name}-{mode}-c8",
            concurrency=8,
            request=script(parts, pack, numbers),
            rows=rows,
            targets=UNJUDGED,
        )
        for name, parts, numbers, rows in (
            ("tpcb", TPCB, _tpcb_numbers, 1),
            ("orm", PAGE, _page_numbers, PAGE_ROWS),
        )
        for mode, pack in (("simple", simple), ("extended", extended))
    ),
    *map(some_new, (1, 10, 100)),
    *(
        some_new(percent, name, part)
        for name, part in (("bound", _BOUND), ("unlike", _UNLIKE))
        for percent in (10, 100)
    ),
    *BESIDE,
)
