"""Replication connections: who speaks to a walsender, and what its own commands do.

Enters: the startup packet's `replication`, and later the text of a Query. Leaves: what is asked for, and the
meaning of a command of the replication protocol; None for what the walsender reads as SQL. Deliberately
absent: the streams that follow (they pass as they come), and whether any of it is allowed (policy).

Source: ProcessStartupPacket() of backend_startup.c, exec_replication_command() of walsender.c, repl_scanner.l
and repl_gram.y. The scanner knows its key words in capitals only, and no comments; what does not begin with
one of them is SQL, which is an error where no database was named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from proxy.session.events import told
from proxy.session.meaning import Meaning
from proxy.sql.effects import EFFECT_KINDS, Effect, Risk, Target
from proxy.wire.framing import View
from proxy.wire.startup import StartupMessage

_DATABASE: Final = "database"
_NO: Final = frozenset(("0", "n", "no", "of", "off", "f", "fa", "fal", "fals", "false"))
"""What parse_bool() takes for false; anything else is replication, or an error of the server's."""

_STREAMS: Final = frozenset(("START_REPLICATION", "BASE_BACKUP", "UPLOAD_MANIFEST"))
_SLOTS: Final = frozenset(("CREATE_REPLICATION_SLOT", "DROP_REPLICATION_SLOT", "ALTER_REPLICATION_SLOT"))
_LOOKS: Final = frozenset(("IDENTIFY_SYSTEM", "READ_REPLICATION_SLOT", "TIMELINE_HISTORY", "SHOW"))

_SPACE: Final = rb"[ \t\n\r\f\v]"
_COMMAND: Final = re.compile(
    _SPACE
    + rb"*("
    + "|".join(sorted(_STREAMS | _SLOTS | _LOOKS)).encode()
    + rb")(?![A-Za-z0-9_$\x80-\xff])(.*)\Z",
    re.DOTALL,
)
_SLOT: Final = re.compile(
    _SPACE + rb'+(?:"((?:[^"]|"")+)"|([A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*))' + _SPACE + rb"*([A-Z_]*)"
)


def asked_for(startup: StartupMessage) -> str:
    """What kind of replication a connection asks for: "", "physical" or "database"."""
    value = startup.get("replication")
    if value is None or value.lower() in _NO:
        return ""
    return _DATABASE if value == _DATABASE else "physical"


def connecting(kind: str) -> Effect:
    """What such a connection is to the policy, when it begins and when it streams."""
    name = "connection.replication"
    return Effect(name, risk=EFFECT_KINDS[name].risk, detail=kind)


def command(raw: View) -> Meaning | None:
    """What a Query's text means to a walsender; None where it is SQL."""
    found = _COMMAND.match(bytes(raw))
    if found is None:
        return None
    name = found[1].decode()
    return Meaning(tuple(_effects(name, found[2])), text=told(raw), statement_class=_CLASSES[name])


def _effects(name: str, rest: bytes) -> list[Effect]:
    if name in _STREAMS:
        return [connecting(name)]
    if name not in _SLOTS:
        return []
    slot = _SLOT.match(rest)
    target = Target("slot", None, None if slot is None else _name(slot[1], slot[2]))
    if slot is not None and name.startswith("CREATE") and slot[3] == b"TEMPORARY":
        return [Effect("server.replication", target, frozenset({"temporary"}), Risk.LOW, detail=name)]
    return [Effect("server.replication", target, risk=EFFECT_KINDS["server.replication"].risk, detail=name)]


def _name(quoted: bytes | None, plain: bytes | None) -> str:
    """A slot's name as the scanner reads it."""
    if quoted is not None:
        return quoted.replace(b'""', b'"').decode(errors="replace")
    return (plain or b"").decode(errors="replace").lower()


_CLASSES: Final[Mapping[str, str]] = {
    **dict.fromkeys(_LOOKS, "read"),
    **dict.fromkeys(_STREAMS | _SLOTS, "server"),
}
