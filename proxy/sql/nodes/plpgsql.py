"""What a PL/pgSQL body does: every statement of it, and every SQL text in those.

In: a body's text, and the names that its function brings. Out: the effects of all that it may run, both arms
of each IF; SQL text that EXECUTE runs is analysed when it is constant, and code.dynamic when not. The walk is
total: a node or field that the table does not name is code.opaque. Deliberately absent: which path is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from proxy.sql.effects import Executes, Target
from proxy.sql.nodes.constants import constant_text
from proxy.sql.nodes.declarations import Declarations, declarations
from proxy.sql.nodes.embedded import dynamic, walk_text, walk_trees
from proxy.sql.nodes.flow import LOOPS, Flow, constant_of, takes_many
from proxy.sql.nodes.variables import Names, bind, mentions
from proxy.sql.nodes.walk import Walk
from proxy.sql.parse import Json, SqlSyntaxError, parse, parse_plpgsql, tokens

# Names that every body has, some of them only in triggers.
_GIVEN = """
found sqlstate sqlerrm new old tg_name tg_when tg_level tg_op tg_relid tg_relname tg_table_name
tg_table_schema tg_nargs tg_argv tg_event tg_tag
"""
_ALWAYS = frozenset(_GIVEN.split())
_NOTHING_BELOW = "lineno label"

# node -> the fields that are walked; the fields that hold nothing that runs.
_TABLE: Mapping[str, tuple[str, str]] = {
    "PLpgSQL_function": ("datums action", "new_varno old_varno"),
    "PLpgSQL_stmt_assert": ("cond message", ""),
    "PLpgSQL_stmt_assign": ("expr", "varno"),
    "PLpgSQL_stmt_block": ("body exceptions", ""),
    "PLpgSQL_stmt_call": ("expr target", "is_call"),
    "PLpgSQL_stmt_case": ("t_expr case_when_list else_stmts", "t_varno have_else"),
    "PLpgSQL_stmt_close": ("", "curvar"),
    "PLpgSQL_stmt_commit": ("", "chain"),
    "PLpgSQL_stmt_dynexecute": ("query params target", "into strict"),
    "PLpgSQL_stmt_dynfors": ("query params var body", ""),
    "PLpgSQL_stmt_execsql": ("sqlstmt target", "into strict"),
    "PLpgSQL_stmt_exit": ("cond", "is_exit"),
    "PLpgSQL_stmt_fetch": (
        "target expr",
        "curvar direction how_many is_move returns_multiple_rows",
    ),
    "PLpgSQL_stmt_forc": ("var argquery body", "curvar"),
    "PLpgSQL_stmt_foreach_a": ("expr body", "varno slice"),
    "PLpgSQL_stmt_fori": ("var lower upper step body", "reverse"),
    "PLpgSQL_stmt_fors": ("var query body", ""),
    "PLpgSQL_stmt_getdiag": ("diag_items", "is_stacked"),
    "PLpgSQL_stmt_if": ("cond then_body elsif_list else_body", ""),
    "PLpgSQL_stmt_loop": ("body", ""),
    "PLpgSQL_stmt_open": ("argquery query dynquery params", "curvar cursor_options"),
    "PLpgSQL_stmt_perform": ("expr", ""),
    "PLpgSQL_stmt_raise": ("params options", "elog_level condname message"),
    "PLpgSQL_stmt_return": ("expr", ""),
    "PLpgSQL_stmt_return_next": ("expr", ""),
    "PLpgSQL_stmt_return_query": ("query dynquery params", ""),
    "PLpgSQL_stmt_rollback": ("", "chain"),
    "PLpgSQL_stmt_while": ("cond body", ""),
    "PLpgSQL_case_when": ("expr stmts", ""),
    "PLpgSQL_condition": ("", "condname"),
    "PLpgSQL_diag_item": ("", "kind target"),
    "PLpgSQL_exception": ("conditions action", ""),
    "PLpgSQL_exception_block": ("exc_list", ""),
    "PLpgSQL_if_elsif": ("cond stmts", ""),
    "PLpgSQL_raise_option": ("expr", "opt_type"),
    "PLpgSQL_rec": ("", "refname dno"),
    "PLpgSQL_recfield": ("", "fieldname recparentno"),
    "PLpgSQL_row": ("", "refname fields"),
    "PLpgSQL_type": ("", "typname"),
    "PLpgSQL_var": (
        "datatype default_val cursor_explicit_expr",
        "refname isconst notnull promise cursor_explicit_argrow cursor_options",
    ),
}
_FIELDS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = MappingProxyType(
    {
        kind: (frozenset(walked.split()), frozenset(f"{_NOTHING_BELOW} {inert}".split()))
        for kind, (walked, inert) in _TABLE.items()
    }
)
KINDS = frozenset(_FIELDS) | {"PLpgSQL_expr"}

# Expressions whose value is SQL text that is then run.
_RUN = frozenset(
    {
        ("PLpgSQL_stmt_dynexecute", "query"),
        ("PLpgSQL_stmt_dynfors", "query"),
        ("PLpgSQL_stmt_open", "dynquery"),
        ("PLpgSQL_stmt_return_query", "dynquery"),
    }
)
# How the server's parser is to read a text (RawParseMode).
_STATEMENT, _EXPRESSION, _ASSIGNMENTS = 0, 2, frozenset({3, 4, 5})


# What stands before a body, for the parser: "DO", or CREATE FUNCTION. Given the names that may be records.
Head = Callable[[frozenset[str] | None], str]


def walk_plpgsql(
    walk: Walk, head: Head, body: str, names: Names, target: Target | None, *, loop: bool = False
) -> None:
    """Walk a body.

    Args:
        walk: where to note what it does.
        head: what stands before the body.
        body: the code.
        names: the function's parameters, and its name among the labels.
        target: what to name where the body cannot be read.
        loop: it may run many times for one statement.
    """
    try:
        declared = declarations(body)
        function = _parsed(head, body, declared)
    except SqlSyntaxError as error:
        walk.opaque(target, f"unreadable code: {error.message}")
        return
    walk.mentioned.types.update((None, name) for name in declared.types)
    with walk.inner(body, target) as readable:
        if readable:
            _Body(walk, names, target, loop).run(function, declared)
    if readable and walk.relexed and "\\" in body:
        # Each statement of the body is read by the server's lexer only when its turn comes.
        walk.opaque(target, "settings change how the server reads this text")


def _parsed(head: Head, body: str, declared: Declarations) -> Json:
    """The parser's tree, types put in the place of those that it does not take."""
    try:
        return parse_plpgsql(head(None), body)
    except SqlSyntaxError as error:
        first = error
    for records, text in ((None, declared.plain), (declared.fielded, declared.scalar)):
        try:
            return parse_plpgsql(head(records), text)
        except SqlSyntaxError:
            continue
    raise first


