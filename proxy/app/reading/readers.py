"""Reading long texts away from the event loop: a queue, and workers with a child each.

Enters: texts that sessions hand out. Leaves: their analyses, or why they cannot be read; never an exception.
A child that dies, or takes too long, costs the one text that it was reading.

Who waits: a connection has at most one text here at a time, so nobody can queue up by sending more, and texts
are served in the order they came. With two or more workers one of them takes short texts only. What takes
seconds is long; so whatever a client opens connections to send, short texts find a worker that is soon free.
A client that goes away leaves the queue; a text that is being read already is read to its end, for nobody.
Deliberately absent: which texts come here (session), what their analysis means (policy).
"""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from dataclasses import dataclass
from typing import Final

from structlog.stdlib import BoundLogger

from proxy.app.reading.child import MEMORY_EXITS, too_large
from proxy.app.reading.children import CannotStart, Child, ChildFailed, ChildLost, Children, End
from proxy.app.reading.form import Bounds
from proxy.session import Found, Outcome, Screening, understood_aside
from proxy.sql.analyse import Analysis, SqlSyntaxError, UnreadableText
from proxy.sql.encoding import PIECE, check_utf8
from proxy.sql.screen import Screened
from proxy.wire.framing import View

SHORT_BYTES: Final = 256 * 1024
"""What one worker takes only: hostile texts of this length were read in half a second."""

_TRY_AGAIN_S: Final = 1.0
_MANY: Final = 50
_CRASHES: Final = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT})


@dataclass(slots=True, eq=False)
class _Job:
    raw: View
    server_major: int
    outcome: asyncio.Future[Found]


class Readers:
    """Reads long texts for all sessions of a process."""

    def __init__(self, bounds: Bounds, count: int, log: BoundLogger) -> None:
        """Nothing is started before ``run``.

        Args:
            bounds: what reading one text may take.
            count: how many texts may be read at a time.
            log: hears of children that were lost.
        """
        self._bounds = bounds
        self._count = count
        self._log = log
        self._children = Children(bounds)
        self._waiting: deque[_Job] = deque()
        self._arrival = asyncio.Event()

    async def run(self) -> None:
        """Serve until cancelled, then end the children. Texts that come before all is ready wait."""
        try:
            async with asyncio.TaskGroup() as workers:
                for number in range(self._count):
                    longest = SHORT_BYTES if number == 0 and self._count > 1 else None
                    workers.create_task(self._work(longest), name=f"reader-{number}")
        finally:
            await self._children.stop()

    async def read(self, raw: View, server_major: int, screen: Screening | None = None) -> Found:
        """Read a text for servers of this major version, unless the screen passes it.

        A long one is looked at in a thread first, piece by piece, and so is one that is screened.
        """
        if screen is None and len(raw) <= PIECE:
            told = look(raw, screen)
        else:
            told = await asyncio.to_thread(look, raw, screen)
        if told is not None:
            return told
        job = _Job(raw, server_major, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        self._arrival.set()
        try:
            return await job.outcome
        finally:
            if job in self._waiting:
                self._waiting.remove(job)

    async def understand(self, raw: View, server_major: int, screen: Screening | None = None) -> Outcome:
        """The same, for a session: what a text of many statements or effects means is made in a thread."""
        outcome = await self.read(raw, server_major, screen)
        if isinstance(outcome, Analysis | SqlSyntaxError) and _is_heavy(raw, outcome):
            return await asyncio.to_thread(understood_aside, raw, outcome)
        return outcome

    # -- workers -------------------------------------------------------------------------------------------

    async def _work(self, longest: int | None) -> None:
        child: Child | None = None
        try:
            while True:
                if child is None:
                    child = await self._hire()
                job = await self._next(longest)
                if not child.lives():
                    self._children.bury(child)
                    child = await self._hire()
                child = await self._serve(child, job)
                del job  # its text may have 16 MB
        finally:
            if child is not None:
                child.close()

    async def _hire(self) -> Child:
        """A child, however long it takes; while none can be had, texts are refused rather than kept."""
        while True:
            try:
                return await self._children.fresh()
            except CannotStart as error:
                self._log.error("long statements are refused", reason=str(error))
                while self._waiting:
                    _settle(self._waiting.popleft(), UnreadableText("there is no parser for long texts"))
                await asyncio.sleep(_TRY_AGAIN_S)

    async def _next(self, longest: int | None) -> _Job:
        while True:
            # No variable outlasts the search: it would keep a text that another worker has long read.
            fits = (job for job in self._waiting if longest is None or len(job.raw) <= longest)
            if (job := next(fits, None)) is not None:
                self._waiting.remove(job)
                return job
            del fits
            self._arrival.clear()
            await self._arrival.wait()

    async def _serve(self, child: Child, job: _Job) -> Child | None:
        """Read one text; returns the child if it can go on."""
        try:
            async with asyncio.timeout(self._bounds.time_s):
                _settle(job, await child.read(job.raw, job.server_major))
        except TimeoutError:
            _settle(job, self._took_too_long())
            self._log.warning("a statement took too long to read", size=len(job.raw), pid=child.pid)
        except ChildFailed as error:
            _settle(job, UnreadableText("reading it failed; the gate's log says where"))
            self._log.error("reading a statement failed", error=str(error), size=len(job.raw))
            return child
        except ChildLost:
            end = await self._children.end_of(child)
            outcome = self._why(end)
            _settle(job, outcome)
            self._log.warning("a statement ended its parser", reason=outcome.message, size=len(job.raw))
            return None
        else:
            if not child.retired:
                return child
        self._children.bury(child)
        return None

    def _took_too_long(self) -> UnreadableText:
        return UnreadableText(f"reading it took more than {self._bounds.time_s:g} s")

    def _why(self, end: End) -> UnreadableText:
        """What the end of a child says about its text."""
        if end.signal == signal.SIGALRM:
            return self._took_too_long()
        # Where memory is short the parser may use what it was not given.
        crashed_full = end.signal in _CRASHES and end.peak_bytes > self._bounds.memory_bytes // 4
        if end.code in MEMORY_EXITS or crashed_full:
            return too_large(self._bounds)
        return UnreadableText("reading it ended the parser")


def look(raw: View, screen: Screening | None) -> Screened | UnicodeDecodeError | None:
    """What can be said of a text without a parser: that the screen passes it, that it is not UTF-8."""
    try:
        screened = None if screen is None else screen(raw)
        if screened is None:
            check_utf8(raw)
    except UnicodeDecodeError as error:
        return error
    return screened


def _is_heavy(raw: View, outcome: Analysis | SqlSyntaxError) -> bool:
    """Whether the loop should not be what makes a meaning of it."""
    if len(raw) > PIECE:
        return True
    statements = outcome.statements if isinstance(outcome, Analysis) else ()
    return len(statements) > _MANY or sum(len(each.effects) for each in statements) > _MANY


def _settle(job: _Job, outcome: Found) -> None:
    """Tell whoever still waits for it."""
    if not job.outcome.done():
        job.outcome.set_result(outcome)
