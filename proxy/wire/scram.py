"""SCRAM-SHA-256 (RFC 5802, 7677): its arithmetic, the verifiers that PostgreSQL keeps, both sides' messages.

Enters: passwords, verifiers, the bytes of SASL messages. Leaves: keys, proofs, messages, or a ScramViolation
that says what is wrong with a message as the server would say it. Deliberately absent: whose turn it is
(`session` knows), nonces (arguments), and passwords in any text.

Whoever proves that he knows the password thereby shows ClientKey, and with ClientKey and ServerKey somebody
else can log in with the same verifier: `recover_client_key`.

Source: auth-scram.c and scram-common.c of the server, fe-auth-scram.c of libpq.
"""

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Final, Self

from proxy.wire.channelbinding import BINDING_TYPE
from proxy.wire.errors import ProtocolViolation
from proxy.wire.saslprep import saslprep

SCRAM: Final = "SCRAM-SHA-256"
SCRAM_PLUS: Final = "SCRAM-SHA-256-PLUS"

DEFAULT_ITERATIONS: Final = 4096
"""SCRAM_SHA_256_DEFAULT_ITERATIONS."""

MOST_ITERATIONS: Final = 1_000_000
"""More would cost a login a second of CPU; PostgreSQL takes up to 2^31 - 1."""

KEY_BYTES: Final = 32

_LONGEST_MESSAGE: Final = 1024
"""PG_MAX_SASL_MESSAGE_LENGTH."""

_LONGEST_SALT: Final = 256
_LETTERS: Final = re.compile(r"[A-Za-z]")
_PRINTABLE: Final = re.compile(r"[\x21-\x2b\x2d-\x7e]+")
_NUMBER: Final = re.compile(r"[0-9]{1,10}")
_VERIFIER: Final = re.compile(r"SCRAM-SHA-256\$([0-9]{1,10}):([^$:]+)\$([^$:]+):([^$:]+)")


class ScramViolation(ProtocolViolation):
    """A SCRAM message that cannot be taken, in the server's words."""

    def __init__(
        self, message: str = "malformed SCRAM message", detail: str = "", sqlstate: str = "08P01"
    ) -> None:
        super().__init__(message)
        self.detail = detail
        self.sqlstate = sqlstate


def _malformed(detail: str) -> ScramViolation:
    return ScramViolation(detail=detail)


# -- arithmetic ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Keys:
    """What one side of a login needs to prove itself and to know the other."""

    client_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)


def salted_password(password: bytes, salt: bytes, iterations: int) -> bytes:
    """PBKDF2 of the prepared password: some 0.4 µs an iteration."""
    return hashlib.pbkdf2_hmac("sha256", saslprep(password), salt, iterations)


def keys_of(salted: bytes) -> Keys:
    """The keys that a salted password stands for."""
    return Keys(_hmac(salted, b"Client Key"), _hmac(salted, b"Server Key"))


def recover_client_key(stored_key: bytes, auth_message: bytes, proof: bytes) -> bytes | None:
    """The client's key out of its proof; None when the proof is wrong."""
    client_key = _xor(proof, _hmac(stored_key, auth_message))
    right = hmac.compare_digest(hashlib.sha256(client_key).digest(), stored_key)
    return client_key if right else None


def client_proof(client_key: bytes, auth_message: bytes) -> bytes:
    """What shows that the client has its key."""
    return _xor(client_key, _hmac(hashlib.sha256(client_key).digest(), auth_message))


def server_signature(server_key: bytes, auth_message: bytes) -> bytes:
    """What shows that the server has the verifier."""
    return _hmac(server_key, auth_message)


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


