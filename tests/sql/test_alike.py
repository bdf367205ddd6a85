"""Texts that are alike do the same, whatever their values are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.sql.alike import Cut, Forms, Places, cut, telling
from proxy.sql.analyse import SqlSyntaxError, Statement, analyse
from tests.sql.generated import EVERY, SOME
from tests.sql.test_scope import SCOPED, lines

FORMS = Forms()
FOLDER = Path(__file__).parent
POLICY = FOLDER.parent / "policy"
NUMBERS = (b"0", b"1", b"2", b"999999999", b"2147483648", b"999999999999999999", b"1000000", b"007")
_LITERALS = r"""
% _ {} {%} [,] 0 t false infinity -1 9999-12-31 %% .* $ \ x\ /* -- $$ ; " é 日本 epoch zzzz {1,2} public.t
00000000-0000-0000-0000-000000000000 standard_conforming_strings 1=1
"""
LITERALS = tuple(
    each.encode()
    for each in (*_LITERALS.split(), "", "it''s", "''", " ", "\n", "1 OR 1=1", "DROP TABLE t", "x" * 70)
)
# Such as differ for what is asked of any bound, and of any element of a list, were they not ordinary.
ORDINARY = (
    *(
        b"2",
        b"3",
        b"7",
        b"49",
        b"50",
        b"51",
        b"998",
        b"1970",
        b"2050",
        b"2101",
        b"65535",
        b"999998",
        b"1000001",
    ),
    *(b"8999999", b"99999998", b"123456789", b"1000000001", b"2147483646", b"2147483649", b"9999999998"),
    *(b"900000000000000000", b"999999999999999998", b"1981-01-01", b"2026-11-26", b"2098-12-31"),
    *(b"1999-12-31 23:59:59.999999+00", b"2026-11-26T10:00:00Z", b"2000-02-30 00:00:00-08:00"),
    *(b"abcdefgh", b"infinity", b"{1,2,3}", b"zzzzzz", b"%%%%%%", b"00000000-0000-0000-0000-000000000000"),
)
SPECIAL = (
    *(b"0", b"1", b"999999", b"1000000", b"999999999", b"1000000000", b"2147483647", b"2147483648"),
    *(b"now", b"today", b"infinity", b"epoch", b"zzzz", b"1900-01-01", b"1970-01-01", b"1980-01-01"),
    *(b"2099-01-01", b"9999-12-31", b"true", b"f", b"-1"),
)
WRAPPED = (
    "DELETE FROM t WHERE {}",
    "DELETE FROM t x USING u WHERE x.id = u.id AND {}",
    "UPDATE t x SET v = 'a', n = n + 5, w = '2026-11-26'::date WHERE {}",
    "UPDATE t x SET v = u.v || 'b' FROM u WHERE x.id = u.t_id AND u.id = 6 AND {}",
    "SELECT * FROM t x WHERE {} LIMIT 5 FOR UPDATE",
    "INSERT INTO t AS x (id, v) VALUES (3, 'a') ON CONFLICT (id) DO UPDATE SET v = 'b' WHERE {}",
)
CONDITIONS = [
    *(sql.removeprefix("DELETE FROM t WHERE ") for sql in SCOPED if sql.startswith("DELETE FROM t WHERE ")),
    *(
        sql.partition(" WHERE ")[2]
        for sql in lines("unscoped.txt")
        if sql.startswith("DELETE FROM victim WHERE ")
    ),
    *(each.format(t="t") for each in (*SOME, *EVERY)),
]


def corpus() -> Iterator[str]:
    """Statements of all kinds, and conditions in statements of the kinds that may be alike."""
    for wrapped in WRAPPED:
        for condition in CONDITIONS:
            yield wrapped.format(condition)
    yield "DELETE FROM t USING (SELECT id % 2 AS id FROM t) u WHERE t.id = u.id AND u.id IN (5, 6)"
    yield "DELETE FROM t WHERE active IN ('a', 'b')"
    files = [*POLICY.glob("losing/*.sql"), *POLICY.glob("everyday/*.sql"), *FOLDER.glob("statements/*.txt")]
    for path in sorted(files):
        for line in path.read_text().splitlines():
            if line.strip() and not line.startswith(("#", "--")):
                yield line.strip().removesuffix(";")


def put_together(frame: bytes, values: Sequence[bytes]) -> bytes:
    """A text of this frame with these values."""
    pieces = frame.split(b"\0")
    literals = len(values) - (len(pieces) - 1)
    parts = _interleaved(pieces, values[literals:]).split(b"''")
    return _interleaved(parts, [b"'%b'" % value for value in values[:literals]])


def _interleaved(parts: Sequence[bytes], values: Sequence[bytes]) -> bytes:
    return b"".join(each for pair in zip(parts, [*values, b""], strict=True) for each in pair)


def is_literal(frame: bytes, values: Sequence[bytes], place: int) -> bool:
    """Whether the value in this place stands between apostrophes."""
    return place < len(values) - frame.count(b"\0")


def without_places(statement: Statement) -> Statement:
    """What a statement does, wherever it stands."""
    effects = tuple(replace(effect, location=0) for effect in statement.effects)
    return replace(statement, start=0, end=0, effects=effects, digest=bool(statement.digest) * "some")


def done_by(raw: bytes) -> object:
    """All that is found of a text but its places and digests; or that it cannot be read."""
    try:
        return [without_places(statement) for statement in analyse(raw.decode(), 17).statements]
    except SqlSyntaxError:
        return "no SQL"


def check(raw: bytes, choose: Sequence[tuple[bytes, bytes]]) -> int:
    """Put other values into the places that make no difference: the text is alike, and does the same.

    choose: (a literal, a number) for each trial; the n-th place has those n further on. In the place of an
    ordinary value come other ordinary ones of these and ORDINARY.
    """
    parts = cut(raw)
    assert told(FORMS.cut(raw)) == told(parts)
    if parts is None:
        return 0
    assert put_together(parts.frame, parts.values) == raw
    places = telling(raw, parts)
    ordinary = {place: of for place, of in places.ordinary if of.fullmatch(parts.values[place])}
    free = [
        place
        for place in range(len(parts.values))
        if place in ordinary or place not in {*places.exact, *dict(places.ordinary)}
    ]
    if not free:
        return 0
    expected = done_by(raw)
    for trial in range(len(choose)):
        values = list(parts.values)
        for number, place in enumerate(free):
            chosen = choose[(trial + number) % len(choose)]
            literal, amount = is_literal(parts.frame, values, place), chosen[1]
            values[place] = chosen[0] if literal else amount
            if place in ordinary:
                pool = [each for each in (*chosen, *ORDINARY) if literal or each.isdigit()]
                found = [each for each in pool if ordinary[place].fullmatch(each)]
                values[place] = found[(trial * 7 + number) % len(found)]
        other = put_together(parts.frame, values)
        again = cut(other)
        assert again is not None, other
        assert told(FORMS.cut(other)) == told(again), other
        assert again.key(places) == parts.key(places), other
        assert shown(telling(other, again)) == shown(places), other
        assert done_by(other) == expected, other
    return len(free)


def told(parts: Cut | None) -> object:
    """A cut as it can be compared."""
    return (
        None
        if parts is None
        else (parts.frame, parts.values, list(map(parts.value, range(len(parts.values)))))
    )


def shown(places: Places) -> object:
    """Places as they can be compared."""
    return places.exact, places.ordinary


# Neighbours that are everything together stand beside each other.
TRIALS = [
    *((LITERALS[n % len(LITERALS)], NUMBERS[n % len(NUMBERS)]) for n in range(0, len(LITERALS), 5)),
    (b"t", b"0"),
    (b"f", b"1"),
]


def test_other_values_do_the_same_in_all_statements_of_the_tests() -> None:
    """A few thousand texts; a fourth of them have a value that makes no difference."""
    texts = sorted({text for text in corpus() if len(text) < 2_000})
    assert sum(check(text.encode(), TRIALS) > 0 for text in texts) > len(texts) / 8


_VALUES = r"""
5
-5
- 5
0
'x'
''
'it''s'
E'a\'b'
E'\\'
U&'\0041'
U&'!0041' UESCAPE '!'
$$x$$
$q$ ' $q$
$1
1.5
1e3
.5
0x1F
B'101'
X'1F'
N'x'
'x'::text
'2026-01-01'::date
date '2026-01-01'
interval '1 day'
interval(3) '1 day'
CAST('5' AS int)
5::bigint
'a' || 'b'
/* ' */ 5
5 /* 'x' */
'--'
'/*'
'é'
'\'
ARRAY[1,2]
ARRAY['a']
ROW(1,2)
now()
NULL
true
DEFAULT
n + 1
f(5)
coalesce($1, '%')
(SELECT 5)
2147483648
99999999999999999999
""".strip().splitlines()
VALUES = st.sampled_from([*_VALUES, "'a'\n'b'", "5 -- '\n"])
_COLUMNS = r"""
id
n
v
x.id
x.v
"a 5"
"a'b"
t5
lower(v)
id + 1
id % 2
v COLLATE "C"
ctid
é1
""".strip().splitlines()
COLUMNS = st.sampled_from(_COLUMNS)
OPERATORS = st.sampled_from(["=", "=", "=", "<>", "<", ">=", "~", "LIKE", "IS DISTINCT FROM", "@>"])
OTHER_TERMS = ("true", "EXISTS (SELECT 1 FROM u WHERE u.id = 5)", "x.id IN (SELECT 5)", "id = 5 OR id <> 5")


@st.composite
def conditions(draw: st.DrawFn) -> str:
    """A few terms, joined."""
    terms = [draw(TERMS) for _ in range(draw(st.integers(1, 3)))]
    return draw(st.sampled_from([" AND ", " OR ", " AND NOT "])).join(f"({term})" for term in terms)


def _filled(template: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda chosen: template.format(*chosen))


TERMS = st.one_of(
    _filled("{} {} {}", COLUMNS, OPERATORS, VALUES),
    _filled("{} IN ({})", COLUMNS, st.lists(VALUES, min_size=1, max_size=3).map(", ".join)),
    _filled("{} BETWEEN {} AND {}", COLUMNS, VALUES, VALUES),
    _filled("{} {} {}", VALUES, OPERATORS, VALUES),
    _filled("{} IS NOT NULL", COLUMNS),
    st.sampled_from(OTHER_TERMS),
)
WHERES = conditions()
STATEMENTS = st.one_of(
    _filled("UPDATE t x SET {} = {} WHERE {}", COLUMNS, VALUES, WHERES),
    _filled("UPDATE t x SET n = {} FROM u WHERE u.id = x.id AND {}", VALUES, WHERES),
    _filled("DELETE FROM t x WHERE {}", WHERES),
    _filled("DELETE FROM t x WHERE {} = {} AND ({})", COLUMNS, VALUES, WHERES),
    _filled(
        "UPDATE t x SET n = 5 WHERE (({}) AND {} IS NOT NULL)", WHERES, st.sampled_from(["deleted_at", "v"])
    ),
    _filled("DELETE FROM t x USING (SELECT id % 2 AS id FROM u) u WHERE {}", WHERES),
    _filled(
        "INSERT INTO t AS x (id, v) VALUES ({}, {}) ON CONFLICT (id) DO UPDATE SET v = {} WHERE {}",
        *(VALUES, VALUES, VALUES, WHERES),
    ),
    _filled("SELECT {} FROM t x WHERE {} LIMIT {} FOR UPDATE", VALUES, WHERES, VALUES),
    _filled("SELECT set_config(name, {}, false) FROM pg_settings WHERE {}", VALUES, WHERES),
    _filled("WITH d AS (DELETE FROM t x WHERE {} RETURNING 5) SELECT 1 FROM d WHERE {}", WHERES, WHERES),
    _filled("MERGE INTO t x USING u ON {} WHEN MATCHED THEN UPDATE SET v = {}", WHERES, VALUES),
)
_ANY_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="'\0"), min_size=1, max_size=20).map(
    str.encode
)
_ANY_NUMBER = st.from_regex(r"[0-9]{1,18}", fullmatch=True).map(str.encode)


@settings(max_examples=300)
@given(
    text=STATEMENTS,
    chosen=st.lists(
        st.tuples(
            st.one_of(st.sampled_from(LITERALS), _ANY_TEXT), st.one_of(st.sampled_from(NUMBERS), _ANY_NUMBER)
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_other_values_do_the_same(text: str, chosen: list[tuple[bytes, bytes]]) -> None:
    check(text.encode(), chosen)


@settings(max_examples=300)
@given(text=STATEMENTS, other=STATEMENTS)
def test_what_is_alike_does_the_same(text: str, other: str) -> None:
    """Nearly the same text, too: one whose values are put into the other's frame."""
    parts, found = FORMS.cut(text.encode()), FORMS.cut(other.encode())
    assert told(parts) == told(cut(text.encode())), text
    assert told(found) == told(cut(other.encode())), other
    if parts is None or found is None:
        return
    places = telling(text.encode(), parts)
    if parts.frame == found.frame and parts.key(places) == found.key(places):
        assert done_by(text.encode()) == done_by(other.encode())