@dataclass(slots=True)
class _Body:
    """The walk through one body."""

    walk: Walk
    names: Names
    target: Target | None
    loop: bool
    _labels: set[str] = field(default_factory=set)
    _constant: frozenset[str] = frozenset()

    def run(self, function: Json, declared: Declarations) -> None:
        datums: list[Json] = function.get("datums", [])
        named = {str(body.get("refname", "")) for datum in datums for body in datum.values()}
        self._find_labels(function["action"])
        self.names = replace(
            self.names,
            variables=self.names.variables | declared.names | named | _ALWAYS,
            labels=self.names.labels | self._labels,
        )
        defaults = [
            (name, {"PLpgSQL_expr": {"query": value, "parseMode": _EXPRESSION}})
            for name, value in declared.defaults
        ]
        flow = Flow(self.names.variables, datums, _read)
        self.names = flow.names(function["action"], self.names, defaults, loop=self.loop)
        self._constant = frozenset(self.names.constants) | self.names.labels
        self._node("PLpgSQL_function", function, self.loop)
        for _, value in defaults:
            self._sql(value["PLpgSQL_expr"], self.loop)

    def _find_labels(self, value: object) -> None:
        waiting = [value]
        while waiting:
            value = waiting.pop()
            if type(value) is list:
                waiting += value
            elif type(value) is dict:
                waiting += value.values()
                if type(value.get("label")) is str:
                    self._labels.add(value["label"])

    def _node(self, kind: str, body: Json, loop: bool) -> None:
        if kind == "PLpgSQL_expr":
            self._sql(body, loop)
            return
        if kind not in _FIELDS:
            self.walk.opaque(self.target, kind)
            return
        self._itself(kind, body)
        walked, inert = _FIELDS[kind]
        using = self._using(body.get("params", []), loop)
        for name, value in body.items():
            if name in inert:
                continue
            if name not in walked:
                self.walk.opaque(self.target, f"{kind}.{name}")
                continue
            for item in value if type(value) is list else [value]:
                self._item(kind, name, item, loop or kind in LOOPS, using)

    def _item(self, kind: str, name: str, item: Json, loop: bool, using: Names) -> None:
        for inner, content in item.items():
            if (kind, name) in _RUN and inner == "PLpgSQL_expr":
                self._run_text(content, loop, using)
            else:
                self._node(inner, content, loop)

    def _itself(self, kind: str, body: Json) -> None:
        match kind:
            case "PLpgSQL_stmt_commit" | "PLpgSQL_stmt_rollback":
                self.walk.emit(f"transaction.{kind.removeprefix('PLpgSQL_stmt_')}")
            case "PLpgSQL_stmt_fetch":
                self.walk.emit("statement.fetch", detail="move" if body.get("is_move") else "")
            case _:
                pass

    def _sql(self, expression: Json, loop: bool) -> list[Json]:
        """Walk a text of SQL; its trees, the names in them bound."""
        try:
            trees = _read(expression)
        except SqlSyntaxError as error:
            self.walk.opaque(self.target, f"unreadable code: {error.message}")
            return []
        again = self.names.constants and any(mentions(tree, self._constant) for tree in trees)
        for tree in trees:
            bind(tree, self.names, loop=loop)
        self.walk.turning, before = loop, self.walk.turning
        walk_trees(self.walk, trees, str(expression.get("query", "")), self.target)
        self.walk.turning = before
        if again:
            self._with_constants(expression, loop)
        return trees

    def _with_constants(self, expression: Json, loop: bool) -> None:
        """The same once more with the values that variables have: `id > n` where n is 0, or from 0 to 9.

        Beside it, not in its place: a type may cut a value, and an inner block have a variable of that name.
        """
        for end in (0, 1):
            trees = _read(expression)
            values = {name: ends[end] for name, ends in self.names.constants.items()}
            for tree in trees:
                bind(tree, self.names, loop=loop, values=values)
            walk_trees(self.walk, trees, str(expression.get("query", "")), self.target)

    def _run_text(self, expression: Json, loop: bool, using: Names) -> None:
        """EXECUTE: the expression itself, and then what its value says."""
        trees = self._sql(expression, loop)
        self.walk.turning, before = loop, self.walk.turning
        for tree in trees:
            items = tree.get("SelectStmt", {}).get("targetList", [])
            value = items[0].get("ResTarget", {}).get("val") if len(items) == 1 else None
            text = constant_text(value)
            if text is None:
                dynamic(self.walk, self.target, detail="EXECUTE")
            else:
                walk_text(self.walk, text, self.target, using, loop=loop)
                if using.constants:
                    values = {name: value for name, (value, _) in using.constants.items()}
                    walk_text(self.walk, text, self.target, using, loop=loop, values=values)
        self.walk.turning = before

    def _using(self, params: list[Json], loop: bool) -> Names:
        """What USING gives to $1 and on."""
        names = tuple(f"${number}" for number in range(1, len(params) + 1))
        many = {
            name
            for name, param in zip(names, params, strict=True)
            if self._is_many(param["PLpgSQL_expr"], loop)
        }
        values = ((name, _constant(param)) for name, param in zip(names, params, strict=True))
        constants = {name: (value, value) for name, value in values if value is not None}
        return Names(positional=names, many=frozenset(many), constants=constants)

    def _is_many(self, expression: Json, loop: bool) -> bool:
        try:
            trees = _read(expression)
        except SqlSyntaxError:
            return True
        doubtful = self.names.many | self.names.bounds
        return any(mentions(tree, doubtful) or takes_many(tree, loop=loop) for tree in trees)


