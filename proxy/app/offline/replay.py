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

from proxy.app.offline.judging import Verdict, judge
from proxy.app.offline.loglines import UNREAD, Line, LogReader
from proxy.policy.facts import Facts
from proxy.policy.rules import Policy
from proxy.sql.parse import shape_of


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


def replay(lines: Iterable[bytes], old: Policy, new: Policy, facts: Facts) -> Replay:
    """Judge every line of a log by both policies."""
    found = Replay()
    reader = LogReader()
    for raw in lines:
        if not raw.strip():
            continue
        line, meaning, reason = reader.read(raw)
        if line is None or meaning is None:
            found.unjudged[reason] += 1
        else:
            _compare(found, line, [judge(meaning, line.context, each, facts) for each in (old, new)])
    return found


def _compare(found: Replay, line: Line, verdicts: Sequence[Verdict]) -> None:
    sql = line.sql or ""
    before, after = verdicts
    if before.allowed == after.allowed:
        found.same += 1
        return
    refusing = before if after.allowed else after
    message = "" if refusing.denial is None else refusing.denial.message
    shape = UNREAD if sql.startswith(UNREAD) else shape_of(sql)
    key = (after.allowed, refusing.refusing, shape)
    flip = found.flips.setdefault(
        key, Flip(after.allowed, refusing.refusing, message, sql, line.time, line.time)
    )
    flip.count += 1
    flip.first, flip.last = min(flip.first, line.time), max(flip.last, line.time)
