"""Operators without order: patterns, containment, keys, full text.

In: a subject, the operator and a constant. Out: Limits, none where the constant lets everything through (an
empty pattern or array, an endless range). Deliberately absent: what such constants are (patterns.py).
"""

from __future__ import annotations

import re

from proxy.sql.parse import Json
from proxy.sql.scope.clauses import Limits, every
from proxy.sql.scope.columns import calls, nodes, plain
from proxy.sql.scope.filters import filtered, made, region_of
from proxy.sql.scope.fold import UNKNOWN, built_in_name, fold
from proxy.sql.scope.formulas import RANGES
from proxy.sql.scope.operands import Kind, Operand, fixed
from proxy.sql.scope.patterns import like_filters, regex_filters, something_in
from proxy.sql.scope.relations import Scope
from proxy.sql.scope.subjects import subject
from proxy.sql.scope.uses import Floor, Subject, Use
from proxy.sql.tree import only, qualified, scalar, strings

# Operators without order, that limit where the right side has something inside.
_METHOD = re.compile(r"\$\.\w+\(\)")
SEARCHES = frozenset(
    {"@>", "<@", "&&", "?", "?|", "?&", "@?", "@@", "^@", "<<=", "<<", "%", "<%", "%>", "@@@"}
)


def search(name: str, expr: Json, what: Subject, other: Operand, right: Json) -> Limits:
    """Operators without order: containment, keys, full text."""
    if name not in SEARCHES or not what.use & Use.NULL or (what.column is not None and what.column.row):
        return {}
    if name in {"<@", "&&"}:
        ranged = _range(right)
        if ranged is not None:
            low, high = ranged
            found = [_end(">=", expr, what, low), _end("<=", expr, what, high)]
            return every(found) or {}
    if other.kind is Kind.LITERAL:
        text = str(other.value)
        if (
            not something_in(text)
            or text.strip().lower() == "empty"
            or (name in {"@@", "@?"} and not _searches(name, text))
        ):
            return {}
        if name in {"<<", "<<=", "&&"} and text.rstrip().endswith("/0"):
            return {}
    elif other.kind is Kind.OBSCURE and not _has_content(right):
        return {}
    region = region_of(expr, what)
    region.others[f"{name} {other.text}"] = True
    return made(what, region)


def _searches(name: str, text: str) -> bool:
    """A text search that asks for a word; a JSON path that goes anywhere, be it to a method: `$.size()`."""
    if "$" in text:
        bare = _METHOD.sub("", text)
        return "$." in bare or "$[" in bare
    return name == "@@" and not {"!", "="} & set(text) and text.strip() != "true"


def _has_content(expr: Json) -> bool:
    """Whether an array or a query that is put together has something in it."""
    kinds = {kind for kind, _ in nodes(expr)}
    named = set(calls(expr))
    if named - {
        "to_tsquery",
        "plainto_tsquery",
        "websearch_to_tsquery",
        "phraseto_tsquery",
        "jsonb_build_object",
        "jsonb_build_array",
        "to_jsonb",
        "box",
        "point",
        "polygon",
        "circle",
    }:
        return False
    texts = [scalar({"A_Const": body}) or "" for kind, body in nodes(expr) if kind == "A_Const"]
    return "SetToDefault" not in kinds and any(something_in(text) and "!" not in text for text in texts)


def _range(expr: Json) -> tuple[Json | None, Json | None] | None:
    """The two ends of a range that is written out; None of anything else."""
    kind, body = only(expr)
    if kind == "FuncCall" and qualified(body.get("funcname", []))[1] in RANGES:
        args = body.get("args", [])
        return (args[0], args[1]) if len(args) in {2, 3} else (None, None)
    if kind == "TypeCast":
        name = strings(body.get("typeName", {}).get("names", []))[-1:]
        if name and name[0] in RANGES:
            return _range_of(scalar(expr) or "")
    text = scalar(expr) if kind == "A_Const" else None
    if text is not None and text[:1] in {"[", "("} and text[-1:] in {"]", ")"} and text.count(",") == 1:
        return _range_of(text)
    return None


def _range_of(text: str) -> tuple[Json | None, Json | None]:
    low, _, high = text.strip()[1:-1].partition(",")
    return _literal(low), _literal(high)


