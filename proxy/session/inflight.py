"""What the server still owes: the messages sent to it whose answers have not come, oldest first.

The server answers in order. After an error in the extended protocol it skips to Sync (``ignore_till_sync``
of postgres.c), and so does this queue. A message that gets no answer (Flush, CopyData, CopyDone) is never
in it. Of most messages nothing is asked but their kind: those are bare, a byte of a number each, and become
objects when more is asked.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from proxy.policy.rules import Policy
from proxy.session.meaning import Meaning
from proxy.session.prepared import Definition
from proxy.session.refusal import NONCE, Refusal
from proxy.session.resolution.inquiry import Answer
from proxy.sql.effects import Act
from proxy.wire.errors import ProtocolViolation

# Type bytes, written out: mypyc compares with a number at once, but looks up what ord() gives.
QUERY: Final = 0x51  # Q
PARSE: Final = 0x50  # P
BIND: Final = 0x42  # B
DESCRIBE: Final = 0x44  # D
EXECUTE: Final = 0x45  # E
CLOSE: Final = 0x43  # C
SYNC: Final = 0x53  # S
FUNCTION_CALL: Final = 0x46  # F

MOST_OWED: Final = 65_536
"""So many answers may be owed before nothing more is read from the client.

Each costs memory, and a client that never reads could have millions. The server holds back 8 KB of answers at
most, which are 1,600 of the shortest, so it never waits for more.
"""


_BYTE: Final = 0xFF
_FULL: Final = 1 << 48
"""From here on a number holds as many bare messages as it can."""


def is_boundary(kind: i64) -> bool:
    """Whether a message of this kind ends in ReadyForQuery."""
    return kind in (SYNC, QUERY, FUNCTION_CALL)


class Grant:
    """What a COPY FROM STDIN goes on by, to be judged again while its data flows.

    Attributes:
        meaning: what it does.
        policy: what it began under,
        answer: ... and what its names stood for then.
        since, until: when it need not be judged again, in POSIX seconds.
        rests: what ``Gate.rests`` was when it was judged.
    """

    __slots__ = ("answer", "meaning", "policy", "rests", "since", "until")

    def __init__(
        self, meaning: Meaning, policy: Policy, answer: Answer | None, since: float, until: float, rests: int
    ) -> None:
        """Keep what it rests on."""
        self.meaning = meaning
        self.policy = policy
        self.answer = answer
        self.since = since
        self.until = until
        self.rests = rests

    def outdated(self, now: float, rests: int) -> bool:
        """Whether it has to be judged again."""
        return rests != self.rests or not self.since <= now < self.until


class Sent:
    """One message on its way.

    Attributes:
        kind: its type byte.
        serial: grows by one with each message.
        next: the one sent after it that is not bare, while both are owed.
        bare: the kinds of the bare ones sent between the two, the first in the lowest byte.
        definition: what it defines (Parse: a statement, Bind: a portal).
        closes: what it drops: (kind of name, name).
        acts: what each statement that it runs does to the prepared statements.
        completed: how many of those statements have completed.
        definitions: those that its PREPAREs made and that are not confirmed, by (number of the statement,
            name); None where it makes none.
        refusal: set when it stands for something refused.
        grant: what a COPY FROM STDIN goes on by.
        hidden: it is the gate's own: the client does not see what it completes.
        unsent: it did not go to the server: the gate answers it when it is its turn.
    """

    __slots__ = (
        "acts",
        "bare",
        "closes",
        "completed",
        "definition",
        "definitions",
        "grant",
        "hidden",
        "kind",
        "next",
        "refusal",
        "serial",
        "unsent",
    )

    def __init__(self, kind: i64, serial: i64) -> None:
        """Begin with nothing but the kind; few messages carry more."""
        self.kind = kind
        self.serial = serial
        self.next: Sent | None = None
        self.bare: i64 = 0
        self.definition: Definition | None = None
        self.closes: tuple[str, bytes] | None = None
        self.acts: tuple[tuple[Act, ...], ...] = ()
        self.completed: i64 = 0
        self.definitions: dict[tuple[int, bytes], Definition] | None = None
        self.refusal: Refusal | None = None
        self.grant: Grant | None = None
        self.hidden = False
        self.unsent = False

    def fail(self) -> None:
        """It did not take effect, or was skipped."""
        if self.definition is not None:
            self.definition.fail()
        if self.definitions is not None:
            for definition in self.definitions.values():
                definition.fail()
            self.definitions = None
        self.acts = ()


class Inflight:
    """The queue of sent messages, each leading to the next: a deque's methods would be calls out of C.

    Attributes:
        bare: the kinds of the bare messages in front, the first in the lowest byte; 0 where there is none.
        owed: how many answers are owed.
        boundaries: how many messages that end in ReadyForQuery were sent.
        ready: how many ReadyForQuery have come.
    """

    __slots__ = ("_first", "_last", "_newest", "_nonces", "bare", "boundaries", "owed", "ready")

    def __init__(self) -> None:
        """Begin with nothing owed."""
        self._first: Sent | None = None
        self._last: Sent | None = None
        self._newest: i64 = 0  # the serial of the last message sent
        self.bare: i64 = 0
        self.owed: i64 = 0
        self._nonces: set[bytes] | None = None
        self.boundaries: i64 = 0
        self.ready: i64 = 0

    def __bool__(self) -> bool:
        """True while the server owes anything."""
        return self.owed > 0

    def push(self, sent: Sent) -> None:
        """A message goes to the server."""
        last = self._last
        if last is None:
            self._first = sent
        else:
            last.next = sent
        self._last = sent
        self._count(sent.kind, sent.serial)

    def push_bare(self, kind: i64, serial: i64) -> None:
        """A message goes to the server of which nothing but its kind will be asked."""
        last = self._last
        before: i64 = self.bare if last is None else last.bare
        if before >= _FULL:
            self.push(Sent(kind, serial))
            return
        place: i64 = 0
        while before >> place:
            place += 8
        if last is None:
            self.bare = before | kind << place
        else:
            last.bare = before | kind << place
        self._count(kind, serial)

    def _count(self, kind: i64, serial: i64) -> None:
        self._newest = serial
        self.owed += 1
        if is_boundary(kind):
            self.boundaries += 1

    def answers_bare(self, kind: i64) -> bool:
        """Whether the message being answered is a bare one of this kind."""
        return self.bare & _BYTE == kind

    def done_bare(self, kind: i64) -> bool:
        """Whether the message being answered is a bare one of this kind; then it is answered whole."""
        if self.bare & _BYTE != kind:
            return False
        self.bare >>= 8
        self.owed -= 1
        return True

    def _pop(self, sent: Sent) -> None:
        """The first is no longer owed."""
        self.bare = sent.bare
        self._first = sent.next
        if sent.next is None:
            self._last = None
        sent.next = None  # whoever keeps it keeps none of the others
        self.owed -= 1

    def head(self) -> Sent | None:
        """The message that the server is answering."""
        if self.bare:
            self._show()
        return self._first

    def _show(self) -> None:
        """Make an object of the bare message in front. Serials have no gaps while anything is owed."""
        sent = Sent(self.bare & _BYTE, self._newest - self.owed + 1)
        sent.bare = self.bare >> 8
        self.bare = 0
        sent.next = self._first
        self._first = sent
        if self._last is None:
            self._last = sent

    def expect(self, kind: i64) -> Sent:
        """The message being answered, which must be of this kind.

        Raises: ProtocolViolation as ``expect_either``.
        """
        return self.expect_either(kind, kind)

    def expect_either(self, kind: i64, other: i64) -> Sent:
        """The message being answered, which must be of one of these kinds.

        Raises: ProtocolViolation when the server answers something that was not asked.
        """
        sent = self.head()
        if (
            sent is None
            or (sent.kind != kind and sent.kind != other)
            or (sent.refusal is not None and sent.kind != SYNC)
        ):
            raise ProtocolViolation("the server answered something that was not asked")
        return sent

    def done(self, kind: i64) -> Sent:
        """The message being answered, of this kind, is answered whole.

        Raises: ProtocolViolation as ``expect_either``.
        """
        sent = self.expect_either(kind, kind)
        self._pop(sent)
        return sent

    def unsent(self) -> Sent | None:
        """The next message, where it is the gate that answers it: it is no longer owed."""
        sent = self._first
        if self.bare or sent is None or not sent.unsent:
            return None
        self._pop(sent)
        return sent

    def end_boundary(self) -> Sent | None:
        """ReadyForQuery has come. Returns: for which message; None for a bare one.

        Raises: ProtocolViolation when none is owed, or when what stood for a refusal was not answered by an
            error.
        """
        if self.done_bare(SYNC) or self.done_bare(QUERY):
            self.ready += 1
            return None
        sent = self.head()
        if sent is None or not is_boundary(sent.kind):
            raise ProtocolViolation("the server sent ReadyForQuery where none was due")
        self._pop(sent)
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
        while (sent := self.head()) is not None and sent.kind != SYNC:
            self._pop(sent)
            if is_boundary(sent.kind):
                self.ready += 1  # its ReadyForQuery will never come
            self._left(sent)
            skipped.append(sent)
        return skipped

    def names_nonce(self, body: bytes) -> bool:
        """True when a server's text names the nonce of a refusal on its way."""
        nonces = self._nonces
        return nonces is not None and any(nonce in nonces for nonce in NONCE.findall(body))

    def refuse(self, sent: Sent, refusal: Refusal) -> None:
        """What was sent stands for something refused."""
        sent.refusal = refusal
        if self._nonces is None:
            self._nonces = set()
        self._nonces.add(refusal.nonce)

    def _left(self, sent: Sent) -> None:
        if sent.refusal is not None and self._nonces is not None:
            self._nonces.discard(sent.refusal.nonce)
