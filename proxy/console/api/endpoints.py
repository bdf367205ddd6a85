"""What can be asked of the API: one table, from which requests are read, answered and described.

Enters: a person, and a request that fits its types. Leaves: values; NotAllowed, CannotBeDone, Refused.
Deliberately absent: HTTP.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from proxy.console.api.paging import moment_of, page, place
from proxy.console.api.problems import Refused
from proxy.console.api.shapes import (
    BackupsPage,
    ChangesAsked,
    ChangesPage,
    ExplainWanted,
    Fact,
    FreezeWanted,
    GrantWanted,
    Listed,
    Moment,
    Nothing,
    PageAsked,
    RateOfSpan,
    RatesNow,
    ReasonGiven,
    RefusalsAsked,
    RefusalsPage,
    RuleOfPolicy,
    SessionsPage,
    Status,
    Thawed,
    ThawWanted,
    WholeChange,
    WindowOfPolicy,
    said,
)
from proxy.console.api.source import ApiSource, Stat
from proxy.console.operations import (
    ApprovalNow,
    ApproverNow,
    Explained,
    NotThere,
    PolicyLoaded,
    Question,
    SignedGrant,
    Unavailable,
)
from proxy.console.people import Action, Person
from proxy.console.questions import ChangeSearch
from proxy.console.values import FreezeNow, LedgerNow, PolicyInForce, Refusal

Query = TypeVar("Query")
Body = TypeVar("Body")

_DOCTOR: Final = "pgwarden doctor says what is wrong."
_ALL: Final = datetime.fromtimestamp(0, UTC)
_ID: Final = r"^[0-9a-zA-Z-]{1,40}$"
_NUMBER: Final = r"^[1-9][0-9]{0,16}$"


@dataclass(frozen=True, slots=True)
class Call(Generic[Query, Body]):
    """A request that fits its types.

    Attributes:
        name: what the path names; "" where it names nothing.
    """

    person: Person
    name: str
    query: Query
    body: Body


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[Query, Body]):
    """One row of the table.

    Attributes:
        path: with {id} where something is named, of the form `named`.
        action: what somebody has to be allowed.
        body: None where the request has none.
        answer: what it is answered with; None for nothing.
    """

    method: str
    path: str
    id: str
    summary: str
    action: Action
    run: Callable[[ApiSource, Call[Query, Body]], Awaitable[object]]
    answer: object
    query: type[Query]
    body: type[Body] | None = None
    status: HTTPStatus = HTTPStatus.OK
    named: str = _ID

    @property
    def takes_name(self) -> bool:
        """Whether the path names something."""
        return "{id}" in self.path


# -- looking -----------------------------------------------------------------------------------------------


async def _status(gate: ApiSource, call: Call[Nothing, None]) -> Status:
    o = await gate.console.overview()
    return Status(o.now, o.version, not o.not_ready, o.not_ready, bool(o.ledger.freezes), o.ledger.trouble)


async def _stats(gate: ApiSource, call: Call[Nothing, None]) -> Listed[Stat]:
    return Listed(await gate.stats())


async def _refusals(gate: ApiSource, call: Call[RefusalsAsked, None]) -> RefusalsPage:
    asked, known = call.query, gate.console.refusals()
    found = (
        each
        for each in known.shown
        if (isinstance(asked.rule, UnsetType) or asked.rule in each.rules)
        and asked.role in (UNSET, each.role)
        and asked.database in (UNSET, each.database)
        and asked.enforced in (UNSET, each.enforced)
    )
    shown, following = page(
        found, lambda each: place(each.at, each.decision_id), said(asked.cursor), asked.limit
    )
    return RefusalsPage(shown, following, known.since, known.left_out)


async def _refusal(gate: ApiSource, call: Call[Nothing, None]) -> Refusal:
    for each in gate.console.refusals().shown:
        if each.decision_id == call.name:
            return each
    raise NotThere("no refusal of the last hour has this decision id.", "The refusal log has those before.")


async def _policies(gate: ApiSource, call: Call[Nothing, None]) -> Listed[PolicyInForce]:
    return Listed((await gate.console.overview()).policies)


async def _rules(gate: ApiSource, call: Call[Nothing, None]) -> Listed[RuleOfPolicy]:
    policies = (await gate.console.overview()).policies
    return Listed(tuple(RuleOfPolicy(policy.name, rule) for policy in policies for rule in policy.rules))


async def _windows(gate: ApiSource, call: Call[Nothing, None]) -> Listed[WindowOfPolicy]:
    policies = (await gate.console.overview()).policies
    return Listed(
        tuple(WindowOfPolicy(policy.name, window) for policy in policies for window in policy.windows)
    )


async def _rates(gate: ApiSource, call: Call[Nothing, None]) -> RatesNow:
    found = gate.console.rates()
    return RatesNow(found.samples, tuple(RateOfSpan(span, rate) for span, rate in found.spans))


async def _backups(gate: ApiSource, call: Call[PageAsked, None]) -> BackupsPage:
    known = await gate.console.backups()
    if known.problem:
        raise Unavailable(known.problem, _DOCTOR)
    return BackupsPage(
        *page(
            known.copies,
            lambda each: place(each.finished, f"{each.database} {each.location}"),
            said(call.query.cursor),
            call.query.limit,
        )
    )


async def _freezes(gate: ApiSource, call: Call[Nothing, None]) -> Listed[FreezeNow]:
    return Listed((await _ledger(gate)).freezes)


async def _ledger(gate: ApiSource) -> LedgerNow:
    found = (await gate.console.overview()).ledger
    if found.trouble:
        raise Unavailable(f"{found.trouble.rstrip('.')}.", _DOCTOR)
    return found


async def _changes(gate: ApiSource, call: Call[ChangesAsked, None]) -> ChangesPage:
    asked = call.query
    found = await gate.console.changes(
        ChangeSearch(
            text=asked.text,
            database=said(asked.database) or "",
            role=said(asked.role) or "",
            risk=said(asked.risk) or "",
            outcome=said(asked.outcome) or "",
            since=_moment("since", said(asked.since)),
            until=_moment("until", said(asked.until)),
            before=said(asked.cursor) or "",
        )
    )
    if found.problem:
        raise Unavailable(found.problem, _DOCTOR)
    return ChangesPage(found.shown, found.older or None, found.in_time)


def _moment(name: str, text: str | None) -> str:
    """A moment of a query.

    Raises: Refused.
    """
    try:
        return "" if text is None else msgspec.convert(text, Moment).isoformat()
    except msgspec.ValidationError as error:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, f"the query will not do: {name}: {error}.") from None


async def _change(gate: ApiSource, call: Call[Nothing, None]) -> WholeChange:
    found = await gate.console.change(int(call.name))
    if found is None:
        raise NotThere(f"there is no change {call.name}.", "List the changes.")
    facts = tuple(Fact(name, value) for name, value in found.facts)
    return WholeChange(found.number, facts, found.plan, found.statement)


async def _sessions(gate: ApiSource, call: Call[PageAsked, None]) -> SessionsPage:
    cursor = said(call.query.cursor)
    after = _ALL if cursor is None else moment_of(cursor)
    if after is None:
        return SessionsPage((), None, ())
    found = await gate.operations.sessions(call.person, after=after)
    # Each worker has told its oldest, more of them than a page holds.
    shown, following = page(
        found.shown, lambda each: place(each.since, each.id), cursor, call.query.limit, oldest_first=True
    )
    return SessionsPage(shown, following, found.silent)


async def _approvals(gate: ApiSource, call: Call[Nothing, None]) -> Listed[ApprovalNow]:
    return Listed(await gate.operations.approvals(call.person))


async def _approvers(gate: ApiSource, call: Call[Nothing, None]) -> Listed[ApproverNow]:
    return Listed(await gate.operations.approvers(call.person))


async def _explain(gate: ApiSource, call: Call[Nothing, ExplainWanted]) -> Explained:
    asked = call.body
    return await gate.operations.explain(
        call.person, Question(asked.sql, asked.role, asked.database, asked.at, asked.policy)
    )


# -- acting ------------------------------------------------------------------------------------------------


async def _freeze(gate: ApiSource, call: Call[Nothing, FreezeWanted]) -> FreezeNow:
    wanted = call.body
    return await gate.operations.freeze(
        call.person, reason=wanted.reason, until=wanted.until, database=wanted.database, kill=wanted.kill
    )


async def _thaw(gate: ApiSource, call: Call[Nothing, ThawWanted]) -> Thawed:
    return Thawed(await gate.operations.thaw(call.person, database=call.body.database))


async def _reload(gate: ApiSource, call: Call[Nothing, Nothing]) -> Listed[PolicyLoaded]:
    return Listed(await gate.operations.reload(call.person))


async def _end_session(gate: ApiSource, call: Call[Nothing, ReasonGiven]) -> None:
    await gate.operations.end_session(call.person, call.name, reason=call.body.reason)


async def _grant(gate: ApiSource, call: Call[Nothing, GrantWanted]) -> ApprovalNow:
    signed = SignedGrant(call.body.key, call.body.at, call.body.signature)
    return await gate.operations.grant(call.person, call.name, signed)


async def _deny(gate: ApiSource, call: Call[Nothing, ReasonGiven]) -> None:
    await gate.operations.deny(call.person, call.name, reason=call.body.reason)


ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    Endpoint("GET", "/status", "status", "How the gate is", Action.VIEW, _status, Status, Nothing),
    Endpoint("GET", "/stats", "stats", "What it counts", Action.VIEW, _stats, Listed[Stat], Nothing),
    Endpoint(
        "GET", "/refusals", "refusals", "Refusals of the last hour", Action.VIEW, _refusals,
        RefusalsPage, RefusalsAsked,
    ),
    Endpoint(
        "GET", "/refusals/{id}", "refusal", "One of them, by its decision id", Action.VIEW, _refusal,
        Refusal, Nothing,
    ),
    Endpoint(
        "GET", "/policies", "policies", "The policies in force", Action.VIEW, _policies,
        Listed[PolicyInForce], Nothing,
    ),
    Endpoint(
        "GET", "/rules", "rules", "Their rules, with hits", Action.VIEW, _rules, Listed[RuleOfPolicy], Nothing
    ),
    Endpoint(
        "GET", "/windows", "windows", "Windows, and when they change", Action.VIEW, _windows,
        Listed[WindowOfPolicy], Nothing,
    ),
    Endpoint(
        "GET", "/rates", "rates", "Statements a second, and the time to judge", Action.VIEW, _rates, RatesNow,
        Nothing,
    ),
    Endpoint(
        "GET", "/backups", "backups", "Copies of backups", Action.VIEW, _backups, BackupsPage, PageAsked
    ),
    Endpoint(
        "GET", "/changes", "changes", "Changes that went on to a server", Action.VIEW, _changes,
        ChangesPage, ChangesAsked,
    ),
    Endpoint(
        "GET", "/changes/{id}", "change", "One of them, by its number", Action.VIEW, _change, WholeChange,
        Nothing, named=_NUMBER,
    ),
    Endpoint(
        "GET", "/sessions", "sessions", "Who is connected", Action.VIEW, _sessions, SessionsPage, PageAsked
    ),
    Endpoint(
        "POST", "/sessions/{id}/end", "end_session", "End a session", Action.END_SESSION, _end_session, None,
        Nothing, ReasonGiven, HTTPStatus.NO_CONTENT,
    ),
    Endpoint(
        "GET", "/approvals", "approvals", "Requests that can be granted", Action.VIEW, _approvals,
        Listed[ApprovalNow], Nothing,
    ),
    Endpoint(
        "GET", "/approvers", "approvers", "Keys that are enrolled", Action.VIEW, _approvers,
        Listed[ApproverNow], Nothing,
    ),
    Endpoint(
        "POST", "/approvals/{id}/grant", "grant", "Grant a request, by an approver's signature", Action.GRANT,
        _grant, ApprovalNow, Nothing, GrantWanted,
    ),
    Endpoint(
        "POST", "/approvals/{id}/deny", "deny", "Deny a request", Action.DENY, _deny, None, Nothing,
        ReasonGiven, HTTPStatus.NO_CONTENT,
    ),
    Endpoint(
        "GET", "/freezes", "freezes", "Freezes that stand", Action.VIEW, _freezes, Listed[FreezeNow], Nothing
    ),
    Endpoint(
        "POST", "/freezes", "freeze", "Refuse writes from now on", Action.FREEZE, _freeze, FreezeNow, Nothing,
        FreezeWanted, HTTPStatus.CREATED,
    ),
    Endpoint("POST", "/thaw", "thaw", "End freezes", Action.THAW, _thaw, Thawed, Nothing, ThawWanted),
    Endpoint(
        "POST", "/reload", "reload", "Load policies and other files again, as SIGHUP does", Action.RELOAD,
        _reload, Listed[PolicyLoaded], Nothing, Nothing,
    ),
    Endpoint(
        "POST", "/explain", "explain", "What a policy says of a statement, and why", Action.EXPLAIN, _explain,
        Explained, Nothing, ExplainWanted,
    ),
)  # fmt: skip
"""All of them; what is not here is not there."""


def by_path() -> Mapping[str, tuple[Endpoint[Any, Any], ...]]:
    """The rows of each path."""
    found: dict[str, tuple[Endpoint[Any, Any], ...]] = {}
    for endpoint in ENDPOINTS:
        found[endpoint.path] = (*found.get(endpoint.path, ()), endpoint)
    return found
