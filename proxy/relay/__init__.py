"""Sockets: clients on one side, the database server on the other, and sessions that say what passes between.

Enters: connections. Leaves: the bytes that sessions let through, unchanged, in order. Deliberately absent:
SQL, policy, any look into the bytes.
"""

from proxy.relay.address import parse_upstream
from proxy.relay.listener import Listener
from proxy.relay.ports import RelaySettings, Session
from proxy.relay.routing import CancelRouter
from proxy.relay.upstream import SslMode, Upstream, UpstreamError

__all__ = [
    "CancelRouter",
    "Listener",
    "RelaySettings",
    "Session",
    "SslMode",
    "Upstream",
    "UpstreamError",
    "parse_upstream",
]
