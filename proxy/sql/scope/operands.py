"""What a column is compared with: expressions that are the same for every row.

In: an expression and its scope. Out: an Operand, or None where a column, or chance, is in it. Deliberately
absent: what sub-selects give (links.py); a constant's value is fold.py's.
"""

from __future__ import annotations

import enum

from proxy.sql.functions import is_built_in
from proxy.sql.parse import Json
from proxy.sql.scope.columns import nodes, plain
from proxy.sql.scope.fold import Unknown, fold
from proxy.sql.scope.patterns import LONG_AGO, spans_all
from proxy.sql.scope.relations import Scope
from proxy.sql.tree import only, qualified, scalar, strings


class Kind(enum.Enum):
    """What is known of a constant expression."""

    LITERAL = "its value"
    PARAMETER = "the client gives it"
    NOW = "the present time, or later"
    STABLE = "the session, the time or a user's function gives it"
    OBSCURE = "constants put together by functions: it could be worked out, but is not here"


class Operand:
    """A constant expression. value is the literal's, None where it is not known."""

    __slots__ = ("kind", "text", "value")

    def __init__(self, kind: Kind, value: object, text: str) -> None:
        """Hold what was found out; nobody changes it."""
        self.kind = kind
        self.value = value
        self.text = text


_CHANCE = frozenset({"random", "random_normal", "nextval", "gen_random_uuid", "setseed", "setval"})
NOW = frozenset({"now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "timeofday"})
_STABLE_NAMED = """
current_setting current_user session_user current_database current_schema txid_current pg_current_xact_id
make_date make_timestamp make_timestamptz make_interval to_date to_timestamp inet_client_addr pg_backend_pid
to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery crypt digest md5 sha256 encode decode
lastval currval uuid_generate_v5
"""
_STABLE = frozenset(_STABLE_NAMED.split())


def fixed(expr: Json, scope: Scope) -> Operand | None:
    """An expression that is the same for every row; None where it may not be."""
    if not expr:
        return None
    value = fold(expr)
    if not isinstance(value, Unknown):
        return Operand(Kind.LITERAL, value, f"literal {value!r}")
    kinds: set[Kind] = set()
    count = 0
    for kind, body in nodes(expr):
        count += 1
        if kind in {
            "ColumnRef",
            "SubLink",
            "CurrentOfExpr",
            "SetToDefault",
            "GroupingFunc",
            "MergeSupportFunc",
        }:
            scope.steps.add(count)
            return None
        if kind == "ParamRef":
            kinds.add(Kind.PARAMETER)
        elif kind == "SQLValueFunction":
            named = any(word in str(body.get("op")) for word in ("USER", "ROLE", "CATALOG", "SCHEMA"))
            kinds.add(Kind.STABLE if named else Kind.NOW)
        elif kind == "FuncCall":
            schema, name = qualified(body.get("funcname", []))
            # Before 16 the word system_user is no key word, but a column.
            if name in _CHANCE or name == "system_user":
                scope.steps.add(count)
                return None
            if name in NOW:
                kinds.add(Kind.NOW)
            elif name in _STABLE or schema not in {None, "pg_catalog"} or not is_built_in(str(name), 0):
                kinds.add(Kind.STABLE)
    scope.steps.add(count)
    return _operand(expr, kinds)


def _operand(expr: Json, kinds: set[Kind]) -> Operand:
    text = plain(expr)
    if Kind.PARAMETER in kinds:
        return Operand(Kind.PARAMETER, None, text)
    if Kind.NOW in kinds:
        if _long_ago(expr):
            return Operand(Kind.LITERAL, LONG_AGO, f"literal {LONG_AGO!r}")
        return Operand(Kind.NOW if _not_before_now(expr) else Kind.STABLE, None, text)
    if Kind.STABLE in kinds:
        return Operand(Kind.STABLE, None, text)
    literal = scalar(expr)
    if literal is not None and only(expr)[0] in {"A_Const", "TypeCast"}:
        return Operand(Kind.LITERAL, literal, f"literal {literal!r}")
    return Operand(Kind.OBSCURE, None, text)


def _long_ago(expr: Json) -> bool:
    """`now() - interval '100 years'`: what is dated is younger."""
    kind, body = only(expr)
    if (
        kind != "A_Expr"
        or strings(body.get("name", [])) != ["-"]
        or not _not_before_now(body.get("lexpr", {}))
    ):
        return False
    return spans_all(scalar(body.get("rexpr", {})))


def _not_before_now(expr: Json) -> bool:
    """now(), and now() plus something; with a minus, or cut by date_trunc(), it is in the past."""
    for kind, body in nodes(expr):
        if kind == "A_Expr" and strings(body.get("name", []))[-1:] == ["-"]:
            return False
        if kind == "FuncCall" and qualified(body.get("funcname", []))[1] not in NOW | {"timezone"}:
            return False
        if kind == "A_Const" and str(scalar({"A_Const": body})).lstrip().startswith("-"):
            return False
    return True