FREE = {
    "UPDATE pgbench_accounts SET abalance = abalance + -1234 WHERE aid = 5": [b"1234", b"5"],
    "UPDATE t SET v = 'a', w = 'b'::date, n = n * 2 WHERE id = 5 AND v = 'c' AND n > 7": [
        *(b"a", b"b", b"c", b"2", b"5", b"7"),
    ],
    "UPDATE t SET v = 'a' WHERE id = 5 OR n = 6": [b"a"],
    "UPDATE t SET v = '', w = 'it''s', x = '''' WHERE id = 5": [b"", b"it''s", b"''", b"5"],
    "DELETE FROM t WHERE v = '''a' AND w = 'b''' AND lower(x) = '' AND y = 'c'": [
        *(b"''a", b"b''", b"", b"c"),
    ],
    # A key is enough, and so is what else limits; behind it nothing may turn out to be a key.
    "DELETE FROM t WHERE id = 5 AND (n < 6 OR n >= 7) AND 8 = 9 AND f(10) = 11": [
        *(b"5", b"6", b"7", b"8", b"9", b"11")
    ],
    "DELETE FROM t WHERE deleted_at IS NOT NULL AND (n < 6 OR n >= 7)": [b"6", b"7"],
    "DELETE FROM t WHERE deleted_at IS NOT NULL AND n + 1 = 6": [],
    "DELETE FROM t WHERE v IS NOT NULL AND (n < 6 OR n >= 7)": [],
    "DELETE FROM t WHERE id = 5 AND n IN (SELECT 6 FROM u WHERE m = 7)": [b"5"],
    "UPDATE t SET v = 'a' FROM u WHERE t.id = 5 AND (n < 6 OR n >= 7)": [b"a"],
    "DELETE FROM t USING u WHERE t.id = u.id AND u.v = '' AND t.n = 3": [],
    "UPDATE t SET v = f('a') WHERE id = - 5": [],
    "DELETE FROM t WHERE id IN (1, 2) AND n IN ('1', '2') AND v IN ('a')": [b"1", b"2"],
    "DELETE FROM t USING (SELECT id % 2 AS id FROM t) u WHERE u.id IN (0, 1) AND t.id = 3": [],
    "DELETE FROM t WHERE 5 = id AND lower(v) = 'a' AND id <> 6": [],
    "DELETE FROM t WHERE id = 5::int AND v = E'a'": [],
    'DELETE FROM t WHERE "a 5" = 6 AND t7 = 8 AND n = 1.5': [b"6", b"8"],
    "DELETE FROM t WHERE v = U&'a' AND w = 'b'\n'c'": [b"b"],
    "INSERT INTO t VALUES (1, 'a', f(2)) ON CONFLICT (id) DO UPDATE SET n = 3 WHERE t.id = 4": [
        b"a",
        b"1",
        b"3",
    ],
    "SELECT lower('a'), 2 FROM t WHERE id = 3 AND v LIKE 'b%' AND abs(4) = 6 LIMIT 5 FOR UPDATE": [
        b"b%",
        b"3",
        b"6",
        b"5",
    ],
    # How many rows there are is how often the function runs.
    "SELECT f(1), 2 FROM t WHERE id = 3 AND v LIKE 'a%' AND f(4) LIMIT 5 FOR UPDATE": [b"3"],
    "SELECT set_config(name, 'a', false) FROM pg_settings WHERE name = 'search_path'": [],
    "WITH d AS (DELETE FROM t WHERE id = 1) DELETE FROM t WHERE id = 2": [],
    "DELETE FROM t WHERE id = 1; DELETE FROM t WHERE id = 2": [],
    "MERGE INTO t USING u ON t.id = 1 WHEN MATCHED THEN UPDATE SET n = 2": [],
    "DO 'BEGIN END'": [],
    "SET search_path = 'a'": [],
    "DELETE FROM": [],
}


