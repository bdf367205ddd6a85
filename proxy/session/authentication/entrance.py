"""How one client gets in, up to the moment when the server is connected to.

Enters: the startup packet, the credential that was looked up, the client's messages. Leaves: commands; in the
    end what the gate shows to the server (``exchange``), or nothing of the kind, and the login is relayed.
    What is wrong, or was too often, ends in a LoginRefused before the server hears of it.
Absent: the server's side (``server_exchange``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from enum import Enum, auto

from proxy.session.authentication.attempts import source_of
from proxy.session.authentication.client_exchange import ClientExchange
from proxy.session.authentication.credentials import (
    AuthType,
    Credential,
    LoginRefused,
    Unavailable,
    wrong_password,
)
from proxy.session.authentication.rules import Authentication
from proxy.session.authentication.server_exchange import Password, Recovered, ServerExchange
from proxy.session.commands import Command, FindCredential, ToClient
from proxy.session.refusal import Denial
from proxy.session.tls import TlsInfo
from proxy.wire.backend import AUTHENTICATION_CLEARTEXT, encode_authentication
from proxy.wire.channelbinding import end_point
from proxy.wire.errors import ProtocolViolation
from proxy.wire.frontend import decode_password
from proxy.wire.scram import Keys
from proxy.wire.startup import StartupMessage, encode_startup

_NOT_THE_LOGIN = ("3D", "53", "55", "57")
"""Classes of errors that say nothing against who logs in: no such database, too many connections, not now."""


class _Stage(Enum):
    WAITING = auto()  # for the credential
    SCRAM = auto()
    PASSWORD = auto()
    DONE = auto()


class Entrance:
    """One client's way in.

    Attributes:
        exchange: how the gate logs in at the server; None while it does not, or where the login is relayed.
        startup: what the server is to be told; None until the client has said who it is.
    """

    def __init__(
        self,
        rules: Authentication,
        address: str | None,
        clock: Callable[[], float],
        token: Callable[[], str],
    ) -> None:
        """Begin with a client of which nothing but its address is known."""
        self._rules = rules
        self._source = source_of(address)
        self._clock = clock
        self._token = token
        self._stage = _Stage.WAITING
        self._tls: TlsInfo | None = None
        self._user = ""
        self._credential: Credential | None = None
        self._client: ClientExchange | None = None
        self._shown: Hashable = None  # what stands for what the server is shown
        self.exchange: ServerExchange | None = None
        self.startup: StartupMessage | None = None

    @property
    def done(self) -> bool:
        """True when the server is to be connected to."""
        return self._stage is _Stage.DONE

    @property
    def listening(self) -> bool:
        """True when the client's next message is waited for."""
        return self._stage in (_Stage.SCRAM, _Stage.PASSWORD)

    def begin(self, startup: StartupMessage, tls: TlsInfo | None) -> list[Command]:
        """The client says who it is.

        Raises: LoginRefused, as all that follows.
        """
        rules = self._rules
        self._tls, self._user, self.startup = tls, startup.user, startup
        self.check()
        if rules.auth_type is AuthType.PASSWORD:
            if tls is None:
                raise LoginRefused(_NOT_IN_CLEAR, "tls")
            self._stage = _Stage.PASSWORD
            return [ToClient(encode_authentication(AUTHENTICATION_CLEARTEXT))]
        if rules.auth_type is AuthType.PASSTHROUGH and (tls is None or not rules.looks_up):
            self._relay()
            return []
        return [FindCredential(self._user)]

    def found(self, answer: Credential | Unavailable) -> list[Command]:
        """The user was looked up."""
        if isinstance(answer, Unavailable):
            raise LoginRefused(Denial("login", "57P03", answer.reason, "", answer.hint), "unavailable")
        if answer.verifier is None:
            self._relay()
            return []
        shown = None if self._tls is None else self._tls.own_certificate
        channel = None if shown is None else end_point(shown)
        self._credential = answer
        self._client = ClientExchange(answer, answer.verifier, channel, self._token())
        self._stage = _Stage.SCRAM
        return [ToClient(self._client.offer())]

    def message(self, body: bytes) -> list[Command]:
        """The client's next message."""
        self.check()
        try:
            return self._take(body)
        except ProtocolViolation as violation:
            self._rules.failures.failed(self._source, self._clock())
            denial = Denial("login", violation.sqlstate, str(violation), violation.detail)
            raise LoginRefused(denial, "protocol") from violation

    def _take(self, body: bytes) -> list[Command]:
        if self._client is None:
            self._take_password(decode_password(body))
            return []
        answer = self._client.answer(body)
        if answer is None:
            raise self._failed()
        if self._client.keys is not None and self._credential is not None:
            self._prove(self._client.keys, self._credential)
        return [ToClient(answer)]

    def refused(self, fields: Mapping[str, str]) -> str:
        """The server has said no.

        Returns: why, one of LOGIN_FAILURES; "" where that says nothing against the login.
        """
        if fields.get("C", "").startswith(_NOT_THE_LOGIN):
            return ""
        now = self._clock()
        self._rules.refusals.failed(self._shown, now)
        if self.exchange is None or self._rules.auth_type is AuthType.PASSWORD:
            self._rules.failures.failed(self._source, now)
            return "refused"
        return "stale"

    def not_shown(self) -> None:
        """The gate has given up before the server could say no: not to be tried again and again either."""
        self._rules.refusals.failed(self._shown, self._clock())

    def accepted(self) -> None:
        """The server has said yes: what was needed for that is forgotten, passwords above all."""
        self._rules.refusals.forget(self._shown)
        self._credential = self._client = self.exchange = self.startup = self._shown = None

    # -- inside ------------------------------------------------------------------------------------

    def _relay(self) -> None:
        """The server asks, the client answers; the gate only counts."""
        self._show((self._source, self._user))
        self._stage = _Stage.DONE

    def _prove(self, keys: Keys, credential: Credential) -> None:
        if credential.password is not None:
            role = self._user if credential.role is None else credential.role
            self._log_in(role, Password(credential.password, managed=True), credential.password)
        elif credential.verifier is not None:
            proof = Recovered(credential.verifier, keys, self._rules.hint)
            self._log_in(self._user, proof, credential.verifier.stored_key)

    def _take_password(self, password: bytes) -> None:
        if not password:
            self._rules.failures.failed(self._source, self._clock())
            raise LoginRefused(Denial("login", "28P01", "empty password returned by client"), "password")
        self._log_in(self._user, Password(password), password)

    def _log_in(self, role: str, proof: Recovered | Password, material: bytes) -> None:
        self._show(self._rules.key_of(role, material))
        if role != self._user and self.startup is not None:
            self.startup = _as_role(self.startup, role)
        self.exchange = ServerExchange(self._shown_user, role, proof, self._token())
        self._stage = _Stage.DONE

    def _show(self, shown: Hashable) -> None:
        """Ask the server only what it has not refused too often of late."""
        self._shown = shown
        wait_s = self._rules.refusals.wait_s(shown, self._clock())
        if wait_s:
            detail = "The server has refused this login several times, so it is not asked again for a while."
            raise LoginRefused(wrong_password(self._shown_user, detail, _wait(wait_s)), "throttled")

    def check(self) -> None:
        """Before anything that the client says counts: others from there may have failed meanwhile."""
        wait_s = self._rules.failures.wait_s(self._source, self._clock())
        if wait_s:
            denial = Denial(
                "login",
                "28000",
                "Too many logins from this address have failed.",
                f"{self._rules.failures.limit} within {self._rules.failures.window_s:g} s.",
                _wait(wait_s),
            )
            raise LoginRefused(denial, "throttled")

    def _failed(self) -> LoginRefused:
        self._rules.failures.failed(self._source, self._clock())
        return LoginRefused(wrong_password(self._shown_user, "", self._rules.hint), "password")

    @property
    def _shown_user(self) -> str:
        return self._user.encode(errors="surrogateescape").decode(errors="replace")


_NOT_IN_CLEAR = Denial(
    "login",
    "28000",
    "This gate asks for the password in clear, and takes it over TLS alone.",
    "The client's connection is not encrypted; no password was asked for.",
    "Connect with sslmode=require, or with sslmode=verify-full and sslrootcert.",
)


def _wait(wait_s: float) -> str:
    return f"Wait {math.ceil(wait_s)} s, and look for what still logs in with an old password."


def _as_role(startup: StartupMessage, role: str) -> StartupMessage:
    """The same with another role in it; the database stays the one that the client means."""
    kept = [(name, value) for name, value in startup.parameters if name not in ("user", "database")]
    parameters = (("user", role), ("database", startup.database), *kept)
    packet = encode_startup(startup.major, startup.minor, parameters)
    return StartupMessage(startup.major, startup.minor, parameters, packet)
