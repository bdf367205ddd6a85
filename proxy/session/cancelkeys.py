"""The cancel keys that the gate hands out: a BackendKeyData of its own for every session.

Enters: who this process is among its like, and a source of random bits. Leaves: keys; for a key that somebody
shows, the process that has issued it, and the session. Deliberately absent: CancelRequests and their ways
between processes (relay).

A client sees nothing of the server's key. Its own has a secret of 4 bytes in protocol 3.0, of 32 in 3.2. The
process id stays the server's wherever it can, since applications compare it with pg_backend_pid() and with
whom a notification comes from. Only in protocol 3.0, and only where several processes share an address, it
has to say which of them the key is from; in 3.2 the secret has room for that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MAX_PEER: Final = 255
MAX_WORKER: Final = 63

_SHORT: Final = 4
_LONG: Final = 32
_SERIAL_BITS: Final = 17
_WORKER_BITS: Final = 6
_ID_BYTES: Final = 4
_MARK: Final = b"\0"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a process is among those that share an address.

    Attributes:
        peer: the replica's number, from 1 to 255; 0 where there is only one.
        worker: the worker's in its replica, from 1 to 63; 0 where there is only one.
    """

    peer: int = 0
    worker: int = 0

    def __post_init__(self) -> None:
        """Raises: ValueError when a number does not fit into a key."""
        if not (0 <= self.peer <= MAX_PEER and 0 <= self.worker <= MAX_WORKER):
            raise ValueError(f"a peer is a number up to {MAX_PEER}, a worker one up to {MAX_WORKER}")


class CancelKeys:
    """The keys of one process's sessions. A key lives until its session ends."""

    def __init__(self, identity: Identity, token: Callable[[], str]) -> None:
        """Issue keys in this name; `token` gives 128 fresh random bits as 32 hexadecimal digits."""
        self.identity = identity
        self._alone = identity == Identity()
        self._token = token
        self._live: dict[bytes, object] = {}

    def issue(self, owner: object, process_id: int | None, *, long: bool) -> bytes:
        """Make the key of a session.

        Args:
            owner: the session, which is kept until `release`.
            process_id: the server's; None where it has told none.
            long: the client speaks protocol 3.2.

        Returns: it as BackendKeyData and CancelRequest hold it.
        """
        key = self._make(process_id, long=long)
        while key in self._live:  # behind another server the same process id may have the same secret
            key = self._make(process_id, long=long)
        self._live[key] = owner
        return key

    def _make(self, process_id: int | None, *, long: bool) -> bytes:
        if process_id is None:
            process_id = int(self._token()[-8:], 16) >> 1
        me = self.identity
        if long:
            random = bytes.fromhex(self._token() + self._token())
            secret = bytes((me.peer, me.worker)) + random[2:]
        else:
            secret = bytes.fromhex(self._token())[-_SHORT:]
            if not self._alone:
                serial = process_id & ((1 << _SERIAL_BITS) - 1)
                process_id = ((me.peer << _WORKER_BITS | me.worker) << _SERIAL_BITS) | serial
        return process_id.to_bytes(_ID_BYTES, "big", signed=True) + secret

    def release(self, key: bytes) -> None:
        """The session of this key, as a CancelRequest holds it, has ended."""
        self._live.pop(key, None)

    def find(self, key: bytes) -> object | None:
        """The session of a key that somebody shows, in time that does not tell how much of it was right.

        It is looked for by its hash, of which nobody outside can know the seed: bytes are compared where the
        whole hash is the same, and then they are.
        """
        return self._live.get(key)

    def issuer(self, key: bytes) -> Identity | None:
        """Which process has issued a key, if it is a true one; None: no process issues such keys."""
        secret = key[_ID_BYTES:]
        if len(secret) == _LONG:
            return Identity(secret[0], secret[1]) if secret[1] <= MAX_WORKER else None
        if len(secret) != _SHORT:
            return None
        if self._alone:
            return self.identity
        number = _process_id(key) >> _SERIAL_BITS
        if number < 0:
            return None
        return Identity(number >> _WORKER_BITS, number & MAX_WORKER)


def _process_id(key: bytes) -> int:
    return int.from_bytes(key[:_ID_BYTES], "big", signed=True)


def forwarded(key: bytes) -> bytes:
    """The key as one replica passes it on to another: one byte longer than any key that was issued."""
    return key + _MARK


def unwrap(key: bytes) -> tuple[bytes, bool]:
    """The key without that byte, and whether it was there."""
    marked = len(key) - _ID_BYTES in (_SHORT + 1, _LONG + 1)
    return (key[:-1], True) if marked else (key, False)
