"""The only door to pglast: SQL text in, the JSON tree out.

Texts the server's lexer would spend quadratic time on are refused before the parser sees them. Deliberately
absent: Python nodes (parse_sql ends the whole process on long chains) and any reading of the tree.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import Any

import msgspec
from pglast import parser

# The tree is read by recursion: deep enough for 3,000 additions, shallow enough for an 8 MB stack
# (10,000 levels of JSON decoded without harm in a test; a tree deeper than this is refused).
MAX_DEPTH = 12_000
# Lexing costs the square of a run of operator characters (comment starts are such runs too), here and in
# the server, which cannot be interrupted in it. The sum of squares is what is capped: 4,000 plus signs take
# 27 ms, 64 KB of /**/ more than a second. Shorter texts cannot reach the cap.
MAX_OPERATOR_WORK = 16_000_000
_SAFE_LENGTH = 4_000
_OPERATOR_RUN = re.compile(r"[-+*/<>=~!@#%^&|`?]{64,}")

Json = dict[str, Any]

_decode = msgspec.json.Decoder(type=Json).decode


class SqlSyntaxError(Exception):
    """The text is no SQL. position is the 1-based character where, or 0."""

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


class UnreadableText(SqlSyntaxError):
    """The text is over a limit that keeps reading cheap; the message says which."""


def parse(text: str) -> list[Json]:
    """The raw statements of a text, as libpg_query's JSON has them (locations are UTF-8 byte offsets).

    Raises:
        SqlSyntaxError: with the parser's message and position.
        UnreadableText: when a limit on lexing or depth is passed.
    """
    nul = text.find("\0")
    if nul >= 0:
        # pglast would silently stop reading here; the server never sees what is behind it either.
        raise SqlSyntaxError("a NUL character cannot be in a statement", nul + 1)
    if len(text) > _SAFE_LENGTH:
        _check_operator_runs(text)
    try:
        tree = _decode(parser.parse_sql_json(text))
    except parser.ParseError as error:
        raise _syntax_error(error, text) from None
    except UnicodeEncodeError as error:
        raise SqlSyntaxError("a character that UTF-8 cannot encode", error.start + 1) from None
    except RecursionError:
        raise too_deep() from None
    statements: list[Json] = tree.get("stmts", [])
    return statements


def too_deep() -> UnreadableText:
    """What to raise when the tree is deeper than the walk can go."""
    return UnreadableText("statement is nested too deep to be read (limit on depth)")


def character_offsets(text: str, positions: Iterable[int]) -> dict[int, int]:
    """Each UTF-8 byte offset of the text as an offset in characters, in one pass."""
    raw = text.encode()
    found: dict[int, int] = {}
    last = characters = 0
    for position in sorted(set(positions)):
        characters += len(raw[last:position].decode("utf-8", "replace"))
        last = position
        found[position] = characters
    return found


def _syntax_error(error: parser.ParseError, text: str) -> SqlSyntaxError:
    message = str(error.args[0])
    index = error.args[1] if len(error.args) > 1 else None
    if index is not None:
        return SqlSyntaxError(message, index + 1)
    # The server points one past the end; other errors of the grammar have no place.
    return SqlSyntaxError(message, len(text) + 1 if "at end of input" in message else 0)


def _check_operator_runs(text: str) -> None:
    work = 0
    for run in _OPERATOR_RUN.finditer(text):
        work += (run.end() - run.start()) ** 2
        if work > MAX_OPERATOR_WORK:
            raise UnreadableText(
                "runs of operator characters or comment signs are too long to be lexed"
                f" (limit on lexing: {MAX_OPERATOR_WORK} steps)",
                run.start() + 1,
            )


if sys.getrecursionlimit() < MAX_DEPTH:
    sys.setrecursionlimit(MAX_DEPTH)
