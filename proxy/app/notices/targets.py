"""Where notices go: the entries of the setting `notify`.

Enters: what the config file says. Leaves: targets, their secrets read; a ValueError with what is wrong and
what to do. URLs of webhooks hold secrets themselves: none is ever repeated, targets are called by their
names.
"""

from __future__ import annotations

import base64
import binascii
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import parseaddr
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from proxy.app.kinds import shown, some_seconds

EVENTS: Final = (
    "refused", "shadowed", "held", "lifted", "approval", "freeze", "thaw", "backup_failed",
)  # fmt: skip
"""What can be told.

A statement was refused, would have been, is held, passes by an approval; somebody asks for an approval,
declares a freeze, ends one; no backup could be taken for what is held.
"""

UNASKED: Final = frozenset(EVENTS) - {"shadowed"}
FORMATS: Final = ("slack", "json", "email")
BATCH_S: Final = 30.0
LEAST_SECRET_BYTES: Final = 24  # Standard Webhooks, section "Signature scheme": between 24 and 64 bytes
FILES: Final = ("secret_file", "ca_file")

_KEYS: Final = ("name", "kind", "to", "events", "batch_s", "secret_file", "ca_file", "smtp", "from", "user")
_OF_MAIL: Final = ("smtp", "from", "user")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_PREFIX: Final = "whsec_"


@dataclass(frozen=True, slots=True)
class Server:
    """Whom to connect to; `tls` is "" (this machine alone), "starttls" or "tls"."""

    host: str
    port: int
    tls: str


@dataclass(frozen=True, slots=True)
class Target:
    """One place where notices go.

    Attributes:
        name: what metrics and the log call it.
        events: which of EVENTS.
        batch_s: how long notices are gathered for one message.
        path: of an HTTP request, with its query; often a secret.
        recipients, sender, user: of mail.
        secret: signs HTTP requests, is the password of `user`; empty for none.
    """

    name: str
    kind: str
    server: Server
    events: frozenset[str] = UNASKED
    batch_s: float = BATCH_S
    path: str = field(default="", repr=False)
    recipients: tuple[str, ...] = ()
    sender: str = ""
    user: str = ""
    secret_file: str = ""
    ca_file: str = ""
    secret: bytes = field(default=b"", repr=False)

    def tls_context(self) -> ssl.SSLContext:
        """Certificates are verified, by `ca_file` or the system's authorities; may raise OSError."""
        return _context(self.ca_file)


@cache
def _context(ca_file: str) -> ssl.SSLContext:
    """Made once, before the workers are: reading all authorities holds every thread up for milliseconds."""
    return ssl.create_default_context(cafile=ca_file or None)


def targets(value: object) -> tuple[Target, ...]:
    """Read the setting: a list of mappings, or a text of https URLs with blanks between.

    Raises:
        ValueError: with what is wrong, and where.
    """
    if isinstance(value, tuple):
        return value
    entries = value if isinstance(value, list) else str(value).split()
    found: dict[str, Target] = {}
    for index, entry in enumerate(entries, 1):
        given = {"to": entry} if isinstance(entry, str) else entry
        if not isinstance(given, dict):
            raise ValueError(f"target {index} is neither a URL nor a mapping of {', '.join(_KEYS)}")
        try:
            target = _target(index, given)
        except ValueError as error:
            raise ValueError(f"target {index}: {error}") from None
        if target.name in found:
            raise ValueError(f'target {index}: the name "{target.name}" is taken by another')
        found[target.name] = target
    return tuple(found.values())


def with_secret(target: Target) -> Target:
    """Read the files that a target names.

    Raises:
        ValueError: one cannot be read, or will not do.
    """
    try:
        target.tls_context()
    except OSError as error:
        why = error.strerror or "no certificate in PEM"
        raise ValueError(f"ca_file of {target.name}: {target.ca_file} cannot be used: {why}") from None
    if not target.secret_file:
        return target
    where = f"secret_file of {target.name}"
    try:
        file = Path(target.secret_file)
        text = file.read_text("utf-8").strip()
        exposed = file.stat().st_mode & 0o077
    except OSError as error:
        why = error.strerror or str(error)
        raise ValueError(f"{where}: {target.secret_file} cannot be read: {why}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{where}: {target.secret_file} is not UTF-8 text") from None
    if exposed:
        raise ValueError(f"{where}: others may read {target.secret_file}: chmod 600 it")
    secret = text.encode() if target.kind == "email" else _key(text, where)
    if not secret:
        raise ValueError(f"{where}: {target.secret_file} is empty")
    return replace(target, secret=secret)


