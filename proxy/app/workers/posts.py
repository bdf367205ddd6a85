"""The gate's own addresses, beside those of clients: admin, console and their like.

Enters: a server and where it is to listen. Leaves: the address that was bound; where another gate of this
user still has it, it is taken over as soon as that one lets go. Deliberately absent: what is served there.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Final, Protocol

from structlog.stdlib import BoundLogger

from proxy.app.kinds import Address
from proxy.app.workers.doors import cannot_listen

_TRY_AGAIN_S: Final = 0.2


class Server(Protocol):
    """What listens at a post."""

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; returns the address that was bound.

        Raises: OSError when it cannot be had.
        """
        ...

    async def stop(self) -> None:
        """Close the address and what is connected to it; nothing where it was not open."""
        ...


class Post:
    """One such address.

    Attributes:
        name: the setting's, for people.
        bound: None while there is none.
    """

    def __init__(self, name: str, server: Server, address: Address, log: BoundLogger) -> None:
        """Nothing is opened yet."""
        self.name = name
        self._server = server
        self._address = address
        self._log = log
        self.bound: Address | None = None

    async def open(
        self, *, shared: bool, background: Callable[[str, Coroutine[None, None, None]], object]
    ) -> None:
        """Listen, now or, where `shared`, in the background once the gate that is replaced has let go.

        Raises: StartError, where the address cannot be had.
        """
        try:
            self.bound = Address(*await self._server.start(self._address.host, self._address.port))
        except OSError as error:
            if not (shared and error.errno == errno.EADDRINUSE):
                raise cannot_listen(f"{self.name}: ", self._address, error) from error
            self._log.warning(
                f"the {self.name} address is in use: waiting for the gate before",
                **{self.name: str(self._address)},
            )
            background(self.name, self._take())

    async def close(self) -> None:
        """Let go of it."""
        await self._server.stop()

    async def _take(self) -> None:
        while self.bound is None:
            await asyncio.sleep(_TRY_AGAIN_S)
            with suppress(OSError):
                self.bound = Address(*await self._server.start(self._address.host, self._address.port))
        self._log.info(f"the {self.name} address is ours", **{self.name: str(self.bound)})
