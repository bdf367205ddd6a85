"""What can be done on the page: freeze and thaw, load policies again, end sessions, grant and deny.

Enters: forms that the doorway let in. Leaves: what came of them: the page anew, where it was done, else one
that says why not and what to do. Deliberately absent: who may do what; the port says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from proxy.console import answers
from proxy.console.doorway import person_of
from proxy.console.forms import fields_of
from proxy.console.operations import CannotBeDone, Operations, SignedGrant
from proxy.console.people import NotAllowed, Person
from proxy.console.views.desk import Desk
from proxy.policy.durations import parse_duration

Form = Mapping[str, str]
Doing = Callable[[Person, Form], Awaitable[object]]

_LONGEST: Final = 4096


class _Acting:
    """The forms, and what they do."""

    def __init__(self, desk: Desk, operations: Operations) -> None:
        self._desk = desk
        self._operations = operations

    def routes(self) -> Iterator[web.RouteDef]:
        yield web.get("/freezes", self._freezes)
        yield web.get("/sessions", self._sessions)
        yield web.get("/approvals", self._approvals)
        for path, doing, back in (
            ("/freezes/freeze", self._freeze, "/freezes"),
            ("/freezes/thaw", self._thaw, "/freezes"),
            ("/policy/reload", self._reload, "/policy"),
            ("/sessions/end", self._end, "/sessions"),
            ("/approvals/grant", self._grant, "/approvals"),
            ("/approvals/deny", self._deny, "/approvals"),
        ):
            yield web.post(path, self._posted(doing, back))

    def _posted(self, doing: Doing, back: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def post(request: web.Request) -> web.StreamResponse:
            form = await fields_of(request)
            try:
                if any(len(value) > _LONGEST for value in form.values()):
                    raise CannotBeDone("one of the fields is too long.", "Say it in fewer words.")
                await doing(person_of(request), form)
            except (NotAllowed, CannotBeDone) as error:
                return await self._refused(request, error, back)
            return web.Response(status=303, headers={**answers.HEADERS, "Location": back})

        return post

    async def _refused(
        self, request: web.Request, error: NotAllowed | CannotBeDone, back: str
    ) -> web.Response:
        status = 403 if isinstance(error, NotAllowed) else 409
        why, hint = (error.why, error.hint) if isinstance(error, CannotBeDone) else (str(error), "")
        return await self._desk.show(request, "refused.html", status=status, why=why, hint=hint, back=back)

    # -- pages ---------------------------------------------------------------------------------------------

    async def _freezes(self, request: web.Request) -> web.Response:
        return await self._desk.show(request, "freezes.html")

    async def _sessions(self, request: web.Request) -> web.Response:
        async def ask(person: Person) -> dict[str, object]:
            return {"found": await self._operations.sessions(person)}

        return await self._listed(request, "sessions.html", ask, "/sessions")

    async def _approvals(self, request: web.Request) -> web.Response:
        operations = self._operations

        async def ask(person: Person) -> dict[str, object]:
            enrolled = await operations.approvers(person)
            return {
                "found": await operations.approvals(person),
                "granting": {each.id: each.name for each in enrolled if each.grants},
            }

        return await self._listed(request, "approvals.html", ask, "/approvals")

    async def _listed(
        self,
        request: web.Request,
        template: str,
        ask: Callable[[Person], Awaitable[dict[str, object]]],
        back: str,
    ) -> web.Response:
        try:
            shown = await ask(person_of(request))
        except (NotAllowed, CannotBeDone) as error:
            return await self._refused(request, error, back)
        return await self._desk.show(request, template, None, 200, **shown)

    # -- actions -------------------------------------------------------------------------------------------

    async def _freeze(self, person: Person, form: Form) -> None:
        await self._operations.freeze(
            person,
            reason=form.get("reason", ""),
            until=_end(form.get("lasting", "").strip()),
            database=form.get("database", "").strip() or None,
            kill=form.get("kill") == "on",
        )

    async def _thaw(self, person: Person, form: Form) -> None:
        await self._operations.thaw(person, database=form.get("database", "").strip() or None)

    async def _reload(self, person: Person, form: Form) -> None:
        failed = [each for each in await self._operations.reload(person) if each.problem]
        if failed:
            raise CannotBeDone(
                "; ".join(each.problem for each in failed), "The policy before stays in force: mend the file."
            )

    async def _end(self, person: Person, form: Form) -> None:
        await self._operations.end_session(person, form.get("session", ""), reason=form.get("reason", ""))

    async def _grant(self, person: Person, form: Form) -> None:
        try:
            at = datetime.fromisoformat(form.get("at", ""))
        except ValueError:
            raise CannotBeDone(
                "not granted: it is not signed.", "Sign it on the page of approvals."
            ) from None
        signed = SignedGrant(form.get("key", ""), at, form.get("signature", ""))
        await self._operations.grant(person, form.get("request", ""), signed)

    async def _deny(self, person: Person, form: Form) -> None:
        await self._operations.deny(person, form.get("request", ""), reason=form.get("reason", ""))


def routes(desk: Desk, operations: Operations) -> Iterator[web.RouteDef]:
    """Each page and each form."""
    return _Acting(desk, operations).routes()


def _end(lasting: str) -> datetime | None:
    if not lasting:
        return None
    try:
        return datetime.now(UTC) + parse_duration(lasting)
    except (ValueError, OverflowError) as error:
        raise CannotBeDone(f"not frozen: {error}.", "Write how long as 30m, 2h or 1d.") from None
