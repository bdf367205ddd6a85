"""What the server still owes: the messages sent to it whose answers have not come, oldest first.

The server answers in order. After an error in the extended protocol it skips to Sync (``ignore_till_sync``
of postgres.c), and so does this queue. A message that gets no answer (Flush, CopyData, CopyDone) is never
in it.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from proxy.policy.rules import Policy
from proxy.session.meaning import Meaning
from proxy.session.prepared import Definition
from proxy.session.refusal import NONCE, Refusal
from proxy.session.resolution.inquiry import Answer
from proxy.sql.effects import Act
from proxy.wire.errors import ProtocolViolation

QUERY: Final = ord("Q")
PARSE: Final = ord("P")
BIND: Final = ord("B")
DESCRIBE: Final = ord("D")
EXECUTE: Final = ord("E")
CLOSE: Final = ord("C")
SYNC: Final = ord("S")
FUNCTION_CALL: Final = ord("F")
MOST_OWED: Final = 65_536
"""So many answers may be owed before nothing more is read from the client.

Each costs memory, and a client that never reads could have millions. The server holds back 8 KB of answers at
most, which are 1,600 of the shortest, so it never waits for more.
"""
BOUNDARIES: Final = frozenset((QUERY, FUNCTION_CALL, SYNC))


class Sent:
    """One message on its way.

    Attributes:
        kind: its type byte.
        serial: grows with each message.
        definition: what it defines (Parse: a statement, Bind: a portal).
        closes: what it drops: (kind of name, name).
        acts: what each statement that it runs does to the prepared statements.
        completed: how many of those statements have completed.
        definitions: those that its PREPAREs made and that are not confirmed, by (number of the statement,
            name).
        refusal: set when it stands for something refused.
        meaning: what a COPY FROM STDIN does, to be judged again while its data flows.
        policy: ... by this policy, which it began under,
        answer: ... and with what its names stood for then.
        permitted: since when and until when that is not due, in POSIX seconds.
    """

    __slots__ = (
        "acts",
        "answer",
        "closes",
        "completed",
        "definition",
        "definitions",
        "kind",
        "meaning",
        "permitted",
        "policy",
        "refusal",
        "serial",
    )

    def __init__(self, kind: int, serial: int = 0) -> None:
        """Begin with nothing but the kind; few messages carry more."""
        self.kind = kind
        self.serial = serial
        self.definition: Definition | None = None
        self.closes: tuple[str, bytes] | None = None
        self.acts: tuple[tuple[Act, ...], ...] = ()
        self.completed = 0
        self.definitions: dict[tuple[int, bytes], Definition] = {}
        self.refusal: Refusal | None = None
        self.meaning: Meaning | None = None
        self.policy: Policy | None = None
        self.answer: Answer | None = None
        self.permitted = (-float("inf"), float("inf"))

    def fail(self) -> None:
        """It did not take effect, or was skipped."""
        if self.definition is not None:
            self.definition.fail()
        for definition in self.definitions.values():
            definition.fail()
        self.definitions = {}
        self.acts = ()


class Inflight:
    """The queue of sent messages.

    Attributes:
        boundaries: how many messages that end in ReadyForQuery were sent.
        ready: how many ReadyForQuery have come.
        queue: what is owed.
    """

    __slots__ = ("_nonces", "boundaries", "queue", "ready")

    def __init__(self) -> None:
        """Begin with nothing owed."""
        self.queue: deque[Sent] = deque()
        self._nonces: set[bytes] = set()
        self.boundaries = 0
        self.ready = 0

    def __bool__(self) -> bool:
        """True while the server owes anything."""
        return bool(self.queue)

    def __len__(self) -> int:
        """How many answers are owed."""
        return len(self.queue)

    def push(self, sent: Sent) -> None:
        """A message goes to the server."""
        self.queue.append(sent)
        if sent.kind in BOUNDARIES:
            self.boundaries += 1

    def head(self) -> Sent | None:
        """The message that the server is answering."""
        return self.queue[0] if self.queue else None

    def expect(self, *kinds: int) -> Sent:
        """The message being answered, which must be of one of these kinds.

        Raises: ProtocolViolation when the server answers something that was not asked.
        """
        sent = self.head()
        if sent is None or sent.kind not in kinds or (sent.refusal is not None and sent.kind != SYNC):
            raise ProtocolViolation("the server answered something that was not asked")
        return sent

    def done(self, kind: int) -> Sent:
        """The message being answered, of this kind, is answered whole.

        Raises: ProtocolViolation as ``expect``.
        """
        sent = self.expect(kind)
        self.queue.popleft()
        return sent

    def end_boundary(self) -> Sent:
        """ReadyForQuery has come.

        Raises: ProtocolViolation when none is owed, or when what stood for a refusal was not answered by an
            error.
        """
        sent = self.queue.popleft() if self.queue else None
        if sent is None or sent.kind not in BOUNDARIES:
            raise ProtocolViolation("the server sent ReadyForQuery where none was due")
        if sent.refusal is not None and not sent.refusal.answered:
            raise ProtocolViolation("the server did not answer a refused statement with an error")
        self.ready += 1
        self._left(sent)
        return sent

    def skip_to_sync(self) -> list[Sent]:
        """An error came in the extended protocol: what is skipped, Query and FunctionCall included.

        When nothing is left, the Sync has not been sent yet, and the server skips what comes before it too.
        """
        skipped: list[Sent] = []
        while self.queue and self.queue[0].kind != SYNC:
            sent = self.queue.popleft()
            if sent.kind in BOUNDARIES:
                self.ready += 1  # its ReadyForQuery will never come
            self._left(sent)
            skipped.append(sent)
        return skipped

    def names_nonce(self, body: bytes) -> bool:
        """True when a server's text names the nonce of a refusal on its way."""
        return bool(self._nonces) and any(nonce in self._nonces for nonce in NONCE.findall(body))

    def refuse(self, sent: Sent, refusal: Refusal) -> None:
        """What was sent stands for something refused."""
        sent.refusal = refusal
        self._nonces.add(refusal.nonce)

    def _left(self, sent: Sent) -> None:
        if sent.refusal is not None:
            self._nonces.discard(sent.refusal.nonce)
