"""The box that explains a pasted statement: what the gate would say of it, when, to whom.

Enters: a form. Leaves: what `Operations.explain` answers; nothing is sent anywhere. Deliberately absent:
judging; the statement stands in no address, so that no history keeps it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from aiohttp import web

from proxy.console.doorway import person_of
from proxy.console.forms import fields_of
from proxy.console.operations import CannotBeDone, Explained, Operations, Question
from proxy.console.people import NotAllowed
from proxy.console.views.desk import Desk

_FIELDS: Final = ("sql", "policy", "at", "role", "database")
_USUAL: Final = "postgres"
_LONGEST: Final = 200


def routes(desk: Desk, operations: Operations) -> Iterator[web.RouteDef]:
    """The empty box, and the answer below it."""

    async def show(
        request: web.Request, asked: Mapping[str, str], found: Explained | None = None, problem: str = ""
    ) -> web.Response:
        return await desk.show(
            request,
            "explain.html",
            status=400 if problem else 200,
            asked=asked,
            found=found,
            problem=problem,
        )

    async def box(request: web.Request) -> web.Response:
        return await show(request, dict.fromkeys(_FIELDS, ""))

    async def explain(request: web.Request) -> web.Response:
        form = await fields_of(request)
        asked = {name: form.get(name, "") for name in _FIELDS}
        try:
            found = await operations.explain(person_of(request), _question(asked))
        except CannotBeDone as error:
            return await show(request, asked, problem=f"{_sentence(error.why)} {error.hint}".rstrip())
        except NotAllowed as error:
            return await show(request, asked, problem=_sentence(str(error)))
        return await show(request, asked, found)

    yield web.get("/explain", box)
    yield web.post("/explain", explain)


def _question(asked: Mapping[str, str]) -> Question:
    """What the form asks.

    Raises: CannotBeDone, where it cannot be understood.
    """
    if not asked["sql"].strip():
        raise CannotBeDone("there is no statement.", "Paste one.")
    for name in _FIELDS[1:]:
        if len(asked[name]) > _LONGEST:
            raise CannotBeDone(f"the {name} is too long.", "Write a shorter one.")
    return Question(
        asked["sql"],
        asked["role"].strip() or _USUAL,
        asked["database"].strip() or _USUAL,
        _moment(asked["at"].strip()),
        asked["policy"],
    )


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        raise CannotBeDone(
            "the moment is none.", "Write it as 2026-11-22T14:30, or leave it empty for now."
        ) from None


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
