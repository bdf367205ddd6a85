"""Idle sessions are many: what one of them keeps, and how it goes on from there.

Enters: a conversation in which nothing is under way. Leaves: what could not be made anew of it; of that,
later, a conversation that goes on as if it had never been away. What decides is made once and has no memory
(handlers), or none while nothing is under way (cutters, a judge). Absent: when, which the relay knows.
"""

from __future__ import annotations

from mypy_extensions import i64

from proxy.session.conversation import Conversation
from proxy.session.gate import Gate
from proxy.session.judge import Judge
from proxy.session.lasttext import LastText
from proxy.session.lexing import usual_lexing
from proxy.session.resolution.lookup import Lookup
from proxy.session.state import State
from proxy.session.who import Who
from proxy.wire.framing import BACKEND, FRONTEND, Cutter


class Asleep:
    """A conversation that waits for its next message.

    Attributes:
        who: where its statements come from.
        last: its last text.
    """

    __slots__ = ("_process_id", "_server_major", "_state", "last", "who")

    def __init__(self, conversation: Conversation) -> None:
        """Keep what it has to remember; most have prepared nothing, and are as if they had just begun."""
        state = conversation.state
        lookup = state.lookup
        self.who: Who = lookup.who
        self.last: LastText = conversation.last
        self._server_major: i64 = state.server_major
        self._process_id: i64 = lookup.process_id
        self._state: State | None = state
        if state.fresh:
            self._state = None
            conversation.lost()  # without its circle it is freed at once

    def wake(self, gate: Gate) -> Conversation:
        """Go on."""
        state = self._state
        if state is None:
            lookup = Lookup(gate, self.who)
            lookup.process_id = self._process_id
            state = State(usual_lexing(), lookup, self._server_major)
        judge = Judge(gate, self.who, state.lookup)
        judge.consequences.overlay = None  # what the session had defined was read by then
        client = Cutter(FRONTEND, gate.limits.max_statement_bytes)
        return Conversation(gate, judge, state, client, Cutter(BACKEND), self.last)


def fall_asleep(conversation: Conversation) -> Asleep | None:
    """What is kept of it; None while anything is under way."""
    return Asleep(conversation) if conversation.still else None
