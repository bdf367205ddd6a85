"""Implements the console's port of logins: the file of tokens, kept fresh, and failures counted by address.

Enters: changes of the file, tokens that people show. Leaves: persons. A file that cannot be used is an error
in the log, with what was known before still in use. What is checked takes the same time whoever is named: an
unknown name has a verifier that is made up. Deliberately absent: tokens in any message.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from structlog.stdlib import BoundLogger

from proxy.app.operating.tokens import SEPARATOR, Token, read_tokens
from proxy.app.users.userlist import UserListError
from proxy.app.watching import Signature, signature_of, watch
from proxy.console.logins import LoginFailed
from proxy.console.people import Person, Role, Way
from proxy.session.authentication.attempts import Attempts, source_of
from proxy.wire.scram import DEFAULT_ITERATIONS, Verifier, keys_of, salted_password

OUTCOMES: Final = ("done", "failed", "limited")
_LONGEST: Final = 256
_FAILED: Final = "this is no token that counts: it may be revoked, expired or mistyped"


class TokenLogins:
    """Tokens and their owners.

    Attributes:
        counts: logins by outcome.
    """

    def __init__(
        self, path: str | None, tokens: Mapping[str, Token], most_failures: int, log: BoundLogger
    ) -> None:
        """Begin with a file that has been read; None where there is none.

        Args:
            most_failures: of one address in a minute; 0 is any number.
        """
        self._path = path
        self._tokens = tokens
        self._log = log
        self._seen: Signature = None
        self._secret = secrets.token_bytes(32)
        self._failures = Attempts(most_failures, name="console")
        self.counts: Counter[tuple[str, ...]] = Counter({(outcome,): 0 for outcome in OUTCOMES})

    @property
    def offered(self) -> bool:
        """Whether there is a file of tokens at all."""
        return self._path is not None

    async def check(self, token: str, address: str) -> Person:
        """Whose token this is."""
        self._let_try(address)
        name = token.partition(SEPARATOR)[0]
        right = len(token) <= _LONGEST and await asyncio.to_thread(_proves, token, self.verifier(name))
        known = self._tokens.get(name)
        if not right or known is None or not known.stands(datetime.now(UTC)):
            self.failed(name, address)
            raise LoginFailed(_FAILED)
        return self._let_in(known, address)

    def verifier(self, name: str) -> Verifier:
        """What proves the token of this name."""
        known = self._tokens.get(name)
        if known is not None:
            return known.verifier
        salt, stored, server = (self._made_up(part, name) for part in (b"salt", b"stored", b"server"))
        return Verifier(DEFAULT_ITERATIONS, salt[:16], stored, server)

    def proved(self, name: str, address: str) -> Person:
        """The person whose token's proof held."""
        known = self._tokens.get(name)
        if known is None or not known.stands(datetime.now(UTC)):
            self.failed(name, address)
            raise LoginFailed(_FAILED)
        return self._let_in(known, address)

    def wait_s(self, address: str) -> float:
        """For how many seconds this address has to wait."""
        return self._failures.wait_s(source_of(address or None), time.time())

    def failed(self, name: str, address: str) -> None:
        """Count a login that failed."""
        self.counts["failed",] += 1
        self._failures.failed(source_of(address or None), time.time())
        shown = "".join(letter if letter.isprintable() else "?" for letter in name[:63])
        self._log.warning("a login at the console failed", name=shown, client_address=address)

    def came(self, person: Person) -> None:
        """Count a login that succeeded."""
        self.counts["done",] += 1

    def role(self, person: Person) -> Role | None:
        """The role that somebody has now; None once their token is revoked, over or made anew."""
        if person.way is not Way.TOKEN:
            return person.role
        known = self._tokens.get(person.name)
        if known is None or not known.stands(datetime.now(UTC)) or person.proof != _proof(known):
            return None
        return known.role

    # -- keeping fresh -------------------------------------------------------------------------------------

    async def reload(self, *, only_changed: bool) -> None:
        """Read the file again; one that cannot be used leaves what was known."""
        if self._path is None:
            return
        seen = await asyncio.to_thread(signature_of, self._path)
        if only_changed and seen == self._seen:
            return
        self._seen = seen
        try:
            tokens = await asyncio.to_thread(read_tokens, self._path)
        except UserListError as error:
            self._log.error(
                "the console's tokens do not load; those before stay in use", error="; ".join(error.problems)
            )
            return
        if tokens != self._tokens:
            self._tokens = tokens
            self._log.info("the console's tokens are loaded", file=self._path, tokens=len(tokens))

    async def watch(self) -> None:
        """Reload whenever the file changes, until cancelled."""
        path = self._path
        if path is not None:
            await watch(lambda: [path], lambda: self.reload(only_changed=True), self._log)

    def _let_try(self, address: str) -> None:
        wait_s = self.wait_s(address)
        if wait_s > 0:
            self.counts["limited",] += 1
            raise LoginFailed(f"too many logins failed: wait {int(wait_s) + 1} s", wait_s)

    def _let_in(self, known: Token, address: str) -> Person:
        person = Person(known.name, known.role, Way.TOKEN, address, _proof(known))
        self.came(person)
        return person

    def _made_up(self, part: bytes, name: str) -> bytes:
        return hmac.digest(self._secret, part + b"\0" + name.encode(errors="replace"), "sha256")


def _proof(known: Token) -> str:
    return known.verifier.salt.hex()  # random, and new with each token


def _proves(token: str, verifier: Verifier) -> bool:
    """Whether the verifier is this token's: some milliseconds, without the interpreter's lock."""
    raw = token.encode(errors="replace")
    keys = keys_of(salted_password(raw, verifier.salt, verifier.iterations))
    stored = hashlib.sha256(keys.client_key).digest()
    return hmac.compare_digest(stored, verifier.stored_key)
