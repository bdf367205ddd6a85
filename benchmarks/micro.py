"""What judging one statement costs, by the way that it goes: known, screened, parsed, alike; and a reload.

Enters: `python -m benchmarks.micro [--rounds N] [--out FILE]`. Leaves: a table on standard output:
microseconds of CPU a statement, the least of the rounds; with --out, the figures as JSON. The policy is
policies/production.yaml. Deliberately absent: sockets, and a verdict.
"""

import argparse
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle, product
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.machine import Machine, describe
from benchmarks.results import Reading
from benchmarks.rules import judging_us, text_of
from benchmarks.targets import POLICY, checkout
from proxy.app.sources import read_text
from proxy.app.turns import keep_turns_short
from proxy.policy.facts import Facts
from proxy.policy.loading.load import load_policy
from proxy.policy.rules import Policy
from proxy.session import Gate, Limits
from proxy.session.judge import Judge
from proxy.session.meaning import of_analysis, of_screened
from proxy.session.who import Who
from proxy.sql.analyse import analyse
from proxy.sql.screen import Names, Screen, plain_screen

MAJOR: Final = 17
SESSIONS: Final = 5_000
RULES: Final = 1_000
_COLUMNS: Final = (
    "id",
    "email",
    "name",
    "createdAt",
    "updatedAt",
    "role",
    "tenantId",
    "deletedAt",
    "avatarUrl",
)
_LIST: Final = ", ".join(f'"public"."User"."{column}"' for column in _COLUMNS)
STATEMENTS: Final = {
    "select by key": "SELECT abalance FROM pgbench_accounts WHERE aid = 842131234",
    "select of an ORM": (
        f'SELECT {_LIST} FROM "public"."User" WHERE ("public"."User"."email" = \'ada@example.org\''
        ' AND "public"."User"."deletedAt" IS NULL AND "public"."User"."tenantId" IN (1, 2, 3, 4))'
        ' ORDER BY "public"."User"."id" ASC LIMIT 20 OFFSET 0'
    ),
    "insert of an ORM": (
        'INSERT INTO "public"."User" ('
        + ", ".join(f'"{column}"' for column in _COLUMNS)
        + ") VALUES "
        + ", ".join(
            "(7, 'ada@example.org', 'Ada Lovelace', now(), now(), 'ADMIN', 12, NULL, NULL)" for _ in range(4)
        )
    ),
}
"""About 59, 470 and 470 bytes."""


CHANGES: Final = {
    "update by key": "UPDATE pgbench_accounts SET abalance = abalance + 1234 WHERE aid = {}",
    "update of an ORM": (
        'UPDATE "shop_user" SET "role" = \'MEMBER\', "seen" = 1000000000 WHERE ("shop_user"."tenant_id" = 1'
        ' AND "shop_user"."email" IS NOT NULL AND "shop_user"."id" = {})'
    ),
    "delete of an ORM": (
        'DELETE FROM "public"."session" WHERE ("public"."session"."user_id" = {}'
        ' AND "public"."session"."expires_at" < \'2026-11-26 10:00:00+00\')'
    ),
}
"""With a number; the screen passes none of them."""

_ORM: Final = "select of an ORM"
_RULED: Final = "DELETE FROM users"
READINGS: Final = {
    "judge-known": "µs",
    "judge-screened": "µs",
    "judge-screened-new": "µs",
    "judge-parsed": "µs",
    "judge-rules": "1,000 rules / 10",
}
"""What the common table has of this, and what that is measured in."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of CPU a statement, the least of all rounds.

    Attributes:
        known: its meaning is in the cache, with a permit: the look-up and the yes.
        screened: the screen alone, of a text that differs from others in its values.
        screened_new: of one that nothing is like, where no catalogue is known.
        screened_by_names: the same with the names of a database of 2,000 objects.
        parsed: read, and given its effects.
        judged: the policy's decision about these.
    """

    name: str
    size: int
    known: float
    screened: float
    screened_new: float
    screened_by_names: float
    parsed: float
    judged: float


@dataclass(frozen=True, slots=True)
class Change:
    """Microseconds of CPU a statement that changes rows, the least of all rounds.

    Attributes:
        parsed: read, and given its effects.
        alike: cut, found to be like another that has a permit, and let go by that.
    """

    name: str
    size: int
    parsed: float
    alike: float


