"""What a judgement costs when the policy has many rules: those about other effects cost nothing.

Enters: `python -m benchmarks.rules [--rounds N]`. Leaves: a table on standard output: for policies of 10 to
1,000 rules, microseconds of CPU a judgement of a statement that no rule concerns, of one that a single rule
concerns, and of one that all of them concern, and milliseconds to load the policy. The rounds go through all
policies in turn; the least of them is shown. Deliberately absent: sessions and their permits, which spare
most judgements.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from proxy.policy import Context, Facts, Policy, decide, load_policy
from proxy.sql.analyse import analyse

SIZES: Final = (10, 100, 1_000)
_NOW: Final = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
_CONTEXT: Final = Context("app", "shop", "10.1.2.3", "web", _NOW, "none")
_FACTS: Final = Facts(backups=(), as_of=_NOW)
_HEAD: Final = """\
version: 1
time: {timezone: UTC, windows: {peak: {days: mon-fri, from: "08:00", to: "20:00"}}}
rules:
  - {id: unscoped, match: {effects: [row.delete], traits: [unscoped]}}
"""
_RULE: Final = """\
  - id: r%d
    match: {effects: [table.drop], targets: public.t%d, who: {roles: [app]}}
    when: {window: peak}
    deny: "{effect} on {targets} {window.text}."
"""
STATEMENTS: Final = {
    "no rule concerns": "SELECT * FROM users WHERE id = 1",
    "one rule concerns": "DELETE FROM users",
    "all rules concern": "DROP TABLE public.orders",
}


def text_of(size: int) -> str:
    """A policy of so many rules, all but one about dropped tables."""
    return _HEAD + "".join(_RULE % (number, number) for number in range(size - 1))


def judging_us(policy: Policy, sql: str, times: int) -> float:
    """Microseconds of CPU a judgement."""
    effects = analyse(sql).effects
    began = time.process_time()
    for _ in range(times):
        decide(effects, _CONTEXT, policy, _FACTS)
    return (time.process_time() - began) / times * 1e6


def loading_ms(text: str, keep: Callable[[Policy], None]) -> float:
    """Milliseconds of CPU to load a policy, which is handed on."""
    began = time.process_time()
    keep(load_policy("policy.yaml", lambda _: text))
    return (time.process_time() - began) * 1e3


def measure(sizes: Sequence[int], rounds: int) -> list[tuple[int, float, list[float]]]:
    """For each size: milliseconds to load, and microseconds for each of STATEMENTS."""
    policies: list[Policy] = []
    loads = [loading_ms(text_of(size), policies.append) for size in sizes]
    least = [[float("inf")] * len(STATEMENTS) for _ in sizes]
    for _ in range(rounds):
        for row, (size, policy) in enumerate(zip(sizes, policies, strict=True)):
            for column, (concerns, sql) in enumerate(STATEMENTS.items()):
                times = max(1, 2_000 // size) if concerns.startswith("all") else 2_000
                least[row][column] = min(least[row][column], judging_us(policy, sql, times))
    return list(zip(sizes, loads, least, strict=True))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rules", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    options = parser.parse_args(arguments)
    sizes = [int(size) for size in options.sizes.split(",")]
    heads = [f"{concerns}, µs" for concerns in STATEMENTS]
    print(f"| rules | {' | '.join(heads)} | loading, ms |")
    print(f"| ----: | {' | '.join('-' * (len(head) - 1) + ':' for head in heads)} | ----------: |")
    for size, load, found in measure(sizes, options.rounds):
        cells = [f"{us:{len(head)},.1f}" for us, head in zip(found, heads, strict=True)]
        print(f"| {size:5,} | {' | '.join(cells)} | {load:11,.0f} |")


if __name__ == "__main__":
    main()