def _literal(text: str) -> Json | None:
    text = text.strip().strip('"')
    return {"A_Const": {"sval": {"sval": text}}} if text else None


def _end(name: str, expr: Json, what: Subject, end: Json | None) -> Limits | None:
    """One end of a range as a comparison; a range that is open there limits nothing."""
    if end is None:
        return {}
    value = fold(end)
    if value is None:
        return {}
    literal = value if value is not UNKNOWN else scalar(end)
    other = (
        Operand(Kind.LITERAL, literal, f"literal {literal!r}")
        if literal is not None
        else Operand(Kind.STABLE if any(True for _ in calls(end)) else Kind.PARAMETER, None, plain(end))
    )
    whole = Subject(what.owner, what.names, what.use | Use.ORDER, what.floor, what.column)
    return filtered(name, expr, whole, other)


def has_pattern(name: str, left: Json, right: Json, scope: Scope, kind: str) -> Limits | None:
    """LIKE, SIMILAR TO and regular expressions."""
    what, other = subject(left, scope), fixed(_pattern(right, spelled="~~" in name), scope)
    if what is None or other is None or not what.use & Use.EQUAL or what.use & Use.FILLED or not name:
        return {}
    if what.floor is Floor.KEY and (kind == "AEXPR_SIMILAR" or "~~" not in name):
        return {}  # id::text ~ '^[0-9]+$'
    denied = name.startswith("!")
    if (what.column is not None and what.column.row) or (denied and not what.use & Use.UNEQUAL):
        return {}
    text = other.value if isinstance(other.value, str) else None
    if other.kind is not Kind.PARAMETER:
        if text is None:
            return {}
        like = "~~" in name
        if kind == "AEXPR_SIMILAR":
            filters = regex_filters(text, "%_")
        elif like:
            filters = like_filters(text) and not (name.startswith("!") and text == "")
        else:
            filters = regex_filters(text)
        if not filters:
            return {}
    region = region_of(left, what)
    region.others[f"{name.removeprefix('!')} {other.text}"] = not denied
    region.denied = denied
    return made(what, region)


# Of position(): whether the text is within, and which way round.
_WITHIN = {
    (">", 0): True,
    (">=", 1): True,
    ("<>", 0): True,
    ("=", 0): False,
    ("<=", 0): False,
    ("<", 1): False,
}


def within(name: str, call: Json, right: Json, scope: Scope) -> Limits | None:
    """`position('x' in name) > 0` is LIKE '%x%', `strpos(name, 'x') = 0` its opposite. None: neither."""
    body = call.get("FuncCall", {})
    args: list[Json] = body.get("args", [])
    amount = fold(right)
    if built_in_name(strings(body.get("funcname", []))) not in {"position", "strpos"} or len(args) != 2:
        return None
    if not isinstance(amount, int) or (name, amount) not in _WITHIN:
        return {}
    other = fixed(args[1], scope)
    if other is None or not (other.kind is Kind.PARAMETER or something_in(str(other.value or ""))):
        return {}
    return has_pattern("~~" if _WITHIN[name, amount] else "!~~", args[0], _anywhere(args[1]), scope, "")


def _anywhere(text: Json) -> Json:
    """A pattern that finds a text anywhere; what `%` and `_` in it stand for makes no difference here."""
    percent = {"A_Const": {"sval": {"sval": "%"}}}
    joined = {"kind": "AEXPR_OP", "name": [{"String": {"sval": "||"}}]}
    before = {"A_Expr": {**joined, "lexpr": percent, "rexpr": text}}
    return {"A_Expr": {**joined, "lexpr": before, "rexpr": percent}}


def _pattern(right: Json, *, spelled: bool) -> Json:
    """The pattern without its ESCAPE; `spelled`: without upper() and lower(), which LIKE's wildcards pass."""
    kind, body = only(right)
    if (
        spelled
        and kind == "FuncCall"
        and built_in_name(strings(body.get("funcname", []))) in {"upper", "lower"}
    ):
        return _pattern(body["args"][0], spelled=True) if len(body.get("args", [])) == 1 else right
    if kind == "FuncCall" and strings(body.get("funcname", []))[-1] in {"like_escape", "similar_to_escape"}:
        first: Json = body["args"][0]
        return first
    return right
