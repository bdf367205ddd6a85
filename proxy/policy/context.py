"""Who sends a statement, from where, when, and in which state of the transaction.

Enters: nothing; the session builds one for each judgement. Leaves: an immutable value. Of the statement
itself it has what evidence knows it by; what it does are effects. Deliberately absent: anything that has to
be looked up (those are facts).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Transaction = Literal["none", "open"]


@dataclass(frozen=True, slots=True)
class Migration:
    """What a session has shown of the migration that its statements may belong to.

    Attributes:
        run: SHA-256, in hexadecimal, of the token that it has logged in with; "" for none.
        registered: the checksum that a tool has registered just before on this session; "" for none.
        name: what the tool calls what it has registered.
        resembles: the tool whose bookkeeping the session has done; "" for none.
    """

    run: str = ""
    registered: str = ""
    name: str = ""
    resembles: str = ""


NO_MIGRATION = Migration()


@dataclass(frozen=True, slots=True)
class Wording:
    """What evidence knows a text by.

    Attributes:
        checksum: SHA-256 of its bytes, in hexadecimal; "" where the text has no say.
        statements: SHA-256, in hexadecimal, of each of its statements that does more than read, with
            comments left out and white space normalised.
        bookkeeping: the tool whose own table it makes, by its very words; "" for none.
    """

    checksum: str = ""
    statements: tuple[str, ...] = ()
    bookkeeping: str = ""


NO_WORDING = Wording()


@dataclass(frozen=True, slots=True)
class Context:
    """The circumstances of one execution.

    Attributes:
        client_address: the peer's IP address; None where there is none (a Unix socket) or it cannot be known.
        application: what the client calls itself. It may say anything, so it proves nothing.
        now: the moment of judgement, aware. The policy's only clock.
        transaction: "open" when the statement runs inside a transaction that an earlier one began.
        migration: what its session has shown.
        wording: what evidence knows it by.
        holds_writes: the session has written, or may have, in a transaction that is not over.
        digest: SHA-256 of the very text, in hexadecimal, which approvals are bound to; "" where nothing can
            be, or where there are none.
        statement: SHA-256, in hexadecimal, of the only statement of that text, with comments left out and
            white space normalised; "" where it is not one, or no migration run is shown.
    """

    role: str
    database: str
    client_address: str | None
    application: str | None
    now: datetime
    transaction: Transaction
    migration: Migration = NO_MIGRATION
    wording: Wording = NO_WORDING
    holds_writes: bool = False
    digest: str = ""
    statement: str = ""
