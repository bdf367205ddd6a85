"""The token of a migration run, as a client shows it at login: -c pgwarden.run=TOKEN among its options.

Drivers pass `options` of a URL on unchanged, in any language. Enters: a startup packet. Leaves: the token,
and the packet without it: the server never sees one. A token is known by its SHA-256 alone, here and in the
ledger. Deliberately absent: what a run may do, which the policy says.

Source: quaint/src/connector/postgres/url.rs of Prisma's engines, pg-connection-string of node-postgres, and
libpq's conninfo for `options` in URLs.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

from proxy.session.refusal import Denial
from proxy.wire.errors import ProtocolViolation
from proxy.wire.options import split_options
from proxy.wire.startup import StartupMessage, encode_startup

SETTING: Final = "pgwarden.run"
OPTION: Final = f"-c{SETTING}="
"""Stands before the token, among the options: one word without a blank, which every URL can hold."""

_SWITCH: Final = re.compile(
    r"(?:(?<=\s)|^)(?:-c\s*|--)pgwarden\.run=(?P<token>[\w.~-]{1,200})(?=\s|$)", re.ASCII
)


def digest_of(token: str) -> str:
    """What a token is known by: SHA-256, in hexadecimal."""
    return sha256(token.encode(errors="surrogateescape")).hexdigest()


def take_token(startup: StartupMessage) -> tuple[StartupMessage, str]:
    """Take the token out of a startup packet.

    Returns: the packet without it, and the token's digest, "" where none is shown.
    Raises: ProtocolViolation where several are shown, or one in a way that is not known here: the server
        would be told of it.
    """
    shown: list[str] = []
    kept: list[tuple[str, str]] = []
    for name, value in startup.parameters:
        if name.lower() == SETTING:
            shown.append(value)
            continue
        if name == "options" and SETTING in value.lower():
            shown += [match["token"] for match in _SWITCH.finditer(value)]
            value = _SWITCH.sub("", value).strip()
            if any(setting == SETTING for setting, _ in split_options(value)):
                raise ProtocolViolation(f"{SETTING} has to be given as {OPTION}TOKEN, once")
            if not value:
                continue
        kept.append((name, value))
    if not shown:
        return startup, ""
    if len(shown) > 1:
        raise ProtocolViolation(f"{SETTING} is given {len(shown)} times")
    parameters = tuple(kept)
    packet = encode_startup(startup.major, startup.minor, parameters)
    return StartupMessage(startup.major, startup.minor, parameters, packet), digest_of(shown[0])


UNKNOWN_RUN: Final = Denial(
    "run",
    "28000",
    "The migration run that this connection says it belongs to is not under way.",
    "Its token is not known here for this role and this database, or the run is over.",
    "Start it anew with pgwarden migrate, and leave out the token (options=-cpgwarden.run=…) elsewhere.",
)
