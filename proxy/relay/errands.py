"""What a session waits for that others do: texts read, judgements worked out, changes recorded, and the like.

Enters: the command that asks for it. Leaves: what came of it, told to the session. A session waits for one
thing at a time. Deliberately absent: how any of it is done; app fills the ports.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeAlias

from proxy.relay.ports import (
    CatalogueReader,
    ChangeRecorder,
    CrashReporter,
    CredentialFinder,
    Holder,
    TextReader,
)
from proxy.session import (
    Analyse,
    AwaitCatalogue,
    Brain,
    Command,
    Credential,
    DeriveKey,
    FindCredential,
    GivenUp,
    Hold,
    Outcome,
    Ponder,
    Record,
    Recorded,
    Released,
    Unavailable,
    Unrecorded,
)
from proxy.wire.scram import salted_password

_PONDERING: Final = ThreadPoolExecutor(1, "pondering")
"""One thread for all: with more, the event loop would wait for its turn behind each of them."""

Errand: TypeAlias = Analyse | Ponder | AwaitCatalogue | FindCredential | DeriveKey | Record | Hold
Asker: TypeAlias = Callable[[Callable[[], list[Command]]], None]
"""Has the session asked, and does what it says."""


class LinkError(Exception):
    """A session asked for what cannot be done now: a defect, so the link ends."""


@dataclass(frozen=True, slots=True)
class Helpers:
    """Who does what sessions of one listener wait for; None: nobody, and a session that asks for it ends.

    Attributes:
        reader: reads the texts that sessions hand out.
        catalogue: reads what databases hold.
        credentials: looks users up.
        recorder: writes changes down.
        holder: brings about what held statements need.
    """

    reader: TextReader | None = None
    catalogue: CatalogueReader | None = None
    credentials: CredentialFinder | None = None
    recorder: ChangeRecorder | None = None
    holder: Holder | None = None


class Errands:
    """Runs them for one session."""

    __slots__ = ("_ask", "_crash", "_helpers", "_session", "_task")

    def __init__(self, session: Brain, helpers: Helpers, ask: Asker, crash: CrashReporter) -> None:
        """Begin with none; ``crash`` is told what went wrong with one."""
        self._session = session
        self._helpers = helpers
        self._ask = ask
        self._crash = crash
        self._task: asyncio.Task[None] | None = None

    def run(self, errand: Errand) -> None:
        """Start what the session waits for.

        Raises: LinkError where nobody does that, or another is still under way.
        """
        helpers = self._helpers
        match errand:
            case Analyse():
                if helpers.reader is None:
                    raise LinkError("a text was handed out that nobody reads")
                self._start(self._read(helpers.reader(errand.raw, errand.server_major, errand.screen)))
            case Ponder():
                self._start(self._ponder(errand))
            case AwaitCatalogue():
                if helpers.catalogue is None:
                    raise LinkError("a catalogue was asked for that nobody reads")
                self._start(self._read_catalogue(helpers.catalogue(errand.database)))
            case FindCredential():
                if helpers.credentials is None:
                    raise LinkError("a user was to be looked up that nobody knows")
                self._start(self._read_credential(helpers.credentials(errand.user)))
            case DeriveKey():
                self._start(self._derive_key(errand))
            case Record():
                if helpers.recorder is None:
                    raise LinkError("a change was to be recorded and nobody does")
                self._start(self._recorded(helpers.recorder(errand.change)))
            case Hold():
                if helpers.holder is None:
                    raise LinkError("a statement was held for what nobody brings about")
                self._start(self._held(helpers.holder(errand, self._progressed)))

    def close(self, crash: CrashReporter) -> None:
        """Nothing is asked any more: without that circle the link is freed as soon as it is over."""
        self._ask, self._crash = _deaf, crash

    def abandon(self) -> None:
        """What is under way is of no use any more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _progressed(self, message: str, detail: str) -> None:
        self._ask(lambda: self._session.progressed(message, detail))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        if self._task is not None:
            work.close()
            raise LinkError("a session waits for two things at once")
        self._task = asyncio.get_running_loop().create_task(work)
        self._task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._crash(error)

    async def _read(self, reading: Coroutine[None, None, Outcome]) -> None:
        outcome = await reading
        self._task = None  # what comes next may hand out another
        self._ask(lambda: self._session.analysed(outcome))

    async def _ponder(self, command: Ponder) -> None:
        weighed = await asyncio.get_running_loop().run_in_executor(_PONDERING, command.work)
        self._task = None  # what comes next may have to be pondered, too
        self._ask(lambda: self._session.pondered(weighed))

    async def _read_catalogue(self, reading: Awaitable[None]) -> None:
        await reading
        self._task = None  # what comes next may hand out a text
        self._ask(self._session.catalogue_ready)

    async def _read_credential(self, finding: Coroutine[None, None, Credential | Unavailable]) -> None:
        answer = await finding
        self._task = None
        self._ask(lambda: self._session.credential_found(answer))

    async def _derive_key(self, command: DeriveKey) -> None:
        salted = await asyncio.to_thread(salted_password, command.password, command.salt, command.iterations)
        self._task = None
        self._ask(lambda: self._session.key_derived(salted))

    async def _recorded(self, recording: Awaitable[Recorded | Unrecorded]) -> None:
        outcome = await recording
        self._task = None  # what comes next may be recorded too
        self._ask(lambda: self._session.recorded(outcome))

    async def _held(self, holding: Awaitable[Released | GivenUp]) -> None:
        outcome = await holding
        self._task = None  # what comes next may be recorded, or held for something else
        self._ask(lambda: self._session.held(outcome))


def _deaf(question: Callable[[], list[Command]]) -> None:
    """The session is over."""
