"""CREATE FUNCTION up to its AS, as the PL/pgSQL parser needs to see it.

In: a CreateFunctionStmt. Out: text for the parser alone: modes and names as they are, and types that it knows
in the place of those that it does not. It looks a type up only to tell scalars from records. Deliberately
absent: defaults and options, which the ordinary tree holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from proxy.sql.parse import Json
from proxy.sql.tree import qualified

_MODES: Mapping[str, str] = {"FUNC_PARAM_OUT": "OUT ", "FUNC_PARAM_INOUT": "INOUT "}
_NO_SCALARS = frozenset({"record", "refcursor"})
_TABLE = "FUNC_PARAM_TABLE"


def head(body: Json, records: frozenset[str] | None = None) -> str:
    """The head of this function or procedure.

    Args:
        body: the CreateFunctionStmt.
        records: the names that may be records, None for all: a parameter of a domain or an enum is taken for
            a record otherwise.
    """
    parameters = [item.get("FunctionParameter", {}) for item in body.get("parameters", [])]
    taken = _listed((item for item in parameters if item.get("mode") != _TABLE), records)
    kind = "PROCEDURE" if body.get("is_procedure") else "FUNCTION"
    name = _quoted(qualified(body.get("funcname", []))[1] or "f")
    return f"CREATE {kind} {name}({taken}){_returns(body, parameters, records)} LANGUAGE plpgsql AS"


def _returns(body: Json, parameters: list[Json], records: frozenset[str] | None) -> str:
    columns = _listed((item for item in parameters if item.get("mode") == _TABLE), records)
    given = body.get("returnType")
    if columns:
        return f" RETURNS TABLE ({columns})"
    if given is None:
        return ""
    if any(parameter.get("mode") in _MODES for parameter in parameters):
        # The result's type is that of these parameters.
        return " RETURNS SETOF record" if given.get("setof") else ""
    return f" RETURNS {'SETOF ' if given.get('setof') else ''}{_type(given)}"


def _listed(parameters: Iterable[Json], records: frozenset[str] | None) -> str:
    return ", ".join(_parameter(item, records) for item in parameters)


def _parameter(parameter: Json, records: frozenset[str] | None) -> str:
    name = parameter.get("name")
    written = f"{_quoted(name)} " if name else ""
    given = parameter.get("argType", {})
    may_be = records is None or name in records or qualified(given.get("names", []))[0] == "pg_catalog"
    return f"{_MODES.get(parameter.get('mode', ''), '')}{written}{_type(given, record=may_be)}"


def _type(name: Json, *, record: bool = True) -> str:
    if "arrayBounds" in name or name.get("pct_type"):
        return "int4[]"
    schema, plain = qualified(name.get("names", []))
    if plain is None or (not record and plain not in _NO_SCALARS):
        return "int4"
    if schema is None:
        return _quoted(plain)
    return f"{'pg_catalog' if schema == 'pg_catalog' else 'public'}.{_quoted(plain)}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
