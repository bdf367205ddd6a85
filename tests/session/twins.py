"""The same session at two gates, one of which has the server keep statements: every byte that clients see.

Left out: BackendKeyData and what else belongs to the login. Put right are two things: object ids of what the
session itself has made, which the server counts up, by the order in which RowDescriptions tell them; and of
errors 26000 all but their message, for gate and server say the same of a statement that does not exist, and
who says it hangs on what has been answered by then, also where nothing is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from proxy.session import Gate, Standing
from proxy.wire.backend import decode_error, encode_error
from tests.servers.database import Database
from tests.session.conftest import Clients
from tests.session.wired import Wired, answers, gate_of, whole

_FIRST_OWN = 16_384  # FirstNormalObjectId


def step(*messages: bytes) -> bytes:
    """What a client sends in one go and has answered before it goes on; it ends in Sync, Query or Flush."""
    return b"".join(messages)


class Twins:
    """Runs sessions at both gates.

    Attributes:
        on: the last client of the gate that keeps statements.
        off: the last of the other's.
    """

    def __init__(self, clients: Clients, database: Database, reset: Callable[[], None]) -> None:
        self._clients = clients
        self._database = database
        self._reset = reset
        self.on: Wired
        self.off: Wired

    def alike(self, *steps: bytes, chunk: int = 0) -> list[bytes]:
        """Run the same at both: what each step was answered, the same at both.

        Args:
            steps: what the client sends.
            chunk: how many bytes of it, and of the server's, are shown to the session at a time; 0 for all.
        """
        self.off, off = self._run(gate_of(), steps, chunk)
        self.on, on = self._run(gate_of(keep_statements=True), steps, chunk)
        for number, (data, one, other) in enumerate(zip(steps, off, on, strict=True)):
            if one != other:
                told = f"\nwithout: {answers(one)}\nwith: {answers(other)}\n{one!r}\n{other!r}"
                sent = "\n".join(map(repr, steps[:number]))
                raise AssertionError(f"step {number}, {data!r}{told}\nbehind\n{sent}")
        return off

    def _run(self, gate: Gate, steps: Sequence[bytes], chunk: int) -> tuple[Wired, list[bytes]]:
        self._reset()
        client = self._clients.wired(self._database, gate, chunk=chunk)
        seen: list[bytes] = []
        ids: dict[bytes, bytes] = {}
        for data in steps:
            client.inbox = b""
            for at in range(0, len(data), chunk or len(data)):
                client.tell(data[at : at + (chunk or len(data))])
            client.until(lambda: client.session.standing is not Standing.QUERY)
            seen.append(_even(client.inbox, ids))
        client.close()
        return client, seen


def _even(data: bytes, ids: dict[bytes, bytes]) -> bytes:
    """The same bytes, with what has to be put right."""
    assert whole(data) == len(data)
    out = b""
    at = 0
    while at < len(data):
        size = 1 + int.from_bytes(data[at + 1 : at + 5], "big")
        frame = data[at : at + size]
        if frame[:1] == b"T":
            frame = _columns(frame, ids)
        elif frame[:1] == b"E" and decode_error(frame[5:]).get("C") == "26000":
            frame = encode_error({"C": "26000", "M": decode_error(frame[5:]).get("M", "")})
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
