"""Starting and ending the process of a gate.

Enters: settings. Leaves: a process that serves until it is told to stop; a StartError with plain lines where
it cannot begin. Deliberately absent: what runs meanwhile (gateway.py); several workers.
"""

from __future__ import annotations

import uvloop
from structlog.stdlib import BoundLogger

from proxy.app.gateway import Gateway, StartError
from proxy.app.ledger.use import LedgerUse
from proxy.app.log import logger, start_log
from proxy.app.policies import Attempt, try_to_load
from proxy.app.settings import Settings
from proxy.app.sources import Loaded
from proxy.app.statementlogs import StatementLogs
from proxy.records import LedgerError

__all__ = ["StartError", "run"]

_LOG_CLOSE_S = 5.0


def run(loaded: Loaded) -> None:
    """Serve until SIGTERM or SIGINT, then drain.

    Raises:
        StartError: before the first client could have connected.
    """
    settings = loaded.settings
    attempts = _load_policies(settings)
    try:
        ledger = LedgerUse(loaded.ledger, settings)
    except LedgerError as error:
        raise StartError(str(error)) from error
    lines = start_log(settings.log_level, settings.log_format)
    log = logger()
    try:
        for warning in loaded.warnings:
            log.warning(warning)
        logs = _open_logs(settings, log)
        try:
            uvloop.run(_serve(loaded, attempts, ledger, logs, log))
        finally:
            logs.close(_LOG_CLOSE_S)
            ledger.close()
    finally:
        lines.close(_LOG_CLOSE_S)


async def _serve(
    loaded: Loaded, attempts: dict[str, Attempt], ledger: LedgerUse, logs: StatementLogs, log: BoundLogger
) -> None:
    await Gateway(loaded, attempts, ledger, logs, log).serve()


def _load_policies(settings: Settings) -> dict[str, Attempt]:
    attempts = {path: try_to_load(path) for path in dict.fromkeys(door.policy for door in settings.listeners)}
    broken = {path: attempt.problem for path, attempt in attempts.items() if attempt.policy is None}
    if broken:
        lines = [
            line for path, problem in broken.items() for line in (f"the policy {path} does not load", problem)
        ]
        raise StartError(*lines, wrong_setting=True)
    return attempts


def _open_logs(settings: Settings, log: BoundLogger) -> StatementLogs:
    try:
        return StatementLogs(settings, log.error)
    except OSError as error:
        raise StartError(f"the log {error.filename} cannot be opened: {error.strerror or error}") from error
