"""trace_comment(text): what a client has written into a statement's comment to join it to a trace.

In: SQL text. Out: the keys and values of its last comment of sqlcommenter's form
(google.github.io/sqlcommenter/spec): `/*key='value',…*/`, keys and values percent-encoded, quotes in values
behind a backslash. What is a comment the server's scanner says, so a literal that looks like one is none.
Deliberately absent: what the values mean; changing the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from proxy.sql.parse import SqlSyntaxError, tokens

MAX_CHARS: Final = 8 * 1024
"""In longer texts nothing is looked for: scanning one holds the interpreter's other threads up."""

_PAIR: Final = r"\s*([^\s=,'*/]+)\s*=\s*'((?:[^'\\]|\\.)*)'\s*"
_PAIRS: Final = re.compile(_PAIR)
_COMMENT: Final = re.compile(rf"/\*{_PAIR}(?:,{_PAIR})*\*/", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


def trace_comment(text: str) -> Mapping[str, str]:
    """The last such comment's values by key; empty where there is none, or the text cannot be scanned."""
    if len(text) > MAX_CHARS or "/*" not in text or "='" not in text:
        return {}
    try:
        found = tokens(text, comments=True)
    except SqlSyntaxError:
        return {}
    for token in reversed(found):
        if token.name == "C_COMMENT" and _COMMENT.fullmatch(comment := text[token.start : token.end]):
            return {unquote(key): _value(value) for key, value in _PAIRS.findall(comment[2:-2])}
    return {}


def _value(raw: str) -> str:
    return unquote(_ESCAPED.sub(r"\1", raw))
