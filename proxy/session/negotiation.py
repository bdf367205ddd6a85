"""Which minor version of the protocol a connection speaks, and with which options.

Enters: the client's startup packet, then what the server says to it. Leaves: the packet that the server is
asked with, and what the client is told. The gate must know every message that may come, so it asks for
nothing newer than 3.2 and for no `_pq_.` option, and says so in the server's name, as a server would that
knows no more. Both legs then speak the same version.

Source: ProcessStartupPacket() and SendNegotiateProtocolVersion() of backend_startup.c.
"""

from __future__ import annotations

from typing import Final

from proxy.wire.backend import decode_negotiation, encode_negotiation
from proxy.wire.errors import ProtocolViolation
from proxy.wire.startup import MAX_MINOR, OPTION_PREFIX, StartupMessage, encode_startup

_MAJOR: Final = 3
_LONG_KEYS_FROM: Final = 2


class Negotiation:
    """The version and the options of one connection.

    Attributes:
        packet: the startup packet for the server, the very bytes that came where nothing had to go.
        minor: what both sides speak; what the server was asked for until it has answered.
        settled: the server has begun to answer.
    """

    def __init__(self, startup: StartupMessage) -> None:
        """Begin with what the client asks for."""
        self._asked = startup.minor
        self._options = tuple(name for name, _ in startup.parameters if name.startswith(OPTION_PREFIX))
        self.minor = min(startup.minor, MAX_MINOR)
        self.settled = False
        self.packet = startup.packet
        if self._options or self.minor != startup.minor:
            kept = [pair for pair in startup.parameters if not pair[0].startswith(OPTION_PREFIX)]
            self.packet = encode_startup(_MAJOR, self.minor, kept)

    @property
    def long_keys(self) -> bool:
        """Whether this client takes cancel keys of more than 4 bytes."""
        return self.minor >= _LONG_KEYS_FROM

    def settle(self, body: bytes | None) -> bytes:
        """The server has begun to answer.

        Args:
            body: of its NegotiateProtocolVersion; None where its first message is another one.

        Returns: what the client is told before anything else; b"" where it has got what it asked for.
        Raises: ProtocolViolation when the server offers what was not asked for.
        """
        options = self._options
        if body is not None:
            version, unknown = decode_negotiation(body)
            if version >> 16 != _MAJOR or version & 0xFFFF > self.minor:
                raise ProtocolViolation("the server offers a protocol that was not asked for")
            self.minor = version & 0xFFFF
            options += tuple(name for name in unknown if name not in options)
        self.settled = True
        if self.minor == self._asked and not options:
            return b""
        return encode_negotiation((_MAJOR << 16) | self.minor, options)
