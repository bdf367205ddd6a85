"""How commands read the values of their flags: policies, times, levels, the ledger.

Leaves: typed values, or a CommandError whose one line begins with the flag.
"""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

import typer

from proxy.app.asking import PasswordUnreadable, password_in
from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.kinds import shown
from proxy.app.ledger.address import PASSWORD, LedgerPlace, ledger_place
from proxy.app.moments import read_moment
from proxy.app.policies import try_to_load
from proxy.app.settings import default_ledger
from proxy.policy.facts import Facts, Verification
from proxy.policy.rules import Policy
from proxy.records import Ledger, LedgerError, PublicKey, open_ledger
from proxy.records.heads import read_public_key

Value = TypeVar("Value")

LedgerFlag = Annotated[
    str | None,
    typer.Option(
        "--ledger", metavar="WHERE", help="the ledger: a file, or postgresql://USER@HOST:PORT/DATABASE"
    ),
]


def wrong(flag: str, message: str) -> CommandError:
    """A wrong value of a flag."""
    return CommandError(ExitCode.USAGE, f"{flag}: {message}")


def load_or_fail(path: str, flag: str) -> Policy:
    """Load the policy that a flag names; one that does not load is a wrong value of that flag."""
    attempt = try_to_load(path)
    if attempt.policy is None:
        raise CommandError(ExitCode.USAGE, f"{flag}: the policy {path} does not load", attempt.problem)
    return attempt.policy


def lines_of(flag: str, paths: list[str]) -> Iterator[bytes]:
    """The lines of the files that a flag names."""
    for path in paths:
        try:
            with Path(path).open("rb") as file:
                yield from file
        except OSError as error:
            message = f"{flag}: {path} cannot be read: {error.strerror or error}"
            raise CommandError(ExitCode.FAILED, message) from error


def read_time(flag: str, text: str, zone: ZoneInfo | None = None) -> datetime:
    """Read a moment in ISO 8601.

    Args:
        zone: what a time without a zone is meant in; None asks for one.
    """
    try:
        return read_moment(text, zone)
    except ValueError as error:
        raise wrong(flag, str(error)) from None


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


def ledger_at(flag: str | None) -> LedgerPlace:
    """The ledger that a command means: its flag, else PGWARDEN_LEDGER, else the user's own."""
    variable = os.environ.get("PGWARDEN_LEDGER")
    origin = "--ledger" if flag or not variable else "PGWARDEN_LEDGER"
    try:
        password = password_in(
            os.environ.get("PGWARDEN_LEDGER_PASSWORD_FILE") or None, os.environ.get(PASSWORD)
        )
    except PasswordUnreadable as error:
        raise wrong("PGWARDEN_LEDGER_PASSWORD_FILE", str(error)) from None
    try:
        return ledger_place(
            flag or variable or default_ledger(),
            password,
            ca_file=os.environ.get("PGWARDEN_SSLROOTCERT") or None,
        )
    except ValueError as error:
        raise wrong(origin, str(error)) from None


def public_keys(files: Iterable[str]) -> list[PublicKey]:
    """The public keys that --public-key names."""
    keys = []
    for file in files:
        try:
            keys.append(read_public_key(Path(file).read_bytes()))
        except OSError as error:
            raise wrong("--public-key", f"{file} cannot be read: {error.strerror or error}") from None
        except ValueError:
            raise wrong("--public-key", f"{file} holds no Ed25519 public key in PEM") from None
    return keys


def evidence(flag: str | None, now: datetime) -> Facts:
    """The ledger's facts; without a ledger there is no evidence, which is no fault unless one was named."""
    place = ledger_at(flag)
    if flag is None and isinstance(place, str) and not Path(place).exists():
        return Facts(backups=(), as_of=now)
    with using_ledger(place, create=False) as ledger:
        return ledger.facts(now)  # of the present, whatever moment is asked about


@contextmanager
def using_ledger(place: LedgerPlace, *, create: bool) -> Iterator[Ledger]:
    """Open a ledger for a while; what goes wrong with it ends the command."""
    try:
        ledger = open_ledger(place, create=create)
        try:
            yield ledger
        finally:
            ledger.close()
    except LedgerError as error:
        raise CommandError(ExitCode.FAILED, str(error)) from error


def who() -> str:
    """Who runs the command; a user id that no account has, as containers give them, has no name."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def shown_moment(moment: datetime) -> str:
    """A moment in UTC, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
