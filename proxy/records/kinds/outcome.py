"""What became of a change: the server's answer, and the end of its transaction.

Written behind, about the number of the change's entry. A change without one is one of which nothing is known:
it is under way, or whoever followed it was ended. Of several about one change the last counts.
"""

from __future__ import annotations

from datetime import datetime

from proxy.policy.recording import Ending
from proxy.records.entry import LedgerError, check_text
from proxy.records.kinds.kind import Payload


class ChangeEnded(Payload, frozen=True, kw_only=True):
    """Nothing can turn it any more. The entry's ``about`` is the number of the change's entry.

    Attributes:
        ending: an `Ending`.
        tags: the server's answers to its statements, such as "ALTER TABLE", "DELETE 3".
        rows: how many rows those changed; None where none counts them.
        sqlstate: of the error; "" for none.
        duration_ms: from when the change was sent until its last answer; None where that did not come.
        kept_as: the prepared transaction that it is in; "" for none.
        kept_with: the first change of that transaction; 0 for none.
    """

    kind = "change_ended"

    ending: str
    tags: tuple[str, ...] = ()
    rows: int | None = None
    sqlstate: str = ""
    duration_ms: int | None = None
    kept_as: str = ""
    kept_with: int = 0

    def check(self, now: datetime) -> None:
        """Refuse an ending that is none."""
        if self.ending not in tuple(Ending):
            raise LedgerError(f"a change does not end like {self.ending!r}")
        check_text("name of the transaction", self.kept_as)
