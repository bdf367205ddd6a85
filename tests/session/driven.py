"""A session driven by any events in any order, and what must hold whatever they are.

The test is the relay: it performs the session's commands against nobody. After each event it looks whether

- nothing was raised;
- a session that has closed says nothing more;
- every Query and Parse that goes to the server is a text that the policy of this very moment allows, or what
  stands in place of a refusal, or the gate's own question;
- while writes are frozen, nothing goes to the server that could write (``witness``).
"""

from __future__ import annotations

import itertools
import re
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, lru_cache

from proxy.policy.facts import Facts, Freeze, Verification
from proxy.policy.rules import Policy
from proxy.policy.wanting import BackupMeans, Means
from proxy.session import (
    Abandon,
    Analyse,
    Attempts,
    Authentication,
    AuthType,
    AwaitCatalogue,
    Cancel,
    CancelAnother,
    ClientTls,
    Close,
    Command,
    Connect,
    Credential,
    DeriveKey,
    FindCredential,
    Gate,
    GivenUp,
    Hold,
    Limits,
    Peer,
    Phase,
    Ponder,
    Record,
    Recorded,
    Released,
    Report,
    Session,
    StartTls,
    TlsInfo,
    ToClient,
    ToServer,
    Unavailable,
    Unrecorded,
    UpstreamFailure,
)
from proxy.session.replication import command
from proxy.sql.analyse import SqlSyntaxError, analyse
from proxy.wire.framing import FRONTEND, Cutter
from proxy.wire.frontend import decode_parse, decode_query
from proxy.wire.scram import make_verifier
from tests.session.wired import NO_LOSS, NOON, policy_of, read
from tests.session.witness import Witness

CREDENTIAL = Credential(make_verifier(b"secret", b"salt", 1))
SALTED = bytes(32)
ALLOW = "{version: 1, name: open, rules: [{id: none, match: {effects: [database.drop]}, deny: 'No.'}]}"
_STANDS_FOR_A_REFUSAL = re.compile(
    rb"(ROLLBACK; )?(/\* pgwarden: [a-z][a-z0-9-]* \*/ )?(EXECUTE )?pgw_[0-9a-f]{32}"
)
FREEZE = Freeze("incident 12", datetime.fromtimestamp(0, UTC), by="ada")
_LOST = frozenset(("table.drop", "table.truncate"))

# Nobody takes a backup here, so a statement that is held for one is refused all the same.
HELD = NO_LOSS.replace("\n    deny", "\n    require: {backup: {within: 1h}}\n    else: backup\n    deny")
POLICIES = {"strict": HELD + "replication: {roles: [ada]}\n", "open": ALLOW}


@cache
def compiled(name: str) -> Policy:
    """One of the policies between which a test may swap."""
    return policy_of(POLICIES[name])


def gate(
    auth_type: AuthType | None = None, *, tls: bool = False, watched: bool = False, keeps: bool = False
) -> Gate:
    """A gate under the strict policy.

    Args:
        auth_type: None: logins are relayed.
        tls: it has a certificate.
        watched: it asks for the database's catalogue, and has changes recorded.
        keeps: it has the server keep statements.
    """
    numbers = itertools.count(1)
    checks = None
    if auth_type is not None:
        checks = Authentication(auth_type, auth_type is not AuthType.PASSWORD, "", b"secret", Attempts(20))
    return Gate(
        compiled("strict"),
        Facts(backups=(), as_of=datetime.fromtimestamp(NOON, UTC)),
        clock=lambda: NOON,
        timer=itertools.count().__next__,
        token=lambda: f"{next(numbers):032x}",
        limits=Limits(max_statement_bytes=2_000),
        means=Means(BackupMeans(2, Verification.RESTORED)),
        catalogue=watched,
        recording=watched,
        keep_statements=keeps,
        client_tls=ClientTls(offered=tls),
        authentication=checks,
    )


@lru_cache(maxsize=4096)
def loses(text: bytes) -> bool:
    """Whether the strict policy refuses a text on a named schema's tables, or cannot read it.

    What an unqualified name stands for the server says, and here anybody speaks for the server.
    """
    try:
        found = analyse(text.decode(), 17)
    except (SqlSyntaxError, UnicodeDecodeError):
        return True
    return any(
        effect.name in _LOST
        and effect.target is not None
        and effect.target.schema is not None
        and not effect.target.schema.startswith("pg_temp")
        for effect in found.effects
    )


