"""One connection's brain, from the first byte to the last.

Sans-IO: bytes and events in, commands out, in order. A session opens (``opening``), then converses
(``conversation``). An exception from any method means that the session can no longer tell what is going on:
the relay then closes both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from proxy.session.cache import Outcome
from proxy.session.commands import (
    AwaitCatalogue,
    Cancel,
    Close,
    Command,
    Connect,
    Recorded,
    Report,
    StartTls,
    ToClient,
    ToServer,
    Unrecorded,
)
from proxy.session.conversation import Conversation
from proxy.session.events import Ended, Opened
from proxy.session.expiry import Excess, Standing, exceeds, expired
from proxy.session.gate import Gate
from proxy.session.judge import Judge
from proxy.session.lexing import Lexing
from proxy.session.meaning import Meaning
from proxy.session.opening import FirstPackets, Login, Step, startup_effects, wants_replication
from proxy.session.refusal import Denial
from proxy.session.tls import ALPN_PROTOCOL, NO_ALPN, TlsInfo
from proxy.wire.errors import ProtocolViolation
from proxy.wire.framing import BACKEND, FRONTEND, LOGIN, Cutter, View
from proxy.wire.frontend import encode_terminate
from proxy.wire.startup import CancelRequest, GSSENCRequest, SSLRequest, StartupMessage, encode_cancel

_NO_ENCRYPTION: Final = b"N"
_TLS: Final = b"S"
_HANDSHAKE: Final = b"\x16"
"""How TLS begins (RFC 8446, 5.1); a startup packet that did would be 350 MB long."""

_READ_AHEAD_BYTES: Final = 65_536


class Phase(Enum):
    """How far a session has come."""

    OPENING = auto()
    SECURING = auto()
    CONNECTING = auto()
    AUTHENTICATING = auto()
    READY = auto()
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class Peer:
    """Who connected: the socket's address; None for a Unix socket."""

    address: str | None
    port: int = 0


@dataclass(frozen=True, slots=True)
class UpstreamFailure:
    """Why there is no connection to the server, and what to do about it."""

    message: str
    hint: str = ""


