"""TLS as a session knows it: what stands on a leg, and what is asked of a client's.

Enters: what the relay's handshakes gave. Leaves: a Denial for whoever may not come in like this.
Absent: handshakes, certificates' insides (relay); what a name in a certificate is good for besides (auth).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from proxy.session.refusal import Denial

ALPN_PROTOCOL: Final = "postgresql"
"""What a client that begins with TLS at once must name (RFC 7301; libpq's sslnegotiation=direct)."""

_MOST_SHOWN: Final = 5
_LONGEST_SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class TlsInfo:
    """TLS as it stands on one leg.

    Attributes:
        version: as OpenSSL names it, such as "TLSv1.3".
        cipher: the suite's name.
        alpn: the protocol agreed on by ALPN, None where none was.
        own_certificate: the certificate that the gate has shown in this handshake, in DER; None where it has
            shown none. On the client's leg this is what tls-server-end-point hashes (RFC 5929).
        peer_certificate: the one that the other side has shown, in DER; None where it has shown none. A
            client's has been verified. A server's has been only where the upstream's sslmode says so.
        common_name: the subject's CN in a client's certificate; None where there is none, or several.
        alternative_names: DNS names, e-mail addresses and URIs in its subjectAltName.
    """

    version: str
    cipher: str
    alpn: str | None = None
    own_certificate: bytes | None = None
    peer_certificate: bytes | None = None
    common_name: str | None = None
    alternative_names: tuple[str, ...] = ()

    @property
    def identities(self) -> tuple[str, ...]:
        """Every name that a client's certificate vouches for."""
        own = () if self.common_name is None else (self.common_name,)
        return (*own, *(name for name in self.alternative_names if name not in own))


class ClientCertificate(Enum):
    """What is asked of a client beside TLS, in the words of pg_hba.conf's `clientcert`."""

    OPTIONAL = "optional"
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"


@dataclass(frozen=True, slots=True)
class ClientTls:
    """What one listener asks of its clients.

    Attributes:
        offered: SSLRequest is answered S, and TLS may come without it.
        required: no session begins without TLS. CancelRequests may: libpq before 17 knows no other.
        certificate: with `VERIFY_CA`, none without a certificate; with `VERIFY_FULL`, only one that names the
            role.
        roles: of a name in a certificate, the roles that it may log in as; a name that is not here is its
            own role, and no other.
    """

    offered: bool = False
    required: bool = False
    certificate: ClientCertificate = ClientCertificate.OPTIONAL
    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def names(self, tls: TlsInfo, role: str) -> bool:
        """Whether the client's certificate vouches for this role."""
        return any(role in self.roles.get(name, (name,)) for name in tls.identities)

    def refusal(self, tls: TlsInfo | None, role: str, *, local: bool) -> Denial | None:
        """Why a client may not begin a session as this role; None when it may.

        A local one needs no TLS: libpq asks for none at a Unix socket, and nobody listens in there.
        """
        if tls is None:
            return _PLAIN if self.required and not local else None
        if self.certificate is ClientCertificate.OPTIONAL:
            return None
        if tls.peer_certificate is None:
            return _NO_CERTIFICATE
        if self.certificate is ClientCertificate.VERIFY_FULL and not self.names(tls, role):
            return _other_name(tls, role)
        return None


_PLAIN: Final = Denial(
    "tls",
    "28000",
    "This gate takes encrypted connections only.",
    "The client asked for none.",
    "Connect with sslmode=require, or with sslmode=verify-full and sslrootcert.",
)
_NO_CERTIFICATE: Final = Denial(
    "tls",
    "28000",
    "connection requires a valid client certificate",
    "The client has shown none.",
    "Give the client its certificate and key: sslcert=FILE sslkey=FILE.",
)
NO_ALPN: Final = Denial(
    "tls",
    "08P01",
    "received direct SSL connection request without ALPN protocol negotiation extension",
    "",
    f"Have the client offer the protocol {ALPN_PROTOCOL} by ALPN, or ask for TLS by SSLRequest.",
)


def _other_name(tls: TlsInfo, role: str) -> Denial:
    return Denial(
        "tls",
        "28000",
        f'certificate authentication failed for user "{role}"',
        f"The client's certificate is for {_shown(tls.identities)}.",
        "Log in as that user, show another certificate, or let client_tls_roles say who may be whom.",
    )


def _shown(names: tuple[str, ...]) -> str:
    """Names out of a certificate, as a terminal may show them; a NUL would end the message."""
    shown = (repr(name)[1:-1][:_LONGEST_SHOWN] for name in names[:_MOST_SHOWN])
    return ", ".join(shown) or "nobody"
