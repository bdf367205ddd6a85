"""Requests for approvals as people are told of them, and whose grant would count.

Enters: a request and what the ledger knows of approvals. Leaves: who asked, who has granted, why a key cannot
grant it. For the command line and the console alike. Deliberately absent: signing, and what counts (records).
"""

from __future__ import annotations

from datetime import datetime

from proxy.records.kinds.approval import Approvals, Request


def stands(found: Request, now: datetime) -> bool:
    """Whether somebody could still grant it, or use it."""
    return found.ended is None and bool(found.left) and now < found.asked.until


def asker(approvals: Approvals, found: Request) -> str:
    """Who asked, as far as anybody knows."""
    approver = approvals.approvers.standing.get(found.asked.key) if found.signed else None
    if approver is not None:
        return f"{approver.name} (key {found.asked.key})"
    held = ", for a statement that is held" if found.asked.held else ""
    return f"{found.entry.recorded_by} (nobody has signed{held})"


def granters(approvals: Approvals, found: Request) -> list[str]:
    """Who has granted it; who asked, where that counts at all."""
    counting = approvals.counting(found)
    own = [found.asked.key] if found.asked.break_glass and found.asked.key in found.grants else []
    standing = approvals.approvers.standing
    return [standing[key].name for key in (*counting, *own) if key in standing]


def objection(approvals: Approvals, found: Request, key: str, now: datetime) -> str:
    """Why this key cannot grant it; "" where it can."""
    asked, own = found.asked, approvals.approvers.standing.get(key)
    if own is None:
        return "your key is not enrolled"
    if found.ended is not None:
        return f"the request {asked.id} was {found.ended[0].how} already"
    if now >= asked.until:
        return f"the request {asked.id} is over"
    mine = asked.key == key
    if mine and not asked.break_glass:
        return "who asks cannot grant it: somebody else has to"
    if not mine and own.roles & set(asked.roles):
        shared = ", ".join(sorted(own.roles & set(asked.roles)))
        return f"you are {shared}, for whom it is asked: somebody else has to grant it"
    if not mine and not own.grants:
        return "your key is enrolled to ask, not to grant"
    return ""
