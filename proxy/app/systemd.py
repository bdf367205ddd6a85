"""What systemd is told of the gate, where systemd started it: sd_notify(3).

Enters: the states of a service. Leaves: datagrams to the socket that `NOTIFY_SOCKET` names; nothing where it
names none. Deliberately absent: the watchdog; /healthz says which worker stands still, and a dead one is
replaced.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Final

READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"


class Systemd:
    """The service manager's ear."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """Find out whether there is one."""
        path = environment.get("NOTIFY_SOCKET", "")
        # An abstract socket is written with @ in front, as socket(7) has a NUL there.
        self._address = "\0" + path[1:] if path.startswith("@") else path

    def tell(self, *states: str) -> None:
        """Say this; a service manager that does not listen is not waited for, and changes nothing."""
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as ear:
            ear.setblocking(False)
            try:
                ear.sendto("\n".join(states).encode(), self._address)
            except OSError:
                return
