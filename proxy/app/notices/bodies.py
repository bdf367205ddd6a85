"""What a bundle of notices looks like: JSON for programs, Slack's message, a mail.

Enters: a bundle. Leaves: text. Deliberately absent: masking secrets, which whoever made a notice has done.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

from proxy.app.notices.pile import Bundle

_SHOWN_CHARS: Final = 600
_MOST_CHARS: Final = 12_000
_SAID: Final[Mapping[str, str]] = {
    "refused": "refused",
    "shadowed": "would be refused",
    "held": "held",
    "lifted": "passed by approval",
    "approval": "approval asked",
    "freeze": "writes frozen",
    "thaw": "writes thawed",
    "backup_failed": "backup failed",
    "test": "test",
}
_DETAILS: Final = (
    "rule", "message", "reason", "role", "database", "client_address", "application", "listener", "by",
    "until", "request", "decision_id", "approvals", "entry", "do",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Message:
    """A bundle with its fields made, ready for any kind of target.

    Attributes:
        id: the same for every attempt, so that receivers can tell a repetition.
        gate: the host that tells.
    """

    id: str
    at: datetime
    gate: str
    counts: tuple[tuple[str, str, int], ...]
    notices: tuple[Mapping[str, object], ...]

    @property
    def total(self) -> int:
        """How many notices it stands for."""
        return sum(count for _, _, count in self.counts)


def message(bundle: Bundle, id: str, at: datetime, gate: str) -> Message:
    """Make a bundle's notices; one that cannot be made is counted all the same."""
    notices: list[Mapping[str, object]] = []
    for notice in bundle.first:
        try:
            made = notice.fields()
        except Exception as error:  # an odd one must not hide the others, nor end the thread
            made = {"message": f"this notice cannot be made ({type(error).__name__})"}
        notices.append({"event": notice.event, **made})
    counts = tuple((event, rule, count) for (event, rule), count in bundle.counts.items())
    return Message(id, at, gate, counts, tuple(notices))


def as_json(said: Message) -> bytes:
    """The body for programs: type, timestamp and data, as Standard Webhooks has it."""
    moment = said.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    data = {
        "gate": said.gate,
        "counts": [{"event": event, "rule": rule or None, "count": n} for event, rule, n in said.counts],
        "notices": list(said.notices),
    }
    body = {"type": "pgwarden.notices", "timestamp": moment, "data": data}
    return json.dumps(body, default=str).encode()


def as_slack(said: Message) -> bytes:
    """Slack's incoming webhook: mrkdwn, in which &, < and > are escaped, so nobody can be paged from SQL."""
    parts = [f"*{_escaped(_headline(said))}*"]
    for notice in said.notices:
        parts.append("\n".join(f"• {_escaped(line)}" for line in _told(notice)))
        if notice.get("sql"):
            parts.append(f"```{_escaped(_cut(notice['sql'])).replace('```', chr(39) * 3)}```")
    parts.append(_escaped("\n".join(_counted(said))))
    return json.dumps({"text": "\n".join(filter(None, parts))[:_MOST_CHARS]}).encode()


def as_mail(said: Message, sender: str, recipients: Iterable[str]) -> EmailMessage:
    """A mail in plain text."""
    mail = EmailMessage()
    mail["Subject"] = "".join(c if c.isprintable() else "?" for c in _headline(said))[:200]
    mail["From"] = sender
    mail["To"] = ", ".join(recipients)
    mail["Date"] = format_datetime(said.at)
    mail["Message-ID"] = f"<{said.id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: holiday notices are not sent in answer
    parts: list[str] = []
    for notice in said.notices:
        sql = f"\n\n    {_cut(notice['sql'])}" if notice.get("sql") else ""
        parts.append("\n".join(_told(notice)) + sql)
    parts.append("\n".join(_counted(said)))
    text = "\n\n".join(filter(None, parts)) + "\n"
    mail.set_content(text.encode("utf-8", "replace").decode())
    return mail


def _headline(said: Message) -> str:
    totals: dict[str, int] = {}
    for event, _, count in said.counts:
        totals[event] = totals.get(event, 0) + count
    what = ", ".join(f"{count} {_SAID.get(event, event)}" for event, count in totals.items())
    return f"pgwarden at {said.gate}: {what}"


def _counted(said: Message) -> list[str]:
    """By rule, where not every notice is shown."""
    if len(said.notices) >= said.total:
        return []
    lines = [
        f"{count} {_SAID.get(event, event)}" + (f" by {rule}" if rule else "")
        for event, rule, count in sorted(said.counts, key=lambda each: -each[2])
    ]
    return [f"In all, of which the first are shown: {said.total}", *lines]


def _told(notice: Mapping[str, object]) -> list[str]:
    head = _SAID.get(str(notice["event"]), str(notice["event"]))
    return [head, *(f"{key}: {_cut(notice[key])}" for key in _DETAILS if notice.get(key))]


def _cut(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
