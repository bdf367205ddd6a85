"""Heads: the number and the hash of the ledger's last entry, signed, to be kept somewhere else.

Enters: a position in the chain, a key. Leaves: a JSON line that everybody can check who has the public key;
and back. Whoever can write the ledger can make all its hashes anew, but not a head that lies elsewhere.
Signatures are Ed25519 (RFC 8032) over the canonical JSON of the head's other fields; keys are PEM files.
Deliberately absent: when and where heads are published (app).
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from tempfile import mkstemp
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from proxy.records.entry import LedgerError, canonical, written
from proxy.records.store import Position

_PURPOSE: Final = "pgwarden ledger head"
_KEY_DIGITS: Final = 16
_OTHERS: Final = 0o007


@dataclass(frozen=True, slots=True)
class Head:
    """A signed position.

    Attributes:
        signed_at: ISO 8601 in UTC.
        key: which key has signed: the first digits of the SHA-256 of the public key's 32 bytes.
        signature: base64.
    """

    sequence: int
    hash: str
    signed_at: str
    key: str
    signature: str

    def line(self) -> str:
        """As it is published, without a line's end."""
        return canonical(self.fields())

    def fields(self) -> dict[str, str | int]:
        """Its parts, by name."""
        return {
            "hash": self.hash,
            "key": self.key,
            "sequence": self.sequence,
            "signature": self.signature,
            "signed_at": self.signed_at,
        }

    def message(self) -> bytes:
        """What is signed."""
        fields = {name: value for name, value in self.fields().items() if name != "signature"}
        return canonical({**fields, "purpose": _PURPOSE}).encode()


class PublicKey:
    """Checks heads.

    Attributes:
        id: as heads name it.
    """

    def __init__(self, key: Ed25519PublicKey) -> None:
        """Take a key."""
        self._key = key
        raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.id = sha256(raw).hexdigest()[:_KEY_DIGITS]

    def signed(self, head: Head) -> bool:
        """Whether this key has signed it."""
        return head.key == self.id and self.verifies(head.signature, head.message())

    def verifies(self, signature: str, message: bytes) -> bool:
        """Whether this is its signature of the message, in base64."""
        try:
            self._key.verify(base64.b64decode(signature, validate=True), message)
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True

    @property
    def text(self) -> str:
        """Its 32 bytes in base64."""
        raw = self._key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return base64.b64encode(raw).decode()

    def pem(self) -> str:
        """As a PEM block, with its line's end."""
        return self._key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode()


class SigningKey:
    """Signs heads."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        """Take a key."""
        self._key = key
        self.public = PublicKey(key.public_key())

    def sign(self, position: Position, moment: datetime) -> Head:
        """The head of the ledger that ends there."""
        bare = Head(position.sequence, position.hash, written(moment), self.public.id, "")
        return Head(bare.sequence, bare.hash, bare.signed_at, bare.key, self.signature(bare.message()))

    def signature(self, message: bytes) -> str:
        """Its signature of a message, in base64."""
        return base64.b64encode(self._key.sign(message)).decode()


def use_key(path: Path) -> SigningKey:
    """The key in a file, made at the first use, for its owner alone.

    Raises:
        LedgerError: it cannot be read or made, everybody may read it, or it is no Ed25519 key.
    """
    try:
        try:
            return read_key(path)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            _make_key(path)
            return read_key(path)
    except OSError as error:
        raise LedgerError(f"the key {path} cannot be used: {error.strerror or error}") from error


def read_key(path: Path) -> SigningKey:
    """The key in a file.

    Raises:
        OSError: it cannot be read.
        LedgerError: everybody may read it, or it is no Ed25519 key.
    """
    raw = path.read_bytes()
    if path.stat().st_mode & _OTHERS:
        raise LedgerError(f"the key {path} can be read by everybody: chmod 600 it")
    try:
        key = serialization.load_pem_private_key(raw, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise LedgerError(f"{path} holds no Ed25519 key in PEM without a password") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise LedgerError(f"{path} holds no Ed25519 key but one of another kind")
    return SigningKey(key)


def _make_key(path: Path) -> None:
    """Written whole under another name, then linked: who comes second finds the first one's."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    descriptor, name = mkstemp(prefix=f"{path.name}.", dir=path.parent)  # for its owner alone
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)


def read_public_key(raw: bytes) -> PublicKey:
    """A public key in PEM.

    Raises:
        ValueError: it is none.
    """
    try:
        key = serialization.load_pem_public_key(raw)
    except UnsupportedAlgorithm as error:
        raise ValueError("no public key in PEM") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("no Ed25519 key")
    return PublicKey(key)


def public_key_of(text: str) -> PublicKey:
    """A public key by its 32 bytes in base64.

    Raises:
        ValueError: it is none.
    """
    return PublicKey(Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True)))


def heads_in(lines: Iterable[str]) -> Iterator[Head]:
    """The heads among the lines of a file: one of heads, or a gate's log in JSON, which has them too."""
    for line in lines:
        if '"signature"' not in line:
            continue
        try:
            fields = json.loads(line)
        except ValueError:
            continue
        if isinstance(fields, dict) and (head := _head(fields)) is not None:
            yield head


def trusted(heads: Iterable[Head], keys: Mapping[str, PublicKey]) -> Iterator[tuple[Head, str]]:
    """Each head with what is wrong with it, "" for nothing."""
    for head in heads:
        key = keys.get(head.key)
        if key is None:
            yield (
                head,
                f"the head of entry {head.sequence} is signed by the key {head.key}, which was not given",
            )
        elif not key.signed(head):
            yield head, f"the head of entry {head.sequence} has a signature that is not the key's"
        else:
            yield head, ""


def _head(fields: Mapping[str, object]) -> Head | None:
    sequence = fields.get("sequence")
    texts = [fields.get(name) for name in ("hash", "signed_at", "key", "signature")]
    if type(sequence) is not int or sequence < 1 or not all(isinstance(text, str) for text in texts):
        return None
    return Head(sequence, *map(str, texts))
