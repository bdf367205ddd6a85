"""The columns an expression speaks of, and what it calls.

In: any part of a tree. Out: its nodes, one after the other. Deliberately absent: whose column an unqualified
one is (relations.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from proxy.sql.parse import Json
from proxy.sql.scope.fold import KEPT
from proxy.sql.tree import qualified


def nodes(value: object) -> Iterator[tuple[str, Json]]:
    """(type, body) of every node that names its type, at and below; in a loop, for trees are deep."""
    waiting: list[object] = [value]
    while waiting:
        item = waiting.pop()
        if type(item) is list:
            waiting += item
        elif type(item) is dict:
            for kind, body in item.items():
                if type(body) is not dict and type(body) is not list:
                    continue
                if type(body) is dict and kind[:1].isupper():
                    yield kind, body
                waiting.append(body)


def columns(value: object) -> Iterator[Json]:
    """The body of each ColumnRef below, those of sub-selects too."""
    for kind, body in nodes(value):
        if kind == "ColumnRef":
            yield body


def calls(value: object) -> Iterator[str | None]:
    """The last name of every function called below."""
    for kind, body in nodes(value):
        if kind == "FuncCall":
            yield qualified(body.get("funcname", []))[1]


def has_sublink(value: object) -> bool:
    """Whether a sub-select is below."""
    return any(kind == "SubLink" for kind, _ in nodes(value))


def plain(value: object) -> str:
    """A tree as text, places left out: equal for two trees that say the same."""
    if type(value) is dict:
        inner = (f"{key}:{plain(item)}" for key, item in value.items() if key not in {"location", KEPT})
        return "{" + ",".join(inner) + "}"
    if type(value) is list:
        return "[" + ",".join(plain(item) for item in value) + "]"
    return repr(value)
