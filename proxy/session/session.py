"""One connection's brain, from the first byte to the last.

Sans-IO: bytes and events in, commands out, in order. A session opens (``opening``), then converses
(``conversation``). An exception from any method means that the session can no longer tell what is going on:
the relay then closes both sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from proxy.policy.context import Migration
from proxy.policy.templates import printable
from proxy.session.authentication.credentials import Credential, LoginRefused, Unavailable
from proxy.session.authentication.entrance import Entrance
from proxy.session.cache import Outcome
from proxy.session.commands import (
    Abandon,
    AwaitCatalogue,
    Cancel,
    CancelAnother,
    Close,
    Command,
    Connect,
    GivenUp,
    Recorded,
    Released,
    Report,
    StartTls,
    ToClient,
    ToServer,
    Unrecorded,
)
from proxy.session.conversation import Conversation
from proxy.session.events import Activity, Ended, LoginFailed, Opened
from proxy.session.expiry import Excess, Standing, exceeds, expired, killed
from proxy.session.gate import Gate
from proxy.session.holding import told as notice
from proxy.session.inflight import MOST_OWED
from proxy.session.introduction import Introduction, encode_introduction
from proxy.session.judge import Judge
from proxy.session.lexing import Lexing
from proxy.session.meaning import Meaning
from proxy.session.opening import FirstPackets, Login, Step, startup_effects
from proxy.session.refusal import Denial, FatalRefusal
from proxy.session.replication import asked_for, connecting
from proxy.session.runtoken import UNKNOWN_RUN, take_token
from proxy.session.server_side import BrokenAnswer
from proxy.session.tls import ALPN_PROTOCOL, NO_ALPN, TlsInfo
from proxy.session.weighing import Weighed
from proxy.wire.backend import BackendKey, encode_key, encode_old_error
from proxy.wire.channelbinding import end_point
from proxy.wire.errors import ProtocolViolation, UnsupportedVersion
from proxy.wire.framing import BACKEND, FRONTEND, LOGIN, Cutter, View
from proxy.wire.frontend import encode_terminate
from proxy.wire.startup import CancelRequest, GSSENCRequest, SSLRequest, StartupMessage, encode_cancel

_NO_ENCRYPTION: Final = b"N"
_TLS: Final = b"S"
_HANDSHAKE: Final = b"\x16"
"""How TLS begins (RFC 8446, 5.1); a startup packet that did would be 350 MB long."""

_READ_AHEAD_BYTES: Final = 65_536
_OLD: Final = (1, 2)
"""Versions of the protocol whose clients would not understand a present-day error."""


class Phase(Enum):
    """How far a session has come."""

    OPENING = auto()
    SECURING = auto()
    IDENTIFYING = auto()
    CONNECTING = auto()
    AUTHENTICATING = auto()
    READY = auto()
    CONSOLE = auto()  # passed on to the gate's console, unread
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class Peer:
    """Who connected.

    Attributes:
        address: the socket's, or what a balancer says; None for a Unix socket, and where it knows none.
        local: by a Unix socket, and for itself.
    """

    address: str | None
    port: int = 0
    local: bool = False


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
        self._login = Login(self._lexing, self._client, self._server, self._issue_key)
        self._key: BackendKey | None = None  # the client's own
        self._replication = ""
        self._entrance = Entrance(gate.authentication, peer.address, gate.clock, gate.token)
        self._judge: Judge | None = None
        self._conversation: Conversation | None = None
        self._live: Conversation | None = None  # the same while the phase is READY: the cheapest to ask
        self._draining = False
        self._can_cancel = False
        self._direct = False  # the client began with TLS, without asking
        self._calls = False  # the gate's console, not the server
        self.client_tls: TlsInfo | None = None
        self.server_tls: TlsInfo | None = None
        self.phase = Phase.OPENING
        self.role = ""
        self.database = ""

    @property
    def waiting(self) -> bool:
        """True while no more may be read from the client.

        A little is read ahead, so that a client that goes away is noticed while the server keeps it waiting.
        Nothing is while the server owes it very much.
        """
        conversation = self._conversation
        if conversation is not None:
            if conversation.inflight.owed > MOST_OWED:
                return True
            waiting = conversation.waiting
        elif self.phase is Phase.IDENTIFYING:
            waiting = not self._entrance.listening
        else:
            waiting = self.phase is not Phase.OPENING and self._login.step is not Step.CLIENT
        return waiting and self._client.pending >= _READ_AHEAD_BYTES

    @property
    def idle(self) -> bool:
        """True between transactions, with nothing owed by either side."""
        return self.phase is Phase.READY and self._conversation is not None and self._conversation.idle

    @property
    def standing(self) -> Standing | None:
        """What it waits for, as time-outs tell it; None outside of a conversation, and while it is held."""
        if self.phase is not Phase.READY or self._conversation is None:
            return None
        return self._conversation.standing

    @property
    def activity(self) -> Activity:
        """What it does now, for people."""
        conversation = self._live
        return Activity(
            role=self.role,
            database=self.database,
            address=self._peer.address,
            application=self._application,
            state=conversation.activity if conversation is not None else _state(self.phase),
            transaction=conversation is not None and conversation.in_transaction,
            text=None if conversation is None else conversation.last_text,
        )

    # -- events ------------------------------------------------------------------------------------

    def client_data(self, data: bytes) -> list[Command]:
        """The client sent bytes."""
        conversation = self._live
        if conversation is not None:
            self._client.feed(data)
            return self._converse_with_client(conversation)
        if self.phase is Phase.CONSOLE:
            return [ToServer(data)]
        try:
            if self.phase is Phase.OPENING:
                return self._open(data)
            if self.phase is Phase.CLOSED:
                return []
            if self.phase is Phase.SECURING:
                raise ProtocolViolation("received unencrypted data after an encryption request")
            self._client.feed(data)
            if self.phase is Phase.IDENTIFYING:
                return self._identify()
            self._entrance.check()
            return self._write_server(self._login.from_client())
        except LoginRefused as refused:
            return self._refuse_login(refused)
        except ProtocolViolation as violation:
            return self._refuse_client(violation)

    def server_data(self, data: bytes) -> list[Command]:
        """The server sent bytes."""
        conversation = self._live
        try:
            if conversation is not None:
                self._server.feed(data)
                return self._converse_with_server(conversation)
            if self.phase is Phase.CLOSED:
                return []
            if self.phase is Phase.CONSOLE:
                return [ToClient(data)]
            self._server.feed(data)
            return self._log_in()
        except LoginRefused as refused:
            return self._refuse_login(refused)
        except ProtocolViolation as violation:
            return self._not_followed(violation)

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
        if self._calls:
            self.phase = Phase.CONSOLE
            return [ToServer(self._startup + bytes(self._client.rest()))]
        self.server_tls = tls
        self.phase = Phase.AUTHENTICATING
        self._login.exchange = self._entrance.exchange
        if self._login.exchange is not None:
            certificate = None if tls is None else tls.peer_certificate
            self._login.exchange.connected(encrypted=tls is not None, certificate=certificate)
        return [ToServer(self._startup)]

    def server_failed(self, failure: UpstreamFailure) -> list[Command]:
        """The connection to the server could not be made."""
        if self._calls:
            return self._end(_NO_CONSOLE)
        return self._give_up("connect", Denial("upstream", "08001", failure.message, "", failure.hint))

    def credential_found(self, answer: Credential | Unavailable) -> list[Command]:
        """The user of the last ``FindCredential`` has been looked up."""
        if self.phase is not Phase.IDENTIFYING:
            return []
        try:
            return [*self._go_on(self._entrance.found(answer)), *self._identify()]
        except LoginRefused as refused:
            return self._refuse_login(refused)
        except ProtocolViolation as violation:
            return self._refuse_client(violation)

    def key_derived(self, salted: bytes) -> list[Command]:
        """What the last ``DeriveKey`` asked for is there."""
        exchange = self._login.exchange
        if self.phase is not Phase.AUTHENTICATING or exchange is None or exchange.wanted is None:
            return []
        return self._write_server(exchange.derived(salted))

    def turned_away(self, excess: Excess) -> list[Command]:
        """There may not be one more connection to the server; whoever counts them tells of it."""
        if self.phase is Phase.CLOSED:
            return []
        return [*self._reports(), ToClient(exceeds(excess).fatal()), *self._close("")]

    def analysed(self, outcome: Outcome) -> list[Command]:
        """The text of the last ``Analyse`` has been read."""
        conversation = self._live
        if conversation is None:
            return []
        conversation.pending.analysed(outcome)
        return self._converse_with_client(conversation)

    def recorded(self, outcome: Recorded | Unrecorded) -> list[Command]:
        """What the last ``Record`` asked for is durable, or cannot be."""
        conversation = self._live
        if conversation is None:
            return []
        conversation.recorded(outcome)
        return self._converse_with_client(conversation)

    def held(self, outcome: Released | GivenUp) -> list[Command]:
        """What the last ``Hold`` asked for has come about, or will not."""
        conversation = self._live
        if conversation is None:
            return []
        conversation.pending.held(outcome)
        return self._converse_with_client(conversation)

    def progressed(self, message: str, detail: str = "") -> list[Command]:
        """How far what the last ``Hold`` asked for is: the client gets a notice, if it can be told now."""
        conversation = self._live
        if conversation is None:
            return []
        if not conversation.pending.holding or self._server.midway:
            return []
        return [ToClient(notice(message, detail))]

    def pondered(self, weighed: Weighed) -> list[Command]:
        """What the last ``Ponder`` has come to."""
        conversation = self._live
        if conversation is None:
            return []
        conversation.pending.pondered(weighed)
        return self._converse_with_client(conversation)

    def catalogue_ready(self) -> list[Command]:
        """What the last ``AwaitCatalogue`` asked for is done."""
        conversation = self._live
        if conversation is None:
            return []
        conversation.pending.catalogue_ready()
        return self._converse_with_client(conversation)

    def cancel(self) -> list[Command]:
        """Somebody has shown this session's key: what it is running is to end.

        A statement that waits at the gate is refused there. Otherwise the server is told, if it works for
        this client: the gate's own question is not what was meant, and between two statements there is
        nothing to cancel.
        """
        conversation = self._live
        if conversation is None:
            return []
        commands: list[Command] = []
        if conversation.busy and self._can_cancel:
            commands.append(Cancel(self._server_cancel()))
        try:
            refused = conversation.cancel()
        except FatalRefusal as refusal:
            return commands + self._end(refusal.denial)
        if refused:
            if not conversation.waiting:
                commands.append(Abandon())
            commands += [ToServer(refused), *self._converse_with_client(conversation)]
        return commands

    def facts_changed(self) -> list[Command]:
        """A freeze began, ended or may have been missed: what is under way is looked at again."""
        conversation = self._live
        if conversation is None:
            return []
        freeze = self._gate.killing(self.database) if conversation.writes else None
        if freeze is not None:
            self._gate.tally.killed += 1
            return self._end(killed(freeze))
        data = conversation.stop_copy()
        return [*self._reports(), ToServer(data)] if data else []

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
        if self.phase is Phase.CONSOLE:
            return self._close("")
        conversation = self._conversation
        told = self._login.failed if conversation is None else conversation.told
        self._can_cancel = False
        if told:
            return self._close("")
        return self._give_up("lost", _LOST)

    def drain(self) -> list[Command]:
        """No more work after this transaction: end now when idle, else as soon as it is."""
        self._draining = True
        if self.phase in _BEFORE_LOGIN or self.phase is Phase.CONSOLE or self.idle:
            return self._end(_GOING_AWAY)
        return []

    def terminate(self, message: str, detail: str = "") -> list[Command]:
        """End now, whatever is going on."""
        if self.phase is Phase.CLOSED:
            return []
        return self._end(Denial("shutdown", "57P01", message, printable(detail)))

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
                    return [*commands, CancelAnother(packet.key, self._peer.address)]
                case StartupMessage():
                    return commands + self._begin(packet)
            packet = self._packets.feed(b"")
        return commands

    def _begin(self, startup: StartupMessage) -> list[Command]:
        self.role = _shown(startup.user)
        self.database = _shown(startup.database)
        self._application = _shown(startup.get("application_name") or "")
        self._replication = asked_for(startup)
        startup, run = take_token(startup)
        who = self._gate.who(
            self.role, self.database, self._peer.address, self._application, migration=Migration(run=run)
        )
        self._judge = Judge(self._gate, who)
        unwelcome = self._gate.client_tls.refusal(self.client_tls, self.role, local=self._peer.local)
        if unwelcome is not None:
            self._gate.tally.tls_failures["plain" if self.client_tls is None else "certificate"] += 1
            return self._end(unwelcome)
        if startup.database == self._gate.console and not self._replication:
            return self._call_console(startup)
        if run and not self._gate.knows_run(who):
            return self._refuse_login(LoginRefused(UNKNOWN_RUN, "run"))
        effects = startup_effects(startup)
        if self._replication:
            effects += (connecting(self._replication),)
        if effects:
            meaning = Meaning(effects, statement_class="server" if self._replication else "session")
            denial = self._judge.judge_login(meaning, runs=bool(self._replication))
            if denial is not None:
                return self._end(denial)
        self.phase = Phase.IDENTIFYING
        self._client.feed(self._packets.rest())
        commands = self._reports()
        try:
            commands += self._go_on(self._entrance.begin(startup, self.client_tls))
            return commands + self._identify()
        except LoginRefused as refused:
            return commands + self._refuse_login(refused)

    def _call_console(self, startup: StartupMessage) -> list[Command]:
        """Pass everything on to the gate's console, from the startup packet on, unread."""
        tls = self.client_tls
        shown = None if tls is None else tls.own_certificate
        caller = Introduction(
            self._gate.name, self._peer.address, tls is not None, None if shown is None else end_point(shown)
        )
        self._calls = True
        self._startup = encode_introduction(caller) + startup.packet
        self._client.feed(self._packets.rest())
        self.phase = Phase.CONNECTING
        return [Connect(console=True)]

    def _identify(self) -> list[Command]:
        """Read what the client says to prove who it is."""
        commands: list[Command] = []
        while self.phase is Phase.IDENTIFYING and self._entrance.listening and self._client.next():
            body = bytes(self._client.body())
            self._client.drop()
            commands += self._go_on(self._entrance.message(body))
        return commands

    def _go_on(self, commands: list[Command]) -> list[Command]:
        if self._entrance.done and self._entrance.startup is not None:
            self.phase = Phase.CONNECTING
            self._startup = self._login.begin(self._entrance.startup)
            return [*commands, Connect(self.role, self.database)]
        return commands

    def _log_in(self) -> list[Command]:
        login = self._login
        awaited = login.to_derive()
        commands = self._write_client(login.from_server())
        commands += self._write_server(login.to_server())
        wanted = login.to_derive()
        if wanted is not None and wanted is not awaited:
            commands.append(wanted)
        if login.refusal is not None:
            commands += self._note_refusal(login.refusal)
            login.refusal = None
        if login.step is Step.CLIENT:
            return commands + self._write_server(login.from_client())
        if login.step is not Step.READY or self._judge is None:
            return commands
        client = Cutter(FRONTEND, self._gate.limits.max_statement_bytes)
        client.feed(self._client.rest())
        self._client = client
        self._judge.lookup.process_id = 0 if login.server_key is None else login.server_key.process_id
        self._conversation = Conversation(
            self._gate,
            self._judge,
            self._lexing,
            login.server_major,
            client,
            self._server,
            replication=self._replication,
        )
        self.phase = Phase.READY
        self._live = self._conversation
        self._can_cancel = login.server_key is not None
        self._entrance.accepted()
        login.exchange = None
        commands.append(Report(Opened(self.role, self.database, self._application)))
        commands += self._converse_with_server(self._conversation)
        if self.phase is Phase.READY:
            commands += self._converse_with_client(self._conversation)
        return commands

    def _issue_key(self, process_id: int | None, long: bool) -> BackendKey:
        self._key = self._gate.keys.issue(self, process_id, long=long)
        return self._key

    # -- conversing --------------------------------------------------------------------------------

    def _converse_with_client(self, conversation: Conversation) -> list[Command]:
        try:
            data = conversation.from_client()
        except ProtocolViolation as violation:
            return self._refuse_client(violation)
        except FatalRefusal as refusal:
            return self._end(refusal.denial)
        if not conversation.waiting and (self._judge is None or not self._judge.reporter.events):
            return [ToServer(data)] if data else []
        commands: list[Command] = self._reports()
        if data:
            commands.append(ToServer(data))
        work = conversation.pending.to_do_elsewhere()
        if work is not None:
            commands.append(work)
        if conversation.pending.awaits_catalogue():
            commands.append(AwaitCatalogue(self.database))
        return commands

    def _converse_with_server(self, conversation: Conversation) -> list[Command]:
        stopped = conversation.waiting
        try:
            data = conversation.from_server()
        except BrokenAnswer as broken:
            return [*self._write_client(broken.good), *self._not_followed(broken.violation)]
        commands: list[Command] = [ToClient(data)] if data else []
        held = conversation.release_held() if conversation.holds_frames else b""
        if held:
            commands.append(ToServer(held))
        if (stopped or held) and not conversation.waiting:
            refused = conversation.refuse_cancelled()
            if refused:
                commands.append(ToServer(refused))
            commands += self._converse_with_client(conversation)
        if conversation.books is not None:
            commands += self._reports()
            conversation.close_books()
        if self._draining and self.idle:
            commands += self._end(_GOING_AWAY)
        return commands

    # -- ending ------------------------------------------------------------------------------------

    def _end(self, denial: Denial) -> list[Command]:
        """Tell the client why, unless it is in the middle of a message or of a handshake, and close."""
        if self.phase is Phase.CLOSED:
            return []
        commands = self._reports()
        if not self._server.midway and self.phase not in (Phase.SECURING, Phase.CONSOLE):
            commands.append(ToClient(denial.fatal()))
        return commands + self._close(denial.message)

    def _refuse_login(self, refused: LoginRefused) -> list[Command]:
        """End because the client has not shown who it is, or the gate cannot log in for it."""
        if self.phase is Phase.CLOSED:
            return []
        if self._login.exchange is not None:
            self._entrance.not_shown()
        return [*self._note_failure(refused.reason, refused.denial.message), *self._end(refused.denial)]

    def _note_refusal(self, fields: Mapping[str, str]) -> list[Command]:
        reason = self._entrance.refused(fields)
        return self._note_failure(reason, f"the server said: {_shown(fields.get('M', ''))}") if reason else []

    def _note_failure(self, reason: str, message: str) -> list[Command]:
        self._gate.tally.login_failures[reason] += 1
        return [Report(LoginFailed(self.role, self.database, self._peer.address, reason, message))]

    def _give_up(self, reason: str, denial: Denial) -> list[Command]:
        """End for the server's sake."""
        if self.phase is not Phase.CLOSED:
            self._gate.tally.upstream_failures[reason] += 1
        return self._end(denial)

    def _not_followed(self, violation: ProtocolViolation) -> list[Command]:
        return self._give_up("protocol", _cannot_follow(violation, heard=self._login.heard))

    def _refuse_client(self, violation: ProtocolViolation) -> list[Command]:
        """The client has sent what no client may: counted like what a rule refuses, and its last word."""
        denial = Denial(
            "protocol",
            "0A000" if isinstance(violation, UnsupportedVersion) else "08P01",
            str(violation),
            "No PostgreSQL client may send that here, so the connection is closed.",
            "Update the client's driver; if it comes back, tell those who run pgwarden.",
        )
        if self._judge is None:
            self._gate.tally.block(denial.rule, "enforce").value += 1
        else:
            transaction = "none" if self._conversation is None else self._conversation.transaction
            self._judge.reporter.refuse_outright(denial, None, transaction)
        if isinstance(violation, UnsupportedVersion) and violation.major in _OLD:
            return [ToClient(encode_old_error(f"FATAL:  {violation}\n")), *self._close(denial.message)]
        return self._end(denial)

    def _close(self, reason: str, *, vanished: bool = False) -> list[Command]:
        conversation = self._live
        # That a client went away in the middle of its work is worth a line in the server's log.
        polite = self.idle or (conversation is not None and conversation.between_messages and not vanished)
        self.phase = Phase.CLOSED
        self._live = None
        if self._key is not None:
            self._gate.keys.release(self, self._key)
        if conversation is not None:
            conversation.lost()
        commands: list[Command] = [*self._reports(), Report(Ended(reason))]
        if polite:
            commands.append(ToServer(encode_terminate()))
        elif self._conversation is not None and self._conversation.busy and self._can_cancel:
            # Nobody will hear how it ended, so it must not go on: it might hold locks, or commit.
            commands.append(Cancel(self._server_cancel()))
        return [*commands, Close()]

    def _server_cancel(self) -> bytes:
        key = self._login.server_key
        return b"" if key is None else encode_cancel(encode_key(key))

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


_BEFORE_LOGIN: Final = frozenset((Phase.OPENING, Phase.SECURING, Phase.IDENTIFYING, Phase.CONNECTING))
_GOING_AWAY: Final = Denial(
    "shutdown",
    "57P01",
    "terminating connection: the gate is shutting down",
    "",
    "Connect again; another gate, or this one once it is back, will answer.",
)


def _state(phase: Phase) -> str:
    return "console" if phase is Phase.CONSOLE else "logging in"


_NO_CONSOLE: Final = Denial(
    "console",
    "57P03",
    "The gate's console does not answer.",
    "",
    "Try again; if it goes on, look at the gate's log.",
)
_LOST: Final = Denial(
    "upstream",
    "08006",
    "The server closed the connection.",
    "It ended without saying why; an open transaction is rolled back.",
    "Connect again; look at the server's log for the cause.",
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
