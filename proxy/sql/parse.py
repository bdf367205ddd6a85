"""The only door to pglast: SQL text in, the JSON tree out; PL/pgSQL bodies and tokens likewise.

Texts the server's lexer would spend quadratic time on are refused before the parser sees them. Deliberately
absent: Python nodes (parse_sql ends the whole process on long chains) and any reading of the tree.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
from pglast import keywords, parser

# The tree is read by recursion: deep enough for 3,000 additions, shallow enough for an 8 MB stack
# (10,000 levels of JSON decoded without harm in a test; a tree deeper than this is refused).
MAX_DEPTH = 12_000
# Lexing costs the square of a run of operator characters (comment starts are such runs too), here and in
# the server, which cannot be interrupted in it. The sum of squares is what is capped: 4,000 plus signs take
# 27 ms, 64 KB of /**/ more than a second. Shorter texts cannot reach the cap.
MAX_OPERATOR_WORK = 16_000_000
_SAFE_LENGTH = 4_000
OPERATOR_CHARACTERS = frozenset("-+*/<>=~!@#%^&|`?")
_OPERATOR_RUN = re.compile(r"[-+*/<>=~!@#%^&|`?]{64,}")

Json = dict[str, Any]

_decode = msgspec.json.Decoder(type=Json).decode
_decode_functions = msgspec.json.Decoder(type=list[Json]).decode
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_DOLLAR_TAG = re.compile(r"\$([^\s$']*)(?=\$)")
COMMENTS = frozenset({"SQL_COMMENT", "C_COMMENT"})
# What quote_ident() of the server puts into quotes though it is spelled like a plain name.
_QUOTED_WORDS = keywords.RESERVED_KEYWORDS | keywords.COL_NAME_KEYWORDS | keywords.TYPE_FUNC_NAME_KEYWORDS
KEY_WORDS = _QUOTED_WORDS | keywords.UNRESERVED_KEYWORDS
# Key words that name no function.
FIXED_WORDS = keywords.RESERVED_KEYWORDS | keywords.COL_NAME_KEYWORDS


class Token(NamedTuple):
    """A token of a text: the scanner's name for it, and where it stands, in characters."""

    name: str
    start: int
    end: int


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
    _check(text)
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


def parse_plpgsql(head: str, body: str) -> Json:
    """The one function of `head 'body'`, as libpg_query's JSON has PL/pgSQL.

    Args:
        head: "DO", or CREATE FUNCTION up to its AS.
        body: the code, unquoted.

    Raises:
        SqlSyntaxError: also for what only this parser cannot do (types of other schemas).
    """
    text = head + " '" + body.replace("'", "''") + "'"
    _check(text)
    try:
        found = _decode_functions(parser.parse_plpgsql_json(text))
    except parser.ParseError as error:
        raise SqlSyntaxError(str(error.args[0])) from None
    except (UnicodeError, msgspec.DecodeError) as error:
        raise SqlSyntaxError(str(error)) from None
    except RecursionError:
        raise too_deep() from None
    function: Json = found[0].get("PLpgSQL_function", {}) if len(found) == 1 else {}
    if "action" not in function:
        raise SqlSyntaxError("no PL/pgSQL")
    return function


def tokens(text: str, *, comments: bool = False) -> list[Token]:
    """The tokens of a text, comments left out unless they are asked for.

    Raises:
        SqlSyntaxError: a literal or comment does not end.
    """
    _check(text)
    try:
        text.encode()
        found = parser.scan(text if text.isascii() else _one_byte_each(text))
    except parser.ParseError as error:
        raise _syntax_error(error, text) from None
    except UnicodeEncodeError as error:
        raise SqlSyntaxError("a character that UTF-8 cannot encode", error.start + 1) from None
    return [
        Token(_name(item, text), item.start, item.end + 1)
        for item in found
        if comments or item.name not in COMMENTS
    ]


def shape_of(text: str) -> str:
    """What is the same for statements that differ in their literals alone: for grouping, never for judging.

    Two statements of one shape can differ in danger. A text that cannot be read is a shape of its own.
    """
    try:
        _check(text)
        return str(parser.fingerprint(text))
    except (parser.ParseError, UnicodeEncodeError, UnreadableText, SqlSyntaxError):
        return text


def _one_byte_each(text: str) -> str:
    """The text as the scanner sees it, with characters of one byte: it counts them anew for each token.

    To the scanner all that is not ASCII is a letter, and two dollar quotes may differ in nothing else.
    """
    if len(text) > _SAFE_LENGTH and any(not tag.isascii() for tag in _DOLLAR_TAG.findall(text)):
        raise UnreadableText("dollar quotes outside ASCII in a text that is too long (limit on lexing)")
    return _NOT_ASCII.sub("z", text) if len(text) > _SAFE_LENGTH else text


def _name(item: parser.Token, text: str) -> str:
    """A token's name; no key word is spelled with more than ASCII."""
    if item.kind == "NO_KEYWORD" or text[item.start : item.end + 1].isascii():
        return str(item.name)
    return "IDENT"


def can_begin(word: str) -> bool:
    """Whether a statement can begin with this key word."""
    try:
        parser.parse_sql_json(word)
    except parser.ParseError as error:
        return tuple(error.args[1:2]) != (0,) or "at end of input" in str(error.args[0])
    return True


def is_quoted_word(name: str) -> bool:
    """Whether a lower-case name is a key word that the server quotes where it quotes names."""
    return name in _QUOTED_WORDS


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


def _check(text: str) -> None:
    nul = text.find("\0")
    if nul >= 0:
        # pglast would silently stop reading here; the server never sees what is behind it either.
        raise SqlSyntaxError("a NUL character cannot be in a statement", nul + 1)
    if len(text) > _SAFE_LENGTH:
        _check_operator_runs(text)


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