# -- verifiers -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Verifier:
    """What a server keeps in place of a password: it checks one, and lets its holder pose as the server."""

    iterations: int
    salt: bytes
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `SCRAM-SHA-256$4096:salt$stored:server`, as pg_authid.rolpassword has it.

        Raises: ValueError, without the text, when it is something else.
        """
        found = _VERIFIER.fullmatch(text)
        if found is None:
            raise ValueError("is no SCRAM-SHA-256 verifier")
        iterations = int(found[1])
        salt, stored_key, server_key = map(_base64, found.groups()[1:])
        if not salt or not stored_key or not server_key:
            raise ValueError("is a SCRAM-SHA-256 verifier with a part that is not base64")
        if len(stored_key) != KEY_BYTES or len(server_key) != KEY_BYTES or len(salt) > _LONGEST_SALT:
            raise ValueError("is a SCRAM-SHA-256 verifier with a part of a wrong length")
        if not 0 < iterations <= MOST_ITERATIONS:
            raise ValueError(f"has an iteration count that is not from 1 to {MOST_ITERATIONS}")
        return cls(iterations, salt, stored_key, server_key)

    def written(self) -> str:
        """The text that `parse` reads."""
        salt, stored, server = (_text64(part) for part in (self.salt, self.stored_key, self.server_key))
        return f"{SCRAM}${self.iterations}:{salt}${stored}:{server}"


def make_verifier(password: bytes, salt: bytes, iterations: int) -> Verifier:
    """The verifier of a password."""
    keys = keys_of(salted_password(password, salt, iterations))
    return Verifier(iterations, salt, hashlib.sha256(keys.client_key).digest(), keys.server_key)


# -- messages ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClientFirst:
    """client-first-message. `flag` is "n", "y" or "p"; `bare` what the proof covers."""

    flag: str
    nonce: str
    bare: str

    def encode(self) -> bytes:
        """The whole message."""
        return (gs2_header(self.flag) + self.bare).encode()


@dataclass(frozen=True, slots=True)
class ServerFirst:
    """server-first-message; `text` is all of it."""

    nonce: str
    salt: bytes
    iterations: int
    text: str


@dataclass(frozen=True, slots=True)
class ClientFinal:
    """client-final-message. `binding` is of the channel; `without_proof` is what the proof covers."""

    binding: str
    nonce: str
    proof: bytes = field(repr=False)
    without_proof: str = ""


def gs2_header(flag: str) -> str:
    """How a client-first-message begins."""
    return f"p={BINDING_TYPE},," if flag == "p" else f"{flag},,"


def binding_of(flag: str, channel: bytes | None) -> str:
    """What the client-final-message must say of the channel: the header, and the channel's data with "p"."""
    data = channel if flag == "p" and channel is not None else b""
    return _text64(gs2_header(flag).encode() + data)


def auth_message(first_bare: str, server_first: str, without_proof: str) -> bytes:
    """What proof and signature cover."""
    return f"{first_bare},{server_first},{without_proof}".encode()


def client_first(flag: str, nonce: str) -> ClientFirst:
    """The first message; its user name is empty, as libpq's is: the startup packet has named the user."""
    return ClientFirst(flag, nonce, f"n=,r={nonce}")


def server_first(nonce: str, verifier: Verifier) -> ServerFirst:
    """The server's first message; `nonce` is the client's and the server's."""
    text = f"r={nonce},s={_text64(verifier.salt)},i={verifier.iterations}"
    return ServerFirst(nonce, verifier.salt, verifier.iterations, text)


def client_final(binding: str, nonce: str) -> str:
    """The last message without its proof."""
    return f"c={binding},r={nonce}"


def with_proof(without_proof: str, proof: bytes) -> bytes:
    """The last message."""
    return f"{without_proof},p={_text64(proof)}".encode()


def server_final(signature: bytes) -> bytes:
    """The server's last message."""
    return f"v={_text64(signature)}".encode()


def decode_client_first(data: bytes | None) -> ClientFirst:
    """Read a client-first-message, as read_client_first_message() does.

    Raises: ScramViolation.
    """
    text = _text(data or b"")
    flag, rest = text[:1], text[1:]
    if flag == "p":
        name, comma, rest = rest.removeprefix("=").partition(",")
        if text[1:2] != "=" or not comma:
            raise _malformed('Expected attribute "p" with a channel-binding type.')
        if name != BINDING_TYPE:
            raise ScramViolation("unsupported SCRAM channel-binding type")
    elif flag not in ("n", "y"):
        raise _malformed("Unexpected channel-binding flag.")
    elif rest[:1] != ",":
        raise _malformed("Comma expected behind the channel-binding flag.")
    else:
        rest = rest[1:]
    if rest[:1] == "a":
        raise ScramViolation("client uses authorization identity, but it is not supported", "", "0A000")
    if rest[:1] != ",":
        raise _malformed("Unexpected attribute in client-first-message.")
    bare = rest[1:]
    if bare[:1] == "m":
        raise ScramViolation("client requires an unsupported SCRAM extension", "", "0A000")
    _, rest = _attribute(bare, "n")  # the startup packet's user counts
    nonce, rest = _attribute(rest, "r")
    _check_rest(rest)
    return ClientFirst(flag, _printable(nonce), bare)


