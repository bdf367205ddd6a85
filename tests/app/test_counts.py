"""Counts that workers share: never too few, gone with whoever counted, seen by processes that were forked."""

from __future__ import annotations

import os
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from proxy.app.workers.counts import SharedCounts

KEYS = st.tuples(st.sampled_from(["user", "database"]), st.text(max_size=3))


@given(st.lists(st.tuples(st.integers(0, 2), KEYS, st.booleans()), max_size=60))
def test_it_counts_what_the_others_do(steps: list[tuple[int, tuple[str, str], bool]]) -> None:
    shared = SharedCounts(3)
    workers = [shared.of(number) for number in range(3)]
    truth: list[Counter[tuple[str, str]]] = [Counter() for _ in workers]
    for number, key, more in steps:
        if more or truth[number][key]:
            truth[number][key] += 1 if more else -1
            workers[number].add(1 if more else -1, *key)
    for number, worker in enumerate(workers):
        for key in {key for counter in truth for key in counter}:
            others = sum(counter[key] for each, counter in enumerate(truth) if each != number)
            assert worker.count(*key) == others


def test_never_too_few_and_seldom_too_many() -> None:
    shared = SharedCounts(2)
    one, other = shared.of(0), shared.of(1)
    for number in range(1000):
        one.add(number % 3, "user", f"role {number}")
    wrong = [other.count("user", f"role {number}") - number % 3 for number in range(1000)]
    assert min(wrong) == 0
    assert sum(map(bool, wrong)) <= 5


def test_what_a_dead_worker_counted_goes_with_it() -> None:
    shared = SharedCounts(2)
    shared.of(0).add(7, "clients")
    other = shared.of(1)
    assert other.count("clients") == 7
    shared.of(0)
    assert other.count("clients") == 0


def test_forked_processes_see_it() -> None:
    shared = SharedCounts(2)
    mine = shared.of(0)
    pid = os.fork()
    if pid == 0:
        shared.of(1).add(5, "clients")
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert mine.count("clients") == 5
