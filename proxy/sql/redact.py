"""redact(text, limit): a statement as a log may show it.

In: SQL text. Out: the same with its secret literals as '***': those the tree says are secret, and whole
literals (bodies of code too) and comments that speak of secrets; rather one too many. A text without any word
that a secret needs is shown without being parsed. One that cannot be read is not shown at all: what is secret
in it is not known. Deliberately absent: parameters' values, which never come here.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from ahocorasick_rs import BytesAhoCorasick

from proxy.sql.nodes.calls import sounds_secret
from proxy.sql.nodes.shapes import SHAPES
from proxy.sql.parse import COMMENTS, Json, SqlSyntaxError, Token, character_offsets, parse, tokens
from proxy.sql.tree import only, qualified, scalar, strings

MASK = "'***'"
COMMENT_MASK = "/***/"

# Statements whose options may hold credentials: every option of a foreign object but the plainly public ones.
_FOREIGN = frozenset(
    {
        "AlterFdwStmt",
        "AlterForeignServerStmt",
        "AlterUserMappingStmt",
        "CreateFdwStmt",
        "CreateForeignServerStmt",
        "CreateForeignTableStmt",
        "CreateUserMappingStmt",
    }
)
_PUBLIC_OPTIONS = frozenset(
    {
        "host",
        "port",
        "dbname",
        "user",
        "schema_name",
        "table_name",
        "column_name",
        "fetch_size",
        "updatable",
        "truncatable",
    }
)
# Functions with a secret among their arguments: the first text of these is a connection string or a key.
_SECRET_CALLS = re.compile(
    r"dblink|crypt$|^pgp_|^hmac$|^encrypt|^decrypt|^crypto_|^http|secret|password|^digest$"
)
# What speaks of secrets: column names, texts of code, connection strings, programs, URLs with a password.
_SECRET_WORDS = re.compile(
    r"""pass(?:word|wd|phrase|code) | \bpass\b | pwd | secret | token | jwt | bearer | credential
      | api_?key | private_?key | \bprogram\s*['$] | ://[^/\s:@]+:[^/\s@]+@""",
    re.IGNORECASE | re.VERBOSE,
)
_WORTH_A_LOOK = re.compile(rf"{_SECRET_WORDS.pattern} | program", _SECRET_WORDS.flags)
# Without any of these, in lower case, nothing that follows masks anything: the words above, statements with
# options, programs, connection strings or settings, and names that are spelled otherwise.
_NEEDED = BytesAhoCorasick(
    [
        *(b"pass", b"pwd", b"secret", b"token", b"jwt", b"bearer", b"credential", b"key", b"program", b"://"),
        *(b"options", b"connection", b"conninfo", b"_command", b"set_config", b"pg_settings", b"u&"),
        *(b"dblink", b"crypt", b"pgp_", b"hmac", b"http", b"digest"),
    ]
)
_VALUES = frozenset({"sval", "ival", "fval", "bsval"})
_LITERALS = frozenset({"SCONST", "USCONST", "BCONST", "XCONST"})
# In front of a literal that the tree places there: N'…', and signs.
_LEADING = frozenset({"NCHAR", "ASCII_43", "ASCII_45"})


def redact(text: str, limit: int | None = None) -> str:
    """The text without its secrets, cut to limit characters with an ellipsis."""
    try:
        shown = _shown(text) if may_hold_secrets(text) else text
    except (SqlSyntaxError, RecursionError):
        return f"<unreadable statement, {len(text)} characters>"
    return shown if limit is None or len(shown) <= limit else shown[: max(limit - 1, 0)] + "…"


def may_hold_secrets(text: str) -> bool:
    """Whether showing the text takes a parse; one pass that lets go of the interpreter."""
    try:
        raw = text.casefold().encode()
    except UnicodeEncodeError:
        return True
    return bool(_NEEDED.find_matches_as_indexes(raw))


def _shown(text: str) -> str:
    places = _secrets(parse(text))
    return _masked(text, *places) if any(places) or _WORTH_A_LOOK.search(text) else text


