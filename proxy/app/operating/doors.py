"""Where the console may listen: on this machine, or for others with TLS and logins.

Enters: settings. Leaves: what TLS is spoken with; or a ConsoleError that says what is missing. Deliberately
absent: listening; when a certificate is read again (certificates.py).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Final

from proxy.app.certificates import ListenerTls, read_tls
from proxy.app.kinds import is_loopback
from proxy.app.settings import Settings
from proxy.console.doorway import Place
from proxy.relay import Certificate, CertificateError, CertificateFiles

_ALPN: Final = "http/1.1"


class ConsoleError(ValueError):
    """The console's settings do not go together, or a file is of no use.

    Attributes:
        setting: the one that is to be changed.
    """

    def __init__(self, setting: str, message: str) -> None:
        """Keep both."""
        super().__init__(message)
        self.setting = setting


def place_of(settings: Settings) -> Place:
    """Who reaches the console, and how."""
    local = settings.console is None or is_loopback(settings.console)
    return Place(local, settings.console_tls_cert_file is not None)


@dataclass(slots=True)
class ConsoleTls:
    """TLS of the console: a handshake is made with the certificate that is the newest then.

    Attributes:
        read: as it was read first.
        context: for the server, all the time; it hands each handshake to the newest one's.
    """

    read: ListenerTls
    context: ssl.SSLContext = field(
        default_factory=lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), repr=False
    )
    _newest: Certificate | None = None

    def __post_init__(self) -> None:
        """Begin with that certificate."""
        self._newest = self.read.certificate
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.sni_callback = self._choose

    def swap(self, certificate: Certificate) -> None:
        """Show this one from now on."""
        self._newest = certificate

    def _choose(self, handshake: ssl.SSLObject, name: str | None, asked: ssl.SSLContext) -> None:
        """OpenSSL asks before it sends a certificate, whether or not the client names a host."""
        if self._newest is not None:
            self._newest.take_over(handshake)


def console_tls(settings: Settings) -> ConsoleTls | None:
    """What TLS the console speaks; None for none.

    Raises: ConsoleError.
    """
    own, key = settings.console_tls_cert_file, settings.console_tls_key_file
    if (own is None) != (key is None):
        given = "console_tls_key_file" if own is None else "console_tls_cert_file"
        raise ConsoleError(given, "console_tls_cert_file and console_tls_key_file go together")
    logins = settings.console_auth_file or settings.console_oidc_issuer
    if not place_of(settings).local and (own is None or logins is None):
        raise ConsoleError(
            "console",
            f"{settings.console} is open to others: that takes console_tls_cert_file, "
            "console_tls_key_file and console_auth_file (or console_oidc_issuer); or write a loopback "
            "address, such as 127.0.0.1:8432, and reach it through ssh -L",
        )
    if own is None or key is None:
        return None
    try:
        return ConsoleTls(read_tls(CertificateFiles(own, key), _ALPN))
    except CertificateError as error:
        raise ConsoleError("console_tls_cert_file", str(error)) from error
