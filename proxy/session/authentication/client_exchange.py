"""SCRAM with a client, the gate being the server: two messages in, two out."""

from __future__ import annotations

from proxy.session.authentication.credentials import Credential
from proxy.wire.backend import (
    AUTHENTICATION_SASL_CONTINUE,
    AUTHENTICATION_SASL_FINAL,
    encode_authentication,
    encode_sasl_mechanisms,
)
from proxy.wire.frontend import decode_sasl_initial
from proxy.wire.scram import (
    SCRAM,
    SCRAM_PLUS,
    ClientFirst,
    Keys,
    ScramViolation,
    ServerFirst,
    Verifier,
    auth_message,
    binding_of,
    decode_client_final,
    decode_client_first,
    recover_client_key,
    server_final,
    server_first,
    server_signature,
)


class ClientExchange:
    """One client's proof that it knows the password.

    Attributes:
        keys: what logs in at the server with the same verifier; None until the proof was right.
    """

    def __init__(self, credential: Credential, verifier: Verifier, channel: bytes | None, nonce: str) -> None:
        """Begin.

        Args:
            credential: says whether the verifier is made up.
            verifier: what to check against.
            channel: what the TLS channel's end point hashes to; None where nothing can be bound to it.
            nonce: fresh and random.
        """
        self._known = credential.known
        self._verifier = verifier
        self._channel = channel
        self._nonce = nonce
        self._first: ClientFirst | None = None
        self._challenge: ServerFirst | None = None
        self.keys: Keys | None = None

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """What is offered, the best first, as get_sasl_mechanisms() of the server does."""
        return (SCRAM,) if self._channel is None else (SCRAM_PLUS, SCRAM)

    def offer(self) -> bytes:
        """AuthenticationSASL."""
        return encode_sasl_mechanisms(self.mechanisms)

    def answer(self, body: bytes) -> bytes | None:
        """Take the client's next message.

        Returns: the server's; None when the proof is wrong.
        Raises: ProtocolViolation.
        """
        if self._first is None or self._challenge is None:
            return self._begin(body)
        return self._finish(body, self._first, self._challenge)

    def _begin(self, body: bytes) -> bytes:
        chosen = decode_sasl_initial(body)
        if chosen.mechanism not in self.mechanisms:
            raise ScramViolation("client selected an invalid SASL authentication mechanism")
        first = decode_client_first(chosen.data)
        self._check_flag(first.flag, chosen.mechanism)
        self._first = first
        self._challenge = server_first(first.nonce + self._nonce, self._verifier)
        return encode_authentication(AUTHENTICATION_SASL_CONTINUE, self._challenge.text.encode())

    def _check_flag(self, flag: str, mechanism: str) -> None:
        """A client that could bind, and thinks that the server cannot, was lied to (RFC 5802, 6)."""
        if mechanism == SCRAM_PLUS and flag != "p":
            raise ScramViolation(
                detail="The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include "
                "channel binding data."
            )
        if mechanism == SCRAM and flag == "p":
            raise ScramViolation(
                detail="The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message "
                "includes channel binding data."
            )
        if flag == "y" and self._channel is not None:
            raise ScramViolation(
                "SCRAM channel binding negotiation error",
                "The client supports SCRAM channel binding but thinks the server does not.  However, this "
                "server does support channel binding.",
                "28000",
            )

    def _finish(self, body: bytes, first: ClientFirst, challenge: ServerFirst) -> bytes | None:
        last = decode_client_final(body)
        if last.binding != binding_of(first.flag, self._channel):
            if first.flag == "p":
                raise ScramViolation("SCRAM channel binding check failed", "", "28000")
            raise ScramViolation("unexpected SCRAM channel-binding attribute in client-final-message")
        if last.nonce != challenge.nonce:
            raise ScramViolation("invalid SCRAM response", "Nonce does not match.")
        covered = auth_message(first.bare, challenge.text, last.without_proof)
        client_key = recover_client_key(self._verifier.stored_key, covered, last.proof)
        signature = server_signature(self._verifier.server_key, covered)
        if client_key is None or not self._known:
            return None
        self.keys = Keys(client_key, self._verifier.server_key)
        return encode_authentication(AUTHENTICATION_SASL_FINAL, server_final(signature))
