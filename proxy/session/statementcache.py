"""Statements of a session that the server keeps, so that a text prepared without a name is read once.

Enters: what the client is about to be allowed (Parse, Bind, Describe, Close of the unnamed statement, and
what runs), and what the server answers. Leaves: what goes to the server instead, and the answers that the
client is owed for what did not. Absent: judgement; whatever goes on here has been judged as any message.

A text that comes again goes on under a name of the gate's own; from then on its Parse is answered here, and
Bind and Describe of the unnamed statement name the kept one. To the client nothing of that shows: the unnamed
statement is there exactly when it would be. Three things keep that simple:

- At the server either the unnamed statement exists or the client's is a kept one, never both: so whatever
  ends the one ends the other.
- A Parse is answered here only where the server could not have refused it: outside of failed transactions.
- Whatever may change what a text means (anything but rows and plain transactions) forgets all that is kept,
  until the transaction around it has ended.

In doubt a Parse goes on as it came.
"""

from __future__ import annotations

import re
from typing import Final

from proxy.session.inflight import CLOSE, PARSE, Sent
from proxy.session.meaning import Meaning
from proxy.session.state import State
from proxy.session.tally import Tally
from proxy.wire.backend import decode_error
from proxy.wire.framing import Cutter, View
from proxy.wire.frontend import encode_close, encode_describe
from proxy.wire.octets import message, string

PARSE_COMPLETE: Final = b"1\0\0\0\4"

_MOST: Final = 100
"""So many statements are kept for a session, each some 10 to 50 KB of the server's memory."""
_LONGEST: Final = 8 * 1024
"""The longest text of one, in bytes."""
_LONGEST_LOOKED_AT: Final = 64 * 1024
_MOST_SEEN: Final = 1_000
_CUSTOM_PLANS: Final = 5
"""After so many plans for the values at hand the server may make one for any (choose_custom_plan)."""

_LOOKS_BACK: Final = (b"pg_prepared", b"backend_memory_contexts", b"client_min_messages", b'u&"')
"""Texts with one of these may show what is kept, or what the server says of it; or hide such a name."""

_QUOTED: Final = re.compile(rb"\"[^\"]*\"|'([^']*)'")
_READ_AT_ONCE: Final = re.compile(rb"now|today|tomorrow|yesterday", re.IGNORECASE)
"""What literals of dates are read by when a statement is parsed: such a one would stand still."""
_HARD_TO_READ: Final = re.compile(rb"\\|--|/\*|u&'", re.IGNORECASE)
_DOLLAR_QUOTED: Final = re.compile(rb"\$[^0-9]")

_PARAMETER: Final = re.compile(rb"\$[0-9]+")
_BARE: Final = re.compile(
    rb"(?:(?<=[\w\")])|(?<=[\w\")]\s))(?:(?:<>|!=|<=|>=|=|<|>)\s*\$[0-9]+"
    rb"|(?:=\s*ANY|IN)\s*\(\s*\$[0-9]+(?:\s*,\s*\$[0-9]+)*\s*\))"
    rb"(?=\s*[);]|\s*$|\s+(?:AND|OR|ORDER|GROUP|HAVING|LIMIT|OFFSET|FOR|UNION)\b)"
    rb"|\b(?:LIMIT|OFFSET)\s+\$[0-9]+(?=\s*[);]|\s*$|\s+(?:OFFSET|LIMIT|FOR)\b)",
    re.IGNORECASE,
)
"""A parameter that is compared, or bounds rows: no value of it can be an error to a planner."""
_SELECT: Final = re.compile(rb"\s*SELECT\b", re.IGNORECASE)

_OF_VALUES: Final = ("22", "23", "25", "40", "55", "57", "P0")
"""Errors that say nothing against what is kept: values, constraints, transactions, locks, cancels, RAISE."""
_NO_STATEMENT: Final = "26000"


class _Kept:
    """One statement that the server keeps, or will.

    Attributes:
        body: of its Parse, behind the name.
        ready: the server has confirmed it.
        most: how often it may be bound; 0 for any number.
        uses: how often it was.
        again: it was used since somebody looked for one to let go.
    """

    __slots__ = ("again", "body", "most", "name", "ready", "uses")

    def __init__(self, name: bytes, body: bytes, most: int) -> None:
        self.name = name
        self.body = body
        self.most = most
        self.ready = False
        self.uses = 0
        self.again = True


class _Turn:
    """The unnamed statement changes hands.

    Attributes:
        serial: of the message that does it.
        standing: what it becomes; None: the server's own, if there is one.
        own: the server's own exists then.
    """

    __slots__ = ("own", "serial", "standing")

    def __init__(self, serial: int, standing: _Kept | None, *, own: bool) -> None:
        self.serial = serial
        self.standing = standing
        self.own = own


