"""Sockets: clients on one side, the database server on the other, and sessions that say what passes between.

Enters: connections. Leaves: the bytes that sessions let through, unchanged, in order. Deliberately absent:
SQL, policy, any look into the bytes.
"""

from proxy.relay.address import parse_upstream
from proxy.relay.binding import Binding, Sockets, bind
from proxy.relay.calls import Console
from proxy.relay.certificate import Certificate, CertificateError, CertificateFiles, load_certificate
from proxy.relay.limits import Capacity, Occupancy
from proxy.relay.link import Link
from proxy.relay.listener import Listener
from proxy.relay.ports import RelaySettings, Told
from proxy.relay.proxied import ProxyProtocol
from proxy.relay.routing import CancelRouter
from proxy.relay.sockets import KeepAlive
from proxy.relay.tls import NoAuthority
from proxy.relay.upstream import SslMode, Upstream, UpstreamError

__all__ = [
    "Binding",
    "CancelRouter",
    "Capacity",
    "Certificate",
    "CertificateError",
    "CertificateFiles",
    "Console",
    "KeepAlive",
    "Link",
    "Listener",
    "NoAuthority",
    "Occupancy",
    "ProxyProtocol",
    "RelaySettings",
    "Sockets",
    "SslMode",
    "Told",
    "Upstream",
    "UpstreamError",
    "bind",
    "load_certificate",
    "parse_upstream",
]