class Session:
    """One client and its server connection.

    Attributes:
        phase: how far it has come.
        role: the role that the client named; "" until it has.
        database: the database that it named.
        client_tls: what TLS stands on the client's leg; None for none.
        server_tls: the same of the server's.
    """

    def __init__(self, gate: Gate, peer: Peer) -> None:
        """Begin when a client has connected."""
        self._gate = gate
        self._peer = peer
        self._packets = FirstPackets()
        self._startup = b""
        self._application = ""
        self._lexing = Lexing()
        self._client = Cutter(LOGIN)
        self._server = Cutter(BACKEND)
        self._login = Login(self._lexing, self._client, self._server)
        self._judge: Judge | None = None
        self._conversation: Conversation | None = None
        self._draining = False
        self._can_cancel = False
        self._direct = False  # the client began with TLS, without asking
        self.client_tls: TlsInfo | None = None
        self.server_tls: TlsInfo | None = None
        self.phase = Phase.OPENING
        self.role = ""
        self.database = ""

    @property
    def waiting(self) -> bool:
        """True while no more may be read from the client.

        A little is read ahead, so that a client that goes away is noticed while the server keeps it waiting.
        """
        if self._conversation is not None:
            waiting = self._conversation.waiting
        else:
            waiting = self.phase is not Phase.OPENING and self._login.step is not Step.CLIENT
        return waiting and self._client.pending >= _READ_AHEAD_BYTES

    @property
    def idle(self) -> bool:
        """True between transactions, with nothing owed by either side."""
        return self.phase is Phase.READY and self._conversation is not None and self._conversation.idle

    @property
    def standing(self) -> Standing | None:
        """What it waits for, as time-outs tell it; None outside of a conversation."""
        if self.phase is not Phase.READY or self._conversation is None:
            return None
        return self._conversation.standing

    # -- events ------------------------------------------------------------------------------------

    def client_data(self, data: bytes) -> list[Command]:
        """The client sent bytes."""
        if self._conversation is not None and self.phase is Phase.READY:
            self._client.feed(data)
            return self._converse_with_client(self._conversation)
        try:
            if self.phase is Phase.OPENING:
                return self._open(data)
            if self.phase is Phase.CLOSED:
                return []
            if self.phase is Phase.SECURING:
                raise ProtocolViolation("received unencrypted data after an encryption request")
            self._client.feed(data)
            return self._write_server(self._login.from_client())
        except ProtocolViolation as violation:
            return self._refuse_client(violation)

    def server_data(self, data: bytes) -> list[Command]:
        """The server sent bytes."""
        if self.phase is Phase.CLOSED:
            return []
        try:
            self._server.feed(data)
            if self._conversation is None:
                return self._log_in()
            return self._converse_with_server(self._conversation)
        except ProtocolViolation as violation:
            return self._give_up("protocol", _cannot_follow(violation, heard=self._login.heard))

    def client_secured(self, tls: TlsInfo) -> list[Command]:
        """TLS stands on the client's leg, as the last ``StartTls`` asked for."""
        if self.phase is not Phase.SECURING:
            return []
        self.client_tls = tls
        self.phase = Phase.OPENING
        self._packets.encrypted()
        if self._direct and tls.alpn != ALPN_PROTOCOL:
            self._gate.tally.tls_failures["handshake"] += 1
            return self._end(NO_ALPN)
        return []

    def client_not_secured(self, reason: str) -> list[Command]:
        """No TLS came about on the client's leg; ``reason`` is one clause."""
        if self.phase is not Phase.SECURING:
            return []
        self._gate.tally.tls_failures["handshake"] += 1
        return self._close(f"no TLS with the client: {reason}")

    def server_connected(self, tls: TlsInfo | None = None) -> list[Command]:
        """The connection to the server stands, with this TLS on it."""
        if self.phase is not Phase.CONNECTING:
            return []
        self.server_tls = tls
        self.phase = Phase.AUTHENTICATING
        return [ToServer(self._startup)]

    def server_failed(self, failure: UpstreamFailure) -> list[Command]:
        """The connection to the server could not be made."""
        return self._give_up("connect", Denial("upstream", "08001", failure.message, "", failure.hint))

    def turned_away(self, excess: Excess) -> list[Command]:
        """There may not be one more connection to the server; whoever counts them tells of it."""
        if self.phase is Phase.CLOSED:
            return []
        return [*self._reports(), ToClient(exceeds(excess).fatal()), *self._close("")]

    def analysed(self, outcome: Outcome) -> list[Command]:
        """The text of the last ``Analyse`` has been read."""
        if self._conversation is None or self.phase is not Phase.READY:
            return []
        self._conversation.analysed(outcome)
        return self._converse_with_client(self._conversation)

    def recorded(self, outcome: Recorded | Unrecorded) -> list[Command]:
        """What the last ``Record`` asked for is durable, or cannot be."""
        if self._conversation is None or self.phase is not Phase.READY:
            return []
        self._conversation.recorded(outcome)
        return self._converse_with_client(self._conversation)

    def catalogue_ready(self) -> list[Command]:
        """What the last ``AwaitCatalogue`` asked for is done."""
        if self._conversation is None or self.phase is not Phase.READY:
            return []
        self._conversation.catalogue_ready()
        return self._converse_with_client(self._conversation)

    def client_eof(self) -> list[Command]:
        """The client is gone: the server's side ends as it stands, and rolls back what was open."""
        if self.phase is Phase.CLOSED:
            return []
        polite = self._conversation is not None and self._conversation.terminated
        reason = "" if polite or self._conversation is None else "the client closed the connection"
        return self._close(reason, vanished=True)

    def server_eof(self) -> list[Command]:
        """The server is gone; the client is told once, by the server's own FATAL where there was one."""
        if self.phase is Phase.CLOSED:
            return []
        conversation = self._conversation
        told = self._login.failed if conversation is None else conversation.told
        self._can_cancel = False
        if told:
            return self._close("")
        return self._give_up("lost", _LOST)

    def drain(self) -> list[Command]:
        """No more work after this transaction: end now when idle, else as soon as it is."""
        self._draining = True
        if self.phase in (Phase.OPENING, Phase.SECURING, Phase.CONNECTING) or self.idle:
            return self._end(_GOING_AWAY)
        return []

    def terminate(self, message: str) -> list[Command]:
        """End now, whatever is going on."""
        return self._end(Denial("shutdown", "57P01", message)) if self.phase is not Phase.CLOSED else []

    def expire(self, standing: Standing, limit_s: float) -> list[Command]:
        """It has stood like this for too long: the server's side is let go of as a client would do it."""
        return self._end(expired(standing, limit_s))

    # -- opening -----------------------------------------------------------------------------------

    def _open(self, data: bytes) -> list[Command]:
        if self._gate.client_tls.offered and data[:1] == _HANDSHAKE and self._packets.untouched:
            self._direct = True
            self.phase = Phase.SECURING
            return [StartTls(data)]
        commands: list[Command] = []
        packet = self._packets.feed(data)
        while packet is not None:
            match packet:
                case SSLRequest() if self._gate.client_tls.offered:
                    self.phase = Phase.SECURING
                    return [*commands, ToClient(_TLS), StartTls(b"")]
                case SSLRequest() | GSSENCRequest():
                    commands.append(ToClient(_NO_ENCRYPTION))
                case CancelRequest():
                    self.phase = Phase.CLOSED
                    return [*commands, Cancel(packet.packet)]
                case StartupMessage():
                    return commands + self._begin(packet)
            packet = self._packets.feed(b"")
        return commands

    def _begin(self, startup: StartupMessage) -> list[Command]:
        self.role = _shown(startup.user)
        self.database = _shown(startup.database)
        self._application = _shown(startup.get("application_name") or "")
        self._startup = startup.packet
        self._judge = Judge(
            self._gate, self._gate.who(self.role, self.database, self._peer.address, self._application)
        )
        unwelcome = self._gate.client_tls.refusal(self.client_tls, self.role)
        if unwelcome is not None:
            self._gate.tally.tls_failures["plain" if self.client_tls is None else "certificate"] += 1
            return self._end(unwelcome)
        if wants_replication(startup):
            return self._end(self._judge.reporter.refuse_outright(_NO_REPLICATION, None, "none"))
        effects = startup_effects(startup)
        if effects:
            meaning = Meaning(effects, statement_class="session")
            denial = self._judge.judge(meaning, ("none",), runs=False)
            if isinstance(denial, Denial):
                return self._end(denial)
        self.phase = Phase.CONNECTING
        self._client.feed(self._packets.rest())
        return [*self._reports(), Connect(self.role, self.database)]

    def _log_in(self) -> list[Command]:
        login = self._login
        commands = self._write_client(login.from_server())
        if login.step is Step.CLIENT:
            return commands + self._write_server(login.from_client())
        if login.step is not Step.READY or self._judge is None:
            return commands
        client = Cutter(FRONTEND, self._gate.limits.max_statement_bytes)
        client.feed(self._client.rest())
        self._client = client
        self._judge.lookup.process_id = login.process_id
        self._conversation = Conversation(
            self._gate, self._judge, self._lexing, login.server_major, client, self._server
        )
        self.phase = Phase.READY
        self._can_cancel = bool(login.cancel_key)
        commands.append(Report(Opened(self.role, self.database, self._application)))
        commands += self._converse_with_server(self._conversation)
        return commands + self._converse_with_client(self._conversation)

    # -- conversing --------------------------------------------------------------------------------

    def _converse_with_client(self, conversation: Conversation) -> list[Command]:
        try:
            data = conversation.from_client()
        except ProtocolViolation as violation:
            return self._refuse_client(violation)
        commands: list[Command] = self._reports()
        if data:
            commands.append(ToServer(data))
        handed_out = conversation.handed_out()
        if handed_out is not None:
            commands.append(handed_out)
        if conversation.awaits_catalogue():
            commands.append(AwaitCatalogue(self.database))
        return commands

    def _converse_with_server(self, conversation: Conversation) -> list[Command]:
        stopped = conversation.waiting
        data = conversation.from_server()
        commands: list[Command] = [ToClient(data)] if data else []
        held = conversation.release_held()
        if held:
            commands.append(ToServer(held))
        if (stopped or held) and not conversation.waiting:
            commands += self._converse_with_client(conversation)
        if self._draining and self.idle:
            commands += self._end(_GOING_AWAY)
        return commands

    # -- ending ------------------------------------------------------------------------------------

    def _end(self, denial: Denial) -> list[Command]:
        """Tell the client why, unless it is in the middle of a message or of a handshake, and close."""
        if self.phase is Phase.CLOSED:
            return []
        commands = self._reports()
        if not self._server.midway and self.phase is not Phase.SECURING:
            commands.append(ToClient(denial.fatal()))
        return commands + self._close(denial.message)

    def _give_up(self, reason: str, denial: Denial) -> list[Command]:
        """End for the server's sake."""
        if self.phase is not Phase.CLOSED:
            self._gate.tally.upstream_failures[reason] += 1
        return self._end(denial)

    def _refuse_client(self, violation: ProtocolViolation) -> list[Command]:
        """The client has sent what no client may: counted like what a rule refuses, and its last word."""
        denial = Denial(
            "protocol",
            "08P01",
            str(violation),
            "No PostgreSQL client may send that here, so the connection is closed.",
            "Update the client's driver; if it comes back, tell those who run pgwarden.",
        )
        if self._judge is None:
            self._gate.tally.block(denial.rule, "enforce").value += 1
        else:
            transaction = "none" if self._conversation is None else self._conversation.transaction
            self._judge.reporter.refuse_outright(denial, None, transaction)
        return self._end(denial)

    def _close(self, reason: str, *, vanished: bool = False) -> list[Command]:
        conversation = self._conversation if self.phase is Phase.READY else None
        # That a client went away in the middle of its work is worth a line in the server's log.
        polite = self.idle or (conversation is not None and conversation.between_messages and not vanished)
        self.phase = Phase.CLOSED
        commands: list[Command] = [Report(Ended(reason))]
        if polite:
            commands.append(ToServer(encode_terminate()))
        elif self._conversation is not None and self._conversation.busy and self._can_cancel:
            # Nobody will hear how it ended, so it must not go on: it might hold locks, or commit.
            commands.append(Cancel(encode_cancel(self._login.cancel_key)))
        return [*commands, Close()]

    def _reports(self) -> list[Command]:
        if self._judge is None or not self._judge.reporter.events:
            return []
        events, self._judge.reporter.events = self._judge.reporter.events, []
        return [Report(event) for event in events]

    @staticmethod
    def _write_server(data: View) -> list[Command]:
        return [ToServer(data)] if data else []

    @staticmethod
    def _write_client(data: View) -> list[Command]:
        return [ToClient(data)] if data else []


