"""From the bytes of a statement to its meaning, where the server is known to read them as the parser does.

Enters: a text's bytes. Leaves: its Meaning; a Denial where no policy can allow it; a Wait where the server
    has to answer first, because what was sent before may change how it reads this text. Absent: rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from proxy.session.meaning import Meaning
from proxy.session.meanings import Meanings
from proxy.session.refusal import Denial
from proxy.session.state import State

_SAME_BATCH: Final = "an earlier statement of the same batch may have changed how it is read"


@dataclass(frozen=True, slots=True)
class Wait:
    """Read the text again when ReadyForQuery number ``ready`` has come."""

    ready: int


class Texts:
    """Reads the texts of one connection."""

    def __init__(self, state: State, meanings: Meanings) -> None:
        """Read by what the state says of the server."""
        self._state = state
        self._meanings = meanings

    def understand(self, raw: bytes) -> Meaning | Denial | Wait:
        """What a text means now."""
        lexing = self._state.lexing
        if not lexing.plain:
            sent = self._state.inflight.boundaries
            until = lexing.awaits(raw, sent)
            if until > sent:
                return _read_otherwise(_SAME_BATCH)
            if until:
                return Wait(until)
            objection = lexing.objection(raw)
            if objection is not None:
                return _read_otherwise(objection)
        try:
            return self._meanings.of(raw)
        except UnicodeDecodeError as error:
            return Denial(
                "undecodable",
                "22021",
                f"Byte {error.start + 1} of the statement is not UTF8. [rule undecodable]",
                "The gate lets no statement pass that it cannot read.",
                "Send the statement in UTF8.",
            )


def _read_otherwise(why: str) -> Denial:
    return Denial(
        "lexing",
        "42501",
        "The server may read this statement otherwise than the gate does. [rule lexing]",
        f"{why[0].upper()}{why[1:]}.",
        "Use client_encoding UTF8 and standard_conforming_strings on, "
        "or send it when the earlier statements are done.",
    )


def over_size(size: int, limit: int) -> Denial:
    """The refusal of a message of ``size`` bytes where texts may have ``limit``."""
    return Denial(
        "over-size",
        "54000",
        f"A statement of {size} bytes is longer than the gate reads. [rule over-size]",
        f"The limit is {limit} bytes.",
        "Split the statement, send its values as parameters or with COPY, or raise max_statement_bytes.",
    )
