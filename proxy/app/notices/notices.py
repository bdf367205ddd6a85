"""What of a gate's doings is told elsewhere, and to whom.

Enters: the sessions' events and what is held, on the event loop, which never waits here; entries of the
ledger, from a thread (ledgerwatch.py). Leaves: notices at the couriers. What they say is made in their
threads, secrets masked as in the refusal log.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import Final

import msgspec
from structlog.stdlib import BoundLogger

from proxy.app.audit import render_judged, shown_sql
from proxy.app.notices.courier import Courier
from proxy.app.notices.pile import Notice
from proxy.app.notices.targets import Target
from proxy.session import Event, Hold, Judged, Lifted

_SQL_CHARS: Final = 1000


class Notices:
    """Tells the targets of one process."""

    def __init__(self, targets: Sequence[Target], log: BoundLogger, *, unreadable: bool = False) -> None:
        """Start the threads.

        Args:
            targets: where to; none is all right.
            log: told of what could not be delivered.
            unreadable: also tell texts that cannot be read, which may hold secrets.
        """
        self._unreadable = unreadable
        self._render = render_judged(_SQL_CHARS, unreadable=unreadable)
        self._couriers = [Courier(target, socket.gethostname(), log) for target in targets]
        for courier in self._couriers:
            courier.start()

    def wants(self, *events: str) -> bool:
        """Whether anybody is to be told of one of these."""
        return any(event in courier.target.events for courier in self._couriers for event in events)

    def put(self, notice: Notice) -> None:
        """Tell whoever wants to know; returns at once."""
        for courier in self._couriers:
            if notice.event in courier.target.events:
                courier.put(notice)

    def observe(self, event: Event) -> None:
        """Take one event of a session; returns at once."""
        if not self._couriers:
            return
        if isinstance(event, Judged):
            told = "refused" if event.mode == "enforce" else "shadowed"
            self.put(Notice(told, event.rule, partial(self._judged, event)))
        elif isinstance(event, Lifted):
            rule = event.lifts[0].rule if event.lifts else ""
            self.put(Notice("lifted", rule, partial(self._lifted, event)))

    def held(self, hold: Hold) -> None:
        """A statement is held from now on."""
        if self._couriers:
            self.put(Notice("held", " and ".join(hold.wanted.rules), partial(self._held, hold, _now())))

    def backup_failed(self, database: str, rules: tuple[str, ...], reason: str) -> None:
        """No backup could be taken for statements that are held."""
        fields = {"time": _now(), "database": database, "rules": list(rules), "message": reason}
        self.put(Notice("backup_failed", "", lambda: fields))

    def counts(self) -> dict[tuple[str, ...], int]:
        """Messages by target and outcome."""
        return {
            (courier.target.name, outcome): count
            for courier in self._couriers
            for outcome, count in courier.counts.items()
        }

    def close(self, timeout_s: float) -> None:
        """Deliver what waits if that can be done in time, and stop; blocks for so long at most."""
        for courier in self._couriers:
            courier.stop()
        until = monotonic() + timeout_s
        for courier in self._couriers:
            courier.join(max(0.0, until - monotonic()))

    def _judged(self, event: Judged) -> Mapping[str, object]:
        fields: dict[str, object] = msgspec.json.decode(self._render(event))
        return fields

    def _lifted(self, event: Lifted) -> Mapping[str, object]:
        broken = any(lift.break_glass for lift in event.lifts)
        text = event.text
        return {
            "time": _moment(event.at),
            "message": "the glass was broken" if broken else "it was approved",
            "break_glass": broken,
            "approvals": ", ".join(dict.fromkeys(lift.approval for lift in event.lifts)),
            "rule": ", ".join(dict.fromkeys(lift.rule for lift in event.lifts)),
            "effects": list(event.effects),
            "targets": list(event.targets),
            "role": event.origin.role,
            "database": event.origin.database,
            "client_address": event.origin.client_address,
            "application": event.origin.application,
            "listener": event.origin.listener,
            "sql": None if text is None else shown_sql(text, False, unreadable=False, limit=_SQL_CHARS),
        }

    def _held(self, hold: Hold, time: str) -> Mapping[str, object]:
        change = hold.change
        text, unreadable = change.text, change.unreadable
        return {
            "time": time,
            "message": hold.wanted.deed,
            "rule": ", ".join(hold.wanted.rules),
            "effects": list(change.effects),
            "targets": list(change.targets),
            "role": change.origin.role,
            "database": change.origin.database,
            "client_address": change.origin.client_address,
            "application": change.origin.application,
            "listener": change.origin.listener,
            "sql": None
            if text is None
            else shown_sql(text, unreadable, unreadable=self._unreadable, limit=_SQL_CHARS),
        }


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _now() -> str:
    return _moment(datetime.now(UTC).timestamp())
