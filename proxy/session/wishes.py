"""What clients ask for in their startup packets: read once for all that send the same bytes.

A pool opens one connection after the other, with one packet. Enters: startup packets. Leaves: a Wish of each,
whose meaning keeps its permits as any text's does. Absent: who sent it, and whether that is allowed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from proxy.session.meaning import Meaning
from proxy.session.replication import asked_for, connecting
from proxy.session.runtoken import take_token
from proxy.sql.effects import EFFECT_KINDS, Effect, Target
from proxy.sql.settings import risk_of
from proxy.wire.options import split_options
from proxy.wire.startup import OPTION_PREFIX, StartupMessage

_NOT_SETTINGS: Final = frozenset(("user", "database", "options", "replication"))
_MOST_KEPT: Final = 1_000
_LONGEST_KEPT: Final = 512
"""In bytes. Clients may write what they like into their packets, so what is kept is bounded."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What one client asks for.

    Attributes:
        startup: its packet, without the token of a migration run.
        run: that token's digest; "" where none is shown.
        role, database, application: names, as they may be shown.
        replication: as ``replication.asked_for`` has it.
        meaning: what the packet sets; None for nothing.
    """

    startup: StartupMessage
    run: str
    role: str
    database: str
    application: str
    replication: str
    meaning: Meaning | None


class Wishes:
    """The wishes that are known."""

    def __init__(self) -> None:
        """Begin with none."""
        self._known: dict[bytes, Wish] = {}

    def known(self, packet: bytes) -> Wish | None:
        """What was read of these very bytes before."""
        return self._known.get(packet)

    def of(self, startup: StartupMessage) -> Wish:
        """What a packet asks for. Secrets, which tokens are, and streams are not kept.

        Raises: ProtocolViolation as ``take_token``.
        """
        role, database, application = names_of(startup)
        replication = asked_for(startup)
        bare, run = take_token(startup)
        effects = startup_effects(bare)
        if replication:
            effects += (connecting(replication),)
        meaning = Meaning(effects, statement_class="server" if replication else "session")
        wish = Wish(bare, run, role, database, application, replication, meaning if effects else None)
        if not (run or replication) and len(startup.packet) <= _LONGEST_KEPT:
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            self._known[startup.packet] = wish
        return wish


def names_of(startup: StartupMessage) -> tuple[str, str, str]:
    """Role, database and application, as they may be logged and compared."""
    return shown(startup.user), shown(startup.database), shown(startup.get("application_name") or "")


def shown(name: str) -> str:
    """A name as it may be logged and compared: bytes that are no UTF-8 become U+FFFD."""
    return name.encode(errors="surrogateescape").decode(errors="replace")


def startup_effects(startup: StartupMessage) -> tuple[Effect, ...]:
    """What the parameters of a startup packet set, as SET would.

    A switch that cannot be read is an unknown setting.
    """
    return tuple(_startup_effects(startup))


def _startup_effects(startup: StartupMessage) -> Iterator[Effect]:
    for name, value in startup.parameters:
        if name == "options":
            for setting, chosen in split_options(value):
                known = None if setting.startswith("-") else setting.lower()
                yield _set(known, chosen or "")
        elif name not in _NOT_SETTINGS and not name.startswith(OPTION_PREFIX):
            yield _set(name.lower(), value)


def _set(name: str | None, value: str) -> Effect:
    if name in ("role", "session_authorization"):
        return Effect(
            "role.set", Target("role", None, value), risk=EFFECT_KINDS["role.set"].risk, detail=name
        )
    return Effect("session.set", Target("setting", None, name), risk=risk_of(name, value), detail=value)