@pytest.mark.parametrize("text", FREE)
def test_values_that_make_no_difference(text: str) -> None:
    parts = cut(text.encode())
    if parts is None:
        assert not FREE[text]
        return
    places = telling(text.encode(), parts)
    asked = {*places.exact, *dict(places.ordinary)}
    assert [value for place, value in enumerate(parts.values) if place not in asked] == FREE[text]


BOUNDS = {
    "DELETE FROM t WHERE id < 2 AND n > 30 AND t.v <> 999998 AND m >= -7 AND k <= 12345678901": [
        *(b"2", b"30", b"999998", b"7", b"12345678901"),
    ],
    "DELETE FROM t WHERE id < 0 AND n > 1 AND m < 1000 AND k <> 999999 AND l <= 2147483647 AND o > 007": [],
    "DELETE FROM t WHERE at < '2026-11-26' AND b < '1981-01-01 00:00:00+00' AND c <= '2098-12-31T10:0Z'": [
        *(b"2026-11-26", b"1981-01-01 00:00:00+00", b"2098-12-31T10:0Z"),
    ],
    "DELETE FROM t WHERE at < '2026-11-26'::timestamptz AND b > date '2025-01-01' AND c > '5'::int": [
        *(b"2026-11-26", b"2025-01-01"),
    ],
    "DELETE FROM t WHERE a < '1970-01-01' AND b < '1980-01-01' AND c < '2099-01-01' AND d < 'infinity'": [],
    "DELETE FROM t WHERE a < '2026-11-26 infinity' AND b < '2026-11-26 10:00 BC' AND c < '5-5-2026'": [],
    "DELETE FROM t WHERE n BETWEEN 5 AND 17 AND m BETWEEN SYMMETRIC 5 AND 17": [b"5", b"17"],
    "DELETE FROM t WHERE n NOT BETWEEN 5 AND 17 OR m < 18": [],
    "DELETE FROM t WHERE n IN (1, 'abcdef') AND m IN ('t', 'f', 'ghijkl') AND k NOT IN ('mnopqr', 'stuv')": [
        *(b"abcdef", b"ghijkl"),
    ],
    "DELETE FROM t WHERE n IN ('false ', 'a b c d') AND m IN ('abcdef', f(2))": [],
    "DELETE FROM t USING u WHERE t.id = u.id AND t.n < 5 AND t.v IN ('abc') AND u.w = 'a' AND u.x = ''": [
        b"a"
    ],
    "DELETE FROM t USING (SELECT id % 2 AS id FROM t) u WHERE u.id IN (0, 1) AND t.id = 3": [b"3"],
    "DELETE FROM t WHERE lower(v) < 'b' AND 5 > n AND n + 1 < 6 AND id % 2 < 7": [],
    "DELETE FROM t WHERE id OPERATOR(x.<) 5": [],
    "INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 3 WHERE t.n < 4": [],
}