def decode_client_final(data: bytes) -> ClientFinal:
    """Read a client-final-message, as read_client_final_message() does.

    Raises: ScramViolation.
    """
    text = _text(data)
    binding, rest = _attribute(text, "c")
    nonce, rest = _attribute(rest, "r")
    name, proof, before = "", "", 0
    while name != "p":  # what stands between is an extension, which the proof covers
        before = len(text) - len(rest)
        name, proof, rest = _any_attribute(rest)
    raw = _base64(proof)
    if raw is None or len(raw) != KEY_BYTES:
        raise _malformed("Malformed proof in client-final-message.")
    if rest:
        raise _malformed("Garbage found at the end of client-final-message.")
    return ClientFinal(binding, nonce, raw, text[: before - 1])


def decode_server_first(data: bytes, client_nonce: str) -> ServerFirst:
    """Read a server-first-message, which must continue the client's nonce.

    Raises: ScramViolation.
    """
    text = _text(data)
    if text[:1] == "m":
        raise ScramViolation("the server requires an unsupported SCRAM extension", "", "0A000")
    nonce, rest = _attribute(text, "r")
    encoded_salt, rest = _attribute(rest, "s")
    number, rest = _attribute(rest, "i")
    _check_rest(rest)
    if not nonce.startswith(client_nonce) or len(nonce) == len(client_nonce):
        raise ScramViolation("invalid SCRAM response", "Nonce does not match.")
    salt = _base64(encoded_salt)
    if not salt or len(salt) > _LONGEST_SALT:
        raise _malformed("Invalid salt.")
    if not _NUMBER.fullmatch(number) or not 0 < int(number) <= MOST_ITERATIONS:
        raise _malformed(f"The iteration count is not a number from 1 to {MOST_ITERATIONS}.")
    return ServerFirst(_printable(nonce), salt, int(number), text)


def decode_server_final(data: bytes) -> bytes | None:
    """The signature of a server-final-message; None when the server says that the login has failed.

    Raises: ScramViolation.
    """
    text = _text(data)
    if text[:1] == "e":
        _attribute(text, "e")
        return None
    encoded, rest = _attribute(text, "v")
    signature = _base64(encoded)
    if rest or signature is None or len(signature) != KEY_BYTES:
        raise _malformed("Malformed signature in server-final-message.")
    return signature


def _text(data: bytes) -> str:
    """A message as text: the server knows no bytes beyond ASCII in what it reads of it, and no NUL."""
    if not data:
        raise _malformed("The message is empty.")
    if len(data) > _LONGEST_MESSAGE:
        raise _malformed(f"The message is longer than {_LONGEST_MESSAGE} bytes.")
    if b"\0" in data:
        raise _malformed("Message length does not match input length.")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _malformed("The message is not UTF-8.") from None


def _attribute(text: str, name: str) -> tuple[str, str]:
    """The value of the attribute that must come first, and what follows its comma."""
    if text[:1] != name or text[1:2] != "=":
        raise _malformed(f'Expected attribute "{name}".')
    value, _, rest = text[2:].partition(",")
    return value, rest


def _any_attribute(text: str) -> tuple[str, str, str]:
    if not _LETTERS.match(text[:1]) or text[1:2] != "=":
        raise _malformed("An attribute is expected, and none found.")
    value, _, rest = text[2:].partition(",")
    return text[0], value, rest


def _check_rest(text: str) -> None:
    """Extensions that nobody knows are passed over, if they have the form of attributes."""
    while text:
        _, _, text = _any_attribute(text)


def _printable(nonce: str) -> str:
    if not _PRINTABLE.fullmatch(nonce):
        raise ScramViolation("non-printable characters in SCRAM nonce")
    return nonce


def _base64(text: str) -> bytes | None:
    """Bytes out of base64 with nothing else in it; None where it is not that."""
    try:
        return b64decode(text, validate=True)
    except ValueError:  # binascii.Error is one, and so is what is said of letters beyond ASCII
        return None


def _text64(data: bytes) -> str:
    return b64encode(data).decode()
