"""The statements of a log, judged again by two policies.

Enters: lines of the statement log or the refusal log, two policies, the ledger's facts. Leaves: the
statements whose decision the new policy would turn, grouped; and how many could not be judged again, by
reason. Each is judged at its logged moment, as its role, from its address. Deliberately absent: evidence as
it was then; what the ledger holds now counts, each backup from the moment it finished.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from proxy.app.offline.judging import Verdict, judge, read_sql
from proxy.policy.context import Context, Transaction
from proxy.policy.facts import Facts
from proxy.policy.rules import Policy
from proxy.session.meaning import Meaning, of_unread
from proxy.sql.analyse import SqlSyntaxError
from proxy.sql.parse import shape_of

_CUT = "…"
# Texts that a log repeats are read once; of an endless log no more than so many are kept.
_MAX_MEANINGS = 10_000
_UNKNOWN = "statement.unknown"
_UNPARSED = ["statement.unparsed"]
_UNREAD = "<unreadable statement"
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


@dataclass(slots=True)
class Flip:
    """Statements of one shape whose decision turns in the same way.

    Attributes:
        allowed: what the new policy says: True for what the old one refuses.
        rules: those that refuse, by the policy that does.
        sql: the first of them, as logged.
    """

    allowed: bool
    rules: tuple[str, ...]
    message: str
    sql: str
    first: datetime
    last: datetime
    count: int = 0


@dataclass(slots=True)
class Replay:
    """What a log says of two policies.

    Attributes:
        same: statements that both decide alike.
        unjudged: how many could not be judged again, by reason.
    """

    same: int = 0
    flips: dict[object, Flip] = field(default_factory=dict)
    unjudged: Counter[str] = field(default_factory=Counter)

    @property
    def flipped(self) -> int:
        """How many statements turn."""
        return sum(flip.count for flip in self.flips.values())

    @property
    def judged(self) -> int:
        """How many statements were judged again."""
        return self.same + self.flipped


_DECODER = msgspec.json.Decoder(Line)


def replay(lines: Iterable[bytes], old: Policy, new: Policy, facts: Facts) -> Replay:
    """Judge every line of a log by both policies."""
    found = Replay()
    meanings: dict[str, Meaning] = {}
    for raw in lines:
        if not raw.strip():
            continue
        line, sql, reason = _decoded(raw)
        if line is None or reason:
            found.unjudged[reason] += 1
            continue
        meaning = meanings.get(sql)
        if meaning is None:
            if len(meanings) >= _MAX_MEANINGS:
                meanings.clear()
            meaning = meanings[sql] = _read(sql)
        reason = _changed(meaning, line)
        if reason:
            found.unjudged[reason] += 1
        else:
            _compare(found, line, sql, [judge(meaning, _context(line), each, facts) for each in (old, new)])
    return found


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
    if line.effects == _UNPARSED and line.sql.startswith(_UNREAD):
        return line, line.sql, ""  # what it says plays no part: the gate judged it without
    if line.whole is False or line.sql.startswith((_UNREAD, "<long statement")):
        return line, "", "the text was too long, or could not be read, and was not logged"
    if line.sql.endswith(_CUT):
        return line, "", "the text was cut"
    return line, line.sql, ""


def _read(sql: str) -> Meaning:
    if sql.startswith(_UNREAD):
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


def _context(line: Line) -> Context:
    return Context(
        line.role, line.database, line.client_address, line.application, line.time, line.transaction
    )


def _compare(found: Replay, line: Line, sql: str, verdicts: Sequence[Verdict]) -> None:
    before, after = verdicts
    if before.allowed == after.allowed:
        found.same += 1
        return
    refusing = before if after.allowed else after
    message = "" if refusing.denial is None else refusing.denial.message
    shape = _UNREAD if sql.startswith(_UNREAD) else shape_of(sql)
    key = (after.allowed, refusing.refusing, shape)
    flip = found.flips.setdefault(
        key, Flip(after.allowed, refusing.refusing, message, sql, line.time, line.time)
    )
    flip.count += 1
    flip.first, flip.last = min(flip.first, line.time), max(flip.last, line.time)
