"""Which variables of a body take many values while it runs once.

In: the parser's PL/pgSQL tree. Out: the names of variables that are given, turn by turn in a loop or as an
array, what a query reads without a limit: `WHERE id = r.id` for every row r of a table is no restriction.
The order of statements is left out: a name that is such anywhere is such everywhere. Deliberately absent:
values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from proxy.sql import scope
from proxy.sql.nodes.variables import Names, bind, mentions
from proxy.sql.parse import Json, SqlSyntaxError
from proxy.sql.scope.columns import calls
from proxy.sql.scope.fold import fold
from proxy.sql.scope.patterns import ends_keys
from proxy.sql.tree import only

# One statement of a PL/pgSQL expression's text, in the mode that the parser names.
Reader = Callable[[Json], list[Json]]

LOOPS = frozenset(
    {
        "PLpgSQL_stmt_dynfors",
        "PLpgSQL_stmt_forc",
        "PLpgSQL_stmt_foreach_a",
        "PLpgSQL_stmt_fori",
        "PLpgSQL_stmt_fors",
        "PLpgSQL_stmt_loop",
        "PLpgSQL_stmt_while",
    }
)
# One value that stands for all rows.
_JOINING = """
array_agg json_agg jsonb_agg json_object_agg jsonb_object_agg json_agg_strict jsonb_agg_strict string_agg
xmlagg range_agg
"""
_AGGREGATES = frozenset(_JOINING.split())
# More turns than these of a loop that counts reach more rows than somebody has looked at.
_FEW_TURNS = 10
# One value that all rows are on one side of.
_EXTREMES = frozenset({"min", "max", "count"})


@dataclass(slots=True)
class _Given:
    """Variables that are given something.

    Attributes:
        spoken_of: the variables that it is made of.
        many: it is many values by itself.
        loop: it is given in a loop.
        bound: it is the least or greatest of many values.
        turns: it is each number of a range.
    """

    names: frozenset[str]
    spoken_of: frozenset[str]
    many: bool
    loop: bool = False
    bound: bool = False
    turns: bool = False


@dataclass(slots=True)
class Flow:
    """What is gathered of one body.

    Attributes:
        variables: all names.
        datums: the parser's list of variables, which statements refer to by number.
        read: reads an expression of the tree.
    """

    variables: frozenset[str]
    datums: list[Json]
    read: Reader
    _loops: bool = False
    _given: list[_Given] = field(default_factory=list)
    _cursors: dict[int, list[Json]] = field(default_factory=dict)
    _fetches: list[tuple[frozenset[str], int, bool]] = field(default_factory=list)
    _told: set[str] = field(default_factory=set)
    _turning: dict[str, tuple[Json, Json]] = field(default_factory=dict)

    def names(
        self, action: Json, names: Names, defaults: Sequence[tuple[str, Json]], *, loop: bool = False
    ) -> Names:
        """The names with what is many among them, and the cursors that give few rows.

        Args:
            action: the outermost block.
            names: those in scope.
            defaults: initial values; where a block stands is not known, so it may be in any loop there is.
            loop: the body itself is one's.
        """
        for number, datum in enumerate(self.datums):
            query = datum.get("PLpgSQL_var", {}).get("cursor_explicit_expr")
            if query:
                self._cursors.setdefault(number, []).append(query)
        self._gather({"action": action}, loop)
        constants = self._constants(defaults)
        for name, value in defaults:
            self._value(frozenset({name}), [value], self._loops)
        for given, cursor, turned in self._fetches:
            self._value(given, self._cursors.get(cursor, []), turned)
        bounds = self._closed(_names_of(given for given in self._given if given.bound))
        many = self._closed(
            set(names.many)
            | self._counters()
            | _names_of(item for item in self._given if item.many or (item.turns and item.spoken_of & bounds))
        )
        few = {
            name
            for number, queries in self._cursors.items()
            if not any(self._unlimited(query, False) or self._spoken_of(query) & many for query in queries)
            for name in self._name_of(number)
        }
        constants = {name: value for name, value in constants.items() if name not in names.positional}
        return replace(names, many=many, bounds=bounds, cursors=frozenset(few), constants=constants)

    def _constants(self, defaults: Sequence[tuple[str, Json]]) -> dict[str, tuple[Json, Json]]:
        """Variables that begin with a number or a text and are never given anything else, and counters.

        A boolean stays a parameter, which as a condition limits nothing.
        """
        given = self._told | _names_of(self._given) | {name for names, *_ in self._fetches for name in names}
        declared = Counter(name for name, _ in defaults)
        found = dict(self._turning)
        for name, value in defaults:
            constant = self._constant(value)
            if constant is not None and declared[name] == 1 and name not in given:
                found[name] = (constant, constant)
        return found

    def _constant(self, source: Json) -> Json | None:
        """The number or text that an expression is."""
        return constant_of(self._read(source))

    def _closed(self, names: set[str]) -> frozenset[str]:
        """These, and what is made of them."""
        made: dict[str, set[str]] = {}
        for given in self._given:
            for name in given.spoken_of:
                made.setdefault(name, set()).update(given.names)
        waiting = list(names)
        while waiting:
            found = made.pop(waiting.pop(), set()) - names
            names |= found
            waiting += found
        return frozenset(names)

    def _counters(self) -> set[str]:
        """What counts on from itself in a loop, and what is made of that."""
        made_of: dict[str, set[str]] = {}
        for given in self._given:
            for name in given.names if given.loop else ():
                made_of.setdefault(name, set()).update(given.spoken_of)
        # Take away what is made of nothing that is left, until only circles and their dependants are.
        users: dict[str, list[str]] = {}
        left = {name: parts & made_of.keys() for name, parts in made_of.items()}
        for name, parts in left.items():
            for part in parts:
                users.setdefault(part, []).append(name)
        waiting = [name for name, parts in left.items() if not parts]
        while waiting:
            name = waiting.pop()
            del left[name]
            for user in users.get(name, ()):
                left[user].discard(name)
                if not left[user]:
                    waiting.append(user)
        return set(left)

    def _gather(self, body: Json, loop: bool) -> None:
        for value in body.values():
            for item in value if type(value) is list else [value]:
                if type(item) is dict:
                    kind, inner = next(iter(item.items()), ("", {}))  # a field's value, where it is no node
                    self._loops |= kind in LOOPS
                    if kind.startswith("PLpgSQL_"):
                        self._statement(kind, inner, loop)
                        self._gather(inner, loop or kind in LOOPS)

    def _statement(self, kind: str, body: Json, loop: bool) -> None:
        cursor = body.get("curvar", 0)
        match kind:
            case "PLpgSQL_stmt_assign" | "PLpgSQL_stmt_foreach_a":
                self._value(self._name_of(body.get("varno", 0)), [body.get("expr", {})], loop)
            case "PLpgSQL_stmt_execsql" if "target" in body:
                self._value(self._target(body["target"]), [body.get("sqlstmt", {})], loop)
            case "PLpgSQL_stmt_fors":
                self._rows(self._target(body.get("var", {})), body.get("query", {}), loop)
            case "PLpgSQL_stmt_fori":
                self._range(body, loop)
            case "PLpgSQL_stmt_forc":
                self._arguments(body, loop)
                self._fetches.append((self._target(body.get("var", {})), cursor, True))
            case "PLpgSQL_stmt_fetch" if "target" in body:
                self._fetches.append((self._target(body["target"]), cursor, loop))
            case "PLpgSQL_stmt_open":
                self._arguments(body, loop)
                if not {"query", "dynquery"}.isdisjoint(body):
                    self._cursors.setdefault(cursor, []).append(body.get("query", {}))
            case "PLpgSQL_stmt_dynfors":
                self._unknown(self._target(body.get("var", {})))
            case "PLpgSQL_stmt_dynexecute" | "PLpgSQL_stmt_call" if "target" in body:
                self._unknown(self._target(body["target"]))
            case "PLpgSQL_stmt_getdiag":
                for item in body.get("diag_items", []):
                    names = self._name_of(item.get("PLpgSQL_diag_item", {}).get("target", 0))
                    self._told |= names
                    if loop:
                        self._unknown(names)
            case _:
                pass

    def _unknown(self, names: frozenset[str]) -> None:
        self._given.append(_Given(names, frozenset(), True))

    def _rows(self, names: frozenset[str], query: Json, loop: bool) -> None:
        """A loop's variable takes every row of the query."""
        self._given.append(_Given(names, self._spoken_of(query), self._unlimited(query, loop)))

    def _range(self, body: Json, loop: bool) -> None:
        """1 .. 10 is as limited as a list of ten; many turns are not, nor is a bound that a query gives.

        With steps it is the batches of a whole table: what these limit, each of them says.
        """
        names = self._target(body.get("var", {}))
        ends = [self._constant(body.get(name, {})) for name in ("lower", "upper")]
        if not self._steps(body) and _are_many(ends, loop):
            self._unknown(names)
        elif ends[0] is not None and ends[1] is not None:
            self._turning.update(dict.fromkeys(names, (ends[0], ends[1])))
        for bound in (body[name] for name in ("lower", "upper", "step") if name in body):
            asks = any(True for tree in self._read(bound) for _ in _queries_of(tree))
            self._given.append(_Given(names, self._spoken_of(bound), asks, turns=True))

    def _steps(self, body: Json) -> bool:
        step = self._constant(body["step"]) if "step" in body else None
        return "step" in body and (step is None or fold(step) != 1)

    def _arguments(self, body: Json, loop: bool) -> None:
        """What a cursor is opened with goes to its parameters."""
        if "argquery" in body:
            number = body.get("curvar", 0)
            cursor = self.datums[number].get("PLpgSQL_var", {}) if number < len(self.datums) else {}
            self._value(self._name_of(cursor.get("cursor_explicit_argrow", -1)), [body["argquery"]], loop)

    def _value(self, names: frozenset[str], sources: list[Json], loop: bool) -> None:
        """One value: of one row, or put together of all; or, in a loop, of another row each turn."""
        if not sources:
            self._unknown(names)
        for source in sources:
            trees = self._read(source)
            many = not trees or any(takes_many(tree, self.variables, loop=loop) for tree in trees)
            bound = any(_is_bound(tree, self.variables) for tree in self._read(source))
            self._given.append(_Given(names, self._spoken_of(source), many, loop, bound))

    def _unlimited(self, source: Json, loop: bool) -> bool:
        trees = self._read(source)
        return not trees or not all(_is_limited(tree, self.variables, loop) for tree in trees)

    def _spoken_of(self, source: Json) -> frozenset[str]:
        return frozenset().union(*(mentions(tree, self.variables) for tree in self._read(source)))

    def _read(self, source: Json) -> list[Json]:
        """An expression's trees; of an assignment the value's alone, for its target is made of nothing."""
        try:
            return self.read(source.get("PLpgSQL_expr", {}))[-1:]
        except SqlSyntaxError:
            return []

    def _target(self, wrapped: Json) -> frozenset[str]:
        kind, body = only(wrapped)
        if kind == "PLpgSQL_row":
            return self._fields(body)
        return frozenset({str(body.get("refname", ""))})

    def _fields(self, row: Json) -> frozenset[str]:
        return frozenset().union(*(self._name_of(item.get("varno", 0)) for item in row["fields"] if item))

    def _name_of(self, number: int) -> frozenset[str]:
        """The name of a variable by its number; every name when there is none."""
        if not 0 <= number < len(self.datums):
            return self.variables
        kind, body = only(self.datums[number])
        if kind == "PLpgSQL_recfield":
            return self._name_of(body.get("recparentno", 0))
        if kind == "PLpgSQL_row":
            return self._fields(body)
        return frozenset({str(body.get("refname", ""))})


