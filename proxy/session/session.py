"""One connection's brain, from the first byte to the last.

Sans-IO: bytes and events in, commands out, in order. A client is let in (``admission``), then both sides
converse (``conversation``); this is what the relay speaks to all the time, and how a session ends. An
exception from any method means that the session can no longer tell what is going on: the relay then closes
both sides.
"""

from __future__ import annotations

from typing import Final

from proxy.policy.templates import printable
from proxy.session.admission import Admission, reports
from proxy.session.authentication.credentials import Credential, LoginRefused, Unavailable
from proxy.session.brain import Brain
from proxy.session.cache import Outcome
from proxy.session.commands import (
    Abandon,
    AwaitCatalogue,
    Cancel,
    Close,
    Command,
    GivenUp,
    Recorded,
    Released,
    Report,
    ToClient,
    ToServer,
    Unrecorded,
)
from proxy.session.conversation import Conversation
from proxy.session.endings import GOING_AWAY, LOST, NO_CONSOLE, cannot_follow, not_allowed
from proxy.session.events import Activity, Ended, Opened
from proxy.session.expiry import Excess, Standing, exceeds, expired, killed
from proxy.session.gate import Gate
from proxy.session.holding import told as notice
from proxy.session.inflight import MOST_OWED
from proxy.session.peer import Peer, Phase, UpstreamFailure
from proxy.session.refusal import Denial, FatalRefusal
from proxy.session.server_side import BrokenAnswer
from proxy.session.slumber import Asleep, fall_asleep
from proxy.session.tls import TlsInfo
from proxy.session.weighing import Weighed
from proxy.session.who import Who
from proxy.wire.backend import encode_old_error
from proxy.wire.errors import ProtocolViolation, UnsupportedVersion
from proxy.wire.framing import View
from proxy.wire.frontend import encode_terminate
from proxy.wire.startup import encode_cancel

_READ_AHEAD_BYTES: Final = 65_536
_OLD: Final = (1, 2)
"""Versions of the protocol whose clients would not understand a present-day error."""
_BEFORE_LOGIN: Final = frozenset((Phase.OPENING, Phase.SECURING, Phase.IDENTIFYING, Phase.CONNECTING))