@dataclass(frozen=True, slots=True)
class Reload:
    """Milliseconds of the loop's CPU that are taken by a new policy of so many rules, with so many sessions.

    Attributes:
        swap_ms: putting it in force.
        first_ms: the dearest first judgement after it, of all sessions.
    """

    rules: int
    sessions: int
    swap_ms: float
    first_ms: float


@dataclass(frozen=True, slots=True)
class Figures:
    """One run."""

    date: str
    machine: Machine
    checkout: str
    rounds: int
    costs: tuple[Cost, ...]
    reload: Reload
    changes: tuple[Change, ...] = ()


def gate_of(policy: Policy) -> Gate:
    """A gate without listeners."""
    return Gate(
        policy,
        Facts((), as_of=datetime.now(UTC)),
        clock=time.time,
        timer=time.perf_counter,
        token=lambda: secrets.token_hex(16),
        limits=Limits(),
    )


def _who(number: int) -> Who:
    return Who("app", "shop", f"10.0.{number // 250}.{number % 250}", "web")


def _least_us(work: Callable[[], object], times: int, rounds: int) -> float:
    least = float("inf")
    for _ in range(rounds):
        began = time.thread_time()
        for _ in range(times):
            work()
        least = min(least, time.thread_time() - began)
    return round(least / times * 1e6, 2)


def names_of_a_database() -> Names:
    """2,000 names, a fourth of them with effects."""
    return Names(
        frozenset(f"touch_{number}" for number in range(500)),
        frozenset(f"audited_{number}" for number in range(500)),
        frozenset(f"price_{number}" for number in range(1_000)),
    )


def _renumbered(raw: bytes) -> Iterator[bytes]:
    """The same text with other digits each time, over and over."""
    return cycle(
        [bytes(48 + (byte + n) % 10 if 48 <= byte <= 57 else byte for byte in raw) for n in range(10)]
    )


def _renamed(raw: bytes) -> Iterator[bytes]:
    """The same text with a column that no text before had."""
    for letters in product(b"bcdfghjklmnpqrstvwxz", repeat=7):
        yield raw.replace(b"email", bytes(letters)).replace(b"abalance", bytes(letters))


def cost_of(name: str, text: str, gate: Gate, rounds: int) -> Cost:
    """What one statement costs."""
    raw, by_names = text.encode(), Screen(MAJOR, names_of_a_database())
    meanings, judge = gate.meanings(MAJOR), Judge(gate, _who(1))
    meanings.read(raw)

    def known() -> None:
        meaning = meanings.known(raw)
        if meaning is None or judge.judge(meaning, ("none",), runs=True) is not None:
            raise RuntimeError(f"not allowed: {text}")

    def judged() -> None:
        meaning = of_screened(screened) if (screened := plain.sort(raw)) else of_analysis(text, read)
        judge.judge(meaning, ("none",), runs=True)

    plain, read = plain_screen(MAJOR), analyse(text, MAJOR)
    if plain.sort(raw) is None or by_names.sort(raw) is None:
        raise RuntimeError(f"not screened: {text}")
    alike, new, new_by_names = _renumbered(raw), _renamed(raw), _renamed(raw)
    return Cost(
        name,
        len(raw),
        _least_us(known, 20_000, rounds),
        _least_us(lambda: plain.sort(next(alike)), 5_000, rounds),
        _least_us(lambda: plain.sort(next(new)), 5_000, rounds),
        _least_us(lambda: by_names.sort(next(new_by_names)), 5_000, rounds),
        _least_us(lambda: analyse(text, MAJOR), 500, rounds),
        _least_us(judged, 500, rounds),
    )


def change_of(name: str, template: str, gate: Gate, rounds: int) -> Change:
    """What a new text costs of which all but a number has been met before, by either way."""
    meanings, judge = gate.meanings(MAJOR), Judge(gate, _who(1))
    for number in range(101, 104):
        raw = template.format(number).encode()
        parts, meaning = meanings.forms.cut(raw), meanings.read(raw)
        if parts is None or meaning.like is None:
            raise RuntimeError(f"like no other: {template}")
        meanings.learn(raw, parts, meaning.like)
        judge.judge(meaning, ("none",), runs=True)

    def alike() -> None:
        parts = meanings.forms.cut(raw)
        meaning = None if parts is None else meanings.alike(parts)
        if meaning is None or judge.judge(meaning, ("none",), runs=True) is not None:
            raise RuntimeError(f"not allowed: {template}")

    text = template.format(104)
    raw = text.encode()
    parsed = _least_us(lambda: analyse(text, MAJOR), 500, rounds)
    return Change(name, len(raw), parsed, _least_us(alike, 5_000, rounds))


