"""A session on a real server without a relay: the test is the client and performs the commands itself."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from proxy.policy.facts import Facts
from proxy.policy.loading.load import load_policy
from proxy.policy.rules import Policy
from proxy.policy.wanting import NO_MEANS, Means
from proxy.session import (
    Analyse,
    AwaitCatalogue,
    Cancel,
    Change,
    Close,
    Connect,
    Event,
    Gate,
    GivenUp,
    Hold,
    Judged,
    Limits,
    Outcome,
    Peer,
    Ponder,
    Record,
    Recorded,
    Released,
    Report,
    Session,
    ToClient,
    ToServer,
    Unrecorded,
)
from proxy.session.commands import Command
from proxy.sql.analyse import SqlSyntaxError, analyse
from proxy.wire.backend import decode_data_row, decode_error, decode_parameter_status
from proxy.wire.startup import encode_startup

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC).timestamp()
# It ends a test where the answer never comes.
_PATIENCE_S = 60

NO_LOSS = """
version: 1
name: test
rules:
  - id: no-drop
    match: {effects: [table.drop, table.truncate]}
    deny: "{effect} on {targets} would lose data."
    hint: "Do not."
  - id: unscoped
    match: {effects: [row.delete, row.update], traits: [unscoped]}
    deny: "{effect} without a WHERE that limits it."
