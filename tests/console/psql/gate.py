"""A gate as the console sees it, played: what it shows, and what it was told to do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from proxy.console import (
    BackupCopy,
    BackupsKnown,
    ChangeMade,
    ChangeSearch,
    ChangesFound,
    ChangeWhole,
    FreezeNow,
    LedgerNow,
    Overview,
    PolicyInForce,
    Rates,
    Refusal,
    Refusals,
    RuleInForce,
    WindowNow,
)
from proxy.console.operations import (
    ApprovalNow,
    ApproverNow,
    CannotBeDone,
    Explained,
    PolicyLoaded,
    Question,
    SessionNow,
    SessionsNow,
    SignedGrant,
)
from proxy.console.people import Action, Person, Role, Way, authorise
from proxy.console.psql.views import ConfigLine, ListenerNow, StatementCount
from proxy.wire.scram import Verifier, make_verifier

NOW = datetime(2026, 11, 26, 15, 48, 20, 250_000, tzinfo=UTC)
TOKEN = b"pgw-token"
ROLES = {"ada": Role.OPERATOR, "bob": Role.VIEWER}
ADA = Person("ada", Role.OPERATOR, Way.TOKEN, "192.0.2.7")
BOB = Person("bob", Role.VIEWER, Way.TOKEN, "192.0.2.8")

REFUSAL = Refusal(
    NOW, "d1", True, "no-drop", ("no-drop",), "It would lose data.", ("table.drop",), ("users",),
    (), "postgres", "shop", None, "psql", "127.0.0.1:6432", "DROP TABLE users",
)  # fmt: skip
SESSION = SessionNow(
    "0-4f1c2d", 0, "127.0.0.1:6432", "192.0.2.9", "app", "shop", "web", "idle", NOW, False, "SELECT 1"
)
JOINING = SessionNow("1-77", 1, "127.0.0.1:6432", None, "app", "shop", "", "logging in", NOW, False, None)
POLICY = PolicyInForce(
    "policy.yaml", "production", "production", "enforce", "ab12",
    (RuleInForce("no-drop", "enforce", "Tables hold data.", 3),),
    (WindowNow("evenings", "mon-fri 20:00-22:00", False, NOW + timedelta(hours=4)),),
)  # fmt: skip
APPROVAL = ApprovalNow(
    "r1", "DROP TABLE old", "00", False, False, "production", ("no-drop",), ("postgres",), "shop", (),
    NOW, NOW + timedelta(hours=1), 1, False, False, "tidy up", NOW, "carl", ("dora", "emil"), False,
    "11", "22",
)  # fmt: skip


@dataclass
class PlayedGate:
    """Source, operations and logins in one.

    Attributes:
        done: what it was told to do.
        refused: who failed to log in.
    """

    done: list[object] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    roles: dict[str, Role] = field(default_factory=lambda: dict(ROLES))
    most_failures: int = 0
    trouble: str = ""
    fault: bool = False

    # -- source

    async def overview(self) -> Overview:
        ledger = LedgerNow(
            self.trouble,
            (FreezeNow("month's end", "bob", NOW, None, None),),
            (BackupCopy("shop", NOW, "/b/one", "restored", "pgwarden"),),
            (ChangeMade(7, NOW, "shop", "app", "low", "done", "CREATE TABLE a ()"),),
        )
        return Overview(NOW, "0", (), self.refusals(), (POLICY,), ledger)

    def refusals(self) -> Refusals:
        return Refusals((REFUSAL,), NOW - timedelta(hours=1), 2)

    @contextmanager
    def arrivals(self) -> Iterator[asyncio.Event]:
        yield asyncio.Event()

    def rates(self) -> Rates:
        raise NotImplementedError

    async def backups(self) -> BackupsKnown:
        return BackupsKnown((BackupCopy("shop", NOW, "/b/one", "restored", "pgwarden"),), self.trouble)

    async def changes(self, search: ChangeSearch) -> ChangesFound:
        raise NotImplementedError

    async def change(self, number: int) -> ChangeWhole | None:
        raise NotImplementedError

    def config(self) -> tuple[ConfigLine, ...]:
        return (ConfigLine("workers", "2", "1"),)

    def listeners(self) -> tuple[ListenerNow, ...]:
        return (
            ListenerNow("127.0.0.1:6432", "db", 5432, "policy.yaml", "enforce", "require", "passthrough"),
        )

    async def statements(self) -> tuple[StatementCount, ...]:
        return (StatementCount("read", 5, 0, 0), StatementCount("ddl", 1, 2, 3))

    # -- operations

    async def freeze(
        self,
        person: Person,
        *,
        reason: str = "",
        until: datetime | None = None,
        database: str | None = None,
        kill: bool = False,
    ) -> FreezeNow:
        authorise(person, Action.FREEZE)
        if self.fault:
            raise RuntimeError("secret")
        self.done.append(("freeze", person.name, reason, until, database, kill))
        return FreezeNow(reason, str(person), NOW, until, database)

    async def thaw(self, person: Person, *, database: str | None = None) -> tuple[FreezeNow, ...]:
        authorise(person, Action.THAW)
        self.done.append(("thaw", person.name, database))
        return () if database else (FreezeNow("", "bob", NOW, None, None),)

    async def reload(self, person: Person) -> tuple[PolicyLoaded, ...]:
        authorise(person, Action.RELOAD)
        self.done.append(("reload", person.name))
        return (PolicyLoaded("policy.yaml", "production", "ab12", ""),)

    async def sessions(self, person: Person, *, after: datetime | None = None) -> SessionsNow:
        authorise(person, Action.VIEW)
        return SessionsNow((SESSION, JOINING), 1, (3,))

    async def end_session(self, person: Person, session: str, *, reason: str = "") -> None:
        authorise(person, Action.END_SESSION)
        if session != SESSION.id:
            raise CannotBeDone(f"No session has the id {session}.", "SHOW CLIENTS lists them.")
        self.done.append(("end", person.name, session, reason))

    async def approvals(self, person: Person) -> tuple[ApprovalNow, ...]:
        authorise(person, Action.VIEW)
        return (APPROVAL,)

    async def approvers(self, person: Person) -> tuple[ApproverNow, ...]:
        raise NotImplementedError

    async def grant(self, person: Person, request: str, signed: SignedGrant) -> ApprovalNow:
        raise NotImplementedError

    async def deny(self, person: Person, request: str, *, reason: str = "") -> None:
        raise NotImplementedError

    async def explain(self, person: Person, question: Question) -> Explained:
        raise NotImplementedError

    # -- logins

    @property
    def offered(self) -> bool:
        return True

    async def check(self, token: str, address: str) -> Person:
        raise NotImplementedError

    def verifier(self, name: str) -> Verifier:
        if name in self.roles:
            return make_verifier(TOKEN, name.encode(), 4096)
        return Verifier(4096, b"salt", bytes(32), bytes(32))

    def proved(self, name: str, address: str) -> Person:
        return Person(name, self.roles[name], Way.TOKEN, address)

    def wait_s(self, address: str) -> float:
        return 9.5 if self.most_failures and len(self.refused) >= self.most_failures else 0.0

    def failed(self, name: str, address: str) -> None:
        self.refused.append((name, address))

    def came(self, person: Person) -> None:
        raise AssertionError("psql knows no provider")

    def role(self, person: Person) -> Role | None:
        return self.roles.get(person.name)
