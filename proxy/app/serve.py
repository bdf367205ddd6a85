"""The running gate: builds everything, joins it together, and takes it down in order.

Enters: settings. Leaves: a process that serves until it is told to stop. The only place that knows every room.
Deliberately absent: decisions of any kind; several workers.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import uvloop
from structlog.stdlib import BoundLogger

from proxy import __version__
from proxy.app.facts import FactsKeeper
from proxy.app.kinds import Address
from proxy.app.log import logger, start_log
from proxy.app.metrics import CONTENT_TYPE, MetricsView, exposition
from proxy.app.policies import Attempt, PolicyKeeper, announce, try_to_load
from proxy.app.settings import ListenerSettings, Settings
from proxy.app.sources import Loaded
from proxy.app.statementlogs import StatementLogs
from proxy.console import AdminServer, AdminSource
from proxy.policy.facts import Facts
from proxy.policy.rules import Policy
from proxy.records import Ledger, LedgerError, open_ledger
from proxy.relay import Listener, RelaySettings, Upstream
from proxy.session import Gate, Limits, Peer, Session

_LOG_CLOSE_S = 5.0


class StartError(Exception):
    """The gate cannot start.

    Attributes:
        lines: why, for standard error.
        wrong_setting: True when a setting is wrong, False when the world is.
    """

    def __init__(self, *lines: str, wrong_setting: bool = False) -> None:
        """Keep the lines."""
        super().__init__("\n".join(lines))
        self.lines = lines
        self.wrong_setting = wrong_setting
