"""What each SHOW shows: its columns, and its rows of what the gate knows.

Enters: values of the console. Leaves: tables. Where PgBouncer shows the same thing, the columns bear its
names. Deliberately absent: asking the gate (desk.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from proxy import __version__
from proxy.console.operations import ApprovalNow, SessionNow
from proxy.console.people import NEEDED
from proxy.console.psql.statements import USAGES
from proxy.console.psql.tables import Cell, Column, Kind, texts
from proxy.console.values import BackupCopy, LedgerNow, PolicyInForce, Refusal

_NO_SERVER: Final = ("logging in", "console")

Rows = Iterable[tuple[Cell, ...]]


@dataclass(frozen=True, slots=True)
class ConfigLine:
    """A setting as it is in force; `value` and `default` as people write them."""

    key: str
    value: str
    default: str


@dataclass(frozen=True, slots=True)
class ListenerNow:
    """Where clients connect.

    Attributes:
        host, port: of the server behind.
        policy: the path of its policy.
    """

    listen: str
    host: str
    port: int
    policy: str
    mode: str
    client_tls_sslmode: str
    auth_type: str


@dataclass(frozen=True, slots=True)
class StatementCount:
    """Statements of one class since the gate began."""

    statement_class: str
    allowed: int
    shadowed: int
    refused: int


def _moment(name: str) -> Column:
    return Column(name, Kind.TIMESTAMPTZ)


def _number(name: str) -> Column:
    return Column(name, Kind.INT8)


def _switch(name: str) -> Column:
    return Column(name, Kind.BOOL)


COLUMNS: Final[Mapping[str, tuple[Column, ...]]] = {
    "HELP": texts("command", "meaning", "role"),
    "VERSION": texts("version"),
    "CONFIG": texts("key", "value", "default", "changeable"),
    "LISTENERS": (*texts("listen", "addr"), _number("port"), *texts("policy", "mode", "tls", "auth_type")),
    "LISTS": (*texts("list"), _number("items")),
    "CLIENTS": (
        *texts("type", "user", "database", "state", "addr"),
        _moment("connect_time"),
        *texts("application_name", "id", "listener"),
        _number("worker"),
        _switch("transaction"),
        *texts("statement"),
    ),
    "SERVERS": (
        *texts("type", "user", "database", "state", "addr"),
        _number("port"),
        _moment("connect_time"),
        *texts("link"),
        _number("worker"),
    ),
    "STATS": (
        *texts("class"),
        *map(_number, ("total_query_count", "allowed_count", "shadowed_count", "refused_count")),
    ),
    "BLOCKED": (
        _moment("time"),
        *texts("rule", "mode", "user", "database", "addr", "application_name", "listener"),
        *texts("message", "statement", "decision_id"),
    ),
    "RULES": (*texts("policy", "rule", "mode"), _number("hits"), _number("shadow_hits"), *texts("why")),
    "POLICY": (*texts("policy", "environment", "mode"), _number("rules"), *texts("path", "digest")),
    "WINDOWS": (*texts("policy", "window"), _switch("open"), _moment("changes"), *texts("times")),
    "FREEZE": (*texts("database"), _moment("since"), _moment("until"), *texts("by", "reason")),
    "BACKUPS": (*texts("database"), _moment("finished"), *texts("level", "source", "location")),
    "APPROVALS": (
        *texts("id", "database", "statement", "rules", "roles", "asked_by"),
        _moment("asked_at"),
        _moment("until"),
        _number("left"),
        *texts("granted_by", "reason"),
        _switch("held"),
        _switch("break_glass"),
    ),
    "CHANGES": (
        _number("number"),
        _moment("time"),
        *texts("database", "user", "risk", "outcome", "statement"),
    ),
}


def help_rows() -> Rows:
    """SHOW HELP."""
    for usage in USAGES:
        yield usage.syntax, usage.meaning, NEEDED[usage.action].word


def version_rows() -> Rows:
    """SHOW VERSION."""
    yield (f"pgwarden {__version__}",)


def config_rows(lines: Iterable[ConfigLine]) -> Rows:
    """SHOW CONFIG: nothing changes while the gate runs; what is in files is read again by RELOAD."""
    for line in lines:
        yield line.key, line.value, line.default, "no"


def listener_rows(listeners: Iterable[ListenerNow]) -> Rows:
    """SHOW LISTENERS."""
    for each in listeners:
        tls = each.client_tls_sslmode
        yield each.listen, each.host, each.port, each.policy, each.mode, tls, each.auth_type


def client_rows(sessions: Iterable[SessionNow]) -> Rows:
    """SHOW CLIENTS."""
    for each in sessions:
        yield (
            "C", each.role, each.database, each.state, each.address or "unix", each.since, each.application,
            each.id, each.listener, each.worker, each.transaction, each.statement,
        )  # fmt: skip


def server_rows(sessions: Iterable[SessionNow], listeners: Mapping[str, ListenerNow]) -> Rows:
    """SHOW SERVERS: a session has a server connection from when its login is passed on."""
    for each in sessions:
        behind = listeners.get(each.listener)
        if behind is not None and each.state not in _NO_SERVER:
            yield (
                "S", each.role, each.database, each.state, behind.host, behind.port, each.since, each.id,
                each.worker,
            )  # fmt: skip


def stats_rows(counts: Iterable[StatementCount]) -> Rows:
    """SHOW STATS."""
    for each in counts:
        total = each.allowed + each.shadowed + each.refused
        yield each.statement_class, total, each.allowed, each.shadowed, each.refused


def blocked_rows(refusals: Iterable[Refusal]) -> Rows:
    """SHOW BLOCKED."""
    for each in refusals:
        yield (
            each.at, each.rule, "enforce" if each.enforced else "shadow", each.role, each.database,
            each.address or "unix", each.application, each.listener, each.message, each.sql, each.decision_id,
        )  # fmt: skip


def rule_rows(policies: Iterable[PolicyInForce]) -> Rows:
    """SHOW RULES."""
    for policy in policies:
        for rule in policy.rules:
            yield policy.name, rule.name, rule.mode, rule.hits, rule.shadow_hits, rule.why


def policy_rows(policies: Iterable[PolicyInForce]) -> Rows:
    """SHOW POLICY."""
    for each in policies:
        yield each.name, each.environment, each.mode, len(each.rules), each.path, each.digest


def window_rows(policies: Iterable[PolicyInForce]) -> Rows:
    """SHOW WINDOWS."""
    for policy in policies:
        for window in policy.windows:
            yield policy.name, window.name, window.open, window.changes, window.text


def freeze_rows(ledger: LedgerNow) -> Rows:
    """SHOW FREEZE: without a database it holds in all."""
    for each in ledger.freezes:
        yield each.database, each.since, each.until, each.by, each.reason


def backup_rows(copies: Iterable[BackupCopy]) -> Rows:
    """SHOW BACKUPS."""
    for each in copies:
        yield each.database, each.finished, each.level, each.source, each.location


def change_rows(ledger: LedgerNow) -> Rows:
    """SHOW CHANGES."""
    for each in ledger.changes:
        yield each.number, each.at, each.database, each.role, each.risk, each.outcome, each.statement


def approval_rows(approvals: Iterable[ApprovalNow]) -> Rows:
    """SHOW APPROVALS."""
    for each in approvals:
        yield (
            each.id, each.database, each.statement, ", ".join(each.rules), ", ".join(each.roles),
            each.asked_by, each.asked_at, each.until, each.left, ", ".join(each.granted_by), each.reason,
            each.held, each.break_glass,
        )  # fmt: skip
