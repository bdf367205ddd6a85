"""Sockets: clients on one side, the database server on the other, and sessions that say what passes between.

Enters: connections. Leaves: the bytes that sessions let through, unchanged, in order. Deliberately absent:
SQL, policy, any look into the bytes.
"""

from proxy.relay.address import parse_upstream
from proxy.relay.certificate import Certificate, CertificateError, CertificateFiles, load_certificate
from proxy.relay.listener import Listener
from proxy.relay.ports import RelaySettings, Session
from proxy.relay.tls import NoAuthority
from proxy.relay.upstream import SslMode, Upstream, UpstreamError

__all__ = [
    "Certificate",
    "CertificateError",
    "CertificateFiles",
    "Listener",
    "NoAuthority",
    "RelaySettings",
    "Session",
    "SslMode",
    "Upstream",
    "UpstreamError",
    "load_certificate",
    "parse_upstream",
]
