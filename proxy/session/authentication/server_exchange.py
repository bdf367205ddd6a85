"""The gate's own login at the server: whatever way the server asks for.

Enters: the server's authentication requests. Leaves: the answers, or a LoginRefused. A password in clear goes
    over TLS alone, and a server that has not proved that it knows the verifier is not believed.
Absent: the arithmetic that takes long (a command; ``derived`` brings its outcome).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy.session.authentication.credentials import LoginRefused, wrong_password
from proxy.session.commands import DeriveKey
from proxy.session.refusal import Denial
from proxy.wire.backend import (
    AUTHENTICATION_CLEARTEXT,
    AUTHENTICATION_MD5,
    AUTHENTICATION_OK,
    AUTHENTICATION_SASL,
    AUTHENTICATION_SASL_CONTINUE,
    AUTHENTICATION_SASL_FINAL,
    Authentication,
    encode_error,
)
from proxy.wire.channelbinding import end_point
from proxy.wire.errors import ProtocolViolation
from proxy.wire.frontend import (
    SASLInitialResponse,
    encode_password,
    encode_sasl_initial,
    encode_sasl_response,
)
from proxy.wire.octets import bytes_of
from proxy.wire.scram import (
    SCRAM,
    SCRAM_PLUS,
    ClientFirst,
    Keys,
    ServerFirst,
    Verifier,
    auth_message,
    binding_of,
    client_final,
    client_first,
    client_proof,
    decode_server_final,
    decode_server_first,
    keys_of,
    server_signature,
    with_proof,
)


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a client's proof has shown: it logs in where the server keeps the same verifier."""

    verifier: Verifier
    keys: Keys
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Password:
    """A password: the client's own, or the one that the gate keeps for a role (``managed``)."""

    password: bytes = field(repr=False)
    managed: bool = False


