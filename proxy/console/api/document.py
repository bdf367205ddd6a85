"""The OpenAPI 3.1 description of the API (spec.openapis.org/oas/v3.1.1), made from its table.

Enters: the table of endpoints. Leaves: a document whose schemas are those that requests are read by. What is
not written in a type or a row is not in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final, TypeAlias

import msgspec

from proxy import __version__
from proxy.console.api.endpoints import Endpoint, by_path
from proxy.console.api.problems import CONTENT_TYPE
from proxy.console.api.shapes import Problem
from proxy.console.people import NEEDED

Json: TypeAlias = dict[str, Any]
_REF: Final = "#/components/schemas/{name}"
_JSON: Final = "application/json"
_ALWAYS: Final = (400, 401, 403, 404, 409, 422, 429, 500, 503)
_OF_BODIES: Final = (413, 415)


def document(prefix: str) -> Json:
    """Describe all of it, at addresses that begin with `prefix`."""
    paths = by_path()
    rows = [row for of_path in paths.values() for row in of_path]
    types = [row.answer for row in rows if row.answer is not None]
    types += [row.body for row in rows if row.body is not None]
    _, components = msgspec.json.schema_components((*types, Problem), ref_template=_REF)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pgwarden",
            "version": __version__,
            "description": "A gate before PostgreSQL: what it refused and why, and how to operate it.",
            "license": {"name": "GPL-3.0-or-later", "identifier": "GPL-3.0-or-later"},
        },
        "servers": [{"url": prefix}],
        "paths": {
            path: {row.method.lower(): _operation(row) for row in found} for path, found in paths.items()
        },
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(row: Endpoint[Any, Any]) -> Json:
    needed = NEEDED[row.action].word
    parameters = [*_named(row), *_asked(row)]
    described: Json = {
        "operationId": row.id,
        "summary": row.summary,
        "description": f"Takes the role {needed}.",
        "security": [{"token": []}] if needed != "viewer" else [{}, {"token": []}],
        "responses": _responses(row),
    }
    if parameters:
        described["parameters"] = parameters
    if row.body is not None:
        described["requestBody"] = {"required": True, "content": {_JSON: {"schema": _schema(row.body)}}}
    return described


def _named(row: Endpoint[Any, Any]) -> Iterator[Json]:
    if row.takes_name:
        schema = {"type": "string", "pattern": row.named}
        yield {"name": "id", "in": "path", "required": True, "schema": schema}


def _asked(row: Endpoint[Any, Any]) -> Iterator[Json]:
    """A query's parameters: the fields of its type."""
    _, components = msgspec.json.schema_components((row.query,), ref_template=_REF)
    schema = components[row.query.__name__]
    for name, field in schema.get("properties", {}).items():
        yield {"name": name, "in": "query", "required": False, "schema": field}


def _responses(row: Endpoint[Any, Any]) -> Json:
    good: Json = {"description": row.status.phrase}
    if row.answer is not None:
        good["content"] = {_JSON: {"schema": _schema(row.answer)}}
    wrong = (*_ALWAYS, *(_OF_BODIES if row.body is not None else ()))
    return {
        str(int(row.status)): good,
        **{
            str(status): {
                "description": HTTPStatus(status).phrase,
                "content": {CONTENT_TYPE: {"schema": _schema(Problem)}},
            }
            for status in sorted(wrong)
        },
        "421": {
            "description": "The Host header names another host.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
    }


def _schema(kind: object) -> Json:
    (schema,), _ = msgspec.json.schema_components((kind,), ref_template=_REF)
    return dict(schema)
