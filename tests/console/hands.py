"""A gate that notes what people do with it, and a file of tokens, for the pages' tests."""

from __future__ import annotations

from datetime import UTC, datetime

from proxy.app.log import logger
from proxy.app.operating.logins import TokenLogins
from proxy.app.operating.tokens import make_token
from proxy.console.operations import (
    ApprovalNow,
    ApproverNow,
    CannotBeDone,
    Explained,
    ExplainedLine,
    PolicyLoaded,
    Question,
    SessionNow,
    SessionsNow,
    SignedGrant,
    Told,
)
from proxy.console.people import Action, Person, Role, authorise
from proxy.console.values import FreezeNow

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
EVIL = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>"
_TOKENS = {role: make_token(role.word, role, None) for role in Role}
TEXTS = {role: text for role, (_, text) in _TOKENS.items()}


def logins(failures: int = 0) -> TokenLogins:
    """One token for each role."""
    return TokenLogins(
        "tokens", {role.word: token for role, (token, _) in _TOKENS.items()}, failures, logger()
    )


class NotedOperations:
    """Authorises as the real one does, and notes what would be done.

    Attributes:
        trouble: why nothing can be done; "" where it can.
    """

    def __init__(self) -> None:
        self.done: list[tuple[str, str, dict[str, object]]] = []
        self.trouble = ""

    def _note(self, action: Action, person: Person, **said: object) -> None:
        authorise(person, action)
        if self.trouble:
            raise CannotBeDone(self.trouble, "See to it.")
        self.done.append((action.value, person.name, said))

    async def freeze(
        self,
        person: Person,
        *,
        reason: str = "",
        until: datetime | None = None,
        database: str | None = None,
        kill: bool = False,
    ) -> FreezeNow:
        self._note(Action.FREEZE, person, reason=reason, ends=until is not None, database=database, kill=kill)
        return FreezeNow(reason, str(person), NOW, until, database)

    async def thaw(self, person: Person, *, database: str | None = None) -> tuple[FreezeNow, ...]:
        self._note(Action.THAW, person, database=database)
        return ()

    async def reload(self, person: Person) -> tuple[PolicyLoaded, ...]:
        self._note(Action.RELOAD, person)
        return (PolicyLoaded("p.yaml", "p", "d", ""),)

    async def sessions(self, person: Person, *, after: datetime | None = None) -> SessionsNow:
        authorise(person, Action.VIEW)
        one = SessionNow(EVIL, 0, EVIL, EVIL, EVIL, EVIL, EVIL, EVIL, NOW, True, EVIL)
        return SessionsNow((one,), 3, (1,))

    async def end_session(self, person: Person, session: str, *, reason: str = "") -> None:
        self._note(Action.END_SESSION, person, session=session, reason=reason)

    async def approvals(self, person: Person) -> tuple[ApprovalNow, ...]:
        authorise(person, Action.VIEW)
        return tuple(
            ApprovalNow(
                EVIL, EVIL, "ab" * 32, masked, True, EVIL, (EVIL,), (EVIL,), EVIL, (EVIL,), NOW, NOW, 1, True,
                True, EVIL, NOW, EVIL, (EVIL,), True, "cd" * 32, "ef" * 32,
            )
            for masked in (False, True)
        )  # fmt: skip

    async def approvers(self, person: Person) -> tuple[ApproverNow, ...]:
        authorise(person, Action.VIEW)
        return (ApproverNow(EVIL, EVIL, True, NOW),)

    async def grant(self, person: Person, request: str, signed: SignedGrant) -> ApprovalNow:
        self._note(Action.GRANT, person, request=request, signed=signed)
        return (await self.approvals(person))[0]

    async def deny(self, person: Person, request: str, *, reason: str = "") -> None:
        self._note(Action.DENY, person, request=request, reason=reason)

    async def explain(self, person: Person, question: Question) -> Explained:
        self._note(Action.EXPLAIN, person, question=question)
        line, told = ExplainedLine(1, EVIL, True), Told(EVIL, "enforce", EVIL, EVIL, EVIL, EVIL)
        return Explained(EVIL, EVIL, NOW, False, EVIL, EVIL, (EVIL,), (line,), (told,), (EVIL,))
