"""The cache of meanings is bounded, by entries and by bytes, whatever comes."""

from __future__ import annotations

import itertools

from proxy.session.cache import Meanings
from proxy.sql.analyse import UnreadableText, analyse

ONE = analyse("DELETE FROM t", 17)
MANY = analyse("".join(f"DELETE FROM t{number};" for number in range(1_000)), 17)
SOME = analyse("".join(f"DELETE FROM t{number};" for number in range(400)), 17)


def meanings(most: int, most_bytes: int) -> Meanings:
    return Meanings(17, most, most_bytes, itertools.count().__next__)


def kept(cache: Meanings, number: int) -> bool:
    return cache.known(b"text %d" % number) is not None


def test_a_hundred_thousand_texts_leave_the_newest() -> None:
    cache = meanings(100, 1 << 30)
    for number in range(100_000):
        cache.take(b"text %d" % number, ONE, 0)
    assert [kept(cache, number) for number in (0, 99_899, 99_900, 99_999)] == [False, False, True, True]
    assert len(cache._known) == 100


def test_bytes_are_bounded_by_what_texts_and_effects_weigh() -> None:
    cache = meanings(1_000, 100 * 3_000)
    for number in range(1_000):
        cache.take(b"text %d" % number, ONE, 0)
    assert (kept(cache, 999), kept(cache, 800)) == (True, False)
    assert cache._bytes <= 300_000
    large = meanings(1_000, 4_000_000)
    for number in range(50):
        large.take(b"text %d" % number, SOME, 0)  # a fifth of a megabyte each
    assert [kept(large, number) for number in (0, 30, 31, 49)] == [False, False, True, True]
    large.take(b"text 50", MANY, 0)  # half a megabyte
    assert not kept(large, 50)


def test_what_would_push_out_most_others_is_not_kept() -> None:
    cache = meanings(1_000, 800_000)
    cache.take(b"text 1", ONE, 0)
    cache.take(b"x" * 60_000, ONE, 0)
    assert (kept(cache, 1), cache.known(b"x" * 60_000)) == (True, None)


def test_the_same_text_taken_twice_weighs_once() -> None:
    cache = meanings(1_000, 800_000)
    for _ in range(10_000):
        cache.take(b"text 1", ONE, 0)
    weight = cache._bytes
    cache.take(b"text 2", ONE, 0)
    assert (cache._bytes, kept(cache, 1)) == (2 * weight, True)


def test_a_limit_and_a_view_are_not_remembered() -> None:
    cache = meanings(10, 1 << 20)
    cache.take(b"text 1", UnreadableText("too long"), 0)
    cache.take(memoryview(b"text 2"), ONE, 0)
    assert not cache._known
