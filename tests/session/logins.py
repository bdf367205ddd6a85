"""Both ends of a login by hand: a client that can do SCRAM, and a server's side of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from proxy.session import (
    Authentication,
    AuthType,
    Close,
    Command,
    Connect,
    Credential,
    FindCredential,
    Gate,
    Peer,
    Session,
    TlsInfo,
    ToClient,
    ToServer,
)
from proxy.session.authentication.attempts import Attempts
from proxy.wire.backend import decode_error
from proxy.wire.frontend import SASLInitialResponse, encode_sasl_initial, encode_sasl_response
from proxy.wire.scram import (
    auth_message,
    binding_of,
    client_final,
    client_first,
    client_proof,
    decode_server_first,
    keys_of,
    make_verifier,
    salted_password,
    with_proof,
)
from proxy.wire.startup import encode_startup
from tests.session.wired import Clock, gate_of

SECRET = b"secret"
VERIFIER = make_verifier(SECRET, b"salt", 1)
CREDENTIAL = Credential(VERIFIER)
START = encode_startup(3, 0, [("user", "ada"), ("database", "shop")])
SCRAM, PLUS = "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"


def frames(data: bytes) -> list[tuple[str, bytes]]:
    """Messages of either side: kind and body."""
    found = []
    while data:
        size = 1 + int.from_bytes(data[1:5], "big")
        found.append((chr(data[0]), data[5:size]))
        data = data[size:]
    return found


def to_client(commands: list[Command]) -> list[tuple[str, bytes]]:
    """What the client gets."""
    return frames(b"".join(bytes(c.data) for c in commands if isinstance(c, ToClient)))


def to_server(commands: list[Command]) -> list[tuple[str, bytes]]:
    """What the server gets."""
    return frames(b"".join(bytes(c.data) for c in commands if isinstance(c, ToServer)))


def refusal(commands: list[Command]) -> tuple[str, str, str]:
    """SQLSTATE, message and detail of the FATAL that a session ends with."""
    assert isinstance(commands[-1], Close), commands
    kind, body = to_client(commands)[-1]
    fields = decode_error(body)
    assert (kind, fields["V"]) == ("E", "FATAL")
    return fields["C"], fields["M"], fields.get("D", "")


@dataclass
class Login:
    """One client of a gate that checks passwords.

    Attributes:
        plus: what the TLS channel of the client's leg hashes to, as the client computes it.
    """

    gate: Gate
    address: str = "192.0.2.1"
    tls: TlsInfo | None = None
    nonce: str = "abc"
    session: Session = field(init=False)

    def __post_init__(self) -> None:
        self.session = Session(self.gate, Peer(self.address, 4000))
        self.session.admission.client_tls = self.tls

    def start(self, packet: bytes = START) -> list[Command]:
        """Send the startup packet."""
        return self.session.client_data(packet)

    def offered(self, credential: Credential = CREDENTIAL) -> list[Command]:
        """Up to the offer of mechanisms."""
        assert self.start() == [FindCredential("ada")]
        return self.session.credential_found(credential)

    def choose(self, mechanism: str, data: bytes | None) -> list[Command]:
        """Send a SASLInitialResponse."""
        return self.session.client_data(encode_sasl_initial(SASLInitialResponse(mechanism, data)))

    def prove(
        self, secret: bytes = SECRET, flag: str = "n", mechanism: str = SCRAM, channel: bytes | None = None
    ) -> list[Command]:
        """Both messages of the client's."""
        first = client_first(flag, self.nonce)
        commands = self.choose(mechanism, first.encode())
        ((kind, body),) = to_client(commands)
        if kind == "E":
            return commands
        challenge = decode_server_first(body[4:], self.nonce)
        keys = keys_of(salted_password(secret, challenge.salt, challenge.iterations))
        without_proof = client_final(binding_of(flag, channel), challenge.nonce)
        covered = auth_message(first.bare, challenge.text, without_proof)
        last = with_proof(without_proof, client_proof(keys.client_key, covered))
        return self.session.client_data(encode_sasl_response(last))


def checking(
    auth_type: AuthType = AuthType.PASSTHROUGH, clock: Clock | None = None, limit: int = 20, hint: str = ""
) -> Gate:
    """A gate that looks users up."""
    gate = gate_of(clock=clock)
    looks_up = auth_type is not AuthType.PASSWORD
    gate.authentication = Authentication(auth_type, looks_up, hint, b"secret", Attempts(limit))
    return gate


def connects(commands: list[Command]) -> bool:
    """Whether the server is to be connected to."""
    return any(isinstance(command, Connect) for command in commands)