_GOING_AWAY: Final = Denial(
    "shutdown",
    "57P01",
    "terminating connection: the gate is shutting down",
    "",
    "Connect again; another gate, or this one once it is back, will answer.",
)
_LOST: Final = Denial(
    "upstream",
    "08006",
    "The server closed the connection.",
    "It ended without saying why; an open transaction is rolled back.",
    "Connect again; look at the server's log for the cause.",
)
_NO_REPLICATION: Final = Denial(
    "protocol",
    "0A000",
    "Replication connections do not pass this gate.",
    "What they carry cannot be judged.",
    "Connect replicas and change-data-capture to the server directly.",
)


def _cannot_follow(violation: ProtocolViolation, *, heard: bool) -> Denial:
    """Why a session ends whose server is not understood."""
    if heard:
        detail = "The gate cannot follow this server any more, so it ends the session."
        return Denial("upstream", "08P01", str(violation), detail)
    return Denial(
        "upstream",
        "08P01",
        "The upstream does not answer as a PostgreSQL server does.",
        f"{str(violation).capitalize()}.",
        "Check the host and the port of the upstream.",
    )


def _shown(name: str) -> str:
    """A name as it may be logged and compared: bytes that are no UTF-8 become U+FFFD."""
    return name.encode(errors="surrogateescape").decode(errors="replace")
