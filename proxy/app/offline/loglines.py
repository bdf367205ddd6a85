"""Lines of the statement log and the refusal log, read back.

Enters: lines. Leaves: who said what and when, and what it does, or why that cannot be known again.
Deliberately absent: judging it.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from proxy.app.offline.judging import read_sql
from proxy.policy.context import Context, Transaction
from proxy.session.meaning import Meaning, of_unread
from proxy.sql.analyse import SqlSyntaxError

_CUT = "…"
# Texts that a log repeats are read once; of an endless log no more than so many are kept.
_MAX_MEANINGS = 10_000
_UNKNOWN = "statement.unknown"
_UNPARSED = ["statement.unparsed"]
UNREAD = "<unreadable statement"
_KNOWN_EVENTS = frozenset({"passed", "refused", "shadowed"})


class Line(msgspec.Struct, frozen=True):
    """What judging a logged statement again needs; both logs have it."""

    time: datetime
    event: str
    role: str
    database: str
    client_address: str | None
    application: str
    transaction: Transaction
    effects: list[str]
    sql: str | None
    whole: bool | None = None

    @property
    def context(self) -> Context:
        """The circumstances of then."""
        return Context(
            self.role, self.database, self.client_address, self.application, self.time, self.transaction
        )


_DECODER = msgspec.json.Decoder(Line)


class LogReader:
    """Reads lines; a text that is repeated is read once."""

    def __init__(self) -> None:
        """Nothing is read yet."""
        self._meanings: dict[str, Meaning] = {}

    def read(self, raw: bytes) -> tuple[Line | None, Meaning | None, str]:
        """A line, what its text does, and why that is not known where it is None."""
        line, sql, reason = _decoded(raw)
        if line is None or reason:
            return line, None, reason
        meaning = self._meanings.get(sql)
        if meaning is None:
            if len(self._meanings) >= _MAX_MEANINGS:
                self._meanings.clear()
            meaning = self._meanings[sql] = _read(sql)
        reason = _changed(meaning, line)
        return (line, None, reason) if reason else (line, meaning, "")


def _decoded(raw: bytes) -> tuple[Line | None, str, str]:
    """A line, its SQL, and why it cannot be judged again."""
    try:
        line = _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None, "", "no line of a statement log"
    if line.event not in _KNOWN_EVENTS:
        return None, "", "no line of a statement log"
    if line.time.tzinfo is None:
        return line, "", "the time has no zone"
    if line.sql is None:
        return line, "", "the text was not logged"
    if line.effects == _UNPARSED and line.sql.startswith(UNREAD):
        return line, line.sql, ""  # what it says plays no part: the gate judged it without
    if line.whole is False or line.sql.startswith((UNREAD, "<long statement")):
        return line, "", "the text was too long, or could not be read, and was not logged"
    if line.sql.endswith(_CUT):
        return line, "", "the text was cut"
    return line, line.sql, ""


def _read(sql: str) -> Meaning:
    if sql.startswith(UNREAD):
        return of_unread(sql, SqlSyntaxError("the text could not be read"))
    return read_sql(sql)


def _changed(meaning: Meaning, line: Line) -> str:
    """Why a text does not stand for what ran; "" when it does.

    The log has the names of the effects that the gate saw: of a masked body, of what EXECUTE ran, of a name
    with several meanings, the text alone says something else.
    """
    found, logged = {effect.name for effect in meaning.effects}, set(line.effects)
    if found >= logged and _UNKNOWN not in found - logged:
        return ""
    return "its text alone does not say what it did: masked, or EXECUTE of what was prepared before"
