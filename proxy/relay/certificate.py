"""The gate's own certificate: what clients see, and how TLS is spoken with them.

Enters: files in PEM. Leaves: a Certificate, or a CertificateError that says which file is wrong and why.
Deliberately absent: when to read them again (app).
"""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.session import ALPN_PROTOCOL

_FEATURES: Final = (
    # As the server sets them (be-secure-openssl.c): tickets would be a key to past sessions that outlives a
    # reload, renegotiation and compression have been attacked, and no client of PostgreSQL's needs them.
    ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
)


class CertificateError(ValueError):
    """A certificate, its key or the authority for clients cannot be used; one line."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where they are.

    Attributes:
        certificate: the gate's own, with what leads to its authority behind it.
        key: that of the certificate, without a passphrase.
        authority: who signs clients' certificates; without it clients are asked for none.
    """

    certificate: str
    key: str
    authority: str | None = None

    def __iter__(self) -> Iterator[str]:
        """Every file there is."""
        yield self.certificate
        yield self.key
        if self.authority is not None:
            yield self.authority


@dataclass(frozen=True, slots=True)
class Certificate:
    """What handshakes with clients are made with.

    Attributes:
        der: the certificate itself.
        not_before_s, not_after_s: when it is valid, in POSIX seconds.
    """

    der: bytes
    not_before_s: float
    not_after_s: float
    _context: ssl.SSLContext = field(repr=False, compare=False)

    def take_over(self, handshake: ssl.SSLObject) -> None:
        """Have a handshake that begins at another context be made with this one."""
        handshake.context = self._context

    def accept(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> ssl.SSLObject:
        """The server's side of one TLS session."""
        return self._context.wrap_bio(incoming, outgoing, server_side=True)


def load_certificate(files: CertificateFiles, alpn: str = ALPN_PROTOCOL) -> Certificate:
    """Read them; a pair of which one file is new and the other old does not load.

    A client's certificate is asked for where there is an authority for it, and then has to be good; whether
    one is needed is the session's to say, in words that the client can show.

    Args:
        files: where they are.
        alpn: the protocol that is spoken inside (RFC 7301).

    Raises: CertificateError.
    """
    raw = _read(files.certificate, "the certificate")
    _read(files.key, "the key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= _FEATURES
    context.num_tickets = 0
    context.set_alpn_protocols([alpn])
    leaf = _leaf(raw, files.certificate)

    def no_passphrase() -> str:  # OpenSSL would ask on the terminal
        raise CertificateError(f"the key {files.key} has a passphrase, which nobody could type: remove it")

    try:
        context.load_cert_chain(files.certificate, files.key, no_passphrase)
    except ssl.SSLError as error:
        raise CertificateError(_why(error, files)) from error
    except OSError as error:
        raise CertificateError(f"{files.certificate}, {files.key}: {error.strerror or error}") from error
    if files.authority is not None:
        _ask_clients(context, files.authority)
    if _read(files.certificate, "the certificate") != raw:
        raise CertificateError(f"{files.certificate} was changed while it was read")
    return Certificate(
        leaf.public_bytes(Encoding.DER),
        leaf.not_valid_before_utc.timestamp(),
        leaf.not_valid_after_utc.timestamp(),
        context,
    )


def _read(path: str, what: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CertificateError(f"{what} {path} cannot be read: {error.strerror or error}") from error


def _leaf(raw: bytes, path: str) -> x509.Certificate:
    """The first certificate is the gate's; the others lead to its authority."""
    try:
        return x509.load_pem_x509_certificates(raw)[0]
    except ValueError as error:
        raise CertificateError(f"{path} holds no certificate in PEM format") from error


def _ask_clients(context: ssl.SSLContext, authority: str) -> None:
    try:
        context.load_verify_locations(cafile=authority)
    except ssl.SSLError as error:
        raise CertificateError(f"{authority} holds no certificate in PEM format") from error
    except OSError as error:
        raise CertificateError(f"{authority} cannot be read: {error.strerror or error}") from error
    context.verify_mode = ssl.CERT_OPTIONAL


def _why(error: ssl.SSLError, files: CertificateFiles) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"the key {files.key} is not that of the certificate {files.certificate}"
    if error.reason in ("EE_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"):
        return f"the certificate {files.certificate} is too weak: {error.reason.lower().replace('_', ' ')}"
    return f"{files.certificate} and {files.key} are no certificate and key in PEM format"