class Driven:
    """A session whose every event is checked.

    Attributes:
        owed: what the session waits for: each call answers one command.
        to_client, to_server: all that it has sent.
        closed: it has said so.
        witness: looks at what goes to the server.
    """

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.session = Session(gate, Peer("192.0.2.1", 4000))
        self.owed: deque[Callable[[], list[Command]]] = deque()
        self.to_client = b""
        self.to_server = b""
        self.closed = False
        self.witness = Witness()
        self._sent: Cutter | None = None
        self._walsender = False

    def client(self, data: bytes) -> None:
        """The client sends bytes."""
        if self.session.phase is not Phase.SECURING:  # the relay keeps them for the handshake
            self._do(self.session.client_data(data))

    def server(self, data: bytes) -> None:
        """The server sends bytes; it can only once it is connected."""
        if self._sent is not None:
            self.witness.server_says(data)
            self._do(self.session.server_data(data))

    def answer(self) -> None:
        """The oldest of what the session waits for is there."""
        if self.owed:
            self._do(self.owed.popleft()())

    def happen(self, event: str) -> None:
        """Something else happens: one of EVENTS."""
        match event:
            case "client_eof":
                self._do(self.session.client_eof())
            case "server_eof" if self._sent is not None:
                self._do(self.session.server_eof())
            case "cancel":
                self._do(self.session.cancel())
            case "drain":
                self._do(self.session.drain())
            case "progressed":
                self._do(self.session.progressed("working", "half of it"))
            case "terminate":
                self._do(self.session.terminate("The gate stops."))
            case "expire" if (standing := self.session.standing) is not None:
                self._do(self.session.expire(standing, 1.0))
            case "strict" | "open":
                self.gate.swap_policy(compiled(event))
            case "freeze" | "thaw":
                self.gate.swap_facts(replace(self.gate.facts, freezes=(FREEZE,) if event == "freeze" else ()))
                self.witness.frozen = event == "freeze"
                self._do(self.session.facts_changed())
            case "sleep":
                self.session.sleep()
            case "refused":
                self._refuse_as_the_server_would()
            case _:
                pass

    def _refuse_as_the_server_would(self) -> None:
        nonces = re.findall(rb"pgw_[0-9a-f]{32}", self.to_server)
        if nonces:
            text = b'syntax error at or near "' + nonces[-1] + b'"'
            body = b"SERROR\0VERROR\0C42601\0M" + text + b"\0\0"
            self.server(b"E" + (len(body) + 4).to_bytes(4, "big") + body)

    def _do(self, commands: list[Command]) -> None:
        assert not (self.closed and commands), f"said after the end: {commands}"
        for at, said in enumerate(commands):
            match said:
                case ToClient(data):
                    self.to_client += data
                case ToServer(data):
                    assert self._sent is not None, "nobody is connected"
                    self.to_server += data
                    self._look(bytes(data))
                    self.witness.sends(bytes(data))
                case Close():
                    assert at == len(commands) - 1, f"said after the end: {commands}"
                    self.closed = True
                case Abandon():
                    self.owed.clear()
                case Cancel() | CancelAnother() | Report():
                    pass
                case _:
                    self._owe(said)

    def _owe(self, said: Command) -> None:
        """What is to be done elsewhere, and what comes of it."""
        session = self.session
        match said:
            case Connect():
                self.owed.append(self._connect)
            case StartTls():
                self.owed.append(lambda: session.client_secured(TlsInfo("TLSv1.3", "AES", alpn="postgresql")))
            case FindCredential(user):
                known = CREDENTIAL if user != "nobody" else Unavailable("The file cannot be read.")
                self.owed.append(lambda: session.credential_found(known))
            case DeriveKey():
                self.owed.append(lambda: session.key_derived(SALTED))
            case Analyse(raw, server_major, screen):
                screened = None if screen is None else screen(raw)
                self.owed.append(lambda: session.analysed(screened or read(bytes(raw), server_major)))
            case Ponder(work):
                self.owed.append(lambda: session.pondered(work()))
            case AwaitCatalogue():
                self.owed.append(session.catalogue_ready)
            case Record(change):
                durable = change.risk != "high"
                outcome = Recorded(1) if durable else Unrecorded("the disk is full")
                self.owed.append(lambda: session.recorded(outcome))
            case Hold(_, change):
                come = GivenUp("it took too long") if "table.drop" in change.effects else Released()
                self.owed.append(lambda: session.held(come))
            case _:
                raise AssertionError(f"an unknown command: {said}")

    def _connect(self) -> list[Command]:
        if self.session.database == "down":
            return self.session.server_failed(UpstreamFailure("no route to host"))
        commands = self.session.server_connected()
        if commands:
            (startup,) = commands
            assert isinstance(startup, ToServer)
            self.to_server += startup.data
            self._walsender = b"replication" in startup.data
            self._sent = Cutter(FRONTEND)
        return []

    def _look(self, data: bytes) -> None:
        """Every text that goes to the server is allowed now."""
        assert self._sent is not None
        self._sent.feed(data)
        while kind := self._sent.next():
            match chr(kind):
                case "Q":
                    self._look_at(bytes(decode_query(self._sent.body())))
                case "P":
                    self._look_at(bytes(decode_parse(self._sent.body()).text))
                case _:
                    pass
        self._sent.take()

    def _look_at(self, text: bytes) -> None:
        if self.gate.policy is not compiled("strict") or _STANDS_FOR_A_REFUSAL.fullmatch(text):
            return
        if not (self._walsender and command(text) is not None):
            assert not loses(text), f"sent to the server: {text!r}"


EVENTS = (
    *("client_eof", "server_eof", "cancel", "drain", "progressed"),
    *("terminate", "expire", "strict", "open", "refused"),
    *("freeze", "thaw", "sleep"),
)
