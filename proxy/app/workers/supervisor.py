"""The process that was started: it obeys signals, keeps the policies, and answers for all workers.

Enters: settings, loaded policies, a fork server. Leaves: a gate that serves until it is told to stop, one
truth on which policy is in force, and the admin address. Deliberately absent: SQL, sessions, statements, the
ledger; nothing here can be reached through a client's connection.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Iterator, Mapping
from datetime import UTC, datetime

from prometheus_client import ProcessCollector
from structlog.stdlib import BoundLogger

from proxy import __version__
from proxy.app.certificates import CertificateKeeper
from proxy.app.faults import places
from proxy.app.metrics import SupervisorCollector, SupervisorView, exposition
from proxy.app.operating.api import GateApi
from proxy.app.operating.book import Book
from proxy.app.operating.doors import place_of
from proxy.app.operating.explaining import Explainer
from proxy.app.operating.logins import TokenLogins
from proxy.app.operating.operating import GateHands, Operating
from proxy.app.overview import GateParts, PsqlView
from proxy.app.policies import Attempt, PolicyKeeper, announce
from proxy.app.reading.form import Bounds
from proxy.app.recent import Recent
from proxy.app.sources import Loaded
from proxy.app.starting import StartError
from proxy.app.systemd import READY, STOPPING, Systemd
from proxy.app.workers.crew import Crew
from proxy.app.workers.doors import Doors
from proxy.app.workers.forkserver import ForkServer
from proxy.app.workers.merging import Merged, families_of, merged
from proxy.app.workers.messages import Report
from proxy.app.workers.posts import Post
from proxy.app.workers.runtime import RuntimeFolder
from proxy.console import AdminServer, AdminSource, PageServer
from proxy.console.api import Api
from proxy.console.psql import Desk, PsqlServer, PsqlSettings
from proxy.policy.rules import Policy

_LOOK_S = 3.0
"""How long whoever looks at the console waits for the ledger."""


class Supervisor:
    """Everything of the first process."""

    def __init__(
        self,
        loaded: Loaded,
        attempts: Mapping[str, Attempt],
        forks: ForkServer,
        doors: Doors,
        workers: int,
        runtime: RuntimeFolder,
        log: BoundLogger,
    ) -> None:
        """Join it; nothing is started yet.

        Args:
            loaded: the settings.
            attempts: the policies by path, all of them loaded.
            forks: where workers come from.
            doors: where each listener's sockets are bound; the sockets are the fork server's.
            workers: how many there shall be.
            runtime: the gate's private folder.
            log: for what happens to the gate itself.
        """
        self._loaded = loaded
        self._settings = loaded.settings
        self._policies = {path: a.policy for path, a in attempts.items() if a.policy is not None}
        self._doors = doors
        self._runtime = runtime
        self._log = log
        self._recent = Recent(datetime.now(UTC))
        self._crew = Crew(forks, workers, log, self._in_background, self._lost, self._take_refusals)
        self._keeper = PolicyKeeper(attempts, self._enforce, log)
        view = SupervisorView(
            self._keeper.reloads,
            lambda: len(self._crew.serving),
            lambda: self._crew.restarts,
            lambda: self._operating.counts,
            lambda: self._logins.counts,
            lambda: self._psql.callers,
            lambda: self._certificates.not_after_s,
            lambda: self._certificates.failing,
        )
        self._collectors = (SupervisorCollector(view), ProcessCollector(registry=None))
        book = Book(loaded.ledger, _LOOK_S)
        self._view = PsqlView(
            GateParts(self._policies, self._crew.reports, self._not_ready, book, self._recent), loaded
        )
        self._operating = self._operations()
        self._logins = TokenLogins(
            self._settings.console_auth_file, loaded.tokens, self._settings.login_failures, log
        )
        self._psql = PsqlServer(
            Desk(self._view, self._operating),
            self._logins,
            PsqlSettings(self._settings.console_database, self._settings.login_timeout_s),
            log.error,
        )
        tls = loaded.console_tls
        self._certificates = CertificateKeeper(() if tls is None else [("console", tls.read, tls.swap)], log)
        self._posts = tuple(self._own_addresses())
        self._systemd = Systemd()
        self._started = False
        self._failed = False
        self._stopping = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until told to stop.

        Raises:
            StartError: an address cannot be had, a worker cannot start; or a part failed while it served.
        """
        self._listen_to_signals()
        try:
            for post in self._posts:
                await post.open(shared=self._settings.so_reuseport, background=self._in_background)
            if self._settings.psql_console:
                await self._psql.start(self._runtime.console)
            try:
                await self._crew.start()
            except StartError:
                await self._crew.stop(0.0)
                raise
            self._started = True
            self._in_background("policies", self._keeper.watch())
            self._in_background("watch", self._crew.watch())
            self._in_background("console tokens", self._logins.watch())
            self._in_background("console certificate", self._certificates.watch())
            if self._settings.console is not None:
                self._in_background("rates", self._view.watch())
            self._announce()
            self._systemd.tell(READY, f"STATUS=serving {', '.join(map(str, self._doors.addresses))}")
            await self._stopping.wait()
            self._systemd.tell(STOPPING, "STATUS=draining: no new connections")
            if self._settings.so_reuseport:
                await self._close_posts()  # they are the next gate's
            await self._psql.stop()
            self._doors.release()
            await self._crew.stop(self._settings.drain_timeout_s)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._psql.stop()
            await self._operating.close()
            await self._close_posts()
        if self._failed:
            raise StartError("a part of the gate failed; see the log")
        self._log.info("pgwarden has stopped")

    # -- policies --------------------------------------------------------------------------------------------

    async def _enforce(self, path: str, policy: Policy, texts: Mapping[str, str]) -> None:
        self._policies[path] = policy
        await self._crew.enforce(path, texts)

    # -- its own addresses -----------------------------------------------------------------------------------

    def _own_addresses(self) -> Iterator[Post]:
        settings, log = self._settings, self._log
        if settings.admin is not None:
            source = AdminSource(self._metrics, self._not_ready, self._not_well)
            yield Post("admin", AdminServer(source, log.error), settings.admin, log)
        if settings.console is not None:
            api = Api(GateApi(self._view, self._operating, self._crew.reports), self._logins, log.error)
            page = PageServer(
                self._view,
                self._operating,
                self._logins,
                log.error,
                api=api,
                place=place_of(settings),
                single=self._loaded.single,
                tls=None if self._loaded.console_tls is None else self._loaded.console_tls.context,
            )
            yield Post("console", page, settings.console, log)

    async def _close_posts(self) -> None:
        for post in self._posts:
            await post.close()

    def _operations(self) -> Operating:
        settings, crew = self._settings, self._crew
        book = Book(self._loaded.ledger, settings.record_timeout_s)
        bounds = Bounds(settings.parse_timeout_s, settings.parse_memory_bytes)
        hands = GateHands(
            crew.sessions,
            crew.end_session,
            self._reload,
            lambda: self._keeper.attempts,
            self._policies,
            self._view.changed,
        )
        return Operating(hands, book, Explainer(self._policies, book, bounds, self._log), self._log)

    def _take_refusals(self, report: Report) -> None:
        self._recent.add(report.refusals, report.left_out)

    # -- what is asked ---------------------------------------------------------------------------------------

    async def _metrics(self, accept: str) -> tuple[bytes, str]:
        reports = await self._crew.reports()
        own = tuple(family for collector in self._collectors for family in families_of(collector))
        return exposition(Merged(merged((own, *reports))), accept=accept)

    async def _not_ready(self) -> tuple[str, ...]:
        if self._stopping.is_set():
            return ("draining: no new connections",)
        if not self._started:
            return ("starting",)
        await self._crew.ask()
        serving = self._crew.serving
        if not serving:
            return ("no worker serves",)
        reasons: dict[str, None] = {}
        for worker in serving:
            if worker.report is not None:
                reasons.update(dict.fromkeys(worker.report.not_ready))
                reasons.update(
                    (f"worker {worker.number} enforces another {path} than the gate", None)
                    for path, digest in worker.report.digests.items()
                    if digest != self._policies[path].digest
                )
        return tuple(reasons)

    def _not_well(self) -> tuple[str, ...]:
        return tuple(
            f"worker {number} has not answered for {since_s:.0f} s" for number, since_s in self._crew.silent()
        )

    # -- running ---------------------------------------------------------------------------------------------

    def _announce(self) -> None:
        bound = {post.name: post.bound for post in self._posts}
        doors = zip(self._settings.listeners, self._loaded.upstreams, self._doors.addresses, strict=True)
        self._log.info(
            f"pgwarden {__version__} serves",
            listeners="; ".join(
                f"{bound} -> {upstream} by {policy.name} ({policy.mode})"
                for listener, upstream, bound in doors
                for policy in [self._policies[listener.policy]]
            ),
            **{name: str(bound.get(name) or "off") for name in ("admin", "console")},
            ledger=str(self._loaded.ledger),
        )
        if self._settings.psql_console:
            self._log.info(
                "psql's console is open: no client reaches a database by its name",
                database=self._settings.psql_console,
            )
        self._certificates.announce()
        for path, policy in self._policies.items():
            announce(self._log, "policy in force", path, policy)

    def _in_background(self, name: str, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        """A part must not die unnoticed: policies would stay as they are, or dead workers dead."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.critical(
                "a part of the gate failed: shutting down",
                part=task.get_name(),
                error=type(error).__name__,
                at=places(error),
            )
            self._failed = True
            self._stopping.set()

    def _lost(self) -> None:
        if not self._stopping.is_set():
            self._log.critical("a part of the gate failed: shutting down", part="fork server")
            self._failed = True
            self._stopping.set()

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_stop, number)
        loop.add_signal_handler(signal.SIGHUP, self._told_to_reload)

    def _told_to_stop(self, number: signal.Signals) -> None:
        if self._stopping.is_set():
            self._log.warning("told to stop again: ending every session now", signal=number.name)
            self._crew.hurry()
        else:
            self._log.info("told to stop: no new connections", signal=number.name)
        self._stopping.set()

    def _told_to_reload(self) -> None:
        self._in_background("reload", self._reload())

    async def _reload(self) -> None:
        self._crew.reload()
        await self._certificates.reload(only_changed=False)
        await self._logins.reload(only_changed=False)
        await self._keeper.reload(only_changed=False)
