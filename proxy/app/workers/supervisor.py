"""The process that was started: it obeys signals, keeps the policies, and answers for all workers.

Enters: settings, loaded policies, a fork server. Leaves: a gate that serves until it is told to stop, one
truth on which policy is in force, and the admin address. Deliberately absent: SQL, sessions, statements, the
ledger; nothing here can be reached through a client's connection.
"""

from __future__ import annotations

import asyncio
import errno
import signal
from collections.abc import Coroutine, Mapping

from prometheus_client import ProcessCollector
from structlog.stdlib import BoundLogger

from proxy import __version__
from proxy.app.faults import places
from proxy.app.kinds import Address
from proxy.app.metrics import CONTENT_TYPE, SupervisorCollector, SupervisorView, exposition
from proxy.app.policies import Attempt, PolicyKeeper, announce
from proxy.app.sources import Loaded
from proxy.app.starting import StartError
from proxy.app.workers.crew import Crew
from proxy.app.workers.doors import Doors, cannot_listen
from proxy.app.workers.forkserver import ForkServer
from proxy.app.workers.merging import Merged, families_of, merged
from proxy.console import AdminServer, AdminSource
from proxy.policy.rules import Policy

_TRY_AGAIN_S = 0.2


class Supervisor:
    """Everything of the first process."""

    def __init__(
        self,
        loaded: Loaded,
        attempts: Mapping[str, Attempt],
        forks: ForkServer,
        doors: Doors,
        workers: int,
        log: BoundLogger,
    ) -> None:
        """Join it; nothing is started yet.

        Args:
            loaded: the settings.
            attempts: the policies by path, all of them loaded.
            forks: where workers come from.
            doors: where each listener's sockets are bound; the sockets are the fork server's.
            workers: how many there shall be.
            log: for what happens to the gate itself.
        """
        self._loaded = loaded
        self._settings = loaded.settings
        self._policies = {path: a.policy for path, a in attempts.items() if a.policy is not None}
        self._doors = doors
        self._log = log
        self._crew = Crew(forks, workers, log, self._in_background, self._lost)
        self._keeper = PolicyKeeper(attempts, self._enforce, log)
        view = SupervisorView(
            self._keeper.reloads, lambda: len(self._crew.serving), lambda: self._crew.restarts
        )
        self._collectors = (SupervisorCollector(view), ProcessCollector(registry=None))
        self._admin = AdminServer(
            AdminSource(self._metrics, CONTENT_TYPE, self._not_ready, self._not_well), log.error
        )
        self._admin_address: Address | None = None
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
            await self._open_admin()
            try:
                await self._crew.start()
            except StartError:
                await self._crew.stop(0.0)
                raise
            self._started = True
            self._in_background("policies", self._keeper.watch())
            self._in_background("watch", self._crew.watch())
            self._announce()
            await self._stopping.wait()
            if self._settings.so_reuseport:
                await self._admin.stop()  # it is the next gate's
            self._doors.release()
            await self._crew.stop(self._settings.drain_timeout_s)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._admin.stop()
        if self._failed:
            raise StartError("a part of the gate failed; see the log")
        self._log.info("pgwarden has stopped")

    # -- policies --------------------------------------------------------------------------------------------

    async def _enforce(self, path: str, policy: Policy, texts: Mapping[str, str]) -> None:
        self._policies[path] = policy
        await self._crew.enforce(path, texts)

    # -- the admin address -----------------------------------------------------------------------------------

    async def _open_admin(self) -> None:
        address = self._settings.admin
        if address is None:
            return
        try:
            self._admin_address = Address(*await self._admin.start(address.host, address.port))
        except OSError as error:
            if not (self._settings.so_reuseport and error.errno == errno.EADDRINUSE):
                raise cannot_listen("admin: ", address, error) from error
            self._log.warning("the admin address is in use: waiting for the gate before", admin=str(address))
            self._in_background("admin", self._take_admin(address))

    async def _take_admin(self, address: Address) -> None:
        """Wait until the gate that is replaced lets go of the address."""
        while True:
            await asyncio.sleep(_TRY_AGAIN_S)
            try:
                self._admin_address = Address(*await self._admin.start(address.host, address.port))
            except OSError:
                continue
            self._log.info("the admin address is ours", admin=str(self._admin_address))
            return

    async def _metrics(self) -> bytes:
        reports = await self._crew.reports()
        own = tuple(family for collector in self._collectors for family in families_of(collector))
        return exposition(Merged(merged((own, *reports))))

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
        doors = zip(self._settings.listeners, self._loaded.upstreams, self._doors.addresses, strict=True)
        self._log.info(
            f"pgwarden {__version__} serves",
            listeners="; ".join(
                f"{bound} -> {upstream} by {policy.name} ({policy.mode})"
                for listener, upstream, bound in doors
                for policy in [self._policies[listener.policy]]
            ),
            admin=str(self._admin_address or "off"),
            ledger=str(self._loaded.ledger),
        )
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
        self._crew.reload()
        self._in_background("reload", self._keeper.reload(only_changed=False))
