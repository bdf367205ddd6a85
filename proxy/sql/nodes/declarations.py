"""The DECLARE sections of a PL/pgSQL body, read from its tokens.

The parser's JSON leaves out the default of a variable of a composite type (`r record := f()`), the names that
ALIAS declares, and cannot read types of other schemas at all. Found here: the names, the defaults, and the
body with such types replaced. A word `declare` that is only a name is taken for a section as well: that
may read too much, never too little. Deliberately absent: what a default does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from proxy.sql.parse import SqlSyntaxError, Token, UnreadableText, tokens

# Looking a variable up costs the parser time in proportion to how many there are.
MAX_DECLARED = 2_000
_MAX_NAME_BYTES = 63
_KNOWN_SCHEMAS = frozenset({"public", "pg_catalog"})
_STARTS_DEFAULT = frozenset({"COLON_EQUALS", "ASCII_61", "DEFAULT"})
_ENDS_TYPE = _STARTS_DEFAULT | {"NOT", "COLLATE"}
_NO_SCALARS = frozenset({"record", "refcursor", "pg_catalog.refcursor"})
_OPENS, _CLOSES = frozenset({"ASCII_40", "ASCII_91"}), frozenset({"ASCII_41", "ASCII_93"})
_DOT, _COMMA, _SEMICOLON, _PERCENT = "ASCII_46", "ASCII_44", "ASCII_59", "ASCII_37"


@dataclass(frozen=True, slots=True)
class Declarations:
    """What the DECLARE sections of a body hold.

    Attributes:
        names: of variables, cursors and aliases.
        types: the words that their types are made of.
        defaults: variables with their initial values, expressions.
        plain: the body with types of other schemas and arrays replaced by ones that the parser takes; nothing
            else differs.
        scalar: the same, and what is never asked for a field is a number: the parser takes a variable of a
            domain or an enum for a record, which cannot stand in every place where these can.
        fielded: names that a field is asked of, so that they are records (or schemas and the like).
    """

    names: frozenset[str]
    types: frozenset[str]
    defaults: tuple[tuple[str, str], ...]
    plain: str
    scalar: str
    fielded: frozenset[str]


def declarations(body: str) -> Declarations:
    """Read the DECLARE sections of a body.

    Raises:
        SqlSyntaxError: the text does not end well, or declares too much.
    """
    found = tokens(body)
    fielded = frozenset(
        _name(body, token)
        for token, dot in pairwise(found)
        if dot.name == _DOT and not token.name.startswith("ASCII_")
    )
    names: set[str] = set()
    words: set[str] = set()
    defaults: list[tuple[str, str]] = []
    plain: list[tuple[int, int, str]] = []
    scalar: list[tuple[int, int, str]] = []
    for item in _declared(found):
        if len(names) > MAX_DECLARED:
            raise UnreadableText(f"more than {MAX_DECLARED} variables are declared")
        name = _name(body, item[0])
        names.add(name)
        value, types = _parts(body, item[1:])
        if value:
            defaults.append((name, value))
        for given in types:
            words.update(_name(body, token) for token in given if not token.name.startswith("ASCII_"))
            plain += _plain_type(body, given, record=True)
            scalar += _plain_type(body, given, record=name in fielded)
    return Declarations(
        frozenset(names),
        frozenset(words),
        tuple(defaults),
        _changed(body, plain),
        _changed(body, scalar),
        fielded,
    )


def _parts(body: str, rest: list[Token]) -> tuple[str, list[list[Token]]]:
    """A declaration's initial value, and the tokens of its type, or of the types of a cursor's parameters."""
    words = [body[token.start : token.end].lower() for token in rest[:4]]
    if words[_scroll(words) :][:1] == ["cursor"]:
        head = rest[: _first(rest, frozenset({"FOR", "IS"}))]
        return "", [argument[1:] for argument in _split(head[_first(head, _OPENS) + 1 :])]
    if words[:2] == ["alias", "for"]:
        return "", []
    at = _first(rest, _STARTS_DEFAULT)
    typed = rest[1:] if words[:1] == ["constant"] else rest
    return (
        body[rest[at].end : rest[-1].end] if at < len(rest) else "",
        [typed[: _first(typed, _ENDS_TYPE)]],
    )


def _scroll(words: list[str]) -> int:
    """How many words SCROLL or NO SCROLL in front of CURSOR are."""
    return 1 if words[:1] == ["scroll"] else 2 if words[:2] == ["no", "scroll"] else 0


def _declared(found: list[Token]) -> Iterator[list[Token]]:
    """The tokens of each declaration, its semicolon left out."""
    inside = False
    item: list[Token] = []
    for token in found:
        if token.name in {"DECLARE", _SEMICOLON}:
            if item:
                yield item
            item = []
            inside |= token.name == "DECLARE"
        elif token.name == "BEGIN_P" and not item:
            inside = False
        elif inside:
            item.append(token)


def _name(body: str, token: Token) -> str:
    """A declared name as the server knows it."""
    text = body[token.start : token.end]
    if text.startswith('"'):
        name = text[1:-1].replace('""', '"')
    elif text[:3].lower() == 'u&"':
        raise SqlSyntaxError("a variable's name is spelled in Unicode escapes")
    else:
        name = "".join(letter.lower() if letter.isascii() else letter for letter in text)
    return name.encode()[:_MAX_NAME_BYTES].decode("utf-8", "ignore")


def _first(found: list[Token], wanted: frozenset[str]) -> int:
    """The index of the first such token outside parentheses (an opening one counts as outside)."""
    depth = 0
    for index, token in enumerate(found):
        if depth == 0 and token.name in wanted:
            return index
        depth += (token.name in _OPENS) - (token.name in _CLOSES)
    return len(found)


def _split(found: list[Token]) -> Iterator[list[Token]]:
    """The arguments of a cursor, up to the closing parenthesis."""
    item: list[Token] = []
    depth = 0
    for token in found:
        depth += (token.name in _OPENS) - (token.name in _CLOSES)
        if depth < 0:
            break
        if token.name == _COMMA and depth == 0:
            yield item
            item = []
        else:
            item.append(token)
    yield item


def _plain_type(body: str, found: list[Token], *, record: bool) -> Iterator[tuple[int, int, str]]:
    """The change that lets the parser take a type, if one may be needed."""
    if not found:
        return
    start, end = found[0].start, found[-1].end
    names = [token.name for token in found]
    if not {"ASCII_91", "ARRAY"}.isdisjoint(names):
        # Of what, the parser need not know; arrays of records it does not take.
        yield start, end, "int4[]"
    elif _PERCENT in names and body[found[-1].start : end].lower() == "rowtype":
        yield start, end, "record"
    elif names[0] == "IDENT" and _PERCENT not in names:
        if not record and body[start:end].lower() not in _NO_SCALARS:
            yield start, end, "int4"
        elif names[1:2] == [_DOT] and body[start : found[0].end] not in _KNOWN_SCHEMAS:
            yield start, found[0].end, "public"


def _changed(body: str, changes: list[tuple[int, int, str]]) -> str:
    parts: list[str] = []
    done = 0
    for start, end, text in changes:
        parts += [body[done:start], text]
        done = end
    return "".join([*parts, body[done:]])