@pytest.mark.parametrize("text", BOUNDS)
def test_ordinary_bounds(text: str) -> None:
    parts = cut(text.encode())
    assert parts is not None
    found = [
        place for place, of in telling(text.encode(), parts).ordinary if of.fullmatch(parts.values[place])
    ]
    assert sorted(parts.values[place] for place in found) == sorted(BOUNDS[text])


_SUBJECTS = (
    "id",
    "uuid",
    "x.id",
    "n",
    "created_at",
    "x.updated_at",
    "x",
    "t",
    "xmin",
    "ctid",
    "total",
    '"a b"',
)
_BOUND_TERMS = (
    *(
        "{} < {}",
        "{} <= {}",
        "{} > {}",
        "{} >= {}",
        "{} <> {}",
        "{} != {}",
        "{} BETWEEN {} AND 90",
        "{} IN ({})",
    ),
    *("{} IN ({}, 'true')", "{} < {}::timestamptz", "{} > -{}", "{} BETWEEN -7 AND {} AND NOT v"),
)


@pytest.mark.parametrize("column", _SUBJECTS)
def test_ordinary_bounds_do_the_same_whatever_they_bound(column: str) -> None:
    """Each kind of column by each comparison with each ordinary value: one answer for all of a frame."""
    answers: dict[tuple[bytes, ...], tuple[bytes, object]] = {}
    for form in _BOUND_TERMS:
        for value in (*ORDINARY, *SPECIAL):
            spellings = [b"'%b'" % value, value] if value.isdigit() else [b"'%b'" % value]
            for spelling in spellings:
                term = form.format(column, spelling.decode()).encode()
                for where in (b"DELETE FROM t x WHERE %b", b"UPDATE t x SET n = 1 WHERE %b AND (v OR n < 5)"):
                    text = where % term
                    parts = cut(text)
                    if parts is not None:
                        key = parts.key(telling(text, parts))
                        other, done = answers.setdefault(key, (text, done_by(text)))
                        assert done == done_by(text), (text, other)
    assert len(answers) > 100


@pytest.mark.parametrize(
    "text",
    [
        "SELECT f(a)",
        "UPDATE t SET v = E'a' WHERE id = 5",
        "UPDATE t SET v = $$a$$ WHERE id = 5",
        "UPDATE t SET v = 'a' /* b */ WHERE id = 5",
        "UPDATE t SET v = 'a' WHERE id = 5 -- b",
        "UPDATE t SET v = 'a WHERE id = 5",
        "UPDATE t SET v = 'a' WHERE \"i'd\" = 5",
        "UPDATE t SET v = 'a\0' WHERE id = 5",
    ],
)
def test_what_takes_a_closer_look_is_like_nothing(text: str) -> None:
    assert cut(text.encode()) is None


def test_what_is_not_utf8_is_told() -> None:
    with pytest.raises(UnicodeDecodeError):
        cut(b"UPDATE t SET v = '\xff' WHERE id = 5")
