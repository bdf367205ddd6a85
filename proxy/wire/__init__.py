"""Bytes to messages and back: PostgreSQL's protocol 3 as the server reads it.

Enters: bytes of one direction. Leaves: frames, decoded messages, encoded messages; `ProtocolViolation` for
the rest.
Deliberately absent: SQL, sockets, clocks, and any opinion on what a message may do.
"""

from proxy.wire.errors import ProtocolViolation

__all__ = ["ProtocolViolation"]