def _key(text: str, where: str) -> bytes:
    """A signing key: what follows whsec_ is base64, as Standard Webhooks writes them; else the very text."""
    try:
        key = (
            base64.b64decode(text.removeprefix(_PREFIX), validate=True)
            if text.startswith(_PREFIX)
            else text.encode()
        )
    except binascii.Error:
        raise ValueError(f"{where}: what follows {_PREFIX} is not base64") from None
    if len(key) < LEAST_SECRET_BYTES:
        raise ValueError(
            f"{where}: a key of {len(key)} bytes is too short: at least {LEAST_SECRET_BYTES} "
            "(openssl rand -base64 32)"
        )
    return key


def _target(index: int, given: Mapping[object, object]) -> Target:
    for key in given:
        if key not in _KEYS:
            raise ValueError(f"unknown key {shown(key)}; there are {', '.join(_KEYS)}")
    to = _text(given, "to")
    if not to:
        raise ValueError("to is missing: an https:// URL, or mailto:NAME@DOMAIN")
    kind = _text(given, "kind") or ("email" if to.startswith("mailto:") else "json")
    if kind not in FORMATS:
        raise ValueError(f"kind {shown(kind)} is none of {', '.join(FORMATS)}")
    name = _text(given, "name") or f"{kind}-{index}"
    if not _NAME.fullmatch(name):
        raise ValueError(f"the name {shown(name)} is not of a-z, 0-9, _ and -, at most 32 of them")
    common = {
        "name": name,
        "kind": kind,
        "events": _events(given.get("events")),
        "batch_s": some_seconds(given.get("batch_s", BATCH_S)),
        "secret_file": _text(given, "secret_file"),
        "ca_file": _text(given, "ca_file"),
    }
    if kind == "email":
        return Target(**common, **_mail(to, given))  # type: ignore[arg-type]
    for key in _OF_MAIL:
        if key in given:
            raise ValueError(f"{key} is for kind: email")
    return Target(**common, **_web(to))  # type: ignore[arg-type]


def _text(given: Mapping[object, object], key: str) -> str:
    value = given.get(key, "")
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(f"{key} is no text")
    return value.strip()


def _events(value: object) -> frozenset[str]:
    if value is None:
        return UNASKED
    items = value if isinstance(value, list) else str(value).replace(",", " ").split()
    for item in items:
        if item not in EVENTS:
            raise ValueError(f"events: {shown(item)} is none of {', '.join(EVENTS)}")
    if not items:
        raise ValueError(f"events is empty; there are {', '.join(EVENTS)}")
    return frozenset(items)


def _web(to: str) -> dict[str, object]:
    url = _split(to)
    host = url.hostname or ""
    if url.scheme not in ("https", "http") or not host or url.username is not None:
        raise ValueError("to is not an https:// URL")
    if url.scheme == "http" and host not in _LOOPBACK:
        raise ValueError("to is http://, which anybody on the way can read: write https://")
    if not to.isascii():
        raise ValueError("to holds what a URL cannot: percent-encode it")
    tls = "tls" if url.scheme == "https" else ""
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    return {"server": Server(host, _port(url) or (443 if tls else 80), tls), "path": path}


def _mail(to: str, given: Mapping[object, object]) -> dict[str, object]:
    if not to.startswith("mailto:"):
        raise ValueError("to is not mailto:NAME@DOMAIN, as kind: email needs it")
    recipients = tuple(_mailbox(each, "to") for each in to.removeprefix("mailto:").split(","))
    url = _split(_text(given, "smtp"))
    if url.scheme not in ("smtp", "smtps") or not url.hostname or url.username is not None:
        raise ValueError(
            "smtp is not smtp://HOST:PORT (STARTTLS) or smtps://HOST:PORT; user and secret_file "
            "say who logs in"
        )
    bare = url.hostname in _LOOPBACK and not _text(given, "ca_file")
    tls = "tls" if url.scheme == "smtps" else "" if bare else "starttls"
    user, secret = _text(given, "user"), _text(given, "secret_file")
    if bool(user) != bool(secret):
        raise ValueError("user and secret_file, its password, go together")
    if user and not tls:
        raise ValueError("user needs TLS: name the server's ca_file, or write smtps://")
    return {
        "server": Server(url.hostname, _port(url) or (465 if tls == "tls" else 587 if tls else 25), tls),
        "recipients": recipients,
        "sender": _mailbox(_text(given, "from"), "from"),
        "user": user,
    }


def _mailbox(text: str, key: str) -> str:
    address = parseaddr(text)[1]
    name, at, domain = address.rpartition("@")
    if address != text.strip() or not (name and at and domain and address.isascii()) or " " in address:
        raise ValueError(f"{key} is not NAME@DOMAIN")
    return address


def _split(text: str) -> SplitResult:
    try:
        return urlsplit(text)
    except ValueError:
        raise ValueError("this is no URL") from None


def _port(url: SplitResult) -> int | None:
    try:
        return url.port
    except ValueError:
        raise ValueError("the port is not a number up to 65535") from None
