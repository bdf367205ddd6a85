"""Keys are set, and all else stays as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.app.offline.amending import set_key
from proxy.source import read_yaml

ROWS = {
    "nothing there": ("", ("sets", "a"), {"roles": ["x"]}, "sets: {a: {roles: [x]}}"),
    "behind what is there": (
        "version: 1  # one\n",
        ("sets", "a"),
        ["x.y"],
        "version: 1  # one\n\nsets: {a: [x.y]}\n",
    ),
    "beside another": (
        "sets:\n  # why\n  b: [z]  # here\n\n# rules\nrules: []\n",
        ("sets", "a"),
        ["x"],
        "sets:\n  # why\n  b: [z]  # here\n  a: [x]\n\n# rules\nrules: []\n",
    ),
    "in place of one": (
        "sets:\n  a:\n    # old\n    - z\n  b: [c]\n",
        ("sets", "a"),
        ["x"],
        "sets:\n  a: [x]\n  b: [c]\n",
    ),
    "in braces": (
        "name: shop\nsets: {b: [c]}\nrules: []\n",
        ("sets", "a"),
        ["x"],
        "name: shop\nsets: {b: [c], a: [x]}\nrules: []\n",
    ),
    "a list flush with its key": (
        "sets:\n  a:\n  - x\n  - y\nrules: []\n",
        ("sets", "a"),
        ["z"],
        "sets:\n  a: [z]\nrules: []\n",
    ),
    "deeper": (
        "time:\n  timezone: UTC\n  windows:\n    peak: {from: '08:00'}\n",
        ("time", "windows", "peak"),
        {"days": "mon-fri", "from": "09:00"},
        'time:\n  timezone: UTC\n  windows:\n    peak: {days: mon-fri, from: "09:00"}\n',
    ),
    "a mapping that is not there": (
        "time:\n  timezone: UTC\n",
        ("time", "windows", "peak"),
        {"from": "09:00"},
        'time:\n  timezone: UTC\n  windows: {peak: {from: "09:00"}}\n',
    ),
    "words that mean something else": (
        "",
        ("sets", "a"),
        {"roles": ["true", "*_ro", "12"]},
        'sets: {a: {roles: ["true", "*_ro", "12"]}}\n',
    ),
}


@pytest.mark.parametrize(("text", "path", "value", "expected"), ROWS.values(), ids=ROWS)
def test_a_key_is_set(text: str, path: tuple[str, ...], value: object, expected: str) -> None:
    made = set_key(text, path, value)
    assert read_yaml(made, "").data == read_yaml(expected, "").data
    kept = [line for line in text.splitlines() if "#" in line and "# old" not in line]
    assert [line for line in kept if line not in made.splitlines()] == []


def test_layout() -> None:
    text, path, value, expected = ROWS["beside another"]
    assert set_key(text, path, value) == expected
    text, path, value, expected = ROWS["deeper"]
    assert set_key(text, path, value) == expected


def test_comments_stand_above_with_the_same_indent() -> None:
    made = set_key("sets:\n  b: [z]\n", ("sets", "a"), ["x"], ["seen 3 times", "by app"])
    assert made == "sets:\n  b: [z]\n  # seen 3 times\n  # by app\n  a: [x]\n"


def test_a_comment_stays_a_comment() -> None:
    made = set_key("", ("a",), 1, ["by evil\nrules: []\r\x85\u2028x"])
    assert made == "# by evil?rules: []???x\na: 1\n"


_NAMES = st.sampled_from(["a", "b", "c d", "true", "9", "x-y"])
_LEAVES = st.one_of(
    st.integers(), st.booleans(), st.text(st.characters(exclude_categories=["Cs"]), max_size=8), st.none()
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(
    first=_VALUES,
    second=_VALUES,
    one=st.lists(_NAMES, min_size=1, max_size=3),
    other=st.lists(_NAMES, min_size=1, max_size=3),
)
def test_what_is_set_is_what_is_read(first: object, second: object, one: list[str], other: list[str]) -> None:
    text = set_key("", tuple(one), first)
    made = read_yaml(set_key(text, tuple(other), second), "").data
    expected = read_yaml(text, "").data
    inside = expected
    for step in other[:-1]:
        if not isinstance(inside.get(step), dict):
            inside[step] = {}
        inside = inside[step]
    inside[other[-1]] = second
    assert made == expected