class StatementCache:
    """The kept statements of one server connection.

    Attributes:
        standing: what the client's unnamed statement is, if what was sent succeeds; None: the server's own,
            if there is one.
        before: goes out in front of the frame just shown.
        owed: answers that the client gets before anything else that the server says.
        flushed: the client has asked for them.
    """

    def __init__(self, state: State, token: str, tally: Tally) -> None:
        """Keep nothing yet; the token makes names that no client guesses."""
        self._state = state
        self._counts = tally.unnamed_parses
        self._prefix = b"pgwarden_" + token[:16].encode() + b"_"
        self._number = 0
        self._off = False
        self._kept: dict[bytes, _Kept] = {}
        self._begun: dict[int, _Kept] = {}  # by the serial of their Parse, until that is answered
        self._going: dict[bytes, int] = {}  # names to close, with the serial of their Close, 0 before it
        self._seen: dict[int, bool] = {}  # hashes of texts that came once; True: never to be kept
        self._turns = [_Turn(0, None, own=False)]  # the last that is certain, and those behind it
        self._own = False  # the server's unnamed statement exists, if what was sent succeeds
        self._barred = 0  # nothing is kept before this ReadyForQuery, and the end of its transaction
        self.standing: _Kept | None = None
        self.before = b""
        self.owed = b""
        self.flushed = False

    # -- from the client -------------------------------------------------------------------------

    def parse(self, cutter: Cutter, text: View, meaning: Meaning) -> tuple[Sent, bytes | None]:
        """An allowed Parse of the unnamed statement: the message it becomes, and what goes on in its place.

        Args:
            cutter: shows it.
            text: what it prepares.
            meaning: the text's.

        Returns: None for the frame as it came.
        """
        state = self._state
        if isinstance(text, bytes) and cutter.size <= _LONGEST and not self._off and self._may_begin():
            body = cutter.body()[1:]
            kept = self._kept.get(body)
            if kept is None:
                if self._is_repeated(body, text, meaning):
                    return self._begin(body, text)
            elif kept.ready:
                if kept.most and kept.uses >= kept.most:
                    self._let_go(kept)
                    return self._begin(body, text)
                kept.again = True
                self._counts["answered"] += 1
                self._close_own()
                sent = state.answered_here(PARSE)
                self._turn(sent.serial, kept, own=False)
                return sent, b""
        self._counts["forwarded"] += 1
        self.reads(text, once=False, unnamed=False)
        sent = state.send(PARSE)
        self._turn(sent.serial, None, own=True)
        return sent, None

    def answered(self, sent: Sent) -> None:
        """The message was sent, or owed, after all that is known of it was noted: answer it if it is due."""
        if sent.unsent and not self._state.inflight:
            self.owed += self.answer(sent)

    def answer(self, sent: Sent) -> bytes:
        """The answer to a Parse that was not sent."""
        if sent.definition is not None:
            sent.definition.confirm()
        return PARSE_COMPLETE

    def bind(self, cutter: Cutter, portal: bytes) -> bytes | None:
        """A Bind of the unnamed statement, before it is sent: what goes on in its place.

        Args:
            cutter: shows it.
            portal: that it makes.
        """
        kept = self.standing
        if kept is None:
            return None
        if cutter.midway or (kept.most and kept.uses >= kept.most):
            self._restore()
            return None
        kept.uses += 1
        body = cutter.body()
        at = len(portal) + 1
        return message(b"B", body[:at] + kept.name + body[at:])

    @property
    def unsure(self) -> bool:
        """What the unnamed statement is hangs on an earlier batch that the server has not answered."""
        self._settle()
        return len(self._turns) > 1 and self._turns[-1].serial <= self._state.batch

    def describe(self) -> bytes | None:
        """A Describe of the unnamed statement: what goes on in its place."""
        return None if self.standing is None else encode_describe("S", self.standing.name)

    def ends(self) -> None:
        """What is sent next ends the unnamed statement: a Query, a Close, what stands for a refused Parse."""
        self._turn(self._state.sent + 1, None, own=False)

    def reads(self, text: View, *, once: bool, unnamed: bool) -> None:
        """A text goes on that is not kept: if it may look for what is, nothing is kept from here on.

        Args:
            text: the text.
            once: it runs now, and never again.
            unnamed: the unnamed statement outlives it.
        """
        if self._off and not self._going and self.standing is None:
            return
        if len(text) > _LONGEST_LOOKED_AT:
            self._off |= not once
            self._bar(unnamed=unnamed)
        elif _looks_back(bytes(text)):
            self._off = True
            self._forget(unnamed=unnamed)

    def leave(self) -> None:
        """A Query comes in the middle of a batch, where a server may lose count: keep nothing more."""
        self._off = True
        self._forget(unnamed=False)

    def runs(self, meaning: Meaning, *, defines: bool, unnamed: bool) -> None:
        """This runs next: unless it is about rows, or a plain transaction's, nothing is kept any longer.

        Args:
            meaning: what it does by its text.
            defines: what the database's own code defines, or sets, in it.
            unnamed: the unnamed statement outlives it.
        """
        if not meaning.neutral or defines:
            self._bar(unnamed=unnamed)

    # -- from the server -------------------------------------------------------------------------

    def parsed(self, sent: Sent) -> None:
        """A Parse has been confirmed."""
        if self._begun:
            kept = self._begun.pop(sent.serial, None)
            if kept is not None:
                kept.ready = True

    def closed(self, name: bytes) -> None:
        """A Close of the gate's own has been confirmed."""
        self._going.pop(name, None)

    def failed(self, serial: int, until: float, body: bytes) -> None:
        """The message with this serial has failed, and those after it were skipped.

        Whatever was to be the unnamed statement by the failed one's own doing is not; the one before it is
        gone.

        Args:
            serial: of the message that failed.
            until: of the first after it that was not skipped.
            body: of the server's error; empty where it stands for a refusal.
        """
        self._turns = [turn for turn in self._turns if not serial < turn.serial < until]
        for turn in self._turns:
            if turn.serial == serial:
                turn.standing, turn.own = None, False
        self.standing, self._own = self._turns[-1].standing, self._turns[-1].own
        for begun in [begun for begun in self._begun if serial <= begun < until]:
            kept = self._begun.pop(begun)
            if self._kept.get(kept.body) is kept:
                del self._kept[kept.body]
        for name, closing in self._going.items():
            if serial < closing < until:
                self._going[name] = 0
        code = decode_error(body).get("C", "") if body else "22000"
        if code[:2] not in _OF_VALUES:
            # Something behind the gate forgets statements, or has sent this to another process.
            self._off |= code == _NO_STATEMENT and self._prefix in body
            self.shaken()

    def shaken(self) -> None:
        """What is kept may not be what its text means now."""
        for kept in list(self._kept.values()):
            self._let_go(kept)

    def ready(self, status: str) -> None:
        """ReadyForQuery has come."""
        self.flushed = False
        if not self._state.inflight:
            self._settle()
        if self._barred and status == "I" and self._state.inflight.ready >= self._barred:
            self._barred = 0

    def noticed(self, body: bytes, sent: Sent | None) -> None:
        """A notice has come: what the parser remarks on is not kept, for it does so each time."""
        kept = None if sent is None else self._begun.get(sent.serial)
        if kept is not None:
            self._seen[hash(kept.body)] = True
            self._let_go(kept)
        if not self._off and decode_error(body).get("V", "") in ("LOG", "DEBUG"):
            self._off = True  # the server's log speaks of statements by their names
            self.shaken()

    def put_right(self, kind: bytes, body: bytes) -> bytes | None:
        """An error or a notice that names what is kept: what the client sees of it."""
        if self._prefix not in body:
            return None
        logged = decode_error(body).get("V", "") in ("LOG", "DEBUG")
        return message(
            kind, re.sub(re.escape(self._prefix) + b"[0-9]+", b"<unnamed>" if logged else b"", body)
        )

    def take_owed(self) -> bytes:
        """The answers that are due, once."""
        owed, self.owed = self.owed, b""
        self.flushed = False
        return owed

    def take_before(self) -> bytes:
        """What goes out in front of the frame just shown, once."""
        before, self.before = self.before, b""
        return before

    # -- within ----------------------------------------------------------------------------------

    def _bar(self, *, unnamed: bool) -> None:
        """Keep nothing until what is sent next has ended, with its transaction."""
        self._barred = self._state.inflight.boundaries + 1
        self._forget(unnamed=unnamed)

    def _may_begin(self) -> bool:
        """Whether the server is certain to take a statement now, if nothing before it in its batch fails."""
        state = self._state
        if self._barred or not state.settled:
            return False
        if state.status == "I":
            return True
        return state.status == "T" and state.inflight.ready == state.inflight.boundaries

    def _is_repeated(self, body: bytes, text: bytes, meaning: Meaning) -> bool:
        """Whether the text has come before, and may be kept."""
        digest = hash(body)
        seen = self._seen.get(digest)
        if seen is None:
            if len(self._seen) >= _MOST_SEEN:
                self._seen.clear()
            self._seen[digest] = False
            return False
        if not seen and not (meaning.keepable and _stands_still(text) and not _looks_back(text)):
            self._seen[digest] = seen = True
        return not seen and self._has_room()

    def _has_room(self) -> bool:
        """Whether one more may be kept, if need be in the place of one that is not used."""
        if len(self._kept) < _MOST:
            return True
        for kept in list(self._kept.values())[:8]:
            if not kept.again and kept.ready:
                self._let_go(kept)
                return True
            kept.again = False
            self._kept[kept.body] = self._kept.pop(kept.body)
        return False

    def _begin(self, body: bytes, text: bytes) -> tuple[Sent, bytes]:
        """The Parse goes on by a name."""
        self._counts["kept"] += 1
        self._sweep()
        self._close_own()
        self._number += 1
        kept = _Kept(self._prefix + str(self._number).encode(), body, _most_uses(text))
        self._kept[body] = kept
        sent = self._state.send(PARSE)
        self._begun[sent.serial] = kept
        self._turn(sent.serial, kept, own=False)
        return sent, message(b"P", string(kept.name) + body)

    def _turn(self, serial: int, standing: _Kept | None, *, own: bool) -> None:
        self._settle()
        self._turns.append(_Turn(serial, standing, own=own))
        self.standing, self._own = standing, own

    def _settle(self) -> None:
        """Forget what was before the last turn that is certain: nothing sent before it can fail any more."""
        turns = self._turns
        if len(turns) > 1:
            head = self._state.inflight.head()
            if head is None:
                del turns[:-1]
            else:
                while len(turns) > 1 and turns[1].serial < head.serial:
                    del turns[0]

    def _close_own(self) -> None:
        """The server's unnamed statement ends where the client's becomes a kept one."""
        if self._own or any(turn.own for turn in self._turns):
            serial = self._send_hidden(CLOSE).serial
            self.before += encode_close("S", b"")
            self._turn(serial, None, own=False)

    def _restore(self) -> None:
        """The client's unnamed statement becomes the server's own again, if it is certain what it is."""
        kept = self.standing
        if kept is not None and not self.unsure:
            self.before += message(b"P", b"\0" + kept.body)
            self._turn(self._send_hidden(PARSE).serial, None, own=True)

    def _send_hidden(self, kind: int) -> Sent:
        sent = self._state.send(kind)
        sent.hidden = True
        self._state.batch_open = True
        return sent

    def _let_go(self, kept: _Kept) -> None:
        """It is to be closed, as soon as something is sent."""
        if self._kept.get(kept.body) is kept:
            del self._kept[kept.body]
        self._going[kept.name] = 0

    def _forget(self, *, unnamed: bool) -> None:
        """Close all that is kept, before anything can see it, or change what it means."""
        if unnamed:
            self._restore()
        else:
            self.ends()
        for kept in list(self._kept.values()):
            self._let_go(kept)
        self._sweep()

    def _sweep(self) -> None:
        """Close what is to be closed, but for what the client's unnamed statement may be."""
        if not self._going:
            return
        may_be = self._turns if self.unsure else self._turns[-1:]
        standing = {turn.standing.name for turn in may_be if turn.standing is not None}
        for name, closing in self._going.items():
            # One sent in an earlier batch is skipped if something in that fails: closing twice does no harm.
            if closing <= self._state.batch and name not in standing:
                sent = self._send_hidden(CLOSE)
                sent.closes = ("S", name)
                self._going[name] = sent.serial
                self.before += encode_close("S", name)


def _looks_back(text: bytes) -> bool:
    lowered = text.lower()
    return any(word in lowered for word in _LOOKS_BACK)


def _stands_still(text: bytes) -> bool:
    """Whether no literal of the text is read by the clock."""
    if _DOLLAR_QUOTED.search(text):
        return False
    if b"'" not in text:
        return True
    if _HARD_TO_READ.search(text):
        return False
    return not any(_READ_AT_ONCE.search(literal) for literal in _QUOTED.findall(text))


def _most_uses(text: bytes) -> int:
    """How often a statement may be bound before the server might plan it otherwise than a new one.

    An error that a value raises when it is planned comes with Bind; under a plan for any value, with Execute.
    """
    parameters = len(_PARAMETER.findall(text))
    if not parameters:
        return 0
    bare = sum(len(_PARAMETER.findall(found.group())) for found in _BARE.finditer(text))
    return 0 if bare == parameters and _SELECT.match(text) else _CUSTOM_PLANS
