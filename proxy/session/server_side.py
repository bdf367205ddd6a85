"""What the server answers, message by message: followed, and put right where it answers a refusal.

Enters: the server's cutter. Leaves: the bytes that go to the client, the very chunk unless a refusal's error
was in it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from proxy.session.client_side import DROPPED, KEEP, handlers_by_kind
from proxy.session.copying import CopyIn
from proxy.session.inflight import (
    BIND,
    BOUNDARIES,
    CLOSE,
    DESCRIBE,
    EXECUTE,
    FUNCTION_CALL,
    PARSE,
    QUERY,
    Sent,
)
from proxy.session.prepared import Definition
from proxy.session.refusal import CANCELLED
from proxy.session.resolution.inquiry import Inquiry
from proxy.session.state import State
from proxy.wire.backend import decode_error, decode_parameter_status, decode_ready
from proxy.wire.errors import ProtocolViolation
from proxy.wire.framing import Cutter, View

_READY: Final = ord("Z")
_CLOSED: Final = ord("3")


class ServerSide:
    """The server's direction."""

    def __init__(self, state: State, copy: CopyIn, cutter: Cutter) -> None:
        """Follow the cutter's messages through the state."""
        self._state = state
        self._copy = copy
        self._cutter = cutter
        self._handlers = handlers_by_kind(
            {
                "1": self._parse_complete,
                "2": self._bind_complete,
                "3": self._close_complete,
                "A": self._keep,
                "C": self._command_complete,
                "E": self._error,
                "G": self._copy_in,
                "H": self._copy_out,
                "I": self._empty_query,
                "N": self._notice,
                "S": self._parameter_status,
                "T": self._row_description,
                "V": self._function_result,
                "W": self._copy_both,
                "Z": self._ready,
                "c": self._keep,
                "n": self._no_data,
                "s": self._suspended,
                "t": self._parameters,
            }
        )

    def forward(self) -> View:
        """Follow what the cutter holds.

        Returns: what goes to the client now.
        Raises: ProtocolViolation when the server answers what was not asked.
        """
        cutter, handlers = self._cutter, self._handlers
        pieces: list[View] = []
        lookup = self._state.lookup
        if lookup.inquiry is not None:
            self._follow_inquiry(lookup.inquiry, pieces)
        while lookup.inquiry is None and (kind := cutter.next()):
            handler = handlers[kind]
            if handler is None:
                raise ProtocolViolation(f"unexpected server message type {kind}")
            instead = handler()
            if instead is not None:
                pieces.append(cutter.drop())
                pieces.append(instead)
        pieces.append(cutter.take())
        if not self._state.inflight:
            self._state.caught_up()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _keep(self) -> bytes | None:
        return KEEP

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
        return _confirm(self._state.inflight.done(PARSE).definition)

    def _bind_complete(self) -> bytes | None:
        return _confirm(self._state.inflight.done(BIND).definition)

    def _close_complete(self) -> bytes | None:
        sent = self._state.inflight.done(CLOSE)
        if sent.closes is not None:
            kind, name = sent.closes
            (self._state.statements if kind == "S" else self._state.portals).remove(name, sent.serial)
        return KEEP

    def _parameters(self) -> bytes | None:
        self._state.inflight.expect(DESCRIBE)
        return KEEP

    def _no_data(self) -> bytes | None:
        self._state.inflight.done(DESCRIBE)
        return KEEP

    def _row_description(self) -> bytes | None:
        if self._state.inflight.expect(QUERY, DESCRIBE).kind == DESCRIBE:
            self._state.inflight.done(DESCRIBE)
        return KEEP

    # -- running -----------------------------------------------------------------------------------

    def _command_complete(self) -> bytes | None:
        sent = self._state.inflight.expect(QUERY, EXECUTE)
        if sent.acts:
            self._state.completed(sent)
        return self._executed(sent)

    def _empty_query(self) -> bytes | None:
        return self._executed(self._state.inflight.expect(QUERY, EXECUTE))

    def _suspended(self) -> bytes | None:
        return self._executed(self._state.inflight.expect(EXECUTE))

    def _executed(self, sent: Sent) -> bytes | None:
        if sent.kind == EXECUTE:
            self._state.inflight.done(EXECUTE)
            self._state.release(sent)
        return KEEP

    def _function_result(self) -> bytes | None:
        self._state.inflight.expect(FUNCTION_CALL)
        return KEEP

    def _copy_in(self) -> bytes | None:
        sent = self._state.inflight.expect(QUERY, EXECUTE)
        self._copy.begin(sent)
        self._state.release(sent)
        return KEEP

    def _copy_out(self) -> bytes | None:
        self._state.inflight.expect(QUERY, EXECUTE)
        return KEEP

    def _copy_both(self) -> bytes | None:
        """A walsender streams, and the client reports: both are CopyData, which passes as it comes."""
        if not self._state.replication:
            raise ProtocolViolation("the server began a replication stream that was not asked for")
        self._state.inflight.expect(QUERY)
        return KEEP

    def _ready(self) -> bytes | None:
        self._state.ready(decode_ready(self._cutter.body()))
        return KEEP

    # -- reports and errors ------------------------------------------------------------------------

    def _parameter_status(self) -> bytes | None:
        name, value = decode_parameter_status(self._cutter.body())
        self._state.lexing.report(name, value)
        if name == "search_path":
            self._state.lookup.reported()
        return KEEP

    def _notice(self) -> bytes | None:
        """A notice may quote the text that stands for a refusal (client_min_messages = log).

        The client never sees that.
        """
        return DROPPED if self._state.inflight.names_nonce(self._cutter.body()) else KEEP

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
        head = state.inflight.head()
        if head is None:
            return KEEP
        instead = None
        if head.refusal is not None:
            instead = head.refusal.swap(body)
            head.refusal.answered = True
        self._copy.server_ended(head)
        if head.kind in BOUNDARIES:
            head.fail()
        else:
            state.failed()
        return instead


def _confirm(definition: Definition | None) -> bytes | None:
    if definition is not None:
        definition.confirm()
    return KEEP