"""


def policy_of(text: str) -> Policy:
    """A policy from its text; what it includes it names by its whole path."""
    return load_policy("policy.yaml", lambda path: Path(path).read_text() if path.startswith("/") else text)


@dataclass
class Clock:
    """POSIX seconds that a test sets."""

    now: float = NOON

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


def gate_of(
    text: str = NO_LOSS,
    clock: Callable[[], float] | None = None,
    limits: Limits | None = None,
    *,
    catalogue: bool = False,
    recording: bool = False,
    means: Means = NO_MEANS,
    keep_statements: bool = False,
) -> Gate:
    """A gate with this policy, no facts, and tokens that can be told apart."""
    numbers = itertools.count(1)
    facts = Facts(backups=(), as_of=datetime.fromtimestamp(NOON, UTC))
    return Gate(
        policy_of(text),
        facts,
        clock=clock or Clock(),
        timer=itertools.count().__next__,
        token=lambda: f"{next(numbers):032x}",
        limits=limits,
        catalogue=catalogue,
        recording=recording,
        means=means,
        keep_statements=keep_statements,
    )


def read(raw: bytes, server_major: int) -> Outcome:
    """What the relay has done elsewhere."""
    try:
        return analyse(raw.decode(), server_major)
    except SqlSyntaxError as error:
        return error


Answer = tuple[object, ...]


def answers(data: bytes) -> list[Answer]:
    """Server messages in short: ("T",), ("D", …values), ("C", tag), ("E", sqlstate, message) and so on."""
    found: list[Answer] = []
    at = 0
    while at < len(data):
        kind = chr(data[at])
        size = 1 + int.from_bytes(data[at + 1 : at + 5], "big")
        body = data[at + 5 : at + size]
        at += size
        match kind:
            case "E":
                fields = decode_error(body)
                found.append(("E", fields.get("C", ""), fields.get("M", "")))
            case "D":
                found.append(("D", *decode_data_row(body)))
            case "C":
                found.append(("C", body[:-1].decode()))
            case "Z":
                found.append(("Z", body.decode()))
            case "S":
                found.append(("S", *decode_parameter_status(body)))
            case _:
                found.append((kind,))
    return found


def error_fields(data: bytes) -> dict[str, str]:
    """All fields of the first ErrorResponse in these bytes."""
    at = 0
    while data[at : at + 1] != b"E":
        at += 1 + int.from_bytes(data[at + 1 : at + 5], "big")
    return decode_error(data[at + 5 : at + 1 + int.from_bytes(data[at + 1 : at + 5], "big")])


def ready_count(data: bytes) -> int:
    """How many ReadyForQuery stand in whole messages."""
    return sum(1 for answer in answers(data[: whole(data)]) if answer[0] == "Z")


def whole(data: bytes) -> int:
    """Where the last whole message ends."""
    at = 0
    while len(data) - at >= 5:
        size = 1 + int.from_bytes(data[at + 1 : at + 5], "big")
        if at + size > len(data):
            break
        at += size
    return at


@dataclass
class Bare:
    """A client straight at the server."""

    port: int
    database: str
    role: str = "postgres"
    parameters: Sequence[tuple[str, str]] = ()
    inbox: bytes = b""
    closed: bool = False
    server: socket.socket | None = None

    def start(self) -> Self:
        """Log in and wait for the first ReadyForQuery."""
        self._send(self.startup())
        self.wait(1)
        self.inbox = b""
        return self

    def startup(self) -> bytes:
        """The startup packet."""
        return encode_startup(3, 0, [("user", self.role), ("database", self.database), *self.parameters])

    def exchange(self, *messages: bytes, ready: int = 1) -> list[Answer]:
        """Send messages in one go; give all answers up to the n-th ReadyForQuery from here."""
        self.inbox = b""
        self._send(b"".join(messages))
        self.wait(ready)
        return answers(self.inbox)

    def wait(self, ready: int) -> None:
        """Read until that many ReadyForQuery have come, or the connection ends."""
        self.until(lambda: ready_count(self.inbox) >= ready)

    def until(self, done: Callable[[], bool]) -> None:
        """Read until something holds, or the connection ends."""
        while not self.closed and not done():
            self._pump()

    def tell(self, data: bytes) -> None:
        """Send some bytes, unless the connection has ended."""
        if not self.closed:
            self._send(data)

    def close(self) -> None:
        """Drop the connection."""
        if self.server is not None:
            self.server.close()
        self.closed = True

    def _connect(self) -> None:
        self.server = socket.create_connection(("127.0.0.1", self.port), timeout=_PATIENCE_S)

    def _send(self, data: bytes) -> None:
        if self.server is None:
            self._connect()
        assert self.server is not None
        self.server.sendall(data)

    def _pump(self) -> None:
        assert self.server is not None
        data = self.server.recv(65536)
        self.closed = not data
        self.inbox += data


@dataclass
class Wired(Bare):
    """A client behind a session.

    Attributes:
        sent: every byte that went to the server.
        read_catalogue: has what a database holds swapped in at the gate, as the relay would.
        before_pondered: is called when a judgement has been worked out elsewhere.
        before_reading: is called when a text that was handed out has been screened.
        readings: how often it was asked to.
        record: has a change recorded, as the relay would; None lets the session wait.
        changes: what was to be recorded.
        hold: brings about what a statement is held for, as the relay would; None lets it wait.
        holds: what statements were held for.
        pondered: how many judgements were worked out elsewhere.
        chunk: how many bytes of the server's are shown to the session at a time; 0 for what one read gave.
    """

    gate: Gate = field(default_factory=gate_of)
    chunk: int = 0
    sent: bytes = b""
    events: list[Event] = field(default_factory=list)
    cancels: list[bytes] = field(default_factory=list)
    connects: int = 0
    handed_out: list[bytes] = field(default_factory=list)
    read_catalogue: Callable[[str], None] = field(default=lambda name: None)
    before_pondered: Callable[[], None] = field(default=lambda: None)
    before_reading: Callable[[], None] = field(default=lambda: None)
    readings: int = 0
    record: Callable[[Change], Recorded | Unrecorded | None] = field(default=lambda change: Recorded(1))
    changes: list[Change] = field(default_factory=list)
    hold: Callable[[Hold], Released | GivenUp | None] = field(default=lambda hold: None)
    holds: list[Hold] = field(default_factory=list)
    pondered: int = 0

    def __post_init__(self) -> None:
        """Make the session."""
        self.session = Session(self.gate, Peer("127.0.0.1", 40000))

    @property
    def judged(self) -> list[Judged]:
        """The refusals and shadow hits so far."""
        return [event for event in self.events if isinstance(event, Judged)]

    def perform(self, commands: list[Command]) -> None:
        """Do what the session says, in order."""
        for command in commands:
            match command:
                case ToServer(data):
                    assert self.server is not None
                    self.sent += data
                    self.server.sendall(data)
                case ToClient(data):
                    self.inbox += data
                case Connect():
                    self.connects += 1
                    self._connect()
                    self.perform(self.session.server_connected())
                case Cancel(packet):
                    self.cancels.append(packet)
                case Close():
                    self.close()
                case Analyse(raw, server_major, screen):
                    self.handed_out.append(bytes(raw))
                    screened = None if screen is None else screen(raw)
                    self.before_reading()
                    self.perform(self.session.analysed(screened or read(bytes(raw), server_major)))
                case Ponder(work):
                    self.pondered += 1
                    weighed = work()
                    self.before_pondered()
                    self.perform(self.session.pondered(weighed))
                case AwaitCatalogue(database):
                    self.readings += 1
                    self.read_catalogue(database)
                    self.perform(self.session.catalogue_ready())
                case Record(change):
                    self.changes.append(change)
                    outcome = self.record(change)
                    if outcome is not None:
                        self.perform(self.session.recorded(outcome))
                case Hold():
                    self.holds.append(command)
                    come = self.hold(command)
                    if come is not None:
                        self.perform(self.session.held(come))
                case Report(event):
                    self.events.append(event)

    def _send(self, data: bytes) -> None:
        self.perform(self.session.client_data(data))

    def _pump(self) -> None:
        assert self.server is not None
        data = self.server.recv(65536)
        if not data:
            self.perform(self.session.server_eof())
        size = self.chunk or len(data) or 1
        for at in range(0, len(data), size):
            self.perform(self.session.server_data(data[at : at + size]))