def reload_cost(rounds: int) -> Reload:
    """What a new policy of many rules costs the loop, when each of many sessions asks again after it."""
    policies = [load_policy("policy.yaml", lambda _, n=n: text_of(RULES + n)) for n in range(2)]  # type: ignore[misc]
    gate = gate_of(policies[0])
    meaning = gate.meanings(MAJOR).read(STATEMENTS["select by key"].encode())
    judges = [Judge(gate, _who(number)) for number in range(SESSIONS)]
    swaps, firsts = [], []
    for number in range(rounds):
        began = time.thread_time()
        gate.swap_policy(policies[(number + 1) % 2])
        swaps.append(time.thread_time() - began)
        dearest = 0.0
        for judge in judges:
            began = time.thread_time()
            judge.judge(meaning, ("none",), runs=True)
            dearest = max(dearest, time.thread_time() - began)
        firsts.append(dearest)
    return Reload(RULES, SESSIONS, round(min(swaps) * 1e3, 3), round(min(firsts) * 1e3, 3))


def measure(rounds: int) -> Figures:
    """All of it."""
    here = describe()
    keep_turns_short()
    gate = gate_of(load_policy(str(POLICY), read_text))
    costs = tuple(cost_of(name, text, gate, rounds) for name, text in STATEMENTS.items())
    date = datetime.now(UTC).isoformat(timespec="seconds")
    changes = tuple(change_of(name, template, gate, rounds) for name, template in CHANGES.items())
    return Figures(date, here, checkout(), rounds, costs, reload_cost(rounds), changes)


def readings(samples: int) -> Iterator[Reading]:
    """Measure so many times what the common table shows of this: a statement of an ORM, and of many rules."""
    keep_turns_short()
    gate = gate_of(load_policy(str(POLICY), read_text))
    few, many = (load_policy("policy.yaml", lambda _, n=n: text_of(n)) for n in (10, RULES))  # type: ignore[misc]
    known, screened, new, parsed, rules = READINGS
    for _ in range(samples):
        cost = cost_of(_ORM, STATEMENTS[_ORM], gate, 3)
        ratio = judging_us(many, _RULED, 5_000) / judging_us(few, _RULED, 5_000)
        yield Reading(known, "gate", cost.known)
        yield Reading(screened, "gate", cost.screened)
        yield Reading(new, "gate", cost.screened_new)
        yield Reading(parsed, "gate", cost.parsed)
        yield Reading(rules, "gate", round(ratio, 3))


def table(figures: Figures) -> str:
    """For people."""
    lines = ["statement          bytes    known screened      new by names   parsed   judged  (µs)"]
    for cost in figures.costs:
        screened = (cost.screened, cost.screened_new, cost.screened_by_names)
        values = (cost.known, *screened, cost.parsed, cost.judged)
        lines.append(f"{cost.name:18} {cost.size:5} " + " ".join(f"{each:8.2f}" for each in values))
    if figures.changes:
        lines.append("statement          bytes  parsed   alike  (µs)")
    for change in figures.changes:
        lines.append(f"{change.name:18} {change.size:5} {change.parsed:7.2f} {change.alike:7.2f}")
    reload = figures.reload
    lines.append(
        f"a reload, {reload.rules:,} rules, {reload.sessions:,} sessions: {reload.swap_ms:.2f} ms to swap,"
        f" the dearest judgement after it {reload.first_ms:.2f} ms"
    )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments; measure; print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.micro", description=(__doc__ or "").split("\n", 1)[0]
    )
    parser.add_argument("--rounds", type=int, default=20, help="of which the least counts (20)")
    parser.add_argument("--out", type=Path, help="write the figures to this file, too")
    options = parser.parse_args(arguments)
    figures = measure(options.rounds)
    print(table(figures))
    if options.out is not None:
        options.out.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=1) + b"\n")


if __name__ == "__main__":
    main()
