"""Takes, for a run, the uses of approvals of the files that it is to run.

Enters: what was judged of the pending files, the ledger. Leaves: one use of each approval, for the run and
all that the file does in it, whole or statement by statement; or why none was taken. Deliberately absent:
what an approval lifts, which each gate judges anew (policy).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from proxy.app.migrating.plan import Judged
from proxy.policy.decision import Lift
from proxy.policy.facts import Run
from proxy.records import Draft, Ledger
from proxy.records.kinds.approval import ApprovalUsed, Request, use_limits


class UsedUp(Exception):
    """An approval was used up, or ended, since the files were judged; the message is a clause."""


def take_uses(book: Ledger, by: str, run: Run, judged: Iterable[Judged]) -> tuple[str, ...]:
    """Take one use of each approval on which the files rest, before the run begins.

    Returns: a sentence for each file whose approval counts only where it is sent as one text: its use is
        taken then, as any text's.
    Raises: UsedUp, LedgerError.
    """
    requests = book.approvals().requests
    lifted: dict[str, list[Lift]] = {}
    whole: dict[str, str] = {}
    for each in judged:
        for lift in each.outlook.lifted:
            parts = requests[lift.approval].parts
            if parts.whole:
                whole[lift.approval] = (
                    f"the approval {lift.approval} of {each.script.name} counts only where the file is sent "
                    f"as one text: {parts.whole}"
                )
            else:
                lifted.setdefault(lift.approval, []).append(lift)
    drafts = [_draft(book, by, run, requests[approval], lifts) for approval, lifts in lifted.items()]
    for approval, entry in zip(lifted, book.append(drafts) if drafts else (), strict=True):
        if entry is None:
            raise UsedUp(f"the approval {approval} was used up, or has ended, since the files were judged")
    return tuple(whole.values())


def _draft(book: Ledger, by: str, run: Run, request: Request, lifts: Sequence[Lift]) -> Draft:
    used = ApprovalUsed(
        rules=tuple(dict.fromkeys(lift.rule for lift in lifts)),
        break_glass=any(lift.break_glass for lift in lifts),
        role=run.role,
        database=run.database,
        client_address=None,
        application="",
        listener="",
        run=run.token,
    )
    return book.draft(used, by, about=request.asked.id, limits=use_limits(request.asked.uses))
