"""The gate's own side: is what it is configured with sound, and is there evidence for it to judge by?

Enters: settings as `serve` reads them. Leaves: findings. It reads the ledger and writes nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from proxy.app.catalogue.source import CatalogueSource
from proxy.app.certificates import ListenerTls
from proxy.app.doctor.finding import Finding, critical, fine, note, warning
from proxy.app.policies import try_to_load
from proxy.app.settings import STANDARD_OUTPUT, ListenerSettings
from proxy.app.sources import Loaded
from proxy.policy.facts import Backup, Verification
from proxy.policy.lint import lint
from proxy.policy.rules import Mode, Policy
from proxy.records import Ledger, LedgerError, open_ledger
from proxy.relay import SslMode, Upstream

_EXPIRY: Final = timedelta(days=14)
_BACKUP_AGE: Final = timedelta(hours=24)
_CHECKED: Final = frozenset({SslMode.VERIFY_CA, SslMode.VERIFY_FULL})


def examine_gate(loaded: Loaded, now: datetime, least_free_bytes: int) -> Iterator[Finding]:
    """Everything that can be known without asking the database.

    Args:
        least_free_bytes: on each disk that the gate writes to.
    """
    yield from _policies(loaded)
    doors = zip(
        loaded.settings.listeners, loaded.upstreams, loaded.client_tls, loaded.catalogues, strict=True
    )
    for door, upstream, tls, catalogue in doors:
        yield from _clients_leg(door, tls, now)
        yield from _servers_leg(door, upstream, catalogue)
    if loaded.console_tls is not None:
        yield from _certificate("the console", loaded.console_tls.read, now)
    yield from _disks(loaded, least_free_bytes)
    yield from _ledger(loaded, now)


def _policies(loaded: Loaded) -> Iterator[Finding]:
    for path in dict.fromkeys(door.policy for door in loaded.settings.listeners):
        attempt = try_to_load(path)
        if attempt.policy is None:
            yield critical(
                "policy", f"{path} does not load", f"pgwarden policy check {path} names every mistake"
            )
            continue
        yield from _policy(path, attempt.policy)


def _policy(path: str, policy: Policy) -> Iterator[Finding]:
    shadowed = [rule.id for rule in policy.rules if rule.mode is Mode.SHADOW and not rule.reserved]
    if policy.mode != str(Mode.ENFORCE):
        yield warning(
            "policy", f"{path} refuses nothing: its mode is {policy.mode}", "set defaults: {mode: enforce}"
        )
    elif shadowed:
        yield note(
            "policy",
            f"{path} only watches with {', '.join(shadowed)}",
            "set mode: enforce when you have seen enough",
        )
    doubts = lint(policy)
    if doubts:
        plural = "" if len(doubts) == 1 else "s"
        yield note(
            "policy",
            f"{path} has {len(doubts)} thing{plural} in it that may not be meant",
            f"read them with pgwarden policy check {path}",
        )
    if policy.mode == str(Mode.ENFORCE) and not shadowed and not doubts:
        yield fine("policy", f"{path} loads, and every rule of it is enforced")


def _clients_leg(door: ListenerSettings, tls: ListenerTls, now: datetime) -> Iterator[Finding]:
    """Whether what clients say can be read on the way, and until when it cannot."""
    foreign = [address for address in door.listen if not _private(address.host)]
    if foreign and not tls.asks.required:
        may = "may speak" if tls.certificate is not None else "speak"
        yield critical(
            "tls",
            f"clients at {foreign[0]} {may} in the clear: statements, rows and logins can be read",
            "give the listener client_tls_cert_file and client_tls_key_file, and client_tls_sslmode: require",
        )
    yield from _certificate(str(door.listen), tls, now)


def _certificate(place: str, tls: ListenerTls, now: datetime) -> Iterator[Finding]:
    if tls.certificate is None:
        return
    left = timedelta(seconds=tls.certificate.not_after_s - now.timestamp())
    new = "put a new one into the same files: it is taken up without a restart"
    if left < timedelta():
        yield critical("tls", f"the certificate of {place} has expired", new)
    elif left < _EXPIRY:
        yield warning("tls", f"the certificate of {place} expires in {left.days} days", new)
    else:
        yield fine("tls", f"the certificate of {place} is good for {left.days} days")


def _servers_leg(
    door: ListenerSettings, upstream: Upstream, catalogue: CatalogueSource | None
) -> Iterator[Finding]:
    """Whether it is the server that answers, and whether what it does by itself is known."""
    if not _private(upstream.host) and upstream.sslmode not in _CHECKED:
        yield critical(
            "tls",
            f"{upstream} is reached with sslmode={upstream.sslmode.value}: anybody on the way can pose as it",
            "leave sslmode out (verify-full), and name its authority with sslrootcert",
        )
    if catalogue is None:
        yield note(
            "catalogue",
            f"what the database behind {door.listen} does by itself (triggers, cascades) is not read",
            "set catalogue to a role that may log in: functions are then judged by what they do",
        )


def _disks(loaded: Loaded, least_free_bytes: int) -> Iterator[Finding]:
    settings = loaded.settings
    files = {"the ledger": loaded.ledger, "the refusal log": settings.refusal_log}
    files["the statement log"] = settings.statement_log or STANDARD_OUTPUT
    for what, file in files.items():
        if not isinstance(file, str) or file == STANDARD_OUTPUT:
            continue
        folder = Path(file).absolute().parent
        if folder.is_dir() and (free := shutil.disk_usage(folder).free) < least_free_bytes:
            yield critical(
                "disk",
                f"{free // 1024**2} MiB are free where {what} lies, {folder}",
                "make room: where the ledger cannot be written, changes are refused",
            )


def _private(host: str) -> bool:
    """Whether nobody of another host has to do with it."""
    if host.startswith("/") or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _ledger(loaded: Loaded, now: datetime) -> Iterator[Finding]:
    place = loaded.ledger
    if loaded.settings.ledger_heads is None and loaded.settings.ledger_heads_store is None:
        yield note(
            "ledger",
            "its signed heads go to the gate's own log alone",
            "set ledger_heads or ledger_heads_store to where nobody may write who can write the ledger",
        )
    try:
        ledger = open_ledger(place, create=False)
    except LedgerError as error:
        yield critical("ledger", str(error), "start the gate once, which makes it; or mend what is told here")
        return
    try:
        yield from _evidence(ledger, now)
    except LedgerError as error:
        yield critical("ledger", str(error), "keep a copy, then run pgwarden ledger verify")
    finally:
        ledger.close()


def _evidence(ledger: Ledger, now: datetime) -> Iterator[Finding]:
    chain = ledger.verify()
    if not chain.whole:
        yield critical(
            "ledger",
            f"it is not as it was written: {chain.findings[0].text}",
            "keep a copy, then run pgwarden ledger verify",
        )
    else:
        yield fine("ledger", f"{ledger.place} is whole")
    facts = ledger.facts(now)
    for freeze in facts.freezes:
        if freeze.stands(now):
            yield note(
                "freeze",
                f"writes are frozen by {freeze.by or 'somebody'}: {freeze.reason}",
                "pgwarden thaw ends it",
            )
    newest: dict[str, Backup] = {}
    for backup in facts.backups:
        if backup.database not in newest or backup.finished > newest[backup.database].finished:
            newest[backup.database] = backup
    if not newest:
        yield warning(
            "backup", "the ledger knows of no backup", "take one with pgwarden backup create, and by a timer"
        )
    for database, backup in sorted(newest.items()):
        yield _backup(database, backup, now)


def _backup(database: str, backup: Backup, now: datetime) -> Finding:
    age = now - backup.finished
    if age > _BACKUP_AGE:
        hours = int(age.total_seconds() // 3600)
        return warning(
            "backup",
            f"the newest backup of {database} is {hours} hours old",
            "see why the timer's last run failed",
        )
    if backup.verified < Verification.FULL_READ:
        return warning(
            "backup",
            f"nobody has read the newest backup of {database} to its end ({backup.verified.name.lower()})",
            "pgwarden backup verify --level full_read",
        )
    if backup.copies < 2:
        return note(
            "backup",
            f"the newest backup of {database} lies in one place",
            "give pgwarden backup create another --to",
        )
    return fine(
        "backup",
        f"{database} was backed up at {backup.finished:%Y-%m-%d %H:%M} UTC, read, and is in two places",
    )
