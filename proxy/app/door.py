"""One listener with its gate, and what becomes of its sessions' events.

Enters: what all doors of a worker share, a listener's plan, its policy and the facts. Leaves: a door that
opens sessions, told of new facts and policies. Deliberately absent: what a worker has once (gateway.py).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from weakref import WeakSet

from structlog.stdlib import BoundLogger

from proxy.app.backups.setup import in_vain
from proxy.app.backups.taker import BackupTaker
from proxy.app.bounds import proxy_protocol, relay_settings
from proxy.app.catalogue.keeper import CatalogueKeeper
from proxy.app.catalogue.source import CatalogueSource
from proxy.app.ledger.asking import Asker, Writer, keep, tell_lifted
from proxy.app.ledger.changes import ChangeKeeper
from proxy.app.notices.notices import Notices
from proxy.app.reading.readers import Readers
from proxy.app.settings import Settings
from proxy.app.sources import DoorPlan
from proxy.app.statementlogs import StatementLogs
from proxy.app.tracing.telling import Spans
from proxy.app.users.setup import Users
from proxy.policy.decision import ApprovalWanted
from proxy.policy.facts import Facts
from proxy.policy.rules import Policy
from proxy.policy.wanting import NO_MEANS
from proxy.relay import CancelRouter, Console, Listener, Occupancy
from proxy.session import (
    SERVER_REFUSALS,
    Attempts,
    CancelKeys,
    Concluded,
    Elsewhere,
    Ended,
    Event,
    Gate,
    GivenUp,
    Hold,
    Lifted,
    Limits,
    LoginFailed,
    Peer,
    Phase,
    RefusedText,
    RefusedTexts,
    Released,
    Session,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all doors of one worker have in common.

    Attributes:
        first: whether this worker says what all would say.
        counts: what the other workers count.
        token: makes what nobody can guess.
        crashed: told of a session that failed.
    """

    settings: Settings
    first: bool
    log: BoundLogger
    logs: StatementLogs
    notices: Notices
    spans: Spans | None
    readers: Readers
    counts: Elsewhere
    login_failures: Attempts
    occupancy: Occupancy
    keys: CancelKeys
    console: Console
    router: CancelRouter
    changes: ChangeKeeper
    asking: Writer
    asker: Asker
    backups: BackupTaker
    token: Callable[[], str]
    crashed: Callable[[Exception], None]


class Door:
    """One listener with its gate.

    Attributes:
        name: where it listens.
        settings: its own.
        gate: what its sessions judge by.
        listener: what takes its clients.
        keeper: of the database's catalogue, if that is read.
        users: who may log in.
    """

    def __init__(self, shared: Shared, plan: DoorPlan, policy: Policy, facts: Facts) -> None:
        """Build it; nothing is listened to yet."""
        self.name = str(plan.settings.listen)
        self.settings = plan.settings
        self.users = Users(plan.log_in, shared.log)
        self._shared = shared
        self._backup = plan.backup
        self._sessions: WeakSet[Session] = WeakSet()
        self.gate = Gate(
            policy,
            facts,
            name=self.name,
            clock=time.time,
            timer=time.perf_counter,
            token=shared.token,
            limits=Limits(max_statement_bytes=shared.settings.max_statement_bytes),
            log_statements=shared.settings.statement_log is not None or shared.settings.otlp_statements,
            catalogue=plan.catalogue is not None,
            recording=True,
            means=replace(NO_MEANS if plan.backup is None else plan.backup.means, approvals=True),
            refused_texts=RefusedTexts(time.time),
            client_tls=plan.client_tls.asks,
            authentication=plan.log_in.rules(
                shared.login_failures,
                Attempts(SERVER_REFUSALS, name=f"refusals {self.name}", elsewhere=shared.counts),
            ),
            keys=shared.keys,
            console=shared.settings.psql_console,
            keep_statements=plan.settings.keep_statements,
        )
        self.keeper = None if plan.catalogue is None else self._keeper(plan.catalogue)
        self.listener = Listener(
            [(address.host, address.port) for address in plan.settings.listen],
            self._open_session,
            plan.upstream,
            self._observe,
            relay_settings(shared.settings),
            console=shared.console,
            router=shared.router,
            reader=shared.readers.understand,
            catalogue=None if self.keeper is None else self.keeper.ready,
            credentials=self.users.find,
            recorder=shared.changes.record,
            holder=self._hold,
            certificate=plan.client_tls.certificate,
            on_crash=shared.crashed,
            occupancy=shared.occupancy,
            proxy=proxy_protocol(plan.settings),
        )
        self._tell_what_is_in_vain(policy)

    def enforce(self, policy: Policy) -> None:
        """Put a policy in force, for every session, from the next statement on."""
        self.gate.swap_policy(policy)
        self._tell_what_is_in_vain(policy)

    def swap_facts(self, facts: Facts) -> None:
        """Judge by these facts from now on, what is under way too where a freeze begins or ends."""
        before = self.gate.rests
        self.gate.swap_facts(facts)
        if self.gate.rests != before:
            self.listener.facts_changed()

    def _open_session(self, peer: Peer) -> Session:
        self.gate.tally.connections += 1
        session = Session(self.gate, peer)
        if self.keeper is not None:
            self._sessions.add(session)
        return session

    def _keeper(self, source: CatalogueSource) -> CatalogueKeeper:
        settings = self._shared.settings
        return CatalogueKeeper(
            source,
            self.gate.swap_database,
            self._shared.readers.read,
            self._in_use,
            self._shared.log,
            interval_s=settings.catalogue_interval_s,
            stale_after_s=settings.stale_after_s,
        )

    def _in_use(self, database: str) -> bool:
        return any(
            session.database == database and session.phase is not Phase.CLOSED for session in self._sessions
        )

    def _tell_what_is_in_vain(self, policy: Policy) -> None:
        """Rules that would take a backup first, and cannot here: better known before they refuse."""
        for rule, why in in_vain(policy, self._backup).items() if self._shared.first else ():
            self._shared.log.warning(
                "a rule says else: backup, and will refuse",
                rule=rule,
                policy=self.settings.policy,
                listener=self.name,
                reason=why,
            )

    def _hold(self, hold: Hold, tell: Callable[[str, str], None]) -> Awaitable[Released | GivenUp]:
        """Bring about what a held statement needs."""
        shared, backup = self._shared, self._backup
        shared.notices.held(hold)
        work = (
            shared.asker(hold, tell)
            if backup is None or isinstance(hold.wanted, ApprovalWanted)
            else shared.backups.take(backup, hold, tell)
        )
        return work if shared.spans is None else shared.spans.holding(hold, work)

    def _observe(self, event: Event) -> None:
        """Take an event of any session: refusals and statements to their logs, sudden ends to the gate's."""
        shared = self._shared
        match event:
            case LoginFailed():
                shared.log.warning(
                    "login failed",
                    listener=self.name,
                    user=event.role,
                    database=event.database,
                    client_address=event.client_address,
                    reason=event.reason,
                    message=event.message,
                )
            case Concluded():
                shared.changes.conclude(event)
            case Ended():
                if event.reason:
                    shared.log.info("session ended", listener=self.name, reason=event.reason)
                if self.keeper is not None:
                    self.keeper.session_ended()
            case RefusedText():
                keep(shared.asking, event)
            case Lifted():
                tell_lifted(shared.log, event)
        shared.logs.observe(event)
        shared.notices.observe(event)
        if shared.spans is not None:
            shared.spans.observe(event)
