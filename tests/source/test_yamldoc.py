"""YAML: what values mean, where they stand, and what is refused."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.source import Position, SourceError, read_yaml
from proxy.source.yamldoc import MAX_CHARACTERS, MAX_NODES

VALUES = [
    ("22:00", "22:00"),
    ("on", "on"),
    ("off", "off"),
    ("yes", "yes"),
    ("no", "no"),
    ("y", "y"),
    ("010", 10),
    ("0o10", 8),
    ("0x1F", 31),
    ("-7", -7),
    ("+7", 7),
    ("1_000", "1_000"),
    ("1e3", 1000.0),
    (".5", 0.5),
    ("1.", 1.0),
    ("1.5e-2", 0.015),
    ("0b1", "0b1"),
    ("190:20:30", "190:20:30"),
    ("2026-12-24", "2026-12-24"),
    ("true", True),
    ("False", False),
    ("TRUE", True),
    ("tRUE", "tRUE"),
    ("null", None),
    ("~", None),
    ("", None),
    ("nil", "nil"),
    ("-.inf", -math.inf),
    (".INF", math.inf),
    ('"22"', "22"),
    ("'true'", "true"),
    ("|\n  two\n  lines\n", "two\nlines\n"),
    (">-\n  folded\n  line\n", "folded line"),
    ("=", "="),
    ("ünï", "ünï"),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_scalar(text: str, value: object) -> None:
    assert read_yaml(f"a: {text}", "f").data == {"a": value}
    assert type(read_yaml(f"a: {text}", "f").data["a"]) is type(value)


def test_not_a_number() -> None:
    assert math.isnan(read_yaml(".nan", "f").data)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "\ufeff", "\n\n"])
def test_empty_document(text: str) -> None:
    document = read_yaml(text, "f")
    assert document.data is None
    assert document.position(()).column == 1


def test_keys_are_text_whatever_they_look_like() -> None:
    assert read_yaml("{on: 1, 010: 2, null: 3, '': 4}", "f").data == {"on": 1, "010": 2, "null": 3, "": 4}


TEXT = """\
version: 1
rules:
  - id: é-a
    match: {effects: [table.drop, "x"]}
