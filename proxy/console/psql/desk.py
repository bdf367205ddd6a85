"""Has commands done: asks the gate, and makes tables of what it says.

Enters: a person, a statement. Leaves: a Table; or Refused. Who may do what is asked in `Operations`, which
each change and each list of sessions and requests goes through. Deliberately absent: the protocol.
"""

from __future__ import annotations

from typing import Protocol, assert_never

from proxy.console.operations import CannotBeDone, Operations, SessionsNow
from proxy.console.people import NotAllowed, Person
from proxy.console.psql import views
from proxy.console.psql.statements import Change, Freeze, Kill, Reload, Show, Thaw
from proxy.console.psql.tables import Table
from proxy.console.psql.tokens import Refused
from proxy.console.psql.views import COLUMNS, ConfigLine, ListenerNow, Rows, StatementCount
from proxy.console.source import ConsoleSource
from proxy.console.values import FreezeNow, LedgerNow


class PsqlSource(ConsoleSource, Protocol):
    """The gate, as psql's console sees it."""

    def config(self) -> tuple[ConfigLine, ...]:
        """Its settings; those of listeners once for each."""
        ...

    def listeners(self) -> tuple[ListenerNow, ...]:
        """Where clients connect."""
        ...

    async def statements(self) -> tuple[StatementCount, ...]:
        """What was judged so far."""
        ...


class Desk:
    """Does what people say."""

    def __init__(self, source: PsqlSource, operations: Operations) -> None:
        """Ask these."""
        self._source = source
        self._operations = operations

    async def show(self, person: Person, show: Show) -> Table:
        """Answer a SHOW.

        Raises: Refused.
        """
        try:
            rows, notices = await self._rows(person, show.view)
        except (NotAllowed, CannotBeDone) as error:
            raise _refused(error) from error
        return Table(COLUMNS[show.view], tuple(rows), notices=notices)

    async def change(self, person: Person, change: Change) -> Table:
        """Change something.

        Raises: Refused.
        """
        try:
            return await self._change(person, change)
        except (NotAllowed, CannotBeDone) as error:
            raise _refused(error) from error

    # -- showing -----------------------------------------------------------------------------------------

    async def _rows(self, person: Person, view: str) -> tuple[Rows, tuple[str, ...]]:
        source = self._source
        match view:
            case "HELP":
                return views.help_rows(), ()
            case "VERSION":
                return views.version_rows(), ()
            case "CONFIG":
                return views.config_rows(source.config()), ()
            case "LISTENERS":
                return views.listener_rows(source.listeners()), ()
            case "STATS":
                return views.stats_rows(await source.statements()), ()
            case "BLOCKED":
                return self._blocked()
            case "APPROVALS":
                return views.approval_rows(await self._operations.approvals(person)), ()
            case "CLIENTS":
                sessions = await self._operations.sessions(person)
                return views.client_rows(sessions.shown), _missing(sessions)
            case "SERVERS":
                sessions = await self._operations.sessions(person)
                behind = {each.listen: each for each in source.listeners()}
                return views.server_rows(sessions.shown, behind), _missing(sessions)
            case "BACKUPS":
                known = await source.backups()
                if known.problem:
                    raise _unreadable(known.problem)
                return views.backup_rows(known.copies), ()
            case "LISTS":
                return await self._lists(person)
            case _:
                return await self._overview(view), ()

    def _blocked(self) -> tuple[Rows, tuple[str, ...]]:
        refusals = self._source.refusals()
        notices = [f"complete from {refusals.since:%Y-%m-%d %H:%M:%S} UTC on; the refusal log has all"]
        if refusals.left_out:
            notices.append(f"{refusals.left_out} were too many or too long to be kept here")
        return views.blocked_rows(refusals.shown), tuple(notices)

    async def _overview(self, view: str) -> Rows:
        overview = await self._source.overview()
        match view:
            case "RULES":
                return views.rule_rows(overview.policies)
            case "POLICY":
                return views.policy_rows(overview.policies)
            case "WINDOWS":
                return views.window_rows(overview.policies)
            case "FREEZE":
                return views.freeze_rows(_readable(overview.ledger))
            case "CHANGES":
                return views.change_rows(_readable(overview.ledger))
        raise LookupError(view)

    async def _lists(self, person: Person) -> tuple[Rows, tuple[str, ...]]:
        overview = await self._source.overview()
        sessions = await self._operations.sessions(person)
        ledger = _readable(overview.ledger)
        counts = {
            "listeners": len(self._source.listeners()),
            "clients": len(sessions.shown) + sessions.left_out,
            "policies": len(overview.policies),
            "rules": sum(len(policy.rules) for policy in overview.policies),
            "blocked": len(overview.refusals.shown),
            "freezes": len(ledger.freezes),
            "approvals": len(await self._operations.approvals(person)),
        }
        return counts.items(), _missing(sessions)

    # -- changing ----------------------------------------------------------------------------------------

    async def _change(self, person: Person, change: Change) -> Table:
        operations = self._operations
        match change:
            case Freeze():
                frozen = await operations.freeze(
                    person,
                    reason=change.reason,
                    until=change.until,
                    database=change.database,
                    kill=change.kill,
                )
                return _done("FREEZE", f"{_told(frozen)} rest")
            case Thaw():
                ended = await operations.thaw(person, database=change.database)
                return _done(
                    "THAW", *(f"{_told(each)} go on" for each in ended) if ended else _NOTHING_FROZEN
                )
            case Reload():
                loaded = await operations.reload(person)
                return _done("RELOAD", *(f"{each.path}: {each.problem or 'in force'}" for each in loaded))
            case Kill():
                await operations.end_session(person, change.session, reason=change.reason)
                return _done("KILL")
            case _:
                assert_never(change)


_NOTHING_FROZEN = ("no such freeze stands",)


def _done(tag: str, *notices: str) -> Table:
    return Table((), (), tag, notices)


def _told(freeze: FreezeNow) -> str:
    """`writes to shop until 2026-11-27 08:00:00 UTC`."""
    where = "all databases" if freeze.database is None else freeze.database
    until = "" if freeze.until is None else f" until {freeze.until:%Y-%m-%d %H:%M:%S} UTC"
    return f"writes to {where}{until}"


def _missing(sessions: SessionsNow) -> tuple[str, ...]:
    notices = [f"worker {number} did not answer: its sessions are missing" for number in sessions.silent]
    if sessions.left_out:
        notices.append(f"{sessions.left_out} more are not shown")
    return tuple(notices)


def _readable(ledger: LedgerNow) -> LedgerNow:
    """The ledger, if it says anything: an empty list must not stand for one that cannot be read."""
    if ledger.trouble:
        raise _unreadable(ledger.trouble)
    return ledger


def _unreadable(why: str) -> Refused:
    return Refused("58000", why, hint="Look at the gate's log, and try again.")


def _refused(error: NotAllowed | CannotBeDone) -> Refused:
    if isinstance(error, NotAllowed):
        return Refused("42501", str(error))
    return Refused("55000", error.why, hint=error.hint)
