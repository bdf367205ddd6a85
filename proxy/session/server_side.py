"""What the server answers, message by message: followed, and put right where it answers a refusal.

Enters: the server's cutter. Leaves: the bytes that go to the client, the very chunk unless a refusal's error
was in it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from mypy_extensions import i64

from proxy.session.copying import CopyIn
from proxy.session.forwarding import DROPPED, KEEP
from proxy.session.inflight import (
    BIND,
    CLOSE,
    DESCRIBE,
    EXECUTE,
    FUNCTION_CALL,
    PARSE,
    QUERY,
    Sent,
    is_boundary,
)
from proxy.session.outcomes import Books
from proxy.session.refusal import CANCELLED
from proxy.session.resolution.inquiry import Inquiry
from proxy.session.state import State
from proxy.session.statementcache import StatementCache
from proxy.wire.backend import (
    decode_command_tag,
    decode_error,
    decode_parameter_status,
    decode_ready,
    status_of,
)
from proxy.wire.errors import ProtocolViolation
from proxy.wire.framing import Cutter, View

# Written out, as the type bytes of ``inflight``.
_PARSE_COMPLETE: Final = 0x31  # 1
_BIND_COMPLETE: Final = 0x32  # 2
_CLOSED: Final = 0x33  # 3
_COMMAND_COMPLETE: Final = 0x43  # C
_ERROR: Final = 0x45  # E
_NOTICE: Final = 0x4E  # N
_NO_DATA: Final = 0x6E  # n
_ROW_DESCRIPTION: Final = 0x54  # T
_PARAMETERS: Final = 0x74  # t
_READY: Final = 0x5A  # Z


class BrokenAnswer(Exception):
    """The server has broken the protocol.

    Attributes:
        good: what it said before, which the client is told first: it may be that a COMMIT has succeeded.
        violation: what is wrong with the message after that.
    """

    def __init__(self, good: View, violation: ProtocolViolation) -> None:
        """Keep both."""
        super().__init__(str(violation))
        self.good = good
        self.violation = violation


class ServerSide:
    """The server's direction."""

    def __init__(
        self, state: State, copy: CopyIn, cutter: Cutter, cache: StatementCache | None = None
    ) -> None:
        """Follow the cutter's messages through the state; ``cache`` is what the server keeps, if it does."""
        self._cache = cache
        self._state = state
        self._copy = copy
        self._cutter = cutter
        self._books: Books | None = None

    def follow(self, books: Books | None) -> None:
        """Tell these books of the answers from now on; None: nobody."""
        self._books = books

    def forward(self) -> View:
        """Follow what the cutter holds.

        Returns: what goes to the client now.
        Raises: BrokenAnswer when the server answers what was not asked.
        """
        cutter, books = self._cutter, self._books
        pieces: list[View] | None = None  # most of the time all goes on as it came
        lookup, cache = self._state.lookup, self._cache
        if cache is not None:
            pieces = [cache.take_owed()] if cache.owed else []
        try:
            if lookup.inquiry is not None:
                if pieces is None:
                    pieces = []
                self._follow_inquiry(lookup.inquiry, pieces)
            while lookup.inquiry is None and (kind := cutter.next()):
                instead = self._follow(kind) if books is None else self._follow_noting(kind, books)
                if instead is not None:
                    if pieces is None:
                        pieces = []
                    pieces.append(cutter.drop())
                    pieces.append(instead)
                if cache is not None and pieces is not None:
                    self._answer_unsent(cache, pieces)
        except ProtocolViolation as violation:
            raise BrokenAnswer(b"".join((*(pieces or ()), cutter.drop())), violation) from violation
        kept = cutter.take()
        if not self._state.inflight.owed:
            self._state.caught_up()
        return b"".join((*pieces, kept)) if pieces else kept

    def _answer_unsent(self, cache: StatementCache, pieces: list[View]) -> None:
        """It is the turn of messages that did not go to the server."""
        while (sent := self._state.inflight.unsent()) is not None:
            pieces.append(self._cutter.take())
            pieces.append(cache.answer(sent))

    def _follow(self, kind: i64) -> bytes | None:
        """What goes on in place of the message just shown.

        Compared one by one, the most frequent first: mypyc makes plain calls of these, and slow ones of a
        table's.
        """
        if kind == _READY:
            return self._ready()
        if kind == _COMMAND_COMPLETE:
            return self._command_complete()
        if kind == _ROW_DESCRIPTION:
            return self._row_description()
        if kind == _BIND_COMPLETE:
            return self._bind_complete()
        if kind == _PARSE_COMPLETE:
            return self._parse_complete()
        if kind == _NO_DATA:
            return self._no_data()
        if kind == _PARAMETERS:
            return self._parameters()
        if kind == _CLOSED:
            return self._close_complete()
        if kind == _ERROR:
            return self._error()
        if kind == _NOTICE:
            return self._notice()
        return self._follow_seldom(chr(kind))

    def _follow_seldom(self, kind: str) -> bytes | None:
        """No table of methods: idle sessions are many, and each would hold one."""
        match kind:
            case "A" | "c":
                return KEEP
            case "G":
                return self._copy_in()
            case "H":
                return self._copy_out()
            case "I":
                return self._empty_query()
            case "S":
                return self._parameter_status()
            case "V":
                return self._function_result()
            case "W":
                return self._copy_both()
            case "s":
                return self._suspended()
        raise ProtocolViolation(f"unexpected server message type {ord(kind)}")

    def _follow_inquiry(self, inquiry: Inquiry, pieces: list[View]) -> None:
        """The answer to a question of the gate's own stays here; what comes of itself goes on."""
        cutter = self._cutter
        cutter.show_all = cutter.show_whole = True
        while kind := cutter.next():
            match chr(kind):
                case "D":
                    inquiry.row(cutter.body())
                case "C":
                    inquiry.completed()
                case "A":
                    continue
                case "S":
                    self._parameter_status()
                    continue
                case "E" if self._is_fatal():
                    continue
                case "E" if not inquiry.inside and self._is_cancelled():
                    pass  # it is dropped, and said to the statement that the question was about
                case "E" if inquiry.inside:  # the client's batch has failed: the server skips to its Sync
                    self._state.failed()
                    if self._books is not None:
                        self._books.failed(0, decode_error(cutter.body()).get("C", ""), self._goes_on_with())
                    self._state.answered(None)
                    self._state.lookup.answer = None
                    break
                case "1" | "2" | "3" | "E" | "N" | "Z":
                    pass
                case _:
                    raise ProtocolViolation("the server answered something that was not asked")
            body = cutter.body()
            pieces.append(cutter.drop())
            if kind == _READY:
                self._state.answered(decode_ready(body))
                break
            if kind == _CLOSED and inquiry.closed():
                self._state.answered(None)
                break
        cutter.show_all = cutter.show_whole = False

    # -- the extended protocol ---------------------------------------------------------------------

    def _parse_complete(self) -> bytes | None:
        sent = self._state.inflight.done(PARSE)
        if self._cache is not None:
            self._cache.parsed(sent)
        return _confirmed(sent)

    def _bind_complete(self) -> bytes | None:
        return _confirmed(self._state.inflight.done(BIND))

    def _close_complete(self) -> bytes | None:
        sent = self._state.inflight.done(CLOSE)
        if sent.closes is not None:
            kind, name = sent.closes
            (self._state.statements if kind == "S" else self._state.portals).remove(name, sent.serial)
            if sent.hidden and self._cache is not None:
                self._cache.closed(name)
        return DROPPED if sent.hidden else KEEP

    def _parameters(self) -> bytes | None:
        self._state.inflight.expect(DESCRIBE)
        return KEEP

    def _no_data(self) -> bytes | None:
        inflight = self._state.inflight
        if not inflight.done_bare(DESCRIBE):
            inflight.done(DESCRIBE)
        return KEEP

    def _row_description(self) -> bytes | None:
        inflight = self._state.inflight
        if inflight.done_bare(DESCRIBE) or inflight.answers_bare(QUERY):
            return KEEP
        if inflight.expect_either(QUERY, DESCRIBE).kind == DESCRIBE:
            inflight.done(DESCRIBE)
        return KEEP

    # -- running -----------------------------------------------------------------------------------

    def _command_complete(self) -> bytes | None:
        inflight = self._state.inflight
        if inflight.done_bare(EXECUTE) or inflight.answers_bare(QUERY):
            return KEEP
        head = self._state.inflight.head()
        if head is not None and head.hidden and head.kind == QUERY:
            head.hidden = False  # the ROLLBACK in front of a refusal; its error comes next
            return DROPPED
        sent = self._state.inflight.expect_either(QUERY, EXECUTE)
        if sent.acts:
            self._state.completed(sent)
        return self._executed(sent)

    def _empty_query(self) -> bytes | None:
        return self._executed(self._state.inflight.expect_either(QUERY, EXECUTE))

    def _suspended(self) -> bytes | None:
        return self._executed(self._state.inflight.expect(EXECUTE))

    def _executed(self, sent: Sent) -> bytes | None:
        if sent.kind == EXECUTE:
            self._state.inflight.done(EXECUTE)
            self._state.release(sent)
        return DROPPED if sent.hidden else KEEP

    def _function_result(self) -> bytes | None:
        self._state.inflight.expect(FUNCTION_CALL)
        return KEEP

    def _copy_in(self) -> bytes | None:
        sent = self._state.inflight.expect_either(QUERY, EXECUTE)
        self._copy.begin(sent)
        self._state.release(sent)
        return KEEP

    def _copy_out(self) -> bytes | None:
        self._state.inflight.expect_either(QUERY, EXECUTE)
        return KEEP

    def _copy_both(self) -> bytes | None:
        """A walsender streams, and the client reports: both are CopyData, which passes as it comes."""
        if not self._state.replication:
            raise ProtocolViolation("the server began a replication stream that was not asked for")
        self._state.inflight.expect(QUERY)
        return KEEP

    def _ready(self) -> bytes | None:
        status = status_of(self._cutter.only())
        self._state.ready(status)
        if self._cache is not None:
            self._cache.ready(status)
        return KEEP

    # -- reports and errors ------------------------------------------------------------------------

    def _parameter_status(self) -> bytes | None:
        name, value = decode_parameter_status(self._cutter.body())
        self._state.lexing.report(name, value)
        if self._cache is not None:
            self._cache.shaken()
        if name == "search_path":
            self._state.lookup.reported()
        return KEEP

    def _notice(self) -> bytes | None:
        """A notice may quote the text that stands for a refusal (client_min_messages = log).

        The client never sees that.
        """
        body = self._cutter.body()
        if self._state.inflight.names_nonce(body):
            return DROPPED
        if self._cache is None:
            return KEEP
        self._cache.noticed(body, self._state.inflight.head())
        return self._cache.put_right(b"N", body)

    def _is_fatal(self) -> bool:
        """Whether an error ends the connection; the client is told by it."""
        if decode_error(self._cutter.body()).get("V") not in ("FATAL", "PANIC"):
            return False
        self._state.told_fatal = True
        return True

    def _is_cancelled(self) -> bool:
        """Whether the gate's own question was ended from outside: then what it was about is ended by that."""
        fields = decode_error(self._cutter.body())
        if fields.get("C") != CANCELLED.sqlstate:
            return False
        self._state.cancelled = replace(CANCELLED, message=fields.get("M", CANCELLED.message))
        return True

    def _error(self) -> bytes | None:
        state = self._state
        body = self._cutter.body()
        self._is_fatal()
        state.erred()
        head = state.inflight.head()
        if head is None:
            return KEEP
        instead = None
        if head.refusal is not None:
            instead = head.refusal.swap(body)
            head.refusal.answered = True
        cache = self._cache
        if instead is None and cache is not None:
            instead = cache.put_right(b"E", body)
        self._copy.server_ended(head)
        if is_boundary(head.kind):
            head.fail()
        else:
            state.failed()
            if cache is not None:
                cache.failed(head.serial, self._goes_on_with(), body if head.refusal is None else b"")
        return instead

    # -- what changes come to ----------------------------------------------------------------------

    def _follow_noting(self, kind: i64, books: Books) -> bytes | None:
        """Follow a message, and tell the books what it answered."""
        sent = self._state.inflight.head()
        instead = self._follow(kind)
        if sent is not None:
            match chr(kind):
                case "C":
                    tag = decode_command_tag(self._cutter.body())
                    books.completed(sent.serial, tag, last=sent.kind == EXECUTE)
                case "I" | "s" | "V":
                    books.completed(sent.serial, "", last=sent.kind == EXECUTE)
                case "E":
                    self._note_error(books, sent)
                case "Z":
                    books.ready(self._state.status, sent.serial)
        return instead

    def _note_error(self, books: Books, sent: Sent) -> None:
        sqlstate = decode_error(self._cutter.body()).get("C", "")
        until = float(sent.serial + 1) if is_boundary(sent.kind) else self._goes_on_with()
        books.failed(sent.serial, sqlstate, until)

    def _goes_on_with(self) -> float:
        """The serial of the Sync that the server skips to; infinite while that has not been sent."""
        sync = self._state.inflight.head()
        return float("inf") if sync is None else float(sync.serial)


def _confirmed(sent: Sent) -> bytes | None:
    if sent.definition is not None:
        sent.definition.confirm()
    return DROPPED if sent.hidden else KEEP
