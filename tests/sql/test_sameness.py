"""What was said of a text is said of those that differ from it in literals and digits alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.sql.sameness import code_of, is_certain
from proxy.sql.screen import NO_NAMES, Names, Screen, Screened
from tests.sql.test_screen import disguised, texts_of_the_tests

OF_A_DATABASE = Names(
    effective=frozenset({"g2", "purge"}), on_insert=frozenset({"t3"}), calls=frozenset({"f", "f1", "été1"})
)
SCREENS = (Screen(17), Screen(15), Screen(17, OF_A_DATABASE))
_INSIDE = r'x DELETE é -- /* */ $$ " \ ; U&" f( lower( s. lower === 日本 E'
INSIDE = (*_INSIDE.split(), "", "\n", "x) delete (")
SEEDS = (
    "SELECT * FROM t WHERE id = 5 AND v = 'a'",
    "SELECT lower('a'), f(1), f1(2), md5('x'), log10(3), sha256(v), f1 (4), été1(5) FROM t1",
    "SELECT f1(2)",
    "SELECT f2(2)",
    "SELECT sha224(v)",
    "SELECT 1sha256(v)",
    'SELECT "t1"."a2" FROM "t1" WHERE "t1"."a2" IN (1, 2, 3) AND b = E\'a\'',
    "INSERT INTO t3 VALUES (1, 'a', now()), (22, 'b', now())",
    "INSERT INTO t4 (a, b) VALUES (1, 'it''s')",
    "SELECT g2(1)",
    "SELECT g1(1)",
    "SELECT 'a",
    "SELECT ",
    "SELECT $1, '$1', $a$x$a$, 5.5e5, 0x1F, 1_000",
    "SELECT 'a'\n'b', N'c', U&'d', B'1' FROM t -- e'",
    "/* 1 */ SELECT '/* 2 */' /* 3 */",
    "SELECT 'a'; SELECT 'b'",
    "SELECT 'a';DELETE FROM t WHERE v = 'b'",
)


def others(raw: bytes, inside: bytes, step: int) -> bytes:
    """The same code with something else in its literals and other digits all over."""
    parts = raw.split(b"'")
    if len(parts) % 2:
        parts[1::2] = [inside for _ in parts[1::2]]
    digits = bytes(48 + (byte - 48 + step) % 10 if 48 <= byte <= 57 else byte for byte in range(256))
    return b"'".join(parts).translate(digits)


def check(raw: bytes, variants: Iterator[bytes]) -> None:
    """What is known of the first text makes no difference to what is said of the others."""
    for screen in SCREENS:
        screen.sort(raw)
    for other in variants:
        assert code_of(other) == code_of(raw)
        for screen in SCREENS:
            assert screen.sort(other) is screen.sort(memoryview(other)), other


def test_of_all_texts_of_the_tests() -> None:
    texts = [*SEEDS, *sorted(text for text in texts_of_the_tests() if len(text) <= 2_000)]
    for number, text in enumerate(texts):
        try:
            raw = text.encode()
        except UnicodeEncodeError:
            continue
        chosen = INSIDE if text in SEEDS else (INSIDE[number % len(INSIDE)],)
        check(raw, (others(raw, inside.encode(), step) for step, inside in enumerate(chosen)))


@settings(deadline=None, max_examples=150)
@given(
    text=st.one_of(st.sampled_from(SEEDS), disguised()),
    inside=st.one_of(st.sampled_from(INSIDE), st.text(st.characters(codec="utf-8", exclude_characters="'"))),
    step=st.integers(0, 9),
)
def test_of_any_text(text: str, inside: str, step: int) -> None:
    raw = text.encode()
    check(raw, iter([others(raw, inside.encode(), step)]))


@pytest.mark.parametrize(
    ("names", "text", "other", "said"),
    [
        (NO_NAMES, "SELECT 1 WHERE v = 'a'", "SELECT 7 WHERE v = 'DELETE f('", Screened.READS),
        (NO_NAMES, "SELECT v FROM t WHERE v = 'a'", "SELECT v FROM t WHERE v = 'é日本'", Screened.READS),
        (NO_NAMES, "INSERT INTO t (a) VALUES (1)", "INSERT INTO t (a) VALUES (2)", Screened.ADDS),
        (NO_NAMES, "SELECT sha256(v)", "SELECT sha259(v)", None),
        (NO_NAMES, "SELECT log10 (v)", "SELECT log11 (v)", None),
        (OF_A_DATABASE, "SELECT f1(v)", "SELECT f2(v)", None),
        (NO_NAMES, "SELECT '' ", "SELECT ' ", None),
    ],
)
def test_what_is_known_counts(names: Names, text: str, other: str, said: Screened | None) -> None:
    screen = Screen(17, names)
    assert screen.sort(text.encode()) is not None
    assert screen.sort(other.encode()) is said


def test_where_no_code_comes_again_none_is_looked_for_for_a_while() -> None:
    screen = Screen(17)
    looked = [
        screen.sort(b"SELECT v%b" % (b"x" * (number % 50) + b"y" * (number // 50))) for number in range(2_001)
    ]
    assert set(looked) == {Screened.READS}
    assert screen._rests == 20_000
    for _ in range(20_000):
        assert screen.sort(b"SELECT 1, 'a'") is Screened.READS
    assert screen._rests == 0
    for _ in range(600):
        assert screen.sort(b"SELECT 1, 'b'") is Screened.READS
    for number in range(2_001):
        screen.sort(b"SELECT w%b" % (b"x" * (number % 50) + b"y" * (number // 50)))
    assert screen._rests == 0


def test_what_is_known_of_a_code_hides_no_bytes_that_are_not_utf8() -> None:
    screen = Screen(17)
    assert screen.sort(b"SELECT 'a'") is Screened.READS
    with pytest.raises(UnicodeDecodeError) as caught:
        screen.sort(b"SELECT 'a\xff'")
    assert caught.value.start == 9


@pytest.mark.parametrize(
    ("text", "certain"),
    [
        (b"SELECT 1", True),
        (b"SELECT 1, 'a'", True),
        (b"SELECT 1, 'it''s'", True),
        (b"SELECT f(1)", True),
        (b"SELECT f1(1)", False),
        (b"SELECT a5\t(1)", False),
        (b"SELECT \xc3\xa9, 'a'", False),
        (b"SELECT 'a', '\xc3\xa9'", True),
        (b"SELECT E'a'", False),
        (b"SELECT 'a' -- b", False),
        (b"SELECT 'a", False),
    ],
)
def test_for_which_texts_it_is_certain(text: bytes, certain: bool) -> None:
    assert is_certain(text, code_of(text)) is certain
