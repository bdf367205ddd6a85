"""The canonical spelling, and lines of an export."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.records.entry import GENESIS, Draft, canonical, read_line, seal

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LINE = (
    '{"about":"x","hash":"%s","kind":"freeze","payload":{"reason":"€\\u000f\\n"},'
    '"previous":"0000000000000000000000000000000000000000000000000000000000000000",'
    '"recorded_at":"2026-11-22T12:00:00.000000+00:00","recorded_by":"ada","sequence":1}'
)

# Texts that UTF-8 can hold; a key is ASCII.
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.from_regex(r"\A[a-z_]{1,8}\Z"), inner),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        # RFC 8785, section 3.2.2 and 3.2.3, without the floats
        ({"string": "€$\u000f\nA'B\"\\\\\"/", "literals": [None, True, False]},
         '{"literals":[null,true,false],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'),
        ({"b": 1, "a": -1, "_": 9007199254740991}, '{"_":9007199254740991,"a":-1,"b":1}'),
        ("\x08\t\n\x0c\r\x00\x1f\x7f\u2028", '"\\b\\t\\n\\f\\r\\u0000\\u001f\x7f\u2028"'),
        ([], "[]"),
    ],
)  # fmt: skip
def test_spelling(value: object, spelled: str) -> None:
    assert canonical(value) == spelled


@pytest.mark.parametrize("value", [1.5, 2**53, -(2**53), "\ud800", {"é": 1}, {1: 1}, [{"a": b""}]])
def test_what_has_no_one_spelling_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical(value)


@given(_VALUES)
def test_spelling_is_one_and_loses_nothing(value: object) -> None:
    assert json.loads(canonical(value)) == value
    assert canonical(json.loads(canonical(value))) == canonical(value)


def test_the_hash_is_sha_256_over_the_canonical_line_without_it() -> None:
    entry = seal(Draft("freeze", "ada", '{"reason":"€\\u000f\\n"}', "x"), 1, GENESIS, NOON)
    bare = LINE.replace('"hash":"%s",', "")
    assert entry.hash == sha256(bare.encode()).hexdigest()
    assert entry.line(GENESIS) == LINE % entry.hash


@given(_TEXTS, _TEXTS, _TEXTS, st.dictionaries(st.from_regex(r"\A[a-z]{1,4}\Z"), _VALUES, max_size=3))
def test_a_line_comes_back(kind: str, about: str, by: str, payload: dict[str, object]) -> None:
    entry = seal(Draft(kind, by, canonical(payload), about), 7, "ab" * 32, NOON)
    line = entry.line("ab" * 32)
    assert canonical(json.loads(line)) == line
    assert read_line(line) == (entry, "ab" * 32)
    assert read_line(json.dumps(json.loads(line), indent=None)) == (entry, "ab" * 32)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (LINE, ""),
        (LINE, "x"),
        (LINE, "[]"),
        (LINE, "{}"),
        ('"sequence":1', '"sequence":"1"'),
        ('"sequence":1', '"sequence":true'),
        ('"sequence":1', '"sequence":1,"more":1'),
        ('"reason":', '"reason":"","reason":'),
        ('"ada"', "7"),
        ('"€\\u000f\\n"', "1.0"),
        ('"€\\u000f\\n"', "NaN"),
    ],
)
def test_what_is_no_line_of_an_export(before: str, after: str) -> None:
    assert before in LINE
    with pytest.raises(ValueError, match=r"."):
        read_line(LINE.replace(before, after))
