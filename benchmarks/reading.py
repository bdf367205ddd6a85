"""What finding out what a text does costs: known already, screened, parsed and walked.

Enters: `python -m benchmarks.reading [--rounds N]`. Leaves: a table on standard output, in microseconds a
text: the best of some rounds. Deliberately absent: judging, and everything around a session.
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from proxy.session.cache import Meanings
from proxy.sql.analyse import analyse
from proxy.sql.screen import Names, Screen

_MAJOR: Final = 17
_AT_LEAST_S: Final = 0.02

_ROW: Final = (
    "({}, 'a name of someone', '2026-11-25 10:00:00+00', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 12.5)"
)
_COLUMNS: Final = (
    "id email name password_digest created_at updated_at deleted_at plan_id locale time_zone last_seen_at"
)


def _insert(rows: int) -> str:
    return "INSERT INTO public.people (a, b, c, d, e) VALUES " + ", ".join(map(_ROW.format, range(rows)))


TEXTS: Final[Mapping[str, str]] = {
    "a select": "SELECT abalance FROM pgbench_accounts WHERE aid = 123456789",
    "an ORM's select": "SELECT "
    + ", ".join(f'"users"."{column}"' for column in _COLUMNS.split())
    + ' FROM "public"."users" LEFT JOIN "public"."plans" AS "j1" ON "j1"."id" = "users"."plan_id"'
    + ' WHERE ("users"."email" = $1 AND "users"."deleted_at" IS NULL AND lower("users"."name") LIKE $2)'
    + ' ORDER BY "users"."created_at" DESC LIMIT $3 OFFSET $4',
    "an insert of 28 rows": _insert(28),
    "an insert of 850 rows": _insert(850),
}


def _best_us(act: Callable[[], object], rounds: int) -> float:
    times = 1
    while True:
        started = time.perf_counter()
        for _ in range(times):
            act()
        if time.perf_counter() - started > _AT_LEAST_S:
            break
        times *= 4
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        for _ in range(times):
            act()
        best = min(best, (time.perf_counter() - started) / times)
    return best * 1e6


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments; measure."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reading", description=(__doc__ or "").split("\n", 1)[0]
    )
    parser.add_argument("--rounds", type=int, default=9, help="how often each is measured (9)")
    rounds = parser.parse_args(arguments).rounds
    plain, names = Screen(_MAJOR), Screen(_MAJOR, Names(frozenset({"purge_everything"})))
    print(f"{'microseconds':24} {'bytes':>6} {'known':>9} {'screened':>9} {'by names':>9} {'parsed':>9}")
    for name, text in TEXTS.items():
        print(f"{name:24} {len(text):6} {_line(text, plain, names, rounds)}", flush=True)


def _line(text: str, plain: Screen, names: Screen, rounds: int) -> str:
    raw = text.encode()
    meanings = Meanings(_MAJOR, 100, 1 << 30, time.perf_counter)
    meanings.read(raw)
    if plain.sort(raw) is None or names.sort(raw) is None:
        raise RuntimeError("a text does not pass the screen")
    acts: Sequence[Callable[[], object]] = (
        # Each text that arrives is another object, whose hash is not known yet.
        lambda: meanings.known(bytes(bytearray(raw))),
        lambda: plain.sort(raw),
        lambda: names.sort(raw),
        lambda: analyse(raw.decode(), _MAJOR),
    )
    return " ".join(f"{_best_us(act, rounds):9.1f}" for act in acts)


if __name__ == "__main__":
    main()
