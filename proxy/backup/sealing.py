"""Encryption of backups with age: to public keys, so that the host that makes them cannot read them.

Enters: keys as age writes them (https://age-encryption.org/v1), streams. Leaves: streams. age authenticates
what it encrypts, so a cut or changed file does not decrypt. Deliberately absent: passphrases.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from proxy.backup.clients import BackupError
from proxy.backup.places import Sink


class Source(Protocol):
    """What bytes can be read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Some bytes; none at the end."""
        ...


class Pieces:
    """Pieces of bytes, read like a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        """Read these."""
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int = -1, /) -> bytes:
        """Some bytes; none at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = piece
        size = len(self._rest) if size < 0 else size
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken


def read_recipients(texts: Sequence[str]) -> list[object]:
    """Public keys: age1… or ssh-ed25519 ….

    Raises:
        ValueError: one is none; in one line.
    """
    age = _age()
    found: list[object] = []
    for text in texts:
        kind = age.ssh if text.startswith("ssh-") else age.x25519
        try:
            found.append(kind.Recipient.from_str(text.strip()))
        except age.RecipientError:
            raise ValueError("is no public key of age: they begin with age1 or ssh-ed25519") from None
    return found


def read_identities(path: Path) -> list[object]:
    """The private keys in a file, as age-keygen writes it.

    Raises:
        ValueError: it holds none; in one line.
    """
    age = _age()
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        raise ValueError(f"{path} cannot be read") from None
    keys = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    try:
        if keys and keys[0].startswith("-----BEGIN"):
            return [age.ssh.Identity.from_buffer(path.read_bytes())]
        found: list[object] = [age.x25519.Identity.from_str(key) for key in keys]
    except age.IdentityError:
        found = []
    if not found:
        raise ValueError(f"{path} holds no private key of age, such as age-keygen writes")
    return found


class _Between:
    """Source and sink as age sees them; keeps what they raise, of which age would leave a text alone."""

    def __init__(self, source: Source, sink: Sink) -> None:
        self._source = source
        self._sink = sink
        self.raised: BaseException | None = None

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._source.read(size)
        except BaseException as error:
            self.raised = error
            raise

    def write(self, buffer: bytes, /) -> int:
        try:
            self._sink.write(buffer)
        except BaseException as error:
            self.raised = error
            raise
        return len(buffer)

    def flush(self) -> None:
        """As files have it."""


def seal(source: Source, sink: Sink, recipients: Sequence[object]) -> None:
    """Encrypt all of the source into the sink; what these raise is raised."""
    age = _age()
    between = _Between(source, sink)
    try:
        age.encrypt_io(between, between, list(recipients))
    except age.EncryptError as error:
        raise between.raised or BackupError(f"encryption failed: {error}") from error


def unseal(source: Source, sink: Sink, identities: Sequence[object]) -> None:
    """Decrypt all of the source into the sink; what these raise is raised.

    Raises:
        BackupError: no key fits, or the file is not what was encrypted.
    """
    age = _age()
    if not identities:
        raise BackupError("the backup is encrypted: --identity names the file with the private key")
    between = _Between(source, sink)
    try:
        age.decrypt_io(between, between, list(identities))
    except age.DecryptError as error:
        raise between.raised or BackupError(f"decryption failed: {error}") from error


def _age() -> Any:
    try:
        import pyrage
    except ImportError:
        raise BackupError("encryption needs more than is installed: pip install 'pgwarden[backup]'") from None
    return pyrage