class ServerExchange:
    """One login at the server.

    Attributes:
        wanted: what has to be derived before the server can be answered; ``derived`` takes it.
        challenge: the server's salt and iterations, once it has told.
    """

    def __init__(self, user: str, role: str, proof: Recovered | Password, nonce: str) -> None:
        """Begin.

        Args:
            user: whom the client calls itself, for errors.
            role: who the gate is at the server.
            proof: what it has to show.
            nonce: fresh and random.
        """
        self._user = user
        self._role = role
        self._proof = proof
        self._nonce = nonce
        self._encrypted = False
        self._channel: bytes | None = None
        self._first: ClientFirst | None = None
        self._keys: Keys | None = None
        self._signature: bytes | None = None
        self._proved = False
        self.challenge: ServerFirst | None = None
        self.wanted: DeriveKey | None = None

    def connected(self, *, encrypted: bool, certificate: bytes | None) -> None:
        """What TLS stands with the server, and the certificate that it has shown, in DER."""
        self._encrypted = encrypted
        self._channel = None if certificate is None else end_point(certificate)

    def answer(self, request: Authentication) -> bytes:
        """Take one request.

        Returns: what the server is to get; b"" for nothing, or nothing before ``wanted`` is there.
        Raises: LoginRefused; ProtocolViolation when the server's messages make no sense.
        """
        match request.code:
            case _ if self.wanted is not None:
                raise ProtocolViolation("the server goes on with a login before it is answered")
            case code if code == AUTHENTICATION_OK:
                return self._let_in()
            case code if code == AUTHENTICATION_SASL:
                return self._begin(request.mechanisms)
            case code if code == AUTHENTICATION_SASL_CONTINUE:
                return self._continue(request.data)
            case code if code == AUTHENTICATION_SASL_FINAL:
                return self._check(request.data)
            case _ if self._first is not None:
                raise ProtocolViolation("the server asks for another way to log in amid SCRAM")
            case code if code == AUTHENTICATION_CLEARTEXT:
                return self._in_clear()
            case code if code == AUTHENTICATION_MD5:
                return self._md5(request.data)
            case _:
                raise self._cannot(f"in a way that the gate does not know (method {request.code})")

    def derived(self, salted: bytes) -> bytes:
        """The salted password is there: what the server is to get."""
        self.wanted = None
        return self._prove(keys_of(salted))

    def instead_of(self, fields: Mapping[str, str]) -> bytes | None:
        """What the client is told when the server refuses; None: the server's own words."""
        if not fields.get("C", "28").startswith("28"):
            return None
        if isinstance(self._proof, Recovered):
            return encode_error({**fields, "H": self._proof.hint}) if self._proof.hint else None
        return _managed_denial(self._user).fatal() if self._proof.managed else None

    # -- SCRAM -------------------------------------------------------------------------------------

    def _begin(self, mechanisms: tuple[str, ...]) -> bytes:
        if self._first is not None:
            raise ProtocolViolation("the server begins SCRAM twice")
        if SCRAM_PLUS in mechanisms and not self._encrypted:
            raise ProtocolViolation("the server offers SCRAM-SHA-256-PLUS without TLS")
        if SCRAM_PLUS in mechanisms and self._channel is not None:
            mechanism, flag = SCRAM_PLUS, "p"
        elif SCRAM in mechanisms:
            mechanism, flag = SCRAM, "n" if self._channel is None else "y"
        else:
            raise self._cannot("by a SASL mechanism that the gate does not know")
        self._first = client_first(flag, self._nonce)
        return encode_sasl_initial(SASLInitialResponse(mechanism, self._first.encode()))

    def _continue(self, data: bytes) -> bytes:
        if self._first is None or self.challenge is not None:
            raise ProtocolViolation("the server goes on with SCRAM out of turn")
        self.challenge = decode_server_first(data, self._nonce)
        if isinstance(self._proof, Password):
            self.wanted = DeriveKey(self._proof.password, self.challenge.salt, self.challenge.iterations)
            return b""
        verifier = self._proof.verifier
        if (verifier.salt, verifier.iterations) != (self.challenge.salt, self.challenge.iterations):
            raise LoginRefused(_stale(self._user, self._proof.hint), "stale")
        return self._prove(self._proof.keys)

    def _prove(self, keys: Keys) -> bytes:
        if self._first is None or self.challenge is None:
            raise ProtocolViolation("there is nothing to prove yet")
        without_proof = client_final(binding_of(self._first.flag, self._channel), self.challenge.nonce)
        covered = auth_message(self._first.bare, self.challenge.text, without_proof)
        self._signature = server_signature(keys.server_key, covered)
        return encode_sasl_response(with_proof(without_proof, client_proof(keys.client_key, covered)))

    def _check(self, data: bytes) -> bytes:
        if self._signature is None or self._proved:
            raise ProtocolViolation("the server ends SCRAM out of turn")
        signature = decode_server_final(data)
        if signature is None:
            raise LoginRefused(wrong_password(self._user), "refused")
        if not hmac.compare_digest(signature, self._signature):
            raise ProtocolViolation("the server does not know the password: its SCRAM signature is wrong")
        self._proved = True
        return b""

    def _let_in(self) -> bytes:
        if self._first is not None and not self._proved:
            raise ProtocolViolation("the server ends the login without its SCRAM signature")
        return b""

    # -- older ways --------------------------------------------------------------------------------

    def _in_clear(self) -> bytes:
        if not isinstance(self._proof, Password):
            raise self._cannot("by the password in clear, which the gate does not have")
        if not self._encrypted:
            raise self._cannot("by the password in clear, and the connection to it is not encrypted")
        return self._password(self._proof.password)

    def _md5(self, salt: bytes) -> bytes:
        if not isinstance(self._proof, Password):
            raise self._cannot("by md5, and the gate knows a SCRAM verifier alone")
        inner = _md5_hex(self._proof.password + bytes_of(self._role))
        return self._password(b"md5" + _md5_hex(inner + salt))

    @staticmethod
    def _password(password: bytes) -> bytes:
        return encode_password(password)

    def _cannot(self, how: str) -> LoginRefused:
        hint = "Tell those who run pgwarden: README.md says which auth_type goes with which server."
        denial = Denial("login", "28000", f"The server asks the gate to log in {how}.", "", hint)
        return LoginRefused(denial, "refused")


def _md5_hex(data: bytes) -> bytes:
    """PostgreSQL's md5 passwords: nothing rests on this hash that did not before."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest().encode()


def _managed_denial(user: str) -> Denial:
    return Denial(
        "login",
        "28000",
        f'The server has refused the role that stands behind user "{user}".',
        "Your own password is right.",
        "Tell those who run pgwarden: its log has the server's words.",
    )


def _stale(user: str, hint: str) -> Denial:
    detail = "The password is the one that the gate knows, but the server keeps another verifier by now."
    return wrong_password(user, detail, hint)
