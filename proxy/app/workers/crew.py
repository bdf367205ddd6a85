"""The workers as the supervisor sees them: started, asked, told, and started anew when they die.

Enters: a fork server. Leaves: workers that serve, their reports, and what those that died had counted. A
worker that dies is followed by another at once, under the same number, at the same sockets; one that dies as
soon as it has begun is waited with, longer each time, and lets nobody wait at its sockets meanwhile.
Deliberately absent: what the reports mean (merging.py), signals, files.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count as serials
from time import monotonic
from typing import Final, TypeAlias, TypeVar

from structlog.stdlib import BoundLogger

from proxy.app.starting import StartError
from proxy.app.workers.forkserver import ForkServer, ForkServerLost
from proxy.app.workers.merging import Family, counted, merged
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
    ToWorker,
)

_ANSWER_S: Final = 1.0
"""How long a scrape waits for a worker; then its report before counts."""

_ASK_EVERY_S: Final = 1.0
_COUNTS_EVERY: Final = 10
"""So many times a worker is asked until it is asked for what it counts, too."""
_SILENT_S: Final = 10.0
"""A worker that has said nothing for so long is not well: its event loop is held."""

_ENFORCE_S: Final = 10.0
_YOUNG_S: Final = 10.0
"""Who dies younger died at once."""

_WAIT_FIRST_S: Final = 0.25
_WAIT_MOST_S: Final = 10.0
_KILL_AFTER_S: Final = 5.0

_END_S: Final = 15.0
"""How long a worker may take to end when it has said its last word: its logs are written then."""


Background: TypeAlias = Callable[[str, Coroutine[None, None, None]], asyncio.Task[None]]

Answered: TypeAlias = SessionsListed | SessionEnded | None
"""What a worker says to a question; None where it does not, or is dead."""


@dataclass(slots=True, eq=False)
class Worker:
    """One worker, from when it was forked until it is known how it ended.

    Attributes:
        answered: when it last said something, of the monotonic clock.
        trouble: why it could not serve.
        families: what it counted when it was last asked for that.
        waiting: who waits for its next report with all that.
        enforced: who waits for it to take a policy.
        asked: who waits for the answer to a question, by its number.
    """

    number: int
    pid: int
    channel: Channel
    answered: float = field(default_factory=monotonic)
    serving: bool = False
    trouble: StartError | None = None
    report: Report | None = None
    families: tuple[Family, ...] = ()
    waiting: list[asyncio.Future[None]] = field(default_factory=list)
    enforced: list[asyncio.Future[str]] = field(default_factory=list)
    asked: dict[int, asyncio.Future[Answered]] = field(default_factory=dict)


class Crew:
    """All workers of a gate.

    Attributes:
        restarts: how many were started in a dead one's place.
    """

    def __init__(
        self,
        forks: ForkServer,
        count: int,
        log: BoundLogger,
        background: Background,
        on_lost: Callable[[], None],
        on_report: Callable[[Report], None] = lambda report: None,
    ) -> None:
        """Nothing is started yet.

        Args:
            forks: where they come from.
            count: how many there shall be.
            log: told of every death.
            background: runs what has to go on; its failure ends the gate.
            on_lost: told when no more workers can be started.
            on_report: given each report as it comes.
        """
        self._forks = forks
        self._count = count
        self._log = log
        self._background = background
        self._on_lost = on_lost
        self._on_report = on_report
        self._workers: dict[int, Worker] = {}
        self._policies: dict[str, Texts] = {}
        self._past: tuple[Family, ...] = ()
        self._stopping = asyncio.Event()
        self._keepers: list[asyncio.Task[None]] = []
        self._ends: dict[tuple[int, int], asyncio.Future[str]] = {}
        self._lost = False
        self._questions = serials()
        self.restarts = 0

    # -- asking ----------------------------------------------------------------------------------------------

    @property
    def serving(self) -> tuple[Worker, ...]:
        """Those that take clients."""
        return tuple(worker for worker in self._workers.values() if worker.serving)

    async def reports(self) -> tuple[tuple[Family, ...], ...]:
        """What each worker counts now, and what those counted that are gone."""
        await self.ask()
        return (self._past, *(worker.families for worker in self._workers.values()))

    async def ask(self) -> None:
        """Have all workers report; one that does not answer in time keeps its report."""
        waiting = []
        for worker in self.serving:
            waiting.append(asyncio.get_running_loop().create_future())
            worker.waiting.append(waiting[-1])
            worker.channel.send(Ask())
        if waiting:
            await asyncio.wait(waiting, timeout=_ANSWER_S)

    async def sessions(
        self, only: str = "", after: float | None = None
    ) -> Mapping[int, SessionsListed | None]:
        """Who is connected to each worker that serves, by its number; None for one that does not answer.

        Of one session alone where `only` is its id; `after` as of `ListSessions`.
        """
        workers = self.serving
        questions = [ListSessions(next(self._questions), only, after) for _ in workers]
        answers = await asyncio.gather(*map(self._put, workers, questions))
        return {
            worker.number: answer if isinstance(answer, SessionsListed) else None
            for worker, answer in zip(workers, answers, strict=True)
        }

    async def end_session(self, number: int, session: str, detail: str) -> bool | None:
        """End a session of this worker; False where there is none, None where it does not answer."""
        worker = self._workers.get(number)
        if worker is None:
            return False
        answer = await self._put(worker, EndSession(next(self._questions), session, detail))
        return answer.found if isinstance(answer, SessionEnded) else None

    async def _put(self, worker: Worker, question: ListSessions | EndSession) -> Answered:
        answer: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        worker.asked[question.question] = answer
        worker.channel.send(question)
        try:
            async with asyncio.timeout(_ANSWER_S):
                return await answer
        except TimeoutError:
            return None
        finally:
            worker.asked.pop(question.question, None)

    def silent(self) -> Iterable[tuple[int, float]]:
        """The workers that have said nothing for too long, and for how many seconds."""
        now = monotonic()
        for worker in self._workers.values():
            if now - worker.answered > _SILENT_S:
                yield worker.number, now - worker.answered

    # -- telling ---------------------------------------------------------------------------------------------

    async def enforce(self, path: str, texts: Texts) -> None:
        """Have all workers, and all that will come, enforce this policy; returns when they do."""
        self._policies[path] = texts
        answers: dict[asyncio.Future[str], Worker] = {}
        for worker in self._workers.values():
            answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            worker.enforced.append(answer)
            answers[answer] = worker
            worker.channel.send(Enforce(path, texts))
        if not answers:
            return
        await asyncio.wait(answers, timeout=_ENFORCE_S)
        for answer, worker in answers.items():
            problem = answer.result() if answer.done() else "it does not answer"
            if problem:
                self._log.error(
                    "a worker enforces another policy than the gate",
                    worker=worker.number,
                    file=path,
                    reason=problem,
                )

    def reload(self) -> None:
        """Tell all that the gate was told SIGHUP."""
        self._tell(Reload())

    def hurry(self) -> None:
        """Have all sessions ended now, and soon after the workers, whatever they do."""
        self._tell(Hurry())
        self._background("killing", self._kill_after(_KILL_AFTER_S))

    def _tell(self, order: ToWorker) -> None:
        for worker in self._workers.values():
            worker.channel.send(order)

    async def _kill_after(self, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        for worker in tuple(self._workers.values()):
            self._log.error("a worker does not end: killing it", worker=worker.number)
            await self._forks.kill(worker.number)

    # -- living ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start all; the first makes what the others find, such as a new ledger.

        Raises:
            StartError: one cannot serve.
        """
        self._forks.on_end = self._ended
        self._forks.on_lost = self._lose
        self._forks.listen()
        await self._first(0)
        await asyncio.gather(*(self._first(number) for number in range(1, self._count)))

    async def watch(self) -> None:
        """Ask every worker each second what there is to tell, until cancelled.

        Now and then it tells what it counts, so that not much of that can be lost.
        """
        for times in serials(1):
            await asyncio.sleep(_ASK_EVERY_S)
            if times % _COUNTS_EVERY == 1:
                await self.ask()
                continue
            for worker in self.serving:
                worker.channel.send(Ask(counts=False))

    async def stop(self, within_s: float) -> None:
        """Have all finish; returns when they have ended.

        Args:
            within_s: how long that may take before they are hurried.
        """
        self._stopping.set()
        await self._forks.close_doors()
        self._tell(Stop())
        hurrying = asyncio.get_running_loop().call_later(within_s + _KILL_AFTER_S, self.hurry)
        if self._keepers:
            await asyncio.wait(self._keepers)
        hurrying.cancel()

    async def _first(self, number: int) -> None:
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        keeper = self._background(f"worker {number}", self._keep(number, started))
        self._keepers.append(keeper)
        keeper.add_done_callback(lambda task: _fail(started, StartError("a part of the gate failed")))
        await started

    async def _keep(self, number: int, started: asyncio.Future[None]) -> None:
        """Have a worker of this number, until the gate ends.

        Args:
            number: the worker's.
            started: done when the first one serves; fails, and all is over, when that one cannot.
        """
        deaths = 0  # at once, in a row
        while not self._stopping.is_set():
            begun = monotonic()
            try:
                worker, end = await self._live(number, started)
            except ForkServerLost:
                _fail(started, StartError("no worker can be started"))
                return
            if not started.done():
                why = f"worker {number} ended before it served: {end}"
                _fail(started, worker.trouble or StartError(why))
                return
            if self._stopping.is_set() or self._lost:
                return
            reason = end if worker.trouble is None else str(worker.trouble)
            deaths = deaths + 1 if monotonic() - begun < _YOUNG_S else 0
            if deaths > 1:
                await self._forks.rest(number)
            self._log.error(
                "a worker is gone: starting another", worker=number, pid=worker.pid, reason=reason
            )
            self.restarts += 1
            if deaths > 1:
                wait_s = min(_WAIT_FIRST_S * 2.0 ** (deaths - 2), _WAIT_MOST_S)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), wait_s)

    async def _live(self, number: int, started: asyncio.Future[None]) -> tuple[Worker, str]:
        """One worker's life; returns it, and how it ended.

        Raises:
            ForkServerLost: there was none.
        """
        pid, connected = await self._forks.fork(number)
        worker = self._workers[number] = Worker(number, pid, await Channel.over(connected))
        worker.channel.send(Begin(self._policies))
        if self._stopping.is_set():
            worker.channel.send(Stop())
        while (message := await worker.channel.receive()) is not None:
            self._hear(worker, message)
            if worker.serving and not started.done():
                started.set_result(None)
        self._bury(worker)
        end = self._end(number, pid)
        await asyncio.wait((end,), timeout=_END_S)
        if not end.done():
            self._log.error("a worker does not end: killing it", worker=number)
            await self._forks.kill(number)
        how = await end
        del self._ends[number, pid]
        return worker, how

    def _hear(self, worker: Worker, message: object) -> None:
        worker.answered = monotonic()
        match message:
            case Serving():
                worker.serving = True
                self._log.info("a worker serves", worker=worker.number, pid=worker.pid)
            case CannotStart():
                worker.trouble = StartError(*message.lines, wrong_setting=message.wrong_setting)
            case Report():
                worker.report = message
                self._on_report(message)
                if message.families is not None:
                    worker.families = message.families
                    _settle(worker.waiting, None)
            case SessionsListed() | SessionEnded():
                if message.question in worker.asked:
                    _settle([worker.asked[message.question]], message)
            case Enforced():
                if worker.enforced:
                    _settle([worker.enforced.pop(0)], message.problem)

    def _bury(self, worker: Worker) -> None:
        """What it has counted stays; nobody waits for it any more."""
        del self._workers[worker.number]
        worker.channel.close()
        self._past = merged((self._past, counted(worker.families)))
        _settle(worker.waiting, None)
        _settle(worker.enforced, "")
        _settle(list(worker.asked.values()), None)

    def _ended(self, number: int, pid: int, status: int) -> None:
        _settle([self._end(number, pid)], _how(status))

    def _end(self, number: int, pid: int) -> asyncio.Future[str]:
        """How it ended, once that is known."""
        end = self._ends.setdefault((number, pid), asyncio.get_running_loop().create_future())
        if self._lost:
            _settle([end], "nobody knows how")
        return end

    def _lose(self) -> None:
        self._lost = True
        for number, pid in tuple(self._ends):
            self._end(number, pid)
        self._on_lost()


Answer = TypeVar("Answer")


def _settle(waiting: list[asyncio.Future[Answer]], answer: Answer) -> None:
    for each in waiting:
        if not each.done():
            each.set_result(answer)
    waiting.clear()


def _fail(started: asyncio.Future[None], error: StartError) -> None:
    if not started.done():
        started.set_exception(error)


def _how(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"ended with exit code {os.WEXITSTATUS(status)}"
