"""People's side of the gate: the admin server that monitoring asks, and the pages for those on call.

Public names: `AdminServer` and `AdminSource`; `PageServer`, the port `ConsoleSource` that it shows, and the
values that go through it.
"""

from proxy.console.admin import AdminServer, AdminSource
from proxy.console.page import PageServer
from proxy.console.questions import (
    BackupsKnown,
    ChangeSearch,
    ChangesFound,
    ChangeWhole,
    Rate,
    Rates,
)
from proxy.console.source import ConsoleSource
from proxy.console.values import (
    BackupCopy,
    ChangeMade,
    FreezeNow,
    LedgerNow,
    Overview,
    PolicyInForce,
    Refusal,
    Refusals,
    RuleExample,
    RuleInForce,
    WindowNow,
)

__all__ = [
    "AdminServer",
    "AdminSource",
    "BackupCopy",
    "BackupsKnown",
    "ChangeMade",
    "ChangeSearch",
    "ChangeWhole",
    "ChangesFound",
    "ConsoleSource",
    "FreezeNow",
    "LedgerNow",
    "Overview",
    "PageServer",
    "PolicyInForce",
    "Rate",
    "Rates",
    "Refusal",
    "Refusals",
    "RuleExample",
    "RuleInForce",
    "WindowNow",
]
