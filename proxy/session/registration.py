"""A migration that its tool has registered: what Prisma does before it runs one.

Prisma writes the SHA-256 of a script into its history, and sends exactly that script as the next Query. So a
text whose checksum the session has registered just before is the script that a tool runs, not a schema push.
It proves registration, not review: a client can imitate it. Enters: the INSERT's values, what the server says
of it. Leaves: the checksum, once it is committed, for the very next text that runs. Deliberately absent:
whether staging has run that text, which the policy asks besides.

Source: schema-engine/connectors/sql-schema-connector/src/sql_migration_persistence.rs of Prisma's engines.
"""

from __future__ import annotations

from dataclasses import dataclass

from proxy.sql.effects import Registers
from proxy.wire.errors import ProtocolViolation
from proxy.wire.frontend import decode_bind


@dataclass(frozen=True, slots=True)
class Registered:
    """What an INSERT registers: a script's SHA-256 in hexadecimal, and its name."""

    checksum: str
    name: str


@dataclass(slots=True)
class Registration:
    """One on its way.

    Attributes:
        serial: of the message that runs the INSERT.
        boundary: the number of the ReadyForQuery that ends it.
        done: the server has run it.
        confirmed: ... and committed it.
    """

    registered: Registered
    serial: int
    boundary: int
    done: bool = False
    confirmed: bool = False

    def settle(self, ready: int, status: str) -> bool:
        """ReadyForQuery number ``ready`` has come: whether this still stands.

        Inside of a transaction it could still be rolled back, so there it counts for nothing.
        """
        if self.confirmed or ready < self.boundary:
            return True
        self.confirmed = self.done and status == "I"
        return self.confirmed


def registered_by(act: Registers, bind: bytes | None) -> Registered | None:
    """The values of an INSERT; None where they cannot be known.

    Args:
        bind: the body of the Bind that brings its parameters, None where none has come, or not whole.
    """
    parameters: tuple[bytes | None, ...] = ()
    if bind is not None:
        try:
            parameters = decode_bind(bind).parameters
        except ProtocolViolation:
            return None  # the server refuses it, too

    def value(given: str | int) -> str | None:
        if isinstance(given, str):
            return given
        if not 1 <= given <= len(parameters):
            return None
        raw = parameters[given - 1]
        return None if raw is None else raw.decode(errors="replace")  # of a text, binary is the same

    checksum, name = value(act.checksum), value(act.name)
    return None if checksum is None or name is None else Registered(checksum, name)
