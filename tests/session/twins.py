"""The same session at two gates, one of which has the server keep statements: every byte that clients see.

Left out: BackendKeyData and what else belongs to the login. Put right: object ids of what the session itself
has made, which the server counts up (in a RowDescription, and in its texts they do not occur), by the order
in which they are seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from proxy.session import Gate
from tests.servers.database import Database
from tests.session.conftest import Clients
from tests.session.wired import Wired, gate_of, whole

_QUIET_S = 0.03
_FIRST_OWN = 16_384  # FirstNormalObjectId


@dataclass(frozen=True, slots=True)
class Step:
    """What a client sends in one go, and how many ReadyForQuery end it; 0: it ends when no more comes."""

    data: bytes
    ready: int = 1


def step(*messages: bytes, ready: int = 1) -> Step:
    """One step."""
    return Step(b"".join(messages), ready)


class Twins:
    """Runs sessions at both gates.

    Attributes:
        on: the last client of the gate that keeps statements.
        off: the last of the other's.
    """

    def __init__(self, clients: Clients, database: Database, reset: Callable[[], None], **gate: str) -> None:
        self._clients = clients
        self._database = database
        self._reset = reset
        self._gate = gate
        self.on: Wired
        self.off: Wired

    def alike(self, *steps: Step, chunk: int = 0, **parameters: str) -> list[bytes]:
        """Run the same at both: what each step was answered, the same at both."""
        self.off, off = self._run(gate_of(**self._gate), steps, None, chunk, parameters)
        self.on, on = self._run(gate_of(keep_statements=True, **self._gate), steps, off, chunk, parameters)
        assert on == off
        return off

    def _run(
        self,
        gate: Gate,
        steps: Sequence[Step],
        expected: list[bytes] | None,
        chunk: int,
        parameters: dict[str, str],
    ) -> tuple[Wired, list[bytes]]:
        self._reset()
        client = self._clients.wired(self._database, gate, **parameters)
        seen: list[bytes] = []
        ids: dict[bytes, bytes] = {}
        for number, each in enumerate(steps):
            client.inbox = b""
            size = chunk or len(each.data) or 1
            for at in range(0, len(each.data), size):
                if not client.closed:
                    client._send(each.data[at : at + size])
            if each.ready:
                client.wait(each.ready)
            else:
                self._listen(client, len(expected[number]) if expected else None)
            seen.append(_even(client.inbox, ids))
        client.close()
        return client, seen

    def _listen(self, client: Wired, length: int | None) -> None:
        """Read until nothing more comes; where it is known how much should, not less soon."""
        assert client.server is not None
        while not client.closed and (length is None or len(client.inbox) < length):
            client.server.settimeout(_QUIET_S if length is None else 2)
            try:
                client._pump()
            except TimeoutError:
                break
        client.server.settimeout(60)


def _even(data: bytes, ids: dict[bytes, bytes]) -> bytes:
    """The same bytes with the object ids in RowDescriptions told by their order."""
    assert whole(data) == len(data)
    out = b""
    at = 0
    while at < len(data):
        size = 1 + int.from_bytes(data[at + 1 : at + 5], "big")
        frame = data[at : at + size]
        if frame[:1] == b"T":
            frame = _columns(frame, ids)
        out += frame
        at += size
    return out


def _columns(frame: bytes, ids: dict[bytes, bytes]) -> bytes:
    count = int.from_bytes(frame[5:7], "big")
    at, out = 7, frame[:7]
    for _ in range(count):
        end = frame.index(b"\0", at) + 1
        table, rest, kind, last = (
            frame[end : end + 4],
            frame[end + 4 : end + 6],
            frame[end + 6 : end + 10],
            frame[end + 10 : end + 18],
        )
        out += frame[at:end] + _number(table, ids) + rest + _number(kind, ids) + last
        at = end + 18
    return out


def _number(oid: bytes, ids: dict[bytes, bytes]) -> bytes:
    if int.from_bytes(oid, "big") < _FIRST_OWN:
        return oid
    return ids.setdefault(oid, b"id%02d" % len(ids))
