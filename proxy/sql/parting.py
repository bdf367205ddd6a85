"""A script's statements as they are known one by one, where each means by itself what it means in the script.

In: a script's text. Out: their digests (spelling.py), or why the script has to be taken as a whole.
Deliberately absent: who has approved it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from proxy.sql.analyse import Statement, analyse
from proxy.sql.effects import CLASSES, Effect
from proxy.sql.parse import SqlSyntaxError
from proxy.sql.spelling import digests

MOST_STATEMENTS: Final = 5000

_BRACKETS: Final = frozenset({"transaction.begin", "transaction.commit"})
_HARMLESS: Final = frozenset(
    {
        *("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "client_min_messages"),
        *("maintenance_work_mem", "work_mem", "application_name"),
    }
)
"""Settings that leave what a later statement means as it was."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a script comes to when its statements are sent one by one.

    Attributes:
        statements: SHA-256, in hexadecimal, of each, with comments left out and white space normalised;
            none where the script counts only as a whole.
        whole: why it does, as a clause; "" where it does not.
    """

    statements: frozenset[str] = frozenset()
    whole: str = ""


def parts_of(script: str) -> Parts:
    """The statements of a script, where none changes what others mean, or takes back what was done."""
    try:
        found = analyse(script).statements
        if not found or len(found) > MOST_STATEMENTS:
            return Parts(whole=f"it has {'more than ' + str(MOST_STATEMENTS) if found else 'no'} statements")
        for statement in found:
            if not _stands_alone(statement):
                said = script[statement.start :].split(maxsplit=1)[0][:20].upper()
                return Parts(whole=f"its {said} changes what other statements of it come to")
        return Parts(frozenset(digests(script, ((each.start, each.end) for each in found))))
    except SqlSyntaxError:
        return Parts(whole="it cannot be read as SQL alone")


def single_digest(text: str, statements: Iterable[Statement]) -> str:
    """What tells a text that is one statement; "" for none, and for several."""
    places = [(each.start, each.end) for each in statements]
    return next(digests(text, places)) if len(places) == 1 else ""


def _stands_alone(statement: Statement) -> bool:
    if statement.effects and all(effect.name in _BRACKETS for effect in statement.effects):
        return True  # what COMMIT puts back is what SET LOCAL has set, which is harmless here
    return not (
        statement.lexing or statement.copies_in or statement.acts or any(map(_reaches, statement.effects))
    )


def _reaches(effect: Effect) -> bool:
    """Whether it may change what other statements mean, or whether they stay."""
    if effect.name == "session.set":
        return effect.target is None or effect.target.name not in _HARMLESS
    room = effect.name.partition(".")[0]
    return (
        room in ("session", "statement", "transaction")
        or effect.name == "role.set"
        or effect.name in CLASSES["opaque"]
    )