def _constant(param: Json) -> Json | None:
    """What USING gives where that is a constant."""
    try:
        return constant_of(_read(param["PLpgSQL_expr"]))
    except SqlSyntaxError:
        return None


def _read(expression: Json) -> list[Json]:
    """The statements of an expression's text; of an assignment, one for each side."""
    text, mode = expression.get("query"), expression.get("parseMode")
    if type(text) is not str:
        raise SqlSyntaxError("no text")
    if mode == _STATEMENT:
        texts = [text]
    elif mode == _EXPRESSION:
        texts = [f"SELECT {text}"]
    elif mode in _ASSIGNMENTS:
        texts = [f"SELECT {side}" for side in _sides(text)]
    else:
        raise SqlSyntaxError(f"parse mode {mode}")
    return [raw.get("stmt", {}) for side in texts for raw in parse(side)]


def _sides(text: str) -> tuple[str, str]:
    """Target and value of an assignment; the target's subscripts may call functions."""
    depth = 0
    for token in tokens(text):
        if depth == 0 and token.name in {"COLON_EQUALS", "ASCII_61"}:
            return text[: token.start], text[token.end :]
        depth += (token.name in {"ASCII_40", "ASCII_91"}) - (token.name in {"ASCII_41", "ASCII_93"})
    raise SqlSyntaxError("an assignment without a value")


def only_executes(walk: Walk, before: int, target: Target | None) -> None:
    """A block prepares and deallocates on some path or none: the session could not follow it."""
    acts = walk.acts[before:]
    walk.acts[before:] = [act for act in acts if isinstance(act, Executes)]
    if len(walk.acts) < before + len(acts):
        walk.opaque(target, "prepares or deallocates statements")
