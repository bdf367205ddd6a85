"""How a client comes to converse: from its first byte to the server's first ReadyForQuery.

Enters: what client and server say until then, and what the relay tells of TLS and of the connection to the
server. Leaves: commands, and at the end a conversation. A client asks for encryption or does not, says who it
is and what it wants (`Entrance`), is judged by that, and is logged in at the server (`Login`); a caller of
the gate's console is passed on unread. Absent: how a session ends, for whatever reason (``session``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from proxy.policy.context import NO_MIGRATION, Migration
from proxy.session.authentication.credentials import Credential, LoginRefused, Unavailable
from proxy.session.authentication.entrance import Entrance
from proxy.session.commands import CancelAnother, Command, Connect, Report, StartTls, ToClient, ToServer
from proxy.session.conversation import Conversation
from proxy.session.events import LoginFailed
from proxy.session.gate import Gate
from proxy.session.introduction import Introduction, encode_introduction
from proxy.session.judge import Judge
from proxy.session.lexing import Lexing
from proxy.session.opening import FirstPackets, KeyIssuer, Login, Step
from proxy.session.peer import Peer, Phase
from proxy.session.refusal import FatalRefusal
from proxy.session.runtoken import UNKNOWN_RUN
from proxy.session.state import State
from proxy.session.tls import ALPN_PROTOCOL, NO_ALPN, TlsInfo
from proxy.session.wishes import Wish, names_of, shown
from proxy.wire.backend import encode_key
from proxy.wire.channelbinding import end_point
from proxy.wire.errors import ProtocolViolation
from proxy.wire.framing import BACKEND, FRONTEND, LOGIN, Cutter
from proxy.wire.startup import CancelRequest, GSSENCRequest, SSLRequest, StartupMessage

_NO_ENCRYPTION: Final = b"N"
_TLS: Final = b"S"
_HANDSHAKE: Final = b"\x16"
"""How TLS begins (RFC 8446, 5.1); a startup packet that did would be 350 MB long."""


class Admission:
    """Lets one client in, or does not: then it raises LoginRefused, FatalRefusal or ProtocolViolation.

    Attributes:
        phase: how far it has come; READY and CLOSED are the session's own.
        role: the role that the client named; "" until it has.
        database: the database that it named.
        application: what it calls itself.
        client_tls: what TLS stands on the client's leg; None for none.
        server_tls: the same of the server's.
        client, server: where both sides' messages are.
        judge: of what this client sends; None until it has said who it is.
        login: at the server.
        calls: it is for the gate's console, not for the server.
        conversation: what follows; None until the client is in. Of what let it in nothing is kept then.
        peer: who connected.
    """

    def __init__(self, gate: Gate, peer: Peer, issue_key: KeyIssuer) -> None:
        """Begin when a client has connected."""
        self._gate = gate
        self.peer = peer
        self._packets = FirstPackets()
        self._startup = b""
        self._lexing = Lexing()
        self._replication = ""
        self._entrance = Entrance(gate.authentication, peer.address, gate.clock, gate.token)
        self._direct = False  # the client began with TLS, without asking
        self._said: list[Command] | None = None
        self.client = Cutter(LOGIN)
        self.server = Cutter(BACKEND)
        self.login = Login(self._lexing, self.client, self.server, issue_key)
        self.judge: Judge | None = None
        self.conversation: Conversation | None = None
        self.calls = False
        self.client_tls: TlsInfo | None = None
        self.server_tls: TlsInfo | None = None
        self.phase = Phase.OPENING
        self.role = ""
        self.database = ""
        self.application = ""

    @property
    def server_key(self) -> bytes:
        """What a CancelRequest to the server must show; b"" where it has told none."""
        key = self.login.server_key
        return b"" if key is None else encode_key(key)

    @property
    def waiting(self) -> bool:
        """True while it is not the client's turn."""
        if self.phase is Phase.IDENTIFYING:
            return not self._entrance.listening
        return self.phase is not Phase.OPENING and self.login.step is not Step.CLIENT

    def said(self) -> list[Command]:
        """What was to be done before a refusal was raised, told once."""
        said, self._said = self._said, None
        return said or []

    # -- the client --------------------------------------------------------------------------------

    def client_data(self, data: bytes) -> list[Command]:
        """The client sent bytes."""
        if self.phase is Phase.CONSOLE:
            return [ToServer(data)]
        if self.phase is Phase.OPENING:
            return self._open(data)
        if self.phase is Phase.SECURING:
            raise ProtocolViolation("received unencrypted data after an encryption request")
        self.client.feed(data)
        if self.phase is Phase.IDENTIFYING:
            return self._identify()
        self._entrance.check()
        answer = self.login.from_client()
        return [ToServer(answer)] if answer else []

    def client_secured(self, tls: TlsInfo) -> None:
        """TLS stands on the client's leg, as the last ``StartTls`` asked for."""
        self.client_tls = tls
        self.phase = Phase.OPENING
        self._packets.encrypted()
        if self._direct and tls.alpn != ALPN_PROTOCOL:
            self._gate.tally.tls_failures["handshake"] += 1
            raise FatalRefusal(NO_ALPN)

    def credential_found(self, answer: Credential | Unavailable) -> list[Command]:
        """The user of the last ``FindCredential`` has been looked up."""
        return [*self._go_on(self._entrance.found(answer)), *self._identify()]

    def _open(self, data: bytes) -> list[Command]:
        wish = self._gate.wishes.known(data)
        if wish is not None and self._packets.empty:
            welcome = self._welcome(wish)
            self._said = None
            return welcome
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
                    return [*commands, CancelAnother(packet.key, self.peer.address)]
                case StartupMessage():
                    self._said = commands
                    commands = commands + self._begin(packet)
                    self._said = None
                    return commands
            packet = self._packets.feed(b"")
        return commands

    def _begin(self, startup: StartupMessage) -> list[Command]:
        self.role, self.database, self.application = names_of(startup)
        return self._welcome(self._gate.wishes.of(startup))

    def _welcome(self, wish: Wish) -> list[Command]:
        """A client that asks for this is let in, if it may be."""
        startup = wish.startup
        self.role, self.database, self.application = wish.role, wish.database, wish.application
        self._replication = wish.replication
        migration = Migration(run=wish.run) if wish.run else NO_MIGRATION
        who = self._gate.who(
            self.role, self.database, self.peer.address, self.application, migration=migration
        )
        self.judge = Judge(self._gate, who)
        unwelcome = self._gate.client_tls.refusal(self.client_tls, self.role, local=self.peer.local)
        if unwelcome is not None:
            self._gate.tally.tls_failures["plain" if self.client_tls is None else "certificate"] += 1
            raise FatalRefusal(unwelcome)
        if startup.database == self._gate.console and not self._replication:
            return self._call_console(startup)
        if wish.run and not self._gate.knows_run(who):
            raise LoginRefused(UNKNOWN_RUN, "run")
        if wish.meaning is not None:
            denial = self.judge.judge_login(wish.meaning, runs=bool(self._replication))
            if denial is not None:
                raise FatalRefusal(denial)
        self.phase = Phase.IDENTIFYING
        self.client.feed(self._packets.rest())
        commands = reports(self.judge)
        told = (self._said or []) + commands
        self._said = told
        begun = self._go_on(self._entrance.begin(startup, self.client_tls))
        self._said = told + begun
        return commands + begun + self._identify()

    def _call_console(self, startup: StartupMessage) -> list[Command]:
        """Pass everything on to the gate's console, from the startup packet on, unread."""
        tls = self.client_tls
        shown = None if tls is None else tls.own_certificate
        caller = Introduction(
            self._gate.name, self.peer.address, tls is not None, None if shown is None else end_point(shown)
        )
        self.calls = True
        self._startup = encode_introduction(caller) + startup.packet
        self.client.feed(self._packets.rest())
        self.phase = Phase.CONNECTING
        return [Connect(console=True)]

    def _identify(self) -> list[Command]:
        """Read what the client says to prove who it is."""
        commands: list[Command] = []
        while self.phase is Phase.IDENTIFYING and self._entrance.listening and self.client.next():
            body = bytes(self.client.body())
            self.client.drop()
            commands += self._go_on(self._entrance.message(body))
        return commands

    def _go_on(self, commands: list[Command]) -> list[Command]:
        if self._entrance.done and self._entrance.startup is not None:
            self.phase = Phase.CONNECTING
            self._startup = self.login.begin(self._entrance.startup)
            return [*commands, Connect(self.role, self.database)]
        return commands

    # -- the server --------------------------------------------------------------------------------

    def server_connected(self, tls: TlsInfo | None) -> list[Command]:
        """The connection to the server stands, with this TLS on it."""
        if self.calls:
            self.phase = Phase.CONSOLE
            return [ToServer(self._startup + bytes(self.client.rest()))]
        self.server_tls = tls
        self.phase = Phase.AUTHENTICATING
        self.login.exchange = self._entrance.exchange
        if self.login.exchange is not None:
            certificate = None if tls is None else tls.peer_certificate
            self.login.exchange.connected(encrypted=tls is not None, certificate=certificate)
        return [ToServer(self._startup)]

    def key_derived(self, salted: bytes) -> list[Command]:
        """What the last ``DeriveKey`` asked for is there."""
        exchange = self.login.exchange
        if self.phase is not Phase.AUTHENTICATING or exchange is None or exchange.wanted is None:
            return []
        answer = exchange.derived(salted)
        return [ToServer(answer)] if answer else []

    def server_data(self, data: bytes) -> list[Command]:
        """The server sent bytes: with its first ReadyForQuery the conversation begins."""
        if self.phase is Phase.CONSOLE:
            return [ToClient(data)]
        self.server.feed(data)
        login = self.login
        awaited = login.to_derive()
        answer = login.from_server()
        commands: list[Command] = [ToClient(answer)] if answer else []
        own = login.to_server()
        if own:
            commands.append(ToServer(own))
        wanted = login.to_derive()
        if wanted is not None and wanted is not awaited:
            commands.append(wanted)
        if login.refusal is not None:
            commands += self._note_refusal(login.refusal)
            login.refusal = None
        if login.step is Step.CLIENT:
            passed = login.from_client()
            if passed:
                commands.append(ToServer(passed))
        elif login.step is Step.READY and self.judge is not None:
            self._converse(self.judge)
        return commands

    def _converse(self, judge: Judge) -> None:
        client = Cutter(FRONTEND, self._gate.limits.max_statement_bytes)
        client.feed(self.client.rest())
        self.client = client
        key = self.login.server_key
        judge.lookup.process_id = 0 if key is None else key.process_id
        state = State(self._lexing, judge.lookup, self.login.server_major, self._replication)
        self.conversation = Conversation(self._gate, judge, state, client, self.server)
        self._entrance.accepted()

    # -- logins that fail --------------------------------------------------------------------------

    def refused(self, refused: LoginRefused) -> list[Command]:
        """The client has not shown who it is, or the gate cannot log in for it: that is told and counted."""
        if self.login.exchange is not None:
            self._entrance.not_shown()
        return self._note_failure(refused.reason, refused.denial.message)

    def _note_refusal(self, fields: Mapping[str, str]) -> list[Command]:
        reason = self._entrance.refused(fields)
        return self._note_failure(reason, f"the server said: {shown(fields.get('M', ''))}") if reason else []

    def _note_failure(self, reason: str, message: str) -> list[Command]:
        self._gate.tally.login_failures[reason] += 1
        return [Report(LoginFailed(self.role, self.database, self.peer.address, reason, message))]


def reports(judge: Judge | None) -> list[Command]:
    """What a session's judge has judged, told once."""
    if judge is None or not judge.reporter.events:
        return []
    events, judge.reporter.events = judge.reporter.events, []
    return [Report(event) for event in events]
