"""How a refusal travels: in its place goes something that the server must answer with an error.

The error names a nonce that the client never sees; its fields are swapped for the refusal's. The server
thereby does what a proxy gets wrong: it aborts the transaction, skips the pipeline to Sync and answers at the
right place in the stream.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from proxy.sql.analyse import SqlSyntaxError
from proxy.wire.backend import decode_error, encode_error
from proxy.wire.frontend import (
    BindMessage,
    encode_bind,
    encode_close,
    encode_copy_fail,
    encode_execute,
    encode_parse,
    encode_query,
)

NONCE: Final = re.compile(rb"pgw_[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Denial:
    """What the client is told. ``position`` is 1-based in characters, 0 for none."""

    rule: str
    sqlstate: str
    message: str
    detail: str = ""
    hint: str = ""
    position: int = 0

    def fields(self, severity: str = "ERROR", shown_severity: str = "") -> dict[str, str]:
        """The fields of an ErrorResponse; ``shown_severity`` is the server's own word for it, localised."""
        fields = {"S": shown_severity or severity, "V": severity, "C": self.sqlstate, "M": self.message}
        if self.detail:
            fields["D"] = self.detail
        if self.hint:
            fields["H"] = self.hint
        if self.position:
            fields["P"] = str(self.position)
        return fields

    def fatal(self) -> bytes:
        """The whole ErrorResponse that ends a connection."""
        return encode_error(self.fields("FATAL"))


class FatalRefusal(Exception):
    """A refusal that ends the connection: where no message can stand in for what is refused."""

    def __init__(self, denial: Denial) -> None:
        """Keep what the client is told."""
        super().__init__(denial.message)
        self.denial = denial


CANCELLED: Final = Denial("cancel", "57014", "canceling statement due to user request")
"""What the server says to whom somebody cancels; here to a statement that has not reached it."""


class Refusal:
    """One refusal on its way: the nonce that stands for it, and what the client gets instead."""

    __slots__ = ("answered", "denial", "nonce")

    def __init__(self, denial: Denial, token: str) -> None:
        """Make the nonce from 128 fresh random bits in hexadecimal."""
        self.denial = denial
        self.nonce = b"pgw_" + token.encode()
        self.answered = False

    def _text(self) -> bytes:
        """The server's log and pg_stat_activity show which rule it was."""
        return b"/* pgwarden: " + self.denial.rule.encode() + b" */ " + self.nonce

    def as_query(self) -> bytes:
        """In place of a Query or a FunctionCall."""
        return encode_query(self._text())

    def as_unnamed_parse(self) -> bytes:
        """In place of a Parse of the unnamed statement, which a failed Parse destroys on the server too."""
        return encode_parse(b"", self._text())

    def as_nonce_parse(self) -> bytes:
        """In place of a named Parse, a Bind or an Execute: no name of the client's is touched."""
        return encode_parse(self.nonce, self.nonce)

    def as_rollback(self) -> bytes:
        """In place of a Query that ends a transaction: that is undone, as where the end itself fails.

        One text, so that ReadyForQuery comes whatever happens; the error names the nonce as a statement.
        """
        rule = self.denial.rule.encode()
        return encode_query(b"ROLLBACK; /* pgwarden: " + rule + b" */ EXECUTE " + self.nonce)

    def rollback(self) -> bytes:
        """In front of the Parse that stands for an Execute which ends a transaction, to the same effect.

        A Parse, a Bind, an Execute and a Close, all by the nonce's name.
        """
        return (
            encode_parse(self.nonce, b"ROLLBACK")
            + encode_bind(BindMessage(self.nonce, self.nonce))
            + encode_execute(self.nonce)
            + encode_close("S", self.nonce)
        )

    def as_copy_fail(self) -> bytes:
        """In place of what ends a COPY FROM STDIN."""
        return encode_copy_fail(self.nonce)

    def swap(self, body: bytes) -> bytes | None:
        """The ErrorResponse for the client in place of the server's.

        Args:
            body: of the server's ErrorResponse.

        Returns: None when that error is not the answer to this refusal (a time-out, a shutdown, an earlier
            cancel).
        """
        if self.nonce not in body:
            return None
        self.answered = True
        server = decode_error(body)
        severity = server.get("V", "ERROR")
        return encode_error(self.denial.fields(severity, server.get("S", "")))


def no_such_statement(name: str) -> Denial:
    """What the server would say: the gate has seen every name that was prepared on this connection."""
    message = (
        f'prepared statement "{name}" does not exist' if name else "unnamed prepared statement does not exist"
    )
    detail = "It was not prepared on this connection, so pgwarden cannot tell what it would do."
    return Denial("unknown", "26000", message, detail, "Prepare the statement on this connection first.")


def unreadable(error: SqlSyntaxError, denial: Denial) -> Denial:
    """The parser's own message and position, as the server would have given them."""
    detail = "pgwarden could not read this statement, so it did not go on to the server."
    return Denial(denial.rule, "42601", error.message, detail, denial.hint, error.position)
