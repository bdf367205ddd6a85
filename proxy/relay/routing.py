"""CancelRequests of clients, on their way to the session whose key they show, wherever that is.

Enters: a key, and who showed it. Leaves: the session told, in this process; or the request at the process
that has issued the key: another worker of this replica by a Unix socket, another replica by its address.
Deliberately absent: what a session does about it, and the way to the server (`cancel`).

As in PgBouncer, a balancer may bring a CancelRequest to any process, so a key says whose it is. A replica
passes a request on at most once: what arrives with the mark of that is looked for among its own workers and
nowhere else, so peers that are configured in a circle cannot keep it going. A worker passes nothing on that
came by its socket. Whoever passed it on hears in one byte whether the key was right, and counts wrong ones
against the address that showed them.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from proxy.relay.attempts import Attempts
from proxy.relay.cancel import Canceller
from proxy.relay.ports import RelaySettings
from proxy.relay.tls import SslMode
from proxy.relay.upstream import Upstream
from proxy.session import CancelKeys
from proxy.session.cancelkeys import forwarded, unwrap
from proxy.wire.errors import ProtocolViolation
from proxy.wire.startup import CancelRequest, decode_startup, encode_cancel, startup_length

OUTCOMES: Final = ("delivered", "wrong_key", "limited", "unreachable")
"""Of a CancelRequest: its session was told, here or elsewhere; the key is nobody's; the address has shown too
many wrong ones; the process that has issued the key did not answer."""

_RIGHT: Final = b"\1"
_WRONG: Final = b"\0"


class Cancellable(Protocol):
    """A session that can be cancelled."""

    async def cancel(self) -> None:
        """Cancel what it runs, and wait until the server has been told."""


class CancelRouter:
    """Finds the session of a key; one for each process.

    Attributes:
        counts: CancelRequests by outcome, of those that clients brought here.
    """

    def __init__(
        self,
        keys: CancelKeys,
        *,
        directory: str | None = None,
        settings: RelaySettings | None = None,
    ) -> None:
        """Prepare; nothing is opened before `start`.

        Args:
            keys: of this process's sessions.
            directory: where the workers of this replica have their sockets; None where there is only one.
            settings: bounds; the defaults when None.
        """
        self._keys = keys
        self._settings = settings or RelaySettings()
        self._directory = directory
        self._peers: dict[int, Canceller] = {}
        self._workers: dict[int, Canceller] = {}
        self._sessions: dict[object, Cancellable] = {}
        self._attempts: Attempts | None = None
        self._server: asyncio.Server | None = None
        self.counts = dict.fromkeys(OUTCOMES, 0)

    def know(self, peers: Mapping[int, Upstream]) -> None:
        """These are the other replicas by number, each with the address of a listener."""
        self._peers = {number: self._way(upstream) for number, upstream in peers.items()}

    def enter(self, session: object, link: Cancellable) -> None:
        """This session can be cancelled from now on, by its link."""
        self._sessions[session] = link

    def leave(self, session: object) -> None:
        """It is over."""
        self._sessions.pop(session, None)

    async def deliver(self, key: bytes, address: str | None) -> bytes:
        """Take a key to its session, and wait until that has done what it can.

        Args:
            key: as a CancelRequest holds it.
            address: of whoever showed it.

        Returns: what whoever showed it is told: nothing, unless it is a peer that has passed it on.
        """
        bare, passed_on = unwrap(key)
        attempts = self._attempts_so_far()
        if attempts.exhausted(address):
            self.counts["limited"] += 1
            return b""
        right = await self._take(bare, passed_on=passed_on)
        if right is None:
            self.counts["unreachable"] += 1
            return b""
        if not right:
            attempts.failed(address)
        self.counts["delivered" if right else "wrong_key"] += 1
        return (_RIGHT if right else _WRONG) if passed_on else b""

    async def start(self) -> None:
        """Take what other workers pass on.

        Raises: OSError when the socket cannot be made.
        """
        if self._directory is None:
            return
        path = _make_room(self._directory, self._socket(self._keys.identity.worker))
        self._server = await asyncio.start_unix_server(self._passed_on, path)

    def close(self) -> None:
        """Take nothing from other workers any more."""
        if self._server is not None:
            self._server.close()
            self._server = None
            Path(str(self._socket(self._keys.identity.worker))).unlink(missing_ok=True)

    # -- ways --------------------------------------------------------------------------------------------

    async def _take(self, key: bytes, *, passed_on: bool) -> bool | None:
        """Whether the key was right; None where nobody can tell."""
        me, issuer = self._keys.identity, self._keys.issuer(key)
        if issuer == me:
            return await self._here(key)
        if issuer is not None and issuer.peer == me.peer and self._directory is not None:
            way = self._workers.get(issuer.worker)
            if way is None:
                way = self._workers[issuer.worker] = self._way(self._socket(issuer.worker))
            return await _pass_on(way, key)
        if issuer is None or passed_on or issuer.peer == me.peer or issuer.peer not in self._peers:
            return False
        return await _pass_on(self._peers[issuer.peer], forwarded(key))

    async def _here(self, key: bytes) -> bool:
        link = self._sessions.get(self._keys.find(key))
        if link is None:
            return False
        await link.cancel()
        return True

    async def _passed_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A request that another worker passes on."""
        try:
            async with asyncio.timeout(self._settings.cancel_timeout_s):
                key = await _read_key(reader)
                writer.write(_RIGHT if key is not None and await self._here(key) else _WRONG)
        except (OSError, EOFError):  # TimeoutError is an OSError, asyncio.IncompleteReadError an EOFError
            pass
        finally:
            writer.close()

    def _way(self, upstream: Upstream) -> Canceller:
        settings = self._settings
        return Canceller(upstream, at_once=settings.cancels_at_once, timeout_s=settings.cancel_timeout_s)

    def _socket(self, worker: int) -> Upstream:
        return Upstream(str(self._directory), worker, SslMode.DISABLE)

    def _attempts_so_far(self) -> Attempts:
        if self._attempts is None:
            settings, clock = self._settings, asyncio.get_running_loop().time
            self._attempts = Attempts(settings.wrong_keys_at_once, settings.wrong_keys_per_s, clock)
        return self._attempts


def _make_room(directory: str, socket: Upstream) -> Path:
    """Only who runs the gate may connect. What a worker of the same number has left behind goes."""
    Path(directory).mkdir(mode=0o700, parents=True, exist_ok=True)
    path = Path(str(socket))
    path.unlink(missing_ok=True)
    return path


async def _pass_on(way: Canceller, key: bytes) -> bool | None:
    answer = await way.deliver(encode_cancel(key))
    return {_RIGHT: True, _WRONG: False}.get(answer)


async def _read_key(reader: asyncio.StreamReader) -> bytes | None:
    """The key of a CancelRequest; None for anything else."""
    head = await reader.readexactly(4)
    try:
        length = startup_length(head) or 0
        request = decode_startup(head + await reader.readexactly(length - len(head)))
    except ProtocolViolation:
        return None
    return request.key if isinstance(request, CancelRequest) else None
