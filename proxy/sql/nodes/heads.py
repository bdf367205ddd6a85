"""CREATE FUNCTION up to its AS, as the PL/pgSQL parser needs to see it.

In: a CreateFunctionStmt. Out: text for the parser alone: modes and names as they are, and types that it knows
in the place of those that it does not. It looks a type up only to tell scalars from records. Deliberately
absent: defaults and options, which the ordinary tree holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from proxy.sql.nodes.walk import qualified
from proxy.sql.parse import Json

_MODES: Mapping[str, str] = {"FUNC_PARAM_OUT": "OUT ", "FUNC_PARAM_INOUT": "INOUT "}
_TABLE = "FUNC_PARAM_TABLE"


def head(body: Json) -> str:
    """The head of this function or procedure."""
    parameters = [item.get("FunctionParameter", {}) for item in body.get("parameters", [])]
    taken = _listed(parameter for parameter in parameters if parameter.get("mode") != _TABLE)
    kind = "PROCEDURE" if body.get("is_procedure") else "FUNCTION"
    name = _quoted(qualified(body.get("funcname", []))[1] or "f")
    return f"CREATE {kind} {name}({taken}){_returns(body, parameters)} LANGUAGE plpgsql AS"


def _returns(body: Json, parameters: list[Json]) -> str:
    columns = _listed(parameter for parameter in parameters if parameter.get("mode") == _TABLE)
    given = body.get("returnType")
    if columns:
        return f" RETURNS TABLE ({columns})"
    if given is None:
        return ""
    if any(parameter.get("mode") in _MODES for parameter in parameters):
        # The result's type is that of these parameters.
        return " RETURNS SETOF record" if given.get("setof") else ""
    return f" RETURNS {'SETOF ' if given.get('setof') else ''}{_type(given)}"


def _listed(parameters: Iterable[Json]) -> str:
    return ", ".join(_parameter(parameter) for parameter in parameters)


def _parameter(parameter: Json) -> str:
    name = parameter.get("name")
    written = f"{_quoted(name)} " if name else ""
    return f"{_MODES.get(parameter.get('mode', ''), '')}{written}{_type(parameter.get('argType', {}))}"


def _type(name: Json) -> str:
    if "arrayBounds" in name or name.get("pct_type"):
        return "int4[]"
    schema, plain = qualified(name.get("names", []))
    if plain is None:
        return "int4"
    if schema is None:
        return _quoted(plain)
    return f"{'pg_catalog' if schema == 'pg_catalog' else 'public'}.{_quoted(plain)}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
