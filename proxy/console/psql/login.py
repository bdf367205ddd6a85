"""Lets people in: SCRAM-SHA-256 against what is kept of their token.

Enters: a caller's messages. Leaves: answers; in the end a Person, or LoginRefused. Whoever is not known is
asked and refused just like somebody whose token is wrong. Deliberately absent: where tokens are kept, and
counting.
"""

from __future__ import annotations

import math

from proxy.console.logins import LoginFailed, Logins
from proxy.console.people import Person
from proxy.session import Credential
from proxy.session.authentication.client_exchange import ClientExchange
from proxy.session.authentication.credentials import LoginRefused, wrong_password
from proxy.session.introduction import Introduction
from proxy.session.refusal import Denial
from proxy.wire.errors import ProtocolViolation

HINT = "The user is a token's name, the password is the token; pgwarden console token create makes one."


class Login:
    """One caller's login.

    Attributes:
        person: who it is; None until the proof was right.
    """

    def __init__(self, logins: Logins, caller: Introduction, user: str, nonce: str) -> None:
        """Begin.

        Args:
            logins: whose tokens count.
            caller: where the connection comes from.
            user: as the startup packet names it.
            nonce: fresh and random.
        """
        self._logins = logins
        self._address = caller.address or ""
        self._user = user
        verifier = logins.verifier(user)
        self._exchange = ClientExchange(Credential(verifier), verifier, caller.channel, nonce)
        self.person: Person | None = None

    def offer(self) -> bytes:
        """What the caller is asked.

        Raises: LoginRefused where too many have failed from there, as `answer` does.
        """
        self._check()
        return self._exchange.offer()

    def answer(self, body: bytes) -> bytes:
        """Take the caller's next message.

        Raises: LoginRefused.
        """
        self._check()
        try:
            answer = self._exchange.answer(body)
        except ProtocolViolation as violation:
            self._logins.failed(self._user, self._address)
            denial = Denial("login", violation.sqlstate, str(violation), violation.detail)
            raise LoginRefused(denial, "protocol") from violation
        if answer is None:
            self._logins.failed(self._user, self._address)
            raise self._wrong()
        if self._exchange.keys is not None:
            try:
                self.person = self._logins.proved(self._user, self._address)
            except LoginFailed as error:
                raise self._wrong() from error
        return answer

    def _wrong(self) -> LoginRefused:
        return LoginRefused(wrong_password(self._user, "", HINT), "password")

    def _check(self) -> None:
        wait_s = self._logins.wait_s(self._address)
        if wait_s:
            denial = Denial(
                "login",
                "28000",
                "Too many logins from this address have failed.",
                "",
                f"Wait {math.ceil(wait_s)} s, and look for what still logs in with an old token.",
            )
            raise LoginRefused(denial, "throttled")
