"""TLS to the server: what is asked of it, and how PostgreSQL's protocol asks. And what stands on either leg.

Enters: an sslmode and a CA file; later a plain transport's bytes. Leaves: an SSLContext; the server's answer;
a TlsInfo. Deliberately absent: `allow`, which asks for nothing; the gate's own certificate (certificate.py).
"""

import asyncio
import ssl
from collections.abc import Sequence
from enum import Enum
from typing import cast

from proxy.session import ALPN_PROTOCOL, TlsInfo
from proxy.wire.startup import encode_ssl_request


class SslMode(Enum):
    """What is asked of the server's side, in libpq's words."""

    DISABLE = "disable"
    PREFER = "prefer"
    REQUIRE = "require"
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"


class NoAuthority(ValueError):
    """`verify-ca` needs a file of authorities, and none is named."""


class Negotiation(asyncio.Protocol):
    """Asks for TLS and takes one read for an answer: one byte, or the connection is worth nothing."""

    def __init__(self, answer: asyncio.Future[bytes]) -> None:
        self._answer = answer
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports only look like it
        self._transport.write(encode_ssl_request())

    def data_received(self, data: bytes) -> None:
        """Take the answer and read no further: what comes next belongs to TLS."""
        if self._transport is not None:
            self._transport.pause_reading()
        if not self._answer.done():
            self._answer.set_result(data)

    def connection_lost(self, error: Exception | None) -> None:
        """The server went away instead of answering."""
        if not self._answer.done():
            self._answer.set_result(b"")


def make_context(sslmode: SslMode, ca_file: str | None) -> ssl.SSLContext | None:
    """The context for connections to one server; None where no TLS is asked for.

    With `require` and a CA file the certificate is checked, though not its name, as libpq does. `verify-ca`
    needs such a file: the system's authorities sign for everybody, so without the name nothing is proved.
    Raises: ValueError when the file cannot be read, holds no certificates, or is needed and not there.
    """
    if sslmode is SslMode.DISABLE:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([ALPN_PROTOCOL])
    context.check_hostname = sslmode is SslMode.VERIFY_FULL
    if ca_file is not None and sslmode is not SslMode.PREFER:
        _load_ca_file(context, ca_file)
    elif sslmode is SslMode.VERIFY_FULL:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    elif sslmode is SslMode.VERIFY_CA:
        raise NoAuthority("sslmode=verify-ca needs sslrootcert=FILE; with the system's own, use verify-full")
    else:
        context.verify_mode = ssl.CERT_NONE
    return context


def _load_ca_file(context: ssl.SSLContext, ca_file: str) -> None:
    try:
        context.load_verify_locations(cafile=ca_file)
    except ssl.SSLError as error:
        raise ValueError(f"{ca_file} holds no certificate in PEM format") from error
    except OSError as error:
        raise ValueError(f"{ca_file} cannot be read: {error.strerror}") from error


def tls_info(tls: ssl.SSLObject, own_certificate: bytes | None = None) -> TlsInfo:
    """What stands after a handshake; `own_certificate` is what the gate has shown in it, in DER."""
    cipher = tls.cipher()
    shown = tls.getpeercert() or {}  # empty also where a certificate was shown and not verified
    subject = cast(Sequence[Sequence[tuple[str, str]]], shown.get("subject", ()))
    common = [value for part in subject for name, value in part if name == "commonName"]
    others = cast(Sequence[tuple[str, str]], shown.get("subjectAltName", ()))
    return TlsInfo(
        version=tls.version() or "",
        cipher=cipher[0] if cipher else "",
        alpn=tls.selected_alpn_protocol(),
        own_certificate=own_certificate,
        peer_certificate=tls.getpeercert(binary_form=True),
        common_name=common[0] if len(common) == 1 else None,
        alternative_names=tuple(value for kind, value in others if kind in ("DNS", "email", "URI")),
    )
