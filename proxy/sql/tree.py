"""How a statement's tree is read: what a JSON node is called, and what the small ones hold.

In: nodes as libpg_query writes them. Out: names, texts and targets. Deliberately absent: what any node means
(nodes/), and whether a WHERE limits (scope/).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from proxy.sql.effects import Target
from proxy.sql.parse import Json


def only(wrapped: Json | None) -> tuple[str, Json]:
    """The type and body of a wrapped node; ("", {}) of none."""
    if wrapped:
        for pair in wrapped.items():  # half of what next(iter()) takes; a text has some hundred nodes
            return pair
    return "", {}


def options(body: Json, field: str = "options") -> list[tuple[str, Json]]:
    """The DefElems of a list, as (lower-cased name, DefElem)."""
    found: list[tuple[str, Json]] = []
    for item in body.get(field, ()):
        kind, option = only(item)
        if kind == "DefElem":
            found.append((option.get("defname", "").lower(), option))
    return found


def scalar(wrapped: Json | None) -> str | None:
    """The text of a constant (String, Integer, Float, Boolean, A_Const, a cast constant, a name)."""
    kind, body = only(wrapped)
    match kind:
        case "String":
            return str(body.get("sval", ""))
        case "Integer":
            return str(body.get("ival", 0))
        case "Float":
            return str(body.get("fval", ""))
        case "Boolean":
            return "true" if body.get("boolval") else "false"
        case "BitString":
            return str(body.get("bsval", ""))
        case "A_Const":
            return constant(body)
        case "TypeCast":
            return scalar(body.get("arg"))
        case "TypeName":
            return ".".join(strings(body.get("names", [])))
        case _:
            return None


def constant(body: Json) -> str | None:
    """The text of an A_Const; None for NULL."""
    for field, inner in (("sval", "sval"), ("ival", "ival"), ("fval", "fval"), ("bsval", "bsval")):
        if field in body:
            return str(body[field].get(inner, 0 if field == "ival" else ""))
    if "boolval" in body:
        return "true" if body["boolval"].get("boolval") else "false"
    return None


def strings(items: Iterable[Json]) -> list[str]:
    """The texts of a list of String nodes."""
    return [str(item["String"].get("sval", "")) for item in items if "String" in item]


def qualified(items: Iterable[Json]) -> tuple[str | None, str | None]:
    """(schema, name) of a dotted name as a list of Strings; a database in front is dropped."""
    names = strings(items)
    if not names:
        return None, None
    return (names[-2] if len(names) > 1 else None), names[-1]


def range_target(body: Json | None, kind: str = "table") -> Target:
    """The target that a RangeVar's body names."""
    if not body:
        return Target(kind, None, None)
    return Target(kind, body.get("schemaname"), body.get("relname"))


def role_name(role: Json | None) -> str:
    """A RoleSpec's name; PUBLIC and CURRENT_USER in their own words."""
    if not role:
        return ""
    if "rolename" in role:
        return str(role["rolename"])
    return str(role.get("roletype", "")).removeprefix("ROLESPEC_").lower()


def copied(tree: Any) -> Any:
    """A tree of its own; in a loop, for trees are deep."""
    holder: list[Any] = [tree]
    waiting: list[Any] = [holder]
    while waiting:
        container = waiting.pop()
        for key in range(len(container)) if type(container) is list else list(container):
            value = container[key]
            if type(value) is dict or type(value) is list:
                container[key] = value = value.copy()
                waiting.append(value)
    return holder[0]
