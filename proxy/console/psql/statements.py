"""What can be said at the console: one table, from which SHOW HELP, the grammar's hints and README come.

Deliberately absent: reading it (grammar.py), doing it (desk.py), and what role each takes (people.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from proxy.console.people import Action
from proxy.console.psql.tables import Column


@dataclass(frozen=True, slots=True)
class Show:
    """SHOW of one of VIEWS."""

    view: str


@dataclass(frozen=True, slots=True)
class Freeze:
    """Writes rest from now on; `database` None is all of them."""

    reason: str
    until: datetime | None
    database: str | None
    kill: bool


@dataclass(frozen=True, slots=True)
class Thaw:
    """Freezes end: all, or those of one database alone."""

    database: str | None


@dataclass(frozen=True, slots=True)
class Reload:
    """What SIGHUP does."""


@dataclass(frozen=True, slots=True)
class Kill:
    """One session ends, by the id of SHOW CLIENTS."""

    session: str
    reason: str


@dataclass(frozen=True, slots=True)
class Control:
    """A transaction's beginning or end, a savepoint: `word` is its first word; `back_to` of ROLLBACK TO."""

    word: str
    back_to: bool = False


@dataclass(frozen=True, slots=True)
class Nothing:
    """What means nothing here and that drivers say: SET, RESET, DISCARD …; answered with this tag."""

    tag: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One row that is known without asking the gate."""

    columns: tuple[Column, ...]
    row: tuple[str | int | bool | None, ...]
    tag: str = "SELECT 1"


Statement: TypeAlias = Show | Freeze | Thaw | Reload | Kill | Control | Nothing | Fact
Change: TypeAlias = Freeze | Thaw | Reload | Kill


@dataclass(frozen=True, slots=True)
class Usage:
    """A command as people read of it.

    Attributes:
        action: what it is authorised as.
        words: how it begins, in capitals.
    """

    syntax: str
    meaning: str
    action: Action

    @property
    def words(self) -> str:
        """`SHOW CLIENTS`, `FREEZE`."""
        words = self.syntax.split()
        return " ".join(words[:2]) if words[0] == "SHOW" else words[0]


USAGES: Final = (
    Usage("SHOW HELP", "these commands", Action.VIEW),
    Usage("SHOW VERSION", "the gate's version", Action.VIEW),
    Usage("SHOW CONFIG", "its settings", Action.VIEW),
    Usage("SHOW LISTENERS", "where clients connect, the server behind, the policy", Action.VIEW),
    Usage("SHOW LISTS", "how many there are of what the others list", Action.VIEW),
    Usage("SHOW CLIENTS", "who is connected, and what they do", Action.VIEW),
    Usage("SHOW SERVERS", "the connections to servers: each client has its own", Action.VIEW),
    Usage("SHOW STATS", "statements so far, by class and by what became of them", Action.VIEW),
    Usage("SHOW BLOCKED", "refusals of the last hour, the newest first", Action.VIEW),
    Usage("SHOW RULES", "rules in force, and how often each has fired", Action.VIEW),
    Usage("SHOW POLICY", "policies in force", Action.VIEW),
    Usage("SHOW WINDOWS", "windows that rules ask about, and when each opens or closes", Action.VIEW),
    Usage("SHOW FREEZE", "freezes that stand", Action.VIEW),
    Usage("SHOW BACKUPS", "backups in the ledger, the newest first", Action.VIEW),
    Usage("SHOW APPROVALS", "requests that wait for approval", Action.VIEW),
    Usage("SHOW CHANGES", "changes that went on to servers, the newest fifty", Action.VIEW),
    Usage(
        "FREEZE ['reason'] [UNTIL 'time'] [DATABASE name] [KILL]",
        "refuse writes, until a moment (2026-11-27T08:00Z) or for a while (2h); "
        "KILL ends sessions that have writes under way",
        Action.FREEZE,
    ),
    Usage("THAW [DATABASE name]", "end the freezes, or those of one database alone", Action.THAW),
    Usage("RELOAD", "read policies, certificates and users again, as SIGHUP does", Action.RELOAD),
    Usage("KILL id ['reason']", "end a session of SHOW CLIENTS", Action.END_SESSION),
)
"""Every command. What is shown by a SHOW has its columns in views.py."""

VIEWS: Final = tuple(usage.words.split()[1] for usage in USAGES if usage.words.startswith("SHOW "))
