"""Looks users up for the sessions of one listener: in the file, then at the server.

Enters: a user's name. Leaves: its credential. Whoever is not known gets one that is made up, the same each
time and from every worker, as the server does by its mock authentication nonce: that a user exists cannot be
seen.
"""

from __future__ import annotations

import hmac

from structlog.stdlib import BoundLogger

from proxy.app.users.keeper import UserKeeper
from proxy.app.users.query import QueryFailed, VerifierQuery
from proxy.session import Credential, Unavailable
from proxy.wire.scram import DEFAULT_ITERATIONS, Verifier

_SALT_BYTES = 16


class Directory:
    """One listener's users."""

    def __init__(
        self, keeper: UserKeeper | None, query: VerifierQuery | None, secret: bytes, log: BoundLogger
    ) -> None:
        """Look in what is there.

        Args:
            keeper: the file of users.
            query: asks the server for those who are not in it.
            secret: by which users are made up.
            log: told once why the server cannot be asked, and that it can again.
        """
        self._keeper = keeper
        self._query = query
        self._secret = secret
        self._log = log
        self._told = ""

    async def find(self, user: str) -> Credential | Unavailable:
        """What is known of a user."""
        known = None if self._keeper is None else self._keeper.users.get(user)
        if known is not None:
            return known
        if self._query is None or not _may_be_a_role(user):
            return self._made_up(user)
        try:
            text = await self._query.find(user)
        except QueryFailed as error:
            self._tell(str(error))
            return Unavailable("The gate cannot look up users now.")
        self._tell("")
        return self._read(user, text)

    def _read(self, user: str, text: str | None) -> Credential:
        if text is None:
            return self._made_up(user)
        if text.startswith("md5"):
            return Credential(None)
        try:
            return Credential(Verifier.parse(text))
        except ValueError as error:
            self._log.error("the server's verifier of a user is of no use", user=user, reason=str(error))
            return self._made_up(user)

    def _made_up(self, user: str) -> Credential:
        salt, stored_key, server_key = (self._hash(part, user) for part in (b"salt", b"stored", b"server"))
        return Credential(Verifier(self._iterations, salt[:_SALT_BYTES], stored_key, server_key), False)

    @property
    def _iterations(self) -> int:
        """What most users have: those of the file, else those of the server."""
        if self._keeper is not None and (self._keeper.users or self._query is None):
            return self._keeper.iterations
        return DEFAULT_ITERATIONS if self._query is None else self._query.iterations

    def _hash(self, part: bytes, user: str) -> bytes:
        return hmac.digest(self._secret, part + b"\0" + user.encode(errors="surrogateescape"), "sha256")

    def _tell(self, trouble: str) -> None:
        if trouble and trouble != self._told:
            self._log.error("users cannot be looked up at the server", reason=trouble)
        elif self._told and not trouble:
            self._log.info("users can be looked up at the server again")
        self._told = trouble


def _may_be_a_role(user: str) -> bool:
    """Bytes that are no UTF-8 name nobody, and cannot be asked for."""
    try:
        user.encode()
    except UnicodeEncodeError:
        return False
    return True
