"""The door to pglast: positions in characters, and texts that are refused before it sees them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sql.analyse import analyse
from proxy.sql.parse import SqlSyntaxError, Token, UnreadableText, character_offsets, parse, tokens


@pytest.mark.defect_30
@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("SELEC 1", 'syntax error at or near "SELEC"', 1),
        ("SELECT 1 +; x", 'syntax error at or near ";"', 11),
        ("SELECT 'é' +; x", 'syntax error at or near ";"', 13),
        ("SELECT '😀日' +; x", 'syntax error at or near ";"', 14),
        ("SELECT 1 FROM", "syntax error at end of input", 14),
        ("SELECT 'é' FROM", "syntax error at end of input", 16),
        ("SELECT 'é', 'abc", 'unterminated quoted string at or near "\'abc"', 13),
        ("SELECT 1\0; DROP TABLE t", "a NUL character cannot be in a statement", 9),
        ("SELECT '\ud800'", "a character that UTF-8 cannot encode", 9),
    ],
)
def test_errors(text: str, message: str, position: int) -> None:
    with pytest.raises(SqlSyntaxError) as caught:
        parse(text)
    assert (caught.value.message, caught.value.position) == (message, position)
    assert type(caught.value) is SqlSyntaxError


@pytest.mark.defect_34
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("SELECT 1 " + "+" * 65_000 + " 1", id="plus signs"),
        pytest.param("/**/" * 16_000 + "SELECT 1", id="comments without blanks"),
        pytest.param("/*" * 16_000 + "*/" * 16_000 + "SELECT 1", id="nested comments"),
        pytest.param(("+" * 3_000 + " ") * 20 + "1", id="many runs"),
        pytest.param("SELECT 1" + " UNION ALL SELECT 1" * 20_000, id="unions"),
        pytest.param("SELECT " + "(SELECT " * 3_000 + "1" + ")" * 3_000, id="sub-selects"),
    ],
)
def test_limits_are_said_quickly(text: str) -> None:
    started = time.perf_counter()
    with pytest.raises(SqlSyntaxError) as caught:
        analyse(text)
    assert time.perf_counter() - started < 1
    assert isinstance(caught.value, UnreadableText) or "memory exhausted" in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("-- " + "=" * 200 + "\n" + "/" + "*" * 300 + "/ SELECT 1", id="rulers"),
        pytest.param("/**/ " * 5_000 + "SELECT 1", id="comments with blanks"),
        pytest.param("SELECT 1" + "+1" * 3_000, id="additions"),
        pytest.param("SELECT 1 WHERE 1 = 1" + " OR 1 = 2" * 5_000, id="alternatives"),
        pytest.param("SELECT 1" + " UNION ALL SELECT 1" * 1_500, id="unions"),
        pytest.param("SELECT '" + "x" * 5_000_000 + "'", id="a long literal"),
        pytest.param("SELECT " + "(" * 1_000 + "1" + ")" * 1_000, id="parentheses"),
    ],
)
def test_ordinary_large_texts_are_read(text: str) -> None:
    assert analyse(text).effects == ()


@given(st.text(max_size=50))
def test_garbage_is_a_syntax_error_or_a_statement(text: str) -> None:
    try:
        analyse(text)
    except SqlSyntaxError as error:
        assert 0 <= error.position <= len(text) + 1


@given(st.text(alphabet="aé日😀", max_size=20))
def test_character_offsets(text: str) -> None:
    places = {len(text[:index].encode()): index for index in range(len(text) + 1)}
    assert character_offsets(text, places) == places


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 'é' -- é\n 'ß', $a$ é $a$, \"é\", é, zoné, current_é, U&'é', E'\\é', :é, x'é'",
        "DO $$ é $$ /* é */ LANGUAGE é",
        "SELECT $1é",
    ],
)
def test_tokens_of_a_long_text_are_those_of_a_short_one(text: str) -> None:
    def told(text: str) -> list[Token] | str:
        try:
            return tokens(text)
        except SqlSyntaxError as error:
            return error.message.partition(" at or near")[0]

    assert told(text + " " * 5_000) == told(text)


def test_tokens_of_a_long_text_beyond_ascii_are_counted_once() -> None:
    """A scanner that counted characters anew for each would take 10^11 steps here."""
    text = "é 'é' " * 100_000
    found = tokens(text)
    assert (len(found), found[-1]) == (200_000, Token("SCONST", 599_996, 599_999))


def test_two_dollar_quotes_that_differ_beyond_ascii_only_are_not_taken_for_one() -> None:
    text = "SELECT $é$ $ß$ $é$"
    assert [text[token.start : token.end] for token in tokens(text)] == ["SELECT", "$é$ $ß$ $é$"]
    with pytest.raises(UnreadableText, match="dollar quotes outside ASCII"):
        tokens(text + " " * 5_000)