class Session(Brain):
    """One client and its server connection.

    There are thousands, and most of them idle: of how a client has come in nothing is kept once it converses,
    and of its conversation little while it sleeps.
    """

    def __init__(self, gate: Gate, peer: Peer) -> None:
        """Begin when a client has connected."""
        self._gate = gate
        self._key = b""  # the client's own,
        self._server_key = b""  # and what a CancelRequest to the server must show
        self._admission: Admission | None = Admission(gate, peer, self._issue_key)
        self._conversation: Conversation | None = None
        self._live: Conversation | None = None  # the same until it is over: the cheapest to ask
        self._asleep: Asleep | None = None
        self._over = False
        self._draining = False
        self._can_cancel = False

    @property
    def phase(self) -> Phase:
        """How far it has come."""
        if self._over:
            return Phase.CLOSED
        return Phase.READY if self._admission is None else self._admission.phase

    @property
    def admission(self) -> Admission:
        """How the client comes in, until it is in."""
        if self._admission is None:
            raise RuntimeError("the client is in")
        return self._admission

    @property
    def _who(self) -> Who | None:
        """Where its statements come from, once it is in."""
        if self._asleep is not None:
            return self._asleep.who
        return None if self._conversation is None else self._conversation.judge.lookup.who

    @property
    def role(self) -> str:
        """The role that the client named; "" until it has."""
        who = self._who
        return self.admission.role if who is None else who.role

    @property
    def database(self) -> str:
        """The database that it named."""
        who = self._who
        return self.admission.database if who is None else who.database

    @property
    def waiting(self) -> bool:
        """True while no more may be read from the client.

        A little is read ahead, so that a client that goes away is noticed while the server keeps it waiting.
        Nothing is while the server owes it very much.
        """
        conversation = self._conversation
        if conversation is None:
            admission = self._admission
            if admission is None:
                return False
            return admission.waiting and admission.client.pending >= _READ_AHEAD_BYTES
        if conversation.inflight.owed > MOST_OWED:
            return True
        return conversation.waiting and conversation.client.pending >= _READ_AHEAD_BYTES

    @property
    def idle(self) -> bool:
        """True between transactions, with nothing owed by either side."""
        return self._asleep is not None if self._live is None else self._live.idle

    @property
    def standing(self) -> Standing | None:
        """What it waits for, as time-outs tell it; None outside of a conversation, and while it is held."""
        if self._live is None:
            return None if self._asleep is None else Standing.IDLE
        return self._live.standing

    @property
    def activity(self) -> Activity:
        """What it does now, for people."""
        conversation, asleep, who = self._live, self._asleep, self._who
        if conversation is not None:
            state, text = conversation.activity, conversation.last_text
        else:
            state = "idle" if asleep is not None else _state(self.phase)
            text = None if asleep is None else asleep.last.shown
        return Activity(
            role=self.role,
            database=self.database,
            address=self.admission.peer.address if who is None else who.client_address,
            application=self.admission.application if who is None else who.application,
            state=state,
            transaction=conversation is not None and conversation.in_transaction,
            text=text,
        )

    # -- events ------------------------------------------------------------------------------------

    # The relay asks these two: nearly always all that follows is that some bytes go to the other side, and
    # a list of one command would cost as much as judging them.

    def from_client(self, data: bytes) -> View | list[Command]:
        """The client sent bytes.

        Returns: the commands; or bytes, which go to the server, and then more may be read from the client.
        """
        conversation = self._live
        if conversation is None:
            return self.from_client(data) if self._wakes() else self._from_newcomer(data)
        conversation.client.feed(data)
        try:
            allowed = conversation.from_client()
        except ProtocolViolation as violation:
            return self._refuse_client(violation)
        except FatalRefusal as refusal:
            return self._end(refusal.denial)
        return allowed if conversation.flows else self._held_up(conversation, allowed)

    def from_server(self, data: bytes) -> View | list[Command]:
        """The server sent bytes.

        Returns: the commands; or bytes, which go to the client, and then more may be read from it.
        """
        conversation = self._live
        if conversation is None:
            return self.from_server(data) if self._wakes() else self._from_greeter(data)
        stopped = conversation.waiting
        try:
            conversation.server.feed(data)
            answer = conversation.from_server()
        except ProtocolViolation as violation:
            return self._not_followed(violation)
        except BrokenAnswer as broken:
            return [*([ToClient(broken.good)] if broken.good else []), *self._not_followed(broken.violation)]
        if stopped or self._draining or not conversation.flows or conversation.attended:
            return self._answered(conversation, answer, stopped=stopped)
        return answer

    def client_data(self, data: bytes) -> list[Command]:
        """The same as ``from_client``, as commands."""
        found = self.from_client(data)
        return found if isinstance(found, list) else [ToServer(found)] if found else []

    def server_data(self, data: bytes) -> list[Command]:
        """The same as ``from_server``, as commands."""
        found = self.from_server(data)
        return found if isinstance(found, list) else [ToClient(found)] if found else []

    def _from_newcomer(self, data: bytes) -> list[Command]:
        if self.phase is Phase.CLOSED:
            return []
        try:
            return self.admission.client_data(data)
        except (LoginRefused, FatalRefusal) as refused:
            return self._not_admitted(refused)
        except ProtocolViolation as violation:
            return self._refuse_client(violation)

    def _from_greeter(self, data: bytes) -> list[Command]:
        if self.phase is Phase.CLOSED:
            return []
        admission = self.admission
        try:
            commands = admission.server_data(data)
            begun = admission.conversation
            return commands if begun is None else commands + self._begin(admission, begun)
        except LoginRefused as refused:
            return self._not_admitted(refused)
        except ProtocolViolation as violation:
            return self._not_followed(violation)

    def client_secured(self, tls: TlsInfo) -> list[Command]:
        """TLS stands on the client's leg, as the last ``StartTls`` asked for."""
        if self.phase is not Phase.SECURING:
            return []
        try:
            self.admission.client_secured(tls)
        except FatalRefusal as refused:
            return self._end(refused.denial)
        return []

    def client_not_secured(self, reason: str) -> list[Command]:
        """No TLS came about on the client's leg; ``reason`` is one clause."""
        if self.phase is not Phase.SECURING:
            return []
        self._gate.tally.tls_failures["handshake"] += 1
        return self._close(f"no TLS with the client: {reason}")

    def server_connected(self, tls: TlsInfo | None = None) -> list[Command]:
        """The connection to the server stands, with this TLS on it."""
        return self.admission.server_connected(tls) if self.phase is Phase.CONNECTING else []

    def server_failed(self, failure: UpstreamFailure) -> list[Command]:
        """The connection to the server could not be made."""
        if self.admission.calls:
            return self._end(NO_CONSOLE)
        return self._give_up("connect", Denial("upstream", "08001", failure.message, "", failure.hint))

    def credential_found(self, answer: Credential | Unavailable) -> list[Command]:
        """The user of the last ``FindCredential`` has been looked up."""
        if self.phase is not Phase.IDENTIFYING:
            return []
        try:
            return self.admission.credential_found(answer)
        except LoginRefused as refused:
            return self._not_admitted(refused)
        except ProtocolViolation as violation:
            return self._refuse_client(violation)

    def key_derived(self, salted: bytes) -> list[Command]:
        """What the last ``DeriveKey`` asked for is there."""
        return self.admission.key_derived(salted) if self.phase is Phase.AUTHENTICATING else []

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
        if not conversation.pending.holding or conversation.server.midway:
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
            commands.append(Cancel(encode_cancel(self._server_key)))
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
        self._wakes()
        polite = self._conversation is not None and self._conversation.terminated
        reason = "" if polite or self._conversation is None else "the client closed the connection"
        return self._close(reason, vanished=True)

    def server_eof(self) -> list[Command]:
        """The server is gone; the client is told once, by the server's own FATAL where there was one."""
        if self.phase is Phase.CLOSED:
            return []
        if self.phase is Phase.CONSOLE:
            return self._close("")
        self._wakes()
        conversation = self._conversation
        told = self.admission.login.failed if conversation is None else conversation.told
        self._can_cancel = False
        if told:
            return self._close("")
        return self._give_up("lost", LOST)

    def drain(self) -> list[Command]:
        """No more work after this transaction: end now when idle, else as soon as it is."""
        self._draining = True
        if self.phase in _BEFORE_LOGIN or self.phase is Phase.CONSOLE or self.idle:
            return self._end(GOING_AWAY)
        return []

    def terminate(self, message: str, detail: str = "") -> list[Command]:
        """End now, whatever is going on."""
        if self.phase is Phase.CLOSED:
            return []
        return self._end(Denial("shutdown", "57P01", message, printable(detail)))

    def expire(self, standing: Standing, limit_s: float) -> list[Command]:
        """It has stood like this for too long: the server's side is let go of as a client would do it."""
        return self._end(expired(standing, limit_s))

    # -- sleeping ----------------------------------------------------------------------------------

    def sleep(self) -> None:
        """Nothing has come for a while: keep no more than is needed to go on, if nothing is under way."""
        conversation = self._live
        if conversation is not None and not self._draining:
            self._asleep = fall_asleep(conversation)
            if self._asleep is not None:
                self._live = self._conversation = None

    def _wakes(self) -> bool:
        """Go on, after sleep; False where it did not sleep."""
        asleep, self._asleep = self._asleep, None
        if asleep is None:
            return False
        self._live = self._conversation = asleep.wake(self._gate)
        return True

    # -- conversing --------------------------------------------------------------------------------

    def _begin(self, admission: Admission, conversation: Conversation) -> list[Command]:
        """The client is in: what both sides have sent behind the login comes first."""
        self._admission = None
        self._conversation = self._live = conversation
        self._server_key = admission.server_key
        self._can_cancel = len(self._server_key) > 0
        stopped = conversation.waiting
        commands: list[Command] = [Report(Opened(admission.role, admission.database, admission.application))]
        try:
            answer = conversation.from_server()
        except BrokenAnswer as broken:
            good = [ToClient(broken.good)] if broken.good else []
            return [*commands, *good, *self._not_followed(broken.violation)]
        commands += self._answered(conversation, answer, stopped=stopped)
        if not self._over:  # compiled, an attribute that was just set is taken for what it was set to
            commands += self._converse_with_client(conversation)
        return commands

    def _issue_key(self, process_id: int | None, long: bool) -> bytes:
        self._key = self._gate.keys.issue(self, process_id, long=long)
        return self._key

    def _reports(self) -> list[Command]:
        """What was judged, told once."""
        if self._conversation is not None:
            return reports(self._conversation.judge)
        return [] if self._admission is None else reports(self._admission.judge)

    def _converse_with_client(self, conversation: Conversation) -> list[Command]:
        """Judge what the client has sent that is not judged yet."""
        try:
            data = conversation.from_client()
        except ProtocolViolation as violation:
            return self._refuse_client(violation)
        except FatalRefusal as refusal:
            return self._end(refusal.denial)
        return self._held_up(conversation, data)

    def _held_up(self, conversation: Conversation, data: View) -> list[Command]:
        """What goes to the server, and what others are told or have to do."""
        cache = conversation.cache
        if cache is not None and cache.flushed and cache.owed:
            return [ToClient(cache.take_owed()), *self._to_server(conversation, data)]
        return self._to_server(conversation, data)

    def _to_server(self, conversation: Conversation, data: View) -> list[Command]:
        commands: list[Command] = reports(conversation.judge)
        if data:
            commands.append(ToServer(data))
        work = conversation.pending.to_do_elsewhere()
        if work is not None:
            commands.append(work)
        if conversation.pending.awaits_catalogue():
            commands.append(AwaitCatalogue(self.database))
        return commands

    def _answered(self, conversation: Conversation, data: View, *, stopped: bool) -> list[Command]:
        """What goes to the client, and what the server's answer sets free."""
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
            commands += reports(conversation.judge)
            conversation.close_books()
        if self._draining and self.idle:
            commands += self._end(GOING_AWAY)
        return commands

    # -- ending ------------------------------------------------------------------------------------

    def _end(self, denial: Denial) -> list[Command]:
        """Tell the client why, unless it is in the middle of a message or of a handshake, and close."""
        if self.phase is Phase.CLOSED:
            return []
        self._wakes()
        commands = self._reports()
        server = self.admission.server if self._conversation is None else self._conversation.server
        if not server.midway and self.phase not in (Phase.SECURING, Phase.CONSOLE):
            commands.append(ToClient(denial.fatal()))
        return commands + self._close(denial.message)

    def _not_admitted(self, refused: LoginRefused | FatalRefusal) -> list[Command]:
        """End because the client is not let in, or the gate cannot log in for it."""
        said = self.admission.said()
        if isinstance(refused, LoginRefused):
            said += self.admission.refused(refused)
        return [*said, *self._end(refused.denial)]

    def _give_up(self, reason: str, denial: Denial) -> list[Command]:
        """End for the server's sake."""
        if self.phase is not Phase.CLOSED:
            self._gate.tally.upstream_failures[reason] += 1
        return self._end(denial)

    def _not_followed(self, violation: ProtocolViolation) -> list[Command]:
        heard = self._admission is None or self._admission.login.heard
        return self._give_up("protocol", cannot_follow(violation, heard=heard))

    def _refuse_client(self, violation: ProtocolViolation) -> list[Command]:
        """The client has sent what no client may: counted like what a rule refuses, and its last word."""
        denial = not_allowed(violation)
        conversation = self._conversation
        judge = self.admission.judge if conversation is None else conversation.judge
        if judge is None:
            self._gate.tally.block(denial.rule, "enforce").value += 1
        else:
            transaction = "none" if conversation is None else conversation.transaction
            judge.reporter.refuse_outright(denial, None, transaction)
        if isinstance(violation, UnsupportedVersion) and violation.major in _OLD:
            return [ToClient(encode_old_error(f"FATAL:  {violation}\n")), *self._close(denial.message)]
        return self._end(denial)

    def _close(self, reason: str, *, vanished: bool = False) -> list[Command]:
        conversation = self._live
        # That a client went away in the middle of its work is worth a line in the server's log.
        polite = self.idle or (conversation is not None and conversation.between_messages and not vanished)
        self._over = True
        self._live = None
        self._gate.keys.release(self._key)
        if conversation is not None:
            conversation.lost()
        commands: list[Command] = [*self._reports(), Report(Ended(reason))]
        if polite:
            if conversation is None or not conversation.terminated:  # the client's own has gone on
                commands.append(ToServer(encode_terminate()))
        elif self._conversation is not None and self._conversation.busy and self._can_cancel:
            # Nobody will hear how it ended, so it must not go on: it might hold locks, or commit.
            commands.append(Cancel(encode_cancel(self._server_key)))
        return [*commands, Close()]


def _state(phase: Phase) -> str:
    return "console" if phase is Phase.CONSOLE else "logging in"
