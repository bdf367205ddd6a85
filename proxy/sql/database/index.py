"""A snapshot, made ready to be looked things up in.

In: a Snapshot. Out: objects by oid and by name. A name without a schema is looked for in the schemas of
search_path where that is known, and in all of them where it is not. Deliberately absent: what objects do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import chain
from typing import Final, Protocol, TypeVar

from proxy.sql.database.snapshot import (
    FIRST_USER,
    Cast,
    Code,
    Dependant,
    ForeignKey,
    Function,
    Relation,
    Snapshot,
    Type,
)
from proxy.sql.effects import Name

# record, anyelement, "any", anynonarray, anycompatible, anycompatiblenonarray: a row fits these, too.
_ANY_ROW: Final = frozenset({2249, 2283, 2276, 2776, 5077, 5079})
SearchPath = tuple[str, ...] | None


class _Named(Protocol):
    @property
    def schema(self) -> str: ...

    @property
    def name(self) -> str: ...


_T = TypeVar("_T", bound=_Named)


class Index:
    """What is in a snapshot, by oid and by name."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Sort everything once."""
        self.snapshot = snapshot
        self.relations: Mapping[int, Relation] = {item.oid: item for item in snapshot.relations}
        self.functions: Mapping[int, Function] = {item.oid: item for item in snapshot.functions}
        self.types: Mapping[int, Type] = {item.oid: item for item in snapshot.types}
        self.children = _grouped((parent, child) for child, parent in snapshot.inherits)
        self.parents = _grouped(snapshot.inherits)
        self.code: Mapping[int, list[Code]] = _grouped((code.owner, code) for code in snapshot.code)
        self.referrers: Mapping[int, list[ForeignKey]] = _grouped(
            (key.parent, key) for key in snapshot.foreign_keys
        )
        self.dependants: Mapping[tuple[str, int], list[Dependant]] = _grouped(
            (item.on[:2], item) for item in snapshot.dependants
        )
        self.casts: Mapping[int, list[Cast]] = _grouped(
            (oid, cast) for cast in snapshot.casts for oid in (cast.source, cast.target)
        )
        self._relation_names = _grouped((item.name, item) for item in snapshot.relations)
        self._function_names = _grouped((item.name, item) for item in snapshot.functions)
        self._type_names = _grouped((item.name, item) for item in snapshot.types)
        self._operator_names = _grouped((item.name, item) for item in snapshot.operators)

    @property
    def function_names(self) -> Set[str]:
        """The names of all functions."""
        return self._function_names.keys()

    @property
    def type_names(self) -> Set[str]:
        """The names of all types."""
        return self._type_names.keys()

    @property
    def operator_names(self) -> Set[str]:
        """The names of all operators."""
        return self._operator_names.keys()

    def is_in_pg_catalog(self, name: str) -> bool:
        """Whether a type of this name lies there, or a function that is none of the server's own."""
        functions = (item for item in self._function_names.get(name, ()) if item.oid >= FIRST_USER)
        return any(
            item.schema == "pg_catalog" for item in chain[_Named](functions, self._type_names.get(name, ()))
        )

    def relations_named(self, schema: str | None, name: str, path: SearchPath) -> list[Relation]:
        """The relations that a name may mean: where search_path is known, the first."""
        found = _fitting(self._relation_names.get(name, ()), schema, path)
        if schema is None and path is not None and len(found) > 1:
            found.sort(key=lambda item: path.index(item.schema) if item.schema in path else -1)
            return found[:1]
        return found

    def functions_named(self, schema: str | None, name: str, path: SearchPath) -> list[Function]:
        """The functions that a call of this name may mean, whatever its arguments."""
        return _fitting(self._function_names.get(name, ()), schema, path)

    def types_named(self, schema: str | None, name: str, path: SearchPath) -> list[Type]:
        """The types that a name may mean."""
        return _fitting(self._type_names.get(name, ()), schema, path)

    def operator_functions(self, schema: str | None, name: str, path: SearchPath) -> list[Function]:
        """The functions behind the operators of this name."""
        found = _fitting(self._operator_names.get(name, ()), schema, path)
        return [self.functions[item.function] for item in found if item.function in self.functions]

    def functions_of_rows(self, name: str) -> list[Function]:
        """The functions that `row.name` may call."""
        return [function for function in self._function_names.get(name, ()) if self._takes_a_row(function)]

    def casts_of_the_server(self) -> Iterator[Cast]:
        """Users' casts between types that every database has: no name tells of their use.

        Not even of an explicit one: `x::d` of a domain is a cast to its base, and to_json(x) one to json.
        """
        return (
            cast
            for cast in self.snapshot.casts
            if not ({cast.source, cast.target} & self.types.keys() - self._only_classed)
        )

    @property
    def _only_classed(self) -> set[int]:
        """The server's own types, which are here for a user's operator class alone."""
        return {oid for oid, item in self.types.items() if item.schema == "pg_catalog"}

    def _takes_a_row(self, function: Function) -> bool:
        if not function.arguments or function.required > 1:
            return False
        first = function.arguments[0]
        return first in _ANY_ROW or self._is_row(first, set())

    def _is_row(self, oid: int, seen: set[int]) -> bool:
        found = self.types.get(oid)
        if found is None or oid in seen:
            return False
        seen.add(oid)
        return found.kind == "c" or (
            found.kind == "d" and any(self._is_row(part, seen) for part in found.parts)
        )

    def family(self, relation: Relation) -> Iterator[Relation]:
        """The relation, then its partitions and heirs, and theirs."""
        seen: set[int] = set()
        waiting = [relation.oid]
        while waiting:
            oid = waiting.pop()
            if oid not in seen and oid in self.relations:
                seen.add(oid)
                yield self.relations[oid]
                waiting += self.children.get(oid, ())

    def ancestors(self, oid: int) -> list[int]:
        """The tables that this one is a partition or heir of."""
        found: list[int] = []
        waiting = list(self.parents.get(oid, ()))
        while waiting:
            parent = waiting.pop()
            if parent not in found:
                found.append(parent)
                waiting += self.parents.get(parent, ())
        return found

    def mentioned_types(self, names: Iterable[Name], path: SearchPath) -> Iterator[Type]:
        """The types that any of the names may mean."""
        for schema, name in names:
            yield from self.types_named(schema, name, path)


_K = TypeVar("_K")
_V = TypeVar("_V")


def _grouped(pairs: Iterable[tuple[_K, _V]]) -> dict[_K, list[_V]]:
    found: dict[_K, list[_V]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return dict(found)


def _fitting(items: Iterable[_T], schema: str | None, path: SearchPath) -> list[_T]:
    """Those of the schema; without one those that search_path finds. pg_catalog is always on it."""
    if schema is not None:
        return [item for item in items if item.schema == schema]
    if path is None:
        return list(items)
    return [item for item in items if item.schema in path or item.schema == "pg_catalog"]
