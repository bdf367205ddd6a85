"""redact(text, limit): a statement as a log may show it.

In: SQL text. Out: the same with its secret literals as '***', which parses where the text did. One rule:
what stands together is masked together when any name or key in it sounds secret. What stands together is an
expression, an option, a row of VALUES or a column's definition where the statement is of a known shape; of
any other shape, and where a table or a literal sounds secret, it is the whole statement. Literals (bodies of
code too) and comments that speak of secrets are masked by themselves. A text without any word that a secret
needs is shown without being parsed. One that cannot be read is not shown at all: what is secret in it is not
known. Deliberately absent: the words (secrets.py); parameters' values, which never come here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

from proxy.sql.nodes.shapes import SHAPES
from proxy.sql.parse import COMMENTS, Json, SqlSyntaxError, Token, character_offsets, parse, tokens
from proxy.sql.secrets import (
    is_key,
    may_hold_secrets,
    names_secret,
    sounds_secret,
    speaks,
    takes_secret,
)
from proxy.sql.tree import only, scalar, strings

MASK = "'***'"
COMMENT_MASK = "/***/"

# Statements whose options may hold credentials: every option of a foreign object but the plainly public ones.
_FOREIGN_NODES = """
AlterFdwStmt AlterForeignServerStmt AlterUserMappingStmt CreateFdwStmt CreateForeignServerStmt
CreateForeignTableStmt CreateUserMappingStmt
"""
_FOREIGN = frozenset(_FOREIGN_NODES.split())
_PUBLIC = "host port dbname user schema_name table_name column_name fetch_size updatable truncatable"
_PUBLIC_OPTIONS = frozenset(_PUBLIC.split())
# Nodes whose parts do not stand together: below them, each node of another kind is a group of its own.
_LOOSE_NODES = """
SelectStmt InsertStmt UpdateStmt DeleteStmt MergeStmt CopyStmt ExplainStmt PrepareStmt ExecuteStmt
CreateTableAsStmt DeclareCursorStmt ViewStmt IndexStmt CreateStmt AlterTableStmt CreateSchemaStmt
CreateRoleStmt AlterRoleStmt WithClause CommonTableExpr OnConflictClause ReturningClause IntoClause
RangeVar RangeSubselect Alias String JoinExpr BoolExpr
"""
_LOOSE = _FOREIGN | frozenset(_LOOSE_NODES.split())
_VALUES = frozenset({"sval", "ival", "fval", "bsval"})
_LITERALS = frozenset({"SCONST", "USCONST", "BCONST", "XCONST"})
# What may stand between an option's place and its value: its name, ADD or SET, ENCRYPTED, an equals sign.
_OPTION_TOKENS = 4
_ENDS = frozenset({"ASCII_44", "ASCII_41", "ASCII_59"})


@dataclass(slots=True)
class _Group:
    """What is masked together: constants by the byte offsets at which they stand, and options."""

    row: bool = False
    secret: bool = False
    constants: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Found:
    """What of a text is secret, in byte offsets.

    Attributes:
        at: where a secret constant begins.
        options: where an option begins whose literal is secret.
        before: places behind which the next literal is secret.
        whole: first and last of statements all literals of which are secret.
    """

    at: set[int] = field(default_factory=set)
    options: set[int] = field(default_factory=set)
    before: set[int] = field(default_factory=set)
    whole: list[tuple[int, int]] = field(default_factory=list)


def redact(text: str, limit: int | None = None) -> str:
    """The text without its secrets, cut to limit characters with an ellipsis."""
    try:
        shown = _shown(text) if may_hold_secrets(text) else text
    except (SqlSyntaxError, RecursionError):
        return f"<unreadable statement, {len(text)} characters>"
    return shown if limit is None or len(shown) <= limit else shown[: max(limit - 1, 0)] + "…"


def _shown(text: str) -> str:
    found = _Found()
    for raw in parse(text):
        start = int(raw.get("stmt_location", 0))
        length = int(raw.get("stmt_len", 0))
        end = start + length if length else len(text.encode())
        _Statement(found).walk(raw.get("stmt", {}), (start, end))
    return _masked(text, found)


class _Statement:
    """Walks one statement."""

    def __init__(self, found: _Found) -> None:
        self._found = found
        self._whole = _Group()
        self._groups = [self._whole]
        self._foreign = False

    def walk(self, tree: Json, span: tuple[int, int]) -> None:
        """Note what of the statement is secret."""
        # A stack, not recursion: the depth of a tree costs nothing then.
        stack = [(*only(tree), self._whole, True)]
        while stack:
            kind, body, group, loose = stack.pop()
            if loose and not _is_loose(kind, body):
                loose = False
                if not kind.endswith("Stmt"):
                    group = _Group(row=kind == "List")
                    self._groups.append(group)
            self._foreign |= kind in _FOREIGN
            self._note(kind, body, group)
            if kind == "TypeName":
                continue  # no literal may stand in varchar(10)
            shapes = SHAPES.get(kind, {})
            for name, value in body.items():
                for item in value if type(value) is list else (value,):
                    if type(item) is dict:
                        inner = next(iter(item), "")
                        typed = inner[:1].isupper()
                        below = (inner, item[inner]) if typed else (shapes.get(name, ""), item)
                        stack.append((*below, group, loose))
        found = self._found
        for group in self._groups:
            if group.secret or self._whole.secret:
                found.at.update(group.constants)
        if self._whole.secret:
            found.whole.append(span)

    def _note(self, kind: str, body: Json, group: _Group) -> None:
        if kind == "A_Const":
            if body.keys() & _VALUES:
                group.constants.append(int(body.get("location", 0)))
            if "sval" in body and is_key(str(body["sval"].get("sval", ""))):
                # Keys and values of a table may be far apart: SET value = 'x' WHERE key = 'password'.
                (group if group.row else self._whole).secret = True
            return
        if "conninfo_location" in body:
            self._found.before.add(int(body["conninfo_location"]))
        if kind == "DefElem" and "String" in body.get("arg", {}) and self._is_secret_option(body):
            self._found.options.add(int(body.get("location", 0)))
            return
        if not group.secret and _is_secret(kind, body):
            group.secret = True
        if _brings_secret(kind, body):
            self._whole.secret = True
        if kind == "ExecuteStmt":
            self._found.at.update(_texts_in(body.get("params", [])))

    def _is_secret_option(self, option: Json) -> bool:
        name = str(option.get("defname", "")).lower()
        if sounds_secret(name) or name in {"conninfo", "connection"}:
            return True
        return self._foreign and name not in _PUBLIC_OPTIONS


def _is_loose(kind: str, body: Json) -> bool:
    """Whether the parts of a node do not stand together; a column of INSERT (…) stands with all of them."""
    inserted = kind == "ResTarget" and "val" not in body
    return kind in _LOOSE or inserted or not kind[:1].isupper()


def _is_secret(kind: str, body: Json) -> bool:
    """Whether a node gives a name that sounds secret to what stands with it."""
    match kind:
        case "FuncCall":
            names = strings(body.get("funcname", []))
            args = body.get("args", [])
            if names[-1:] == ["set_config"] and args:
                setting = scalar(args[0])
                return setting is None or sounds_secret(setting)
            return any(map(takes_secret, names))
        case "VariableSetStmt":
            return sounds_secret(str(body.get("name", "")))
        case "UpdateStmt":
            # Which setting, only its WHERE says.
            return bool(body.get("relation", {}).get("relname") == "pg_settings")
        case "TypeName":
            return any(map(names_secret, strings(body.get("names", []))))
        case _:
            return any(type(value) is str and names_secret(value) for value in body.values())


def _brings_secret(kind: str, body: Json) -> bool:
    """Whether a secret column is given what stands elsewhere in the statement: SET password = v.p."""
    if kind not in {"UpdateStmt", "OnConflictClause", "MergeWhenClause"}:
        return False
    targets = [only(item)[1] for item in body.get("targetList", ())]
    return any(
        "ColumnRef" in target.get("val", {}) and names_secret(str(target.get("name", "")))
        for target in targets
    )


def _texts_in(items: list[Json]) -> Iterator[int]:
    """Places of the text constants below: of EXECUTE nobody knows what they are for."""
    stack: list[object] = list(items)
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, dict):
            constant = item.get("A_Const", {})
            if "sval" in constant:
                yield int(constant.get("location", 0))
            stack.extend(item.values())


def _masked(text: str, found: _Found) -> str:
    """The text with its secrets masked; where one cannot be made out, all that follows goes."""
    parts: list[str] = []
    done = 0
    for start, end, mask in sorted(_spans(text, found)):
        if start >= done:
            parts.append(text[done:start] + mask)
            done = end
    return "".join(parts) + text[done:]


def _spans(text: str, found: _Found) -> Iterator[tuple[int, int, str]]:
    """Start and end, in characters, of each secret, and what is shown instead."""
    everything = tokens(text, comments=True)
    comments = [token for token in everything if token.name in COMMENTS]
    if any(speaks(text, token.start, token.end) for token in comments):
        for token in comments:
            yield token.start, token.end, COMMENT_MASK
    code = _joined([token for token in everything if token.name not in COMMENTS])
    last = ""
    for token in code:
        if token.name in _LITERALS and (last == "PROGRAM" or speaks(text, token.start, token.end)):
            yield token.start, token.end, MASK
        last = token.name
    edges = {edge for span in found.whole for edge in span}
    offsets = character_offsets(text, found.at | found.options | found.before | edges)
    literals = [token for token in code if token.name in _LITERALS]
    for first, end in found.whole:
        for token in literals[_index(literals, offsets[first]) : _index(literals, offsets[end])]:
            yield token.start, token.end, MASK
    for place in found.at:
        yield *_next(code, offsets[place], len(text)), MASK
    for place in found.before:
        yield *_next(literals, offsets[place], len(text)), MASK
    for place in found.options:
        yield from _value(code, offsets[place])


def _joined(code: list[Token]) -> list[Token]:
    """The tokens with U&'…' UESCAPE '!', N'…' and the sign of a number as one, as the parser has them."""
    found: list[Token] = []
    for token in code:
        before = found[-1] if found else token
        if token.name == "SCONST" and before.name == "UESCAPE" and len(found) > 1:
            found[-2:] = [found[-2]._replace(end=token.end)]
        elif token.name in _LITERALS and before.name == "NCHAR":
            found[-1] = before._replace(name=token.name, end=token.end)
        else:
            found.append(token)
    return found


def _index(candidates: list[Token], place: int) -> int:
    return bisect_left(candidates, place, key=lambda token: token.start)


def _next(candidates: list[Token], place: int, length: int) -> tuple[int, int]:
    """The token at a place or next behind it; a sign takes its number along."""
    index = bisect_left(candidates, place + 1, key=lambda token: token.end)  # N'x' begins before its place
    if index >= len(candidates):
        return place, length
    end = index
    while end + 1 < len(candidates) and candidates[end].name in {"ASCII_43", "ASCII_45"}:
        end += 1
    return candidates[index].start, candidates[end].end


def _value(code: list[Token], place: int) -> Iterator[tuple[int, int, str]]:
    """The literal of an option; one whose value is a plain word has none."""
    index = _index(code, place)
    for token in code[index : index + _OPTION_TOKENS]:
        if token.name in _LITERALS:
            yield token.start, token.end, MASK
        if token.name in _LITERALS or token.name in _ENDS:
            return