def constant_of(trees: list[Json]) -> Json | None:
    """The number or text that an expression is; None for any other."""
    target = trees[0].get("SelectStmt", {}).get("targetList", []) if len(trees) == 1 else []
    value: Json = target[0].get("ResTarget", {}).get("val", {}) if len(target) == 1 else {}
    return value if {"ival", "fval", "sval"} & value.get("A_Const", {}).keys() else None


def _are_many(ends: list[Json | None], loop: bool) -> bool:
    """Whether the numbers from one end to the other are more than a few; what ends no query gives."""
    lower, upper = (None if end is None else fold(end) for end in ends)
    if isinstance(lower, int) and isinstance(upper, int):
        return loop or abs(upper - lower) >= _FEW_TURNS
    return any(end is not None and ends_keys(end) for end in (lower, upper))


def takes_many(tree: Json, variables: frozenset[str] = frozenset(), *, loop: bool) -> bool:
    """Whether a value is put together of many rows, or is in a loop another row's each turn."""
    for query, whole in _queries_of(tree):
        joined = any(name in _AGGREGATES for name in calls(only(query)[1].get("targetList")))
        if (loop or whole or joined) and not _is_limited(query, variables, loop or joined):
            return True
    return False


def _is_bound(tree: Json, variables: frozenset[str]) -> bool:
    return any(
        any(name in _EXTREMES for name in calls(only(query)[1].get("targetList")))
        and not _is_limited(query, variables, True)
        for query, _ in _queries_of(tree)
    )


def _names_of(given: Iterable[_Given]) -> set[str]:
    return {name for item in given for name in item.names}


def _is_limited(query: Json, variables: frozenset[str], loop: bool) -> bool:
    bind(query, Names(variables), loop=loop)
    return scope.limited(query, {})


def _queries_of(tree: Json) -> Iterator[tuple[Json, bool]]:
    """The queries of an expression or statement that read rows; True for those whose rows are all taken."""
    waiting: list[object] = [tree]
    while waiting:
        value = waiting.pop()
        if type(value) is list:
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
            link = value.get("SubLink", {})
            if link.get("subLinkType") == "ARRAY_SUBLINK":
                yield link.get("subselect", {}), True
            select = value.get("SelectStmt", {})
            if "fromClause" in select or select.get("op", "SETOP_NONE") != "SETOP_NONE":
                yield {"SelectStmt": select}, False
