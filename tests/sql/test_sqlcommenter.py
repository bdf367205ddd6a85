"""Trace contexts in comments, as sqlcommenter writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sql.sqlcommenter import MAX_CHARS, trace_comment

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
COMMENT = f"/*traceparent='{PARENT}'*/"
JUST = {"traceparent": PARENT}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"SELECT 1 {COMMENT}", JUST),
        (f"SELECT 1 {COMMENT};", JUST),
        (f"{COMMENT} SELECT 1", JUST),
        (f"SELECT/*+ hint */ 1 {COMMENT} -- the end", JUST),
        (
            f"SELECT 1 /*db_driver='pg%3A8',route='%2Fa%20b',traceparent='{PARENT}',tracestate='a%3D1'*/",
            {"db_driver": "pg:8", "route": "/a b", "traceparent": PARENT, "tracestate": "a=1"},
        ),
        (r"SELECT 1 /*name='it\'s',n='a,b'*/", {"name": "it's", "n": "a,b"}),
        (f"/*traceparent='first'*/ SELECT 1 {COMMENT}", JUST),
        (f"/*a='1'*/ SELECT 'ä' {COMMENT}", JUST),
        # What only looks like a comment is none.
        (f"SELECT '{COMMENT.replace(chr(39), chr(39) * 2)}'", {}),
        (f"SELECT $${COMMENT}$$", {}),
        (f"SELECT 1 -- {COMMENT}", {}),
        (f'SELECT 1 AS "{COMMENT}"', {}),
        (f"SELECT 1 /* {COMMENT} */", {}),
        (f"SELECT 1 {COMMENT[:-2]}", {}),
        (f"SELECT '{COMMENT}", {}),
        ("SELECT 1 /*traceparent=00*/", {}),
        ("SELECT 1 /*traceparent='a' or 'b'*/", {}),
        ("SELECT 1", {}),
        ("", {}),
        (f"SELECT 1 {' ' * MAX_CHARS}{COMMENT}", {}),
    ],
)
def test_what_is_found(text: str, found: dict[str, str]) -> None:
    assert trace_comment(text) == found


@given(st.text(), st.text("/*='a;,\\ -$\n\"", max_size=40))
def test_any_text(before: str, after: str) -> None:
    assert all(isinstance(value, str) for value in trace_comment(before + after).values())
