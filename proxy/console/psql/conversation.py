"""The protocol's server side, once somebody has logged in: simple and extended queries.

Enters: one message after another. Leaves: the answers' bytes, as PostgreSQL's server would give them: after
an error the rest of a pipeline is skipped to Sync, a failed transaction takes nothing but its end.
Everything that is kept is bounded. Deliberately absent: sockets; what commands mean.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from proxy.console.people import Person
from proxy.console.psql.courtesies import Asked
from proxy.console.psql.desk import Desk
from proxy.console.psql.grammar import SEE_HELP, read
from proxy.console.psql.statements import Control, Fact, Freeze, Kill, Nothing, Reload, Show, Statement, Thaw
from proxy.console.psql.tables import Column, Table, describe, encode_row, formats_of
from proxy.console.psql.tokens import Refused, commands
from proxy.console.psql.views import COLUMNS
from proxy.wire.backend import (
    encode_command_complete,
    encode_error,
    encode_notice,
    encode_parameter_description,
    encode_ready,
)
from proxy.wire.frontend import (
    decode_bind,
    decode_close,
    decode_describe,
    decode_execute,
    decode_parse,
    decode_query,
)
from proxy.wire.octets import message

_PARSE_COMPLETE: Final = message(b"1")
_BIND_COMPLETE: Final = message(b"2")
_CLOSE_COMPLETE: Final = message(b"3")
_NO_DATA: Final = message(b"n")
_EMPTY: Final = message(b"I")
_SUSPENDED: Final = message(b"s")

_MOST_PREPARED: Final = 256
"""Drivers keep up to a hundred."""


@dataclass(slots=True)
class _Portal:
    """A statement that was bound; `rows` are those not sent yet, None before it has run."""

    statement: Statement | None
    formats: tuple[int, ...]
    table: Table | None = None
    sent: int = 0


@dataclass(slots=True)
class _Kept:
    """Prepared statements and portals, by name; a statement is None for an empty text."""

    statements: dict[bytes, Statement | None] = field(default_factory=dict)
    portals: dict[bytes, _Portal] = field(default_factory=dict)


class Conversation:
    """One person's.

    Attributes:
        over: the client has said Terminate.
    """

    def __init__(self, person: Person, desk: Desk, asked: Asked, failed: Callable[[str], None]) -> None:
        """Begin idle.

        Args:
            person: who it is.
            desk: has commands done.
            asked: what the client may ask about itself.
            failed: told of faults.
        """
        self._person = person
        self._desk = desk
        self._asked = asked
        self._failed = failed
        self._status = "I"
        self._skipping = False  # to the next Sync
        self._kept = _Kept()
        self.over = False
        self._extended: Mapping[str, Callable[[bytes], Awaitable[bytes]]] = {
            "P": self._parse,
            "B": self._bind,
            "D": self._describe,
            "E": self._execute,
            "C": self._close,
            "H": self._flush,
        }

    async def message(self, kind: str, body: bytes) -> bytes:
        """Take one message.

        Raises: ProtocolViolation, which ends the connection.
        """
        if kind == "X":
            self.over = True
            return b""
        if kind == "S":
            return self._sync()
        if self._skipping:
            return b""
        if kind == "Q":
            return await self._query(body)
        if kind == "F":
            return (
                self._error(Refused("0A000", "the console has no functions", hint=SEE_HELP)) + self._ready()
            )
        if kind in self._extended:
            try:
                return await self._extended[kind](body)
            except Refused as refused:
                self._skipping = True
                return self._error(refused)
        return b""  # COPY's messages outside of one, which the server ignores too

    # -- simple ------------------------------------------------------------------------------------------

    async def _query(self, body: bytes) -> bytes:
        text = bytes(decode_query(body))
        pieces: list[bytes] = []
        try:
            read_all = commands(_decoded(text))
            if not read_all:
                pieces.append(_EMPTY)
            for command in read_all:
                statement = read(command, self._asked, datetime.now(UTC))
                pieces.append(self._whole(await self._run(statement)))
        except Refused as refused:
            pieces.append(self._error(refused))
        return b"".join(pieces) + self._ready()

    def _whole(self, table: Table) -> bytes:
        formats = (0,) * len(table.columns)
        rows = [encode_row(table.columns, row, formats) for row in table.rows]
        head = describe(table.columns, formats) if table.columns else b""
        return b"".join((_notices(table), head, *rows, encode_command_complete(table.tag)))

    # -- extended ----------------------------------------------------------------------------------------

    async def _parse(self, body: bytes) -> bytes:
        parsed = decode_parse(body)
        found = commands(_decoded(bytes(parsed.text)))
        if len(found) > 1:
            raise Refused("42601", "cannot insert multiple commands into a prepared statement")
        if parsed.name in self._kept.statements and parsed.name:
            raise Refused("42P05", "prepared statement already exists")
        if len(self._kept.statements) >= _MOST_PREPARED:
            raise Refused("53400", f"the console keeps at most {_MOST_PREPARED} prepared statements")
        statement = read(found[0], self._asked, datetime.now(UTC)) if found else None
        self._check_failed(statement)
        self._kept.statements[parsed.name] = statement
        return _PARSE_COMPLETE

    async def _bind(self, body: bytes) -> bytes:
        bound = decode_bind(body)
        statement = self._statement(bound.statement)
        if bound.parameters:
            raise Refused(
                "08P01",
                f"bind message supplies {len(bound.parameters)} parameters, but 0 are required",
                hint="The console's commands take no parameters: write the values into them.",
            )
        self._check_failed(statement)
        if bound.portal in self._kept.portals and bound.portal:
            raise Refused("42P03", "cursor already exists")
        if len(self._kept.portals) >= _MOST_PREPARED:
            raise Refused("53400", f"the console keeps at most {_MOST_PREPARED} portals")
        try:
            formats = formats_of(bound.result_formats, _columns(statement))
        except ValueError as error:
            raise Refused("08P01", str(error)) from error
        self._kept.portals[bound.portal] = _Portal(statement, formats)
        return _BIND_COMPLETE

    async def _describe(self, body: bytes) -> bytes:
        kind, name = decode_describe(body)
        if kind == "S":
            columns = _columns(self._statement(name))
            head, formats = encode_parameter_description(()), (0,) * len(columns)
        else:
            portal = self._portal(name)
            columns = _columns(portal.statement)
            head, formats = b"", portal.formats
        return head + (describe(columns, formats) if columns else _NO_DATA)

    async def _execute(self, body: bytes) -> bytes:
        name, most = decode_execute(body)
        portal = self._portal(name)
        if portal.statement is None:
            return _EMPTY
        if portal.table is None:
            portal.table = await self._run(portal.statement)
            told = _notices(portal.table)
        elif not portal.table.columns:
            raise Refused("55000", "portal cannot be run anymore")
        else:
            told = b""
        table = portal.table
        rows = table.rows[portal.sent : portal.sent + most] if most > 0 else table.rows[portal.sent :]
        portal.sent += len(rows)
        sent = b"".join(encode_row(table.columns, row, portal.formats) for row in rows)
        if 0 < most == len(rows):
            return told + sent + _SUSPENDED
        return told + sent + encode_command_complete(table.tag)

    async def _close(self, body: bytes) -> bytes:
        kind, name = decode_close(body)
        if kind == "S":
            self._kept.statements.pop(name, None)
        else:
            self._kept.portals.pop(name, None)
        return _CLOSE_COMPLETE

    async def _flush(self, body: bytes) -> bytes:
        return b""

    def _sync(self) -> bytes:
        self._skipping = False
        return self._ready()

    def _statement(self, name: bytes) -> Statement | None:
        try:
            return self._kept.statements[name]
        except KeyError:
            raise Refused("26000", "prepared statement does not exist") from None

    def _portal(self, name: bytes) -> _Portal:
        try:
            return self._kept.portals[name]
        except KeyError:
            raise Refused("34000", "portal does not exist") from None

    # -- running -----------------------------------------------------------------------------------------

    async def _run(self, statement: Statement) -> Table:
        self._check_failed(statement)
        try:
            match statement:
                case Control():
                    return self._control(statement)
                case Nothing():
                    return Table((), (), statement.tag)
                case Fact():
                    return Table(statement.columns, (statement.row,), statement.tag)
                case Show():
                    return await self._desk.show(self._person, statement)
                case _:
                    self._check_outside(statement)
                    return await self._desk.change(self._person, statement)
        except Refused:
            raise
        except Exception as error:  # a command's fault must stay in the command
            what = type(statement).__name__.upper()
            self._failed(f"the console's {what} failed: {type(error).__name__}")
            raise Refused("XX000", "this failed", hint="Look at the gate's log, and report it.") from error

    def _control(self, control: Control) -> Table:
        """A transaction means nothing here, but drivers follow its state."""
        before, tag = self._status, control.word
        notices: tuple[str, ...] = ()
        if control.word == "BEGIN":
            self._status = "T"
        elif control.word in ("SAVEPOINT", "RELEASE") or control.back_to:
            if before == "I":
                raise Refused("25P01", f"{control.word} can only be used in transaction blocks")
            self._status = "T"
        else:
            self._status = "I"
            if before == "E":
                tag = "ROLLBACK"
            elif before == "I":
                notices = ("there is no transaction in progress",)
        return Table((), (), tag, notices)

    def _check_failed(self, statement: Statement | None) -> None:
        """In a failed transaction only its end counts."""
        ends = isinstance(statement, Control) and (statement.word in ("COMMIT", "ROLLBACK"))
        if self._status == "E" and statement is not None and not ends:
            raise Refused(
                "25P02", "current transaction is aborted, commands ignored until end of transaction block"
            )

    def _check_outside(self, statement: Freeze | Thaw | Reload | Kill) -> None:
        """What the gate has done, no ROLLBACK takes back: as VACUUM, it does not seem to."""
        if self._status != "I":
            raise Refused(
                "25001",
                f"{type(statement).__name__.upper()} cannot run inside a transaction block",
                hint="It would be done at once, whatever becomes of the transaction: switch autocommit on.",
            )

    def _error(self, refused: Refused) -> bytes:
        if self._status == "T":
            self._status = "E"
        return encode_error(_plain(refused.denial.fields()))

    def _ready(self) -> bytes:
        if self._status == "I":
            self._kept.portals.clear()
        return encode_ready(self._status)


def _columns(statement: Statement | None) -> Sequence[Column]:
    match statement:
        case Show():
            return COLUMNS[statement.view]
        case Fact():
            return statement.columns
        case _:
            return ()


def _notices(table: Table) -> bytes:
    return b"".join(
        encode_notice(_plain({"S": "NOTICE", "V": "NOTICE", "C": "00000", "M": notice}))
        for notice in table.notices
    )


def _plain(fields: Mapping[str, str]) -> dict[str, str]:
    """Texts come from policies, ledgers and clients; a field ends at a NUL."""
    return {
        code: text.replace("\0", "\ufffd").encode(errors="replace").decode() for code, text in fields.items()
    }


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Refused("22021", "invalid byte sequence for encoding UTF8") from None
