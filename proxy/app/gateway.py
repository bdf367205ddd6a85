"""Everything of one worker, joined together, and taken down in order.

Enters: settings, loaded policies, an open ledger and logs, bound sockets. Leaves: open doors, until it is
told to close them. The only place that knows every room. Deliberately absent: decisions of any kind; signals
and the admin address, which are the supervisor's (app/workers/).
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path

from structlog.stdlib import BoundLogger

from proxy.app.backups.making import Keeping
from proxy.app.backups.taker import BackupTaker
from proxy.app.bounds import capacity, open_files
from proxy.app.catalogue.keeper import CatalogueKeeper
from proxy.app.certificates import CertificateKeeper
from proxy.app.door import Door, Shared
from proxy.app.facts import FactsKeeper
from proxy.app.faults import places
from proxy.app.ledger.address import LedgerPlace
from proxy.app.ledger.asking import Asker, Writer
from proxy.app.ledger.changes import ChangeKeeper
from proxy.app.ledger.heads import HeadKeeper
from proxy.app.ledger.outlets import StoreOutlet
from proxy.app.ledger.use import LedgerUse
from proxy.app.metrics import GateCollector, MetricsView
from proxy.app.notices.ledgerwatch import EVENTS as LEDGER_EVENTS
from proxy.app.notices.ledgerwatch import LedgerWatch
from proxy.app.notices.notices import Notices
from proxy.app.operating.roll import Roll
from proxy.app.reading.form import Bounds
from proxy.app.reading.readers import Readers
from proxy.app.refusals import TurnedAway
from proxy.app.sources import Loaded
from proxy.app.starting import StartError
from proxy.app.statementlogs import StatementLogs
from proxy.app.tracing.telling import spans_of
from proxy.app.turns import collect_garbage, keep_turns_short
from proxy.app.users.keeper import UserKeeper
from proxy.app.watching import Reloads
from proxy.app.workers.runtime import CONSOLE_NUMBER
from proxy.policy.facts import Facts
from proxy.policy.rules import Policy
from proxy.records import LedgerError, open_ledger
from proxy.relay import CancelRouter, Console, Occupancy, Upstream, parse_upstream
from proxy.session import (
    ALONE,
    Attempts,
    CancelKeys,
    Elsewhere,
    Identity,
    Standing,
)

_NOTICES_CLOSE_S = 2.0


class Gateway:
    """Everything of one worker.

    Attributes:
        worker: its number, from 0; no two that run at a time have the same.
        runtime: the folder that the gate's processes share, and nobody else.
        collector: what it counts, for a scrape.
        roll: who is connected.
    """

    def __init__(
        self,
        loaded: Loaded,
        policies: Mapping[str, Policy],
        ledger: LedgerUse,
        logs: StatementLogs,
        log: BoundLogger,
        *,
        worker: int,
        workers: int,
        runtime: Path,
        counts: Elsewhere = ALONE,
    ) -> None:
        """Build all parts; nothing is listened to yet.

        Args:
            loaded: the settings.
            policies: by path.
            ledger: open, with its key.
            logs: open.
            log: for what happens to the gate itself.
            worker: its number.
            workers: how many there are.
            runtime: the folder that the gate's processes share.
            counts: what the other workers count.

        Raises:
            StartError: the ledger cannot be read.
        """
        self.worker = worker
        self.runtime = runtime
        self._workers = workers
        self._several = workers > 1
        self._settings = loaded.settings
        self._ledger = ledger
        self._policies = dict(policies)
        self._logs = logs
        self._log = log
        self._notices = Notices(loaded.notify, log, unreadable=self._settings.log_unreadable)
        self._spans = spans_of(self._settings, log)
        self._crashes = 0
        self._failed = False
        self._readers = Readers(
            Bounds(self._settings.parse_timeout_s, self._settings.parse_memory_bytes),
            self._settings.parsers,
            log,
        )
        self._counts = counts
        self._login_failures = Attempts(self._settings.login_failures, name="failures", elsewhere=counts)
        self._occupancy = self._count_connections()
        self._keys = CancelKeys(self._identity(), _token)
        self._console = Console(str(runtime), CONSOLE_NUMBER, time.monotonic)
        self._router = CancelRouter(self._keys, directory=str(runtime) if self._several else None)
        self._router.know(self._peers())
        self._reloading: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._hurrying = asyncio.Event()
        try:
            self._facts = FactsKeeper(
                ledger.reader,
                self._swap_facts,
                self._settings.stale_after_s,
                log,
                overdue_after_s=self._settings.stale_writes_after_s,
            )
            self._heads = self._head_keeper()
            self._ledger_watch = self._watch_ledger(loaded.ledger)
        except LedgerError as error:
            raise StartError(str(error)) from error
        self._changes = ChangeKeeper(ledger.writer, ledger.by, self._settings.record_timeout_s, log)
        self._asking = Writer(ledger.writer, ledger.by, self._settings.record_timeout_s, log)
        self._asker = Asker(self._asking, lambda: self._facts.facts)
        self._backups = BackupTaker(
            Keeping(loaded.ledger, ledger.by, runtime, self._settings.backups_at_once),
            self._facts.refresh,
            log,
            failed=self._notices.backup_failed,
        )
        shared = Shared(
            settings=self._settings,
            first=self._first,
            log=log,
            logs=logs,
            notices=self._notices,
            spans=self._spans,
            readers=self._readers,
            counts=counts,
            login_failures=self._login_failures,
            occupancy=self._occupancy,
            keys=self._keys,
            console=self._console,
            router=self._router,
            changes=self._changes,
            asking=self._asking,
            asker=self._asker,
            backups=self._backups,
            token=_token,
            crashed=self._crashed,
        )
        self._doors = [
            Door(shared, plan, policies[plan.settings.policy], self._facts.facts) for plan in loaded.doors
        ]
        self._certificates = CertificateKeeper(
            (
                (door.gate.name, tls, door.listener.swap_certificate)
                for door, tls in zip(self._doors, loaded.client_tls, strict=True)
            ),
            log,
        )
        self.roll = Roll(worker, [(door.gate.name, door.listener) for door in self._doors])
        self.collector = self._collector()

    @property
    def _first(self) -> bool:
        """Of what one worker does for all of them: this one does it."""
        return self.worker == 0

    def _identity(self) -> Identity:
        """Who this process is to cancel keys; 0 is only where there is nobody else."""
        return Identity(self._settings.peer_id, self.worker + 1 if self._several else 0)

    def _count_connections(self) -> Occupancy:
        allowed = capacity(self._settings, open_files(), self._workers)
        fits, wanted = allowed.max_client_conn, self._settings.max_client_conn
        if fits < wanted and self._first:
            self._log.warning(
                "max_client_conn asks for more open files than there may be: raise ulimit -n", fits=fits
            )
        return Occupancy(allowed, time.monotonic, TurnedAway(self._log, time.monotonic), self._counts)

    # -- joining -----------------------------------------------------------------------------------------

    def _peers(self) -> dict[int, Upstream]:
        """The other replicas; what they are asked is as secret as what a server is."""
        settings = self._settings
        try:
            return {
                number: parse_upstream(
                    url, ca_file=settings.sslrootcert, connect_timeout_s=settings.connect_timeout_s
                )
                for number, url in (settings.peers or {}).items()
            }
        except ValueError as error:
            raise StartError(f"peers: {error}", wrong_setting=True) from error

    def _head_keeper(self) -> HeadKeeper:
        settings, ledger = self._settings, self._ledger
        return HeadKeeper(
            ledger.checker,
            ledger.key,
            None if settings.ledger_heads is None else Path(settings.ledger_heads),
            self._log,
            interval_s=settings.ledger_head_interval_s,
            rows=settings.ledger_head_rows,
            store=None if settings.ledger_heads_store is None else StoreOutlet(settings.ledger_heads_store),
        )

    def _swap_facts(self, facts: Facts) -> None:
        for door in self._doors:
            door.swap_facts(facts)
        self._asker.facts_changed()

    def enforce(self, path: str, policy: Policy) -> Policy:
        """Put a policy in force, for every session, from the next statement on; give back the one before."""
        former, self._policies[path] = self._policies[path], policy
        for door in self._doors:
            if door.settings.policy == path:
                door.enforce(policy)
        return former

    def _crashed(self, error: Exception) -> None:
        """A session failed and is closed. Its text may quote a statement: say only what kind and where."""
        self._crashes += 1
        self._log.error("a session failed and was closed", error=type(error).__name__, at=places(error))

    def _collector(self) -> GateCollector:
        return GateCollector(
            MetricsView(
                gates=[door.gate for door in self._doors],
                facts_age_s=lambda: self._facts.age_s,
                facts_stale=lambda: self._facts.stale,
                frozen=lambda: self._facts.frozen,
                ledger_intact=lambda: self._heads.intact,
                ledger_head=lambda: self._heads.published,
                catalogue_age_s=lambda: max((keeper.age_s for keeper in self._keepers()), default=0.0),
                catalogue_readable=lambda: all(keeper.readable for keeper in self._keepers()),
                backups=lambda: self._facts.facts.backups,
                connections_limit=lambda: self._occupancy.capacity.max_client_conn,
                connection_states=lambda: {"open": sum(door.listener.connections for door in self._doors)},
                not_after_s=lambda: self._certificates.not_after_s,
                certificates_failing=lambda: self._certificates.failing,
                refused_connections=lambda: self._occupancy.refused,
                expired_sessions=self._expired,
                crashes=lambda: self._crashes,
                cancels=lambda: self._router.counts,
                log_failures=self._logs.failures,
                notifications=self._notices.counts,
                spans=lambda: {} if self._spans is None else self._spans.counts,
                held=lambda: self._backups.held,
                holds=lambda: self._backups.counts,
            )
        )

    def _expired(self) -> Mapping[str, int]:
        return {s.value: sum(door.listener.expired[s] for door in self._doors) for s in Standing}

    def _keepers(self) -> list[CatalogueKeeper]:
        return [door.keeper for door in self._doors if door.keeper is not None]

    def _user_keepers(self) -> list[UserKeeper]:
        return [door.users.keeper for door in self._doors if door.users.keeper is not None]

    @property
    def not_ready(self) -> tuple[str, ...]:
        """Why it should not be given clients."""
        return ("the facts from the ledger are stale",) if self._facts.stale else ()

    @property
    def digests(self) -> Mapping[str, str]:
        """Which policies are in force, by path."""
        return {path: policy.digest for path, policy in self._policies.items()}

    # -- running -----------------------------------------------------------------------------------------

    async def serve(self, sockets: Sequence[Sequence[socket.socket]], opened: Callable[[], None]) -> None:
        """Open the doors, and close them when told.

        Args:
            sockets: bound, for each listener.
            opened: called when clients are taken.

        Raises:
            StartError: it cannot begin, or a part has failed.
        """
        keep_turns_short()
        if self._ledger_watch is not None:
            self._ledger_watch.start()
        try:
            await self._freshen()
            await self._router.start()
            for door, bound in zip(self._doors, sockets, strict=True):
                await door.listener.start(bound)
            background = self._begin()
            opened()
            if self._first:
                self._certificates.announce()
            await self._stopping.wait()
            await self._drain()
            self._changes.close()
            self._asking.close()
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
        finally:
            for door in self._doors:
                door.listener.close()
            self._router.close()
            await self._backups.close()
            await asyncio.gather(*(door.users.close() for door in self._doors))
            await asyncio.to_thread(self._close_notices)
        if self._failed:
            raise StartError("a part of the gate failed; see the log")

    async def _freshen(self) -> None:
        """What was read when the gate started may be old, where this worker follows another.

        Raises:
            StartError: who may log in is not known.
        """
        await self._certificates.reload(only_changed=True)
        for users in self._user_keepers():
            await users.reload(only_changed=True)
            if users.failing:
                raise StartError("the users do not load; see the log")

    def _watch_ledger(self, place: LedgerPlace) -> LedgerWatch | None:
        """One worker tells what others write into the ledger.

        Raises:
            LedgerError: it cannot be read.
        """
        if not (self._first and self._notices.wants(*LEDGER_EVENTS)):
            return None
        return LedgerWatch(open_ledger(place), self._notices.put, self.runtime / "told")

    def _close_notices(self) -> None:
        if self._ledger_watch is not None:
            self._ledger_watch.close(_NOTICES_CLOSE_S / 5)
        if self._spans is not None:
            self._spans.close(_NOTICES_CLOSE_S)
        self._notices.close(_NOTICES_CLOSE_S)

    def _begin(self) -> list[asyncio.Task[None]]:
        heads = [self._in_background("heads", self._heads.run())] if self._first else []
        return [
            self._in_background("readers", self._readers.run()),
            self._in_background("facts", self._facts.run()),
            *heads,
            self._in_background("garbage", collect_garbage()),
            self._in_background("certificates", self._certificates.watch()),
            *(self._in_background("catalogues", keeper.run()) for keeper in self._keepers()),
            *(self._in_background("users", users.watch()) for users in self._user_keepers()),
        ]

    def stop(self) -> None:
        """Take nobody any more, let sessions finish, return from `serve`."""
        self._stopping.set()

    def hurry(self) -> None:
        """End every session now."""
        self._hurrying.set()
        self._stopping.set()

    def reload(self) -> None:
        """Look again at files that others may have replaced; the policies have a way of their own."""
        self._logs.reopen()
        keepers: list[Reloads] = [self._certificates, *self._user_keepers()]
        for keeper in keepers:
            task = self._in_background("reload", keeper.reload(only_changed=False))
            self._reloading.add(task)
            task.add_done_callback(self._reloading.discard)

    def _in_background(self, name: str, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A part that keeps facts or policies fresh must not die unnoticed: the gate would guess."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.critical(
                "a part of the worker failed: shutting it down",
                part=task.get_name(),
                error=type(error).__name__,
                at=places(error),
            )
            self._failed = True
            self._stopping.set()

    async def _drain(self) -> None:
        """Idle sessions end at once or in a while, busy ones with their transaction; all in time."""
        sessions = sum(door.listener.connections for door in self._doors)
        timeout_s, idle_s = self._settings.drain_timeout_s, self._settings.drain_idle_s
        loop = asyncio.get_running_loop()
        hurry = loop.create_task(self._hurrying.wait())
        if self._settings.so_reuseport:
            await asyncio.gather(*(door.listener.hand_over() for door in self._doors))
        drains = [loop.create_task(door.listener.drain(timeout_s, idle_s)) for door in self._doors]
        await asyncio.sleep(0)  # whoever reads that it drains finds the idle sessions told
        self._log.info("draining", sessions=sessions, timeout_s=timeout_s)
        finished = loop.create_task(asyncio.wait(drains))
        await asyncio.wait((hurry, finished), return_when=asyncio.FIRST_COMPLETED)
        if not finished.done():
            for drain in drains:
                drain.cancel()
            await asyncio.gather(*drains, return_exceptions=True)
            await asyncio.gather(*(door.listener.stop() for door in self._doors))
        hurry.cancel()
        finished.cancel()


def _token() -> str:
    return secrets.token_hex(16)