def _secrets(statements: Iterable[Json]) -> tuple[set[int], set[int]]:
    """Byte offsets at which a secret value stands, and those behind which it is the next literal."""
    at: set[int] = set()
    before: set[int] = set()
    # A stack, not recursion: the depth of a tree costs nothing then.
    stack = [(*only(raw.get("stmt")), False, False) for raw in statements]
    while stack:
        kind, body, foreign, secret = stack.pop()
        foreign |= kind in _FOREIGN
        if kind == "DefElem" and _is_secret_option(body, foreign):
            place = int(body.get("arg_location", -1))
            before.add(place if place >= 0 else int(body.get("location", 0)))
        elif kind == "A_Const" and secret and body.keys() & _VALUES:
            at.add(int(body.get("location", 0)))
        if "conninfo_location" in body:
            before.add(int(body["conninfo_location"]))
        hidden, shapes = _hidden(kind, body), SHAPES.get(kind, {})
        for field, value in body.items():
            for item in value if type(value) is list else (value,):
                if type(item) is dict:
                    inner = next(iter(item), "")
                    below = (inner, item[inner]) if inner[:1].isupper() else (shapes.get(field, ""), item)
                    stack.append((*below, foreign, secret or field in hidden))
    return at, before


def _is_secret_option(option: Json, foreign: bool) -> bool:
    name = str(option.get("defname", "")).lower()
    secret = sounds_secret(name) or name in {"conninfo", "connection"}
    return "String" in option.get("arg", {}) and (secret or (foreign and name not in _PUBLIC_OPTIONS))


def _hidden(kind: str, body: Json) -> tuple[str, ...]:
    """The fields of a node below which every literal is a secret."""
    match kind:
        case "VariableSetStmt":
            secret, fields = sounds_secret(str(body.get("name", ""))), ("args",)
        case "FuncCall":
            secret, fields = _is_secret_call(body), ("args",)
        case "ResTarget":
            secret, fields = _speaks(body.get("name")), ("val",)
        case "InsertStmt":
            columns = (item.get("ResTarget", {}).get("name") for item in body.get("cols", ()))
            secret, fields = any(_speaks(name) for name in columns), ("selectStmt",)
        case "UpdateStmt":
            # Which setting, only its WHERE says.
            secret, fields = body.get("relation", {}).get("relname") == "pg_settings", ("targetList",)
        case "A_Expr":
            sides = (only(body.get(side))[1].get("fields", []) for side in ("lexpr", "rexpr"))
            secret = any(_speaks(name) for side in sides for name in strings(side)[-1:])
            return ("lexpr", "rexpr") if secret else ()
        case _:
            return ()
    return fields if secret else ()


def _speaks(name: str | None) -> bool:
    return name is not None and _SECRET_WORDS.search(name) is not None


def _is_secret_call(call: Json) -> bool:
    _, name = qualified(call.get("funcname", []))
    args = call.get("args", [])
    if name == "set_config" and args:
        setting = scalar(args[0])
        return setting is None or sounds_secret(setting)
    return name is not None and _SECRET_CALLS.search(name) is not None


def _masked(text: str, at: set[int], before: set[int]) -> str:
    """The text with its secrets masked; where one cannot be made out, all that follows goes."""
    parts: list[str] = []
    done = 0
    for start, end, mask in sorted(_spans(text, at, before)):
        if start >= done:
            parts.append(text[done:start] + mask)
            done = end
    return "".join(parts) + text[done:]


def _spans(text: str, at: set[int], before: set[int]) -> Iterator[tuple[int, int, str]]:
    """Start and end, in characters, of each secret, and what is shown instead."""
    everything = tokens(text, comments=True)
    found = [token for token in everything if token.name not in COMMENTS]
    last = ""
    for token in everything:
        speaks = _SECRET_WORDS.search(text, token.start, token.end)
        if token.name in COMMENTS:
            if speaks:
                yield token.start, token.end, COMMENT_MASK
            continue
        if token.name in _LITERALS and (speaks or last == "PROGRAM"):
            yield token.start, token.end, MASK
        last = token.name
    offsets = character_offsets(text, at | before)
    values = [token for token in found if token.name not in _LEADING]
    literals = [token for token in found if token.name in _LITERALS]
    for places, candidates in ((at, values), (before, literals)):
        for place in places:
            yield *_next(candidates, offsets[place], len(text)), MASK


def _next(candidates: list[Token], place: int, length: int) -> tuple[int, int]:
    index = bisect_left(candidates, place, key=lambda token: token.start)
    return (candidates[index].start, candidates[index].end) if index < len(candidates) else (place, length)
