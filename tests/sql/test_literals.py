"""What is left out of a text is certainly a literal, by the parser's own scanner."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.sql.literals import Literals, NoPieces, pieces, whole
from proxy.sql.parse import SqlSyntaxError, tokens


def bare(text: str, size: int = 1 << 20) -> str:
    literals = Literals()
    return b"".join(literals.leave_out(piece) for piece in pieces(text.encode(), 0, size)).decode()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("SELECT 'a', 'b''c' || $1", "SELECT '', '''' || $1"),
        ("SELECT \"a\", 'b'", "SELECT \"a\", ''"),
        ("SELECT 'a' /* 'b' */, 'c'", "SELECT '' /* 'b' */, 'c'"),
        ("SELECT 'a' -- 'b'\n, 'c'", "SELECT '' -- 'b'\n, 'c'"),
        ("SELECT 'a', E'b\\'c'", "SELECT '', E'b\\'c'"),
        ("SELECT 'a', $x$'$x$, 'c'", "SELECT '', $x$'$x$, 'c'"),
        ("SELECT 'a', \"b'c\", 'd'", "SELECT '', \"b'c\", 'd'"),
        ("SELECT 'a--b', '/*', '$$', '\"'", "SELECT '', '', '', ''"),
        ("SELECT 'a", "SELECT ''"),
    ],
)
def test_leave_out(text: str, left: str) -> None:
    assert bare(text) == left


@given(
    st.lists(st.sampled_from(("'", '"', "e", "E", "$", "$1", "--", "/*", "a", "(")), max_size=12).map("".join)
)
def test_what_is_left_at_once_is_what_is_left_piece_by_piece(text: str) -> None:
    found = whole(text.encode())
    if found is not None:
        literals = Literals()
        assert literals.leave_out(text.encode()) == found
        assert not literals.inside


_SIGNS = """
' \" e E $ $$ $a$ $1 \\ '' a b1 é -- /* */ , ( - / * & x u& U& 1 ; 'x' "x"
"""
_TEXT = st.lists(st.sampled_from([*_SIGNS.split(), " ", "\n"]), max_size=14).map("".join)


@settings(deadline=None)
@given(_TEXT, st.integers(1, 12))
def test_only_literals_are_left_out(text: str, size: int) -> None:
    """With its literals emptied what is left is what the text is with its literals emptied."""
    try:
        wanted = emptied(text)
        left = bare(text, size)
    except (SqlSyntaxError, NoPieces):
        return  # the server rejects the text, or it is not cut
    assert emptied(left) == wanted


def emptied(text: str) -> str:
    """The text with nothing in what the scanner takes for a string with plain backslashes."""
    parts, done = [], 0
    for token in tokens(text, comments=True):
        quote = text.find("'", token.start, token.end)
        if token.name.endswith("CONST") and quote >= 0 and text[token.start] not in "eE$":
            parts += [text[done:quote], "''"]
            done = token.end
    return "".join(parts) + text[done:]
