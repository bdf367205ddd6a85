"""The columns an expression speaks of.

In: any part of a tree. Out: (qualifier, name) of each column. Deliberately absent: whose column an
unqualified one is (scope.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from proxy.sql.nodes.fold import lone_value
from proxy.sql.nodes.walk import qualified, strings


def columns(value: object, *, sublinks: bool = False) -> Iterator[tuple[str | None, str]]:
    """(qualifier, name) of each column below; those inside a sub-select with a FROM only on demand."""
    if type(value) is list:
        for item in value:
            yield from columns(item, sublinks=sublinks)
    elif type(value) is dict:
        if "ColumnRef" in value:
            fields = value["ColumnRef"].get("fields", [])
            names = strings(fields)
            starred = len(names) < len(fields)
            if starred:
                yield (names[-1] if names else None), "*"
            elif names:
                yield (names[-2] if len(names) > 1 else None), names[-1]
        elif "SubLink" in value and not sublinks:
            yield from columns(value["SubLink"].get("testexpr"))
            yield from columns(lone_value(value["SubLink"].get("subselect")))
        else:
            for item in value.values():
                if type(item) is dict or type(item) is list:
                    yield from columns(item, sublinks=sublinks)


def has_sublink(value: object) -> bool:
    """Whether a sub-select is below."""
    if type(value) is list:
        return any(has_sublink(item) for item in value)
    return type(value) is dict and ("SubLink" in value or any(has_sublink(item) for item in value.values()))


def calls(value: object) -> Iterator[str | None]:
    """The last name of every function called below."""
    if type(value) is list:
        for item in value:
            yield from calls(item)
    elif type(value) is dict:
        if "FuncCall" in value:
            yield qualified(value["FuncCall"].get("funcname", []))[1]
        for item in value.values():
            yield from calls(item)
