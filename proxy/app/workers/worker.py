"""One worker: a gateway that does what the supervisor says.

Enters: its number, a socket to the supervisor, bound sockets for clients. Leaves: served clients, and reports
of what it counts. When the supervisor is gone it takes nobody any more and lets its sessions finish, as if
told to stop: nobody is left who would tell it of a new policy. Deliberately absent: signals; they mean
nothing here.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import socket
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass

import uvloop
from prometheus_client import ProcessCollector
from structlog.stdlib import BoundLogger

from proxy.app.faults import places
from proxy.app.gateway import Gateway
from proxy.app.ledger.use import LedgerUse
from proxy.app.log import logger, start_log
from proxy.app.operating.roll import Roll
from proxy.app.recent import Outbox
from proxy.app.sources import Loaded
from proxy.app.starting import StartError
from proxy.app.statementlogs import StatementLogs
from proxy.app.turns import free_aside
from proxy.app.workers.counts import SharedCounts
from proxy.app.workers.merging import families_of
from proxy.app.workers.messages import (
    Ask,
    Begin,
    CannotStart,
    Channel,
    EndSession,
    Enforce,
    Enforced,
    Hurry,
    ListSessions,
    Reload,
    Report,
    Serving,
    SessionEnded,
    SessionsListed,
    Stop,
    Texts,
)
from proxy.app.workers.runtime import RuntimeFolder
from proxy.policy.loading.load import load_policy
from proxy.policy.rules import Policy
from proxy.records import LedgerError
from proxy.relay import Sockets
from proxy.session import ALONE
from proxy.source.diagnostics import SourceError

_LOG_CLOSE_S = 5.0
_FAILED = 3


@dataclass(frozen=True, slots=True)
class Origin:
    """What all workers of a gate begin with.

    Attributes:
        policies: by path, as they were when the gate started.
        count: how many workers there are.
        counts: what they count, where there are several.
    """

    loaded: Loaded
    policies: Mapping[str, Policy]
    runtime: RuntimeFolder
    count: int
    counts: SharedCounts | None


def work(origin: Origin, number: int, supervisor: socket.socket, sockets: tuple[Sockets, ...]) -> int:
    """Be a worker until told to stop; returns the exit code."""
    settings = origin.loaded.settings
    faulthandler.enable()  # a library that crashes says where: code and lines, no statement
    lines = start_log(settings.log_level, settings.log_format, origin.runtime.error_lock)
    log = logger() if origin.count == 1 else logger().bind(worker=number)
    worker = _Worker(origin, number, log)
    # By io_uring libuv has epoll told of each new socket at the price of two system calls.
    os.environ.setdefault("UV_USE_IO_URING", "0")
    try:
        return uvloop.run(worker.run(supervisor, sockets))
    finally:
        lines.close(_LOG_CLOSE_S)
        if worker.orphaned:
            origin.runtime.leave()


class _Worker:
    """One worker's life.

    Attributes:
        orphaned: the supervisor is gone.
    """

    def __init__(self, origin: Origin, number: int, log: BoundLogger) -> None:
        self.orphaned = False
        self._origin = origin
        self._number = number
        self._log = log
        self._process = ProcessCollector(registry=None)
        self._tasks: set[asyncio.Task[None]] = set()
        self._outbox = Outbox() if origin.loaded.settings.any_console else None

    async def run(self, supervisor: socket.socket, sockets: tuple[Sockets, ...]) -> int:
        """Serve until told to stop; returns the exit code."""
        channel = await Channel.over(supervisor)
        begin = await channel.receive()
        if not isinstance(begin, Begin):
            return 0  # the gate was ended before it began
        try:
            logs = self._open_logs()
            try:
                return await self._serve(channel, self._gateway(begin, logs), sockets)
            finally:
                logs.close(_LOG_CLOSE_S)
        except StartError as error:
            channel.send(CannotStart(error.lines, error.wrong_setting))
            await channel.finish()
            return _FAILED

    async def _serve(self, channel: Channel, gateway: Gateway, sockets: tuple[Sockets, ...]) -> int:
        """Serve and obey.

        Raises:
            StartError: it could not begin.
        """
        served = False

        def opened() -> None:
            nonlocal served
            served = True
            channel.send(Serving())

        # From now on, so that an order to stop which comes early is not lost.
        obeying = asyncio.get_running_loop().create_task(self._obey(channel, gateway))
        try:
            await gateway.serve(sockets, opened)
        except StartError:
            if not served:
                raise
            return _FAILED
        finally:
            obeying.cancel()
            await asyncio.wait((obeying,))  # only one may listen: `finish` does so, too
        channel.send(await self._report(gateway))
        await channel.finish()
        return 0

    def _open_logs(self) -> StatementLogs:
        try:
            return StatementLogs(
                self._origin.loaded.settings,
                self._log.error,
                self._origin.runtime.output_lock,
                None if self._outbox is None else self._outbox.put,
            )
        except OSError as error:
            raise StartError(
                f"the log {error.filename} cannot be opened: {error.strerror or error}"
            ) from error

    def _gateway(self, begin: Begin, logs: StatementLogs) -> Gateway:
        """Join it.

        Raises:
            StartError: the ledger cannot be used, or a policy does not load.
        """
        policies, counts = dict(self._origin.policies), self._origin.counts
        try:
            for path, texts in begin.policies.items():
                policies[path] = _compiled(path, texts)
            ledger = LedgerUse(self._origin.loaded.ledger, self._origin.loaded.settings)
        except (SourceError, LedgerError) as error:
            raise StartError(str(error)) from error
        return Gateway(
            self._origin.loaded,
            policies,
            ledger,
            logs,
            self._log,
            worker=self._number,
            workers=self._origin.count,
            runtime=self._origin.runtime.path,
            counts=ALONE if counts is None else counts.of(self._number),
        )

    async def _obey(self, channel: Channel, gateway: Gateway) -> None:
        try:
            await self._take_orders(channel, gateway)
        except Exception as error:  # a worker that hears no more orders must not go on without
            self._log.critical(
                "a part of the worker failed: shutting it down", error=type(error).__name__, at=places(error)
            )
        gateway.stop()

    async def _take_orders(self, channel: Channel, gateway: Gateway) -> None:
        while (order := await channel.receive()) is not None:
            match order:
                case Ask():
                    channel.send(await self._report(gateway, counts=order.counts))
                case Enforce():
                    channel.send(await self._enforce(order, gateway))
                case Reload():
                    gateway.reload()
                case Stop():
                    gateway.stop()
                case Hurry():
                    gateway.hurry()
                case ListSessions():
                    self._aside(self._list(order, channel, gateway.roll))
                case EndSession():
                    found = gateway.roll.end(order.session, order.detail)
                    channel.send(SessionEnded(order.question, found))
        self.orphaned = True
        self._log.error("the supervisor is gone: no new connections")

    async def _enforce(self, order: Enforce, gateway: Gateway) -> Enforced:
        try:
            policy = await asyncio.to_thread(_compiled, order.path, order.texts)
        except Exception as error:  # a fault of the loader must not cost the policy that is in force
            return Enforced(order.path, gateway.digests[order.path], type(error).__name__)
        former = gateway.enforce(order.path, policy)
        parts = [*former.rules, *former.documents.values()]
        del former
        await free_aside(parts)
        return Enforced(order.path, policy.digest, "")

    async def _list(self, order: ListSessions, channel: Channel, roll: Roll) -> None:
        try:
            sessions, left_out = await roll.listing(order.only, order.after)
        except Exception as error:  # a list that fails must not cost the orders that follow
            self._log.error("the sessions cannot be listed", error=type(error).__name__, at=places(error))
            return
        channel.send(SessionsListed(order.question, sessions, left_out))

    def _aside(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _report(self, gateway: Gateway, *, counts: bool = True) -> Report:
        # Aside: it lists the open files, which takes milliseconds where there are thousands of sessions.
        process = await asyncio.to_thread(families_of, self._process) if counts else ()
        refusals, left_out = ((), 0) if self._outbox is None else self._outbox.take()
        return Report(
            families_of(gateway.collector) + process if counts else None,
            gateway.not_ready,
            gateway.digests,
            refusals,
            left_out,
        )


def _compiled(path: str, texts: Texts) -> Policy:
    def read(name: str) -> str:
        try:
            return texts[name]
        except KeyError:
            raise FileNotFoundError(name) from None

    return load_policy(path, read)
