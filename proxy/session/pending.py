"""The frame that cannot go on yet: what it waits for, and whom that is told, once.

Enters: what a text or a judgement wants first; later, what came of it. Leaves: the work that others are to
do, and the frame, which is looked at again. While it waits nothing else is taken from the client.
"""

from __future__ import annotations

from proxy.session.cache import Outcome
from proxy.session.commands import Analyse, GivenUp, Hold, Ponder, Record, Recorded, Released, Unrecorded
from proxy.session.judge import Ask, Await, Judge, Settle, Write
from proxy.session.meaning import Meaning
from proxy.session.refusal import Denial
from proxy.session.refuser import Refuser
from proxy.session.state import State
from proxy.session.texts import HandOut, Texts, Wait
from proxy.session.weighing import Weighed
from proxy.wire.framing import Cutter, View
from proxy.wire.frontend import ParseMessage, encode_flush


class Pending:
    """What one client's frame waits for; most of the time nothing.

    Attributes:
        after: goes out behind what was kept so far.
        message: the message held back, decoded: doing it again would copy the text.
    """

    def __init__(
        self, judge: Judge, state: State, cutter: Cutter, texts: Texts, refuser: Refuser, *, catalogue: bool
    ) -> None:
        """Begin with a catalogue that has to be read, where the gate knows one and none was read before.

        A first statement inside of a transaction, or in the middle of a batch, could not wait for it.
        """
        self._judge = judge
        self._state = state
        self._cutter = cutter
        self._texts = texts
        self._refuser = refuser
        self._awaiting: View | None = None  # a text that is read elsewhere
        self._telling: Analyse | Ponder | Record | Hold | None = None  # work for elsewhere, not yet told of
        self._holding: Hold | None = None  # what the message held back waits for
        # The catalogue has to be read, and the relay has not been told: at first, and after definitions.
        state.waiting = self._unread = catalogue
        self._reading = False  # the catalogue is being read
        self.after = b""
        self.message: ParseMessage | View | None = None

    def understand(self, raw: View, *, kept: bool = False, again: bool = False) -> Meaning | Denial | None:
        """What a text means; a Denial when no policy can allow it; None when it waits to be judged."""
        understood = self._texts.understand(raw, kept=kept, again=again)
        if isinstance(understood, Meaning):
            return understood
        if isinstance(understood, Wait):
            self._state.wait_until_ready(understood.ready)
            self._cutter.hold()
            return None
        if isinstance(understood, HandOut):
            self._awaiting = raw
            self._telling = Analyse(raw, self._state.server_major, understood.screen)
            self._state.waiting = True
            self._cutter.hold()
            return None
        return self._refuser.outright(understood, raw)

    def wait_for(self, what: Ask | Await | Ponder | Write | Hold | Settle) -> None:
        """The answer hinges on what others have to say or do first; the frame is looked at again then."""
        state = self._state
        if isinstance(what, Ponder | Write | Hold):
            self._telling = Record(what.change) if isinstance(what, Write) else what
            self._holding = what if isinstance(what, Hold) else None
            state.waiting = True
        elif isinstance(what, Await) and (what.at_once or not state.inflight):
            state.waiting = self._unread = True
        elif isinstance(what, Ask) and not state.inflight:
            self.after = state.ask(what.names)
        elif isinstance(what, Ask) and state.batch_open:
            self.after = encode_flush()
            state.wait_until_flushed()
        else:
            state.wait_until_ready(state.inflight.boundaries)
        self._cutter.hold()

    # -- who is told ---------------------------------------------------------------------------------------

    def to_do_elsewhere(self) -> Analyse | Ponder | Record | Hold | None:
        """What a frame waits for, told once: what is to be read, worked out, recorded or brought about."""
        telling, self._telling = self._telling, None
        return telling

    def awaits_catalogue(self) -> bool:
        """Whether the catalogue has to be read before anything goes on, told once."""
        unread, self._unread = self._unread, False
        self._reading |= unread
        return unread

    @property
    def holding(self) -> bool:
        """A statement is held until what it needs has come about."""
        return self._holding is not None

    @property
    def still(self) -> bool:
        """No frame waits, and nobody has to be told of anything."""
        waits = self.elsewhere or self._unread or self.message is not None or self._telling is not None
        return not waits and len(self.after) == 0 and self._texts.still

    @property
    def elsewhere(self) -> bool:
        """Somebody else than the server has to do something first."""
        return self._awaiting is not None or self._reading or self.holding

    # -- what came of it -----------------------------------------------------------------------------------

    def analysed(self, outcome: Outcome) -> None:
        """The text that was handed out has been read: go on with it."""
        raw, self._awaiting = self._awaiting, None
        if raw is not None:
            self._texts.analysed(raw, outcome)
            self._state.waiting = False

    def recorded(self, outcome: Recorded | Unrecorded) -> None:
        """What was to be recorded is, or cannot be: look at the frame again."""
        self._judge.recorded = outcome, self._state.sent
        self._state.waiting = False

    def held(self, outcome: Released | GivenUp) -> None:
        """What the statement was held for has come about, or will not: look at the frame again."""
        if self._holding is not None:
            self._judge.held(self._holding.wanted, outcome)
            self._holding = None
            self._state.waiting = False

    def pondered(self, weighed: Weighed) -> None:
        """The judgement has been worked out: look at the frame again."""
        self._judge.pondered(weighed)
        self._state.waiting = False

    def catalogue_ready(self) -> None:
        """The catalogue has been read since it was asked for, or cannot be read."""
        self._judge.consequences.overlay = None
        self._reading = False
        self._state.waiting = False

    def give_up(self) -> None:
        """The frame that waited has been refused: what is done for it is of no use any more."""
        if self._awaiting is not None or self.holding:
            self._awaiting = self._telling = self._holding = None
            self._state.waiting = False
