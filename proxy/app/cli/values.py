"""How commands read the values of their flags: policies, times, levels, the ledger.

Leaves: typed values, or a CommandError whose one line begins with the flag.
"""

from __future__ import annotations

import os
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.kinds import shown
from proxy.app.policies import try_to_load
from proxy.app.settings import default_ledger
from proxy.policy.facts import Facts, Verification
from proxy.policy.rules import Policy
from proxy.records import Ledger, LedgerError, open_ledger

Value = TypeVar("Value")


def wrong(flag: str, message: str) -> CommandError:
    """A wrong value of a flag."""
    return CommandError(ExitCode.USAGE, f"{flag}: {message}")


def load_or_fail(path: str, flag: str) -> Policy:
    """Load the policy that a flag names; one that does not load is a wrong value of that flag."""
    attempt = try_to_load(path)
    if attempt.policy is None:
        raise CommandError(ExitCode.USAGE, f"{flag}: the policy {path} does not load", attempt.problem)
    return attempt.policy


def read_time(flag: str, text: str, zone: ZoneInfo | None = None) -> datetime:
    """Read a moment in ISO 8601.

    Args:
        zone: what a time without a zone is meant in; None asks for one.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise wrong(flag, f"{shown(text)} is not a time such as 2026-11-22T14:30:22Z") from None
    if moment.tzinfo is not None:
        return moment
    if zone is None:
        raise wrong(
            flag, f"{shown(text)} has no time zone: end it with Z for UTC, or with +02:00 and the like"
        )
    return moment.replace(tzinfo=zone)


def read_address(flag: str, text: str) -> str:
    """Read a client's address."""
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        raise wrong(flag, f"{shown(text)} is no IP address") from None


def read_level(flag: str, text: str) -> Verification:
    """Read a level of verification."""
    try:
        return Verification[text.strip().upper()]
    except KeyError:
        levels = ", ".join(level.name.lower() for level in Verification)
        raise wrong(flag, f"{shown(text)} is none of {levels}") from None


def ledger_path(flag: str | None) -> str:
    """The ledger that a command means: its flag, else PGWARDEN_LEDGER, else the user's own."""
    return flag or os.environ.get("PGWARDEN_LEDGER") or default_ledger()


def evidence(flag: str | None, now: datetime) -> Facts:
    """The ledger's facts; without a ledger there is no evidence, which is no fault unless one was named."""
    path = ledger_path(flag)
    if flag is None and not Path(path).exists():
        return Facts(backups=(), as_of=now)
    ledger = use_ledger(path, create=False)
    try:
        return ledger.facts(now)
    except LedgerError as error:
        raise CommandError(ExitCode.FAILED, str(error)) from error
    finally:
        ledger.close()


def use_ledger(path: str, *, create: bool) -> Ledger:
    """Open a ledger; what goes wrong with it ends the command."""
    try:
        return open_ledger(path, create=create)
    except LedgerError as error:
        raise CommandError(ExitCode.FAILED, str(error)) from error