"""


def test_positions() -> None:
    document = read_yaml(TEXT, "p.yaml")
    places = {
        (): (1, 1),
        ("version",): (1, 10),
        ("rules",): (3, 3),
        ("rules", 0): (3, 5),
        ("rules", 0, "id"): (3, 9),
        ("rules", 0, "match", "effects", 1): (4, 35),
        ("rules", 0, "match", "nothing", 7): (4, 12),
        ("rules", 5): (3, 3),
    }
    assert {path: document.position(path) for path in places} == {
        path: Position("p.yaml", line, column) for path, (line, column) in places.items()
    }
    assert document.position(("rules",), key=True) == Position("p.yaml", 2, 1)
    assert document.position(("rules", 0, "match", "effects"), key=True) == Position("p.yaml", 4, 13)
    assert document.source_line(Position("p.yaml", 3, 1)) == "  - id: é-a"
    assert document.source_line(Position("p.yaml", 99, 1)) == ""


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_end_as_the_parser_counts_them(newline: str) -> None:
    document = read_yaml(f"a: 1{newline}b: 2{newline}", "f")
    assert document.position(("b",)) == Position("f", 2, 4)
    assert document.source_line(document.position(("b",))) == "b: 2"


def test_byte_order_mark_takes_no_column() -> None:
    assert read_yaml("\ufeffa: 1", "f").position(("a",)) == Position("f", 1, 4)


def test_alias_repeats_a_value_and_its_place() -> None:
    document = read_yaml("a: &x [1, 2]\nb: *x\n", "f")
    assert document.data == {"a": [1, 2], "b": [1, 2]}
    assert document.position(("b", 1)) == Position("f", 1, 11)


REFUSED = [
    ("a: 1\nb: 2\na: 3", ['f:3:1: the key "a" was already given in line 1']),
    (
        "a: {b: 1, b: 2}\na: 3",
        ['f:1:11: the key "b" was already given in line 1', 'f:2:1: the key "a" was already given in line 1'],
    ),
    ('a: 1\n"a": 2', ['f:2:1: the key "a" was already given in line 1']),
    ("x: &x {b: 1}\na:\n  <<: *x", ['f:3:3: merge keys ("<<") are not used here; write the keys out']),
    (
        "a: !!str 1",
        ["f:1:4: tags such as tag:yaml.org,2002:str are not used here; text is written in quotes"],
    ),
    (
        "a: !python/object:os.system x",
        ["f:1:4: tags such as !python/object:os.system are not used here; text is written in quotes"],
    ),
    ("a: !list [1]", ["f:1:4: tags such as !list are not used here"]),
    (
        "a:\n\tb: 1",
        [
            "f:2:1: this character cannot start a value; indent with spaces, and quote text that begins with "
            "@ or `"
        ],
    ),
    ("a: 1\n---\nb: 2\n", ["f:2:1: a second document begins here; one file holds one document"]),
    ("a: *x", ['f:1:4: no anchor "&x" stands before this alias']),
    ("a: &x [1, *x]", ['f:1:11: the alias "*x" lies inside the value that it repeats']),
    ("? [a]\n: 1", ["f:1:3: a key must be a plain word, not a list or a mapping"]),
    ("a: &x 1\n*x : 2", ["f:2:1: a key must be a plain word, not an alias"]),
    ("[" * 40, ["f:1:33: values are nested more than 32 deep"]),
    ("[" * 900, ["f:1:33: values are nested more than 32 deep"]),
    ("a: 1e999", ["f:1:4: the number is too large"]),
    ("a: [1", ["f:1:6: not valid YAML: a comma or a closing bracket is missing before this"]),
    (
        "a: 'x\n",
        ["f:1:4: not valid YAML: the quote that begins here does not end"],
    ),
    ("a: b: c", ["f:1:5: not valid YAML: no colon can stand here; put text that holds one in quotes"]),
    ("a: 1\nb: \x07", ["f:2:4: the character U+0007 is not allowed in YAML"]),
    ("é: 1\nü: \x00", ["f:2:4: the character U+0000 is not allowed in YAML"]),
    ("a: \ud800", ["f:1:4: the character U+D800 is not allowed in YAML"]),
    ("a: " + "1" * 500, ["f:1:4: the number is too large"]),
]


def test_nested_deeper_than_the_parser_itself_reads() -> None:
    """Some releases of libyaml stop at a depth of their own, in their own words."""
    with pytest.raises(SourceError) as caught:
        read_yaml("[" * 100_000, "f")
    assert [each.message for each in caught.value.diagnostics] == ["values are nested more than 32 deep"]


@pytest.mark.parametrize(("text", "expected"), REFUSED)
def test_refused(text: str, expected: list[str]) -> None:
    with pytest.raises(SourceError) as caught:
        read_yaml(text, "f")
    assert [f"{each.position}: {each.message}" for each in caught.value.diagnostics] == expected


def test_ten_megabytes() -> None:
    with pytest.raises(SourceError, match=r"^f:1:1: the file is larger than 4 MiB$"):
        read_yaml("- a\n" * (MAX_CHARACTERS // 2), "f")


def test_aliases_cannot_stand_for_billions() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(SourceError, match=f"the file stands for more than {MAX_NODES} values"):
        read_yaml("\n".join(lines), "f")


def test_aliases_cannot_nest_without_end() -> None:
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 40))]
    with pytest.raises(SourceError, match="aliases nest values more than 32 deep"):
        read_yaml("\n".join(lines), "f")


@given(st.text(alphabet=st.sampled_from("ab: -\n\t[]{},&*!|>'\"#%@`?~<\x00\x07é\u2028"), max_size=60))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        document = read_yaml(text, "f")
    except SourceError as error:
        assert error.diagnostics
        assert str(error).startswith("f:")
    else:
        assert document.position(()).file == "f"
