"""TLS over a connection that already stands: a transport within a transport.

Enters: a plain transport, and what makes a TLS session. Leaves: a transport whose bytes are encrypted on
their way, and word of how the handshake ended. Deliberately absent: cryptography. OpenSSL does that between
two buffers in memory; bytes are only carried between these and the socket.

Not asyncio's `start_tls`: that can neither begin with bytes already read (a client that speaks TLS at once),
nor tell the other side by an alert why a handshake failed, and closing waits for the other side's word.
Here flow control is the plain transport's own: what is decrypted is handed on at once, what is encrypted is
written at once, so neither direction has a second buffer to fill.
"""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from proxy.relay.legs import Leg

_RECORD_BYTES: Final = 16 * 1024
"""The longest plaintext of one record (RFC 8446, 5.1), which is what one read gives at most."""

_PIECE_BYTES: Final = 256 * 1024

_MOST_UNTAKEN_BYTES: Final = 4 * 1024 * 1024
"""How much may wait for the other side before it is denied answers: KeyUpdates ask for them without end."""

_LOST: Final = "the connection was closed during the TLS handshake"


class SecureTransport(asyncio.Transport):
    """One connection, encrypted. What is written before the handshake is over is dropped, not sent plain."""

    def __init__(
        self,
        plain: asyncio.Transport,
        session: Callable[[ssl.MemoryBIO, ssl.MemoryBIO], ssl.SSLObject],
        protocol: asyncio.BaseProtocol,
        secured: Callable[[ssl.SSLObject], None],
        failed: Callable[[OSError], None],
    ) -> None:
        """Take a connected transport over; `begin` starts the handshake.

        Args:
            plain: the transport.
            session: makes the TLS session over buffers for what comes in and what goes out.
            protocol: told of decrypted bytes, once the handshake is over, and of the end in any case.
            secured: called when the handshake is over, before any byte reaches the protocol.
            failed: called when it cannot succeed; an alert has told the other side.
        """
        super().__init__()
        self._plain = plain
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = session(self._incoming, self._outgoing)
        self.set_protocol(protocol)
        self._secured = secured
        self._failed = failed
        self._standing = False
        self._closing = False

    def begin(self, begun: bytes = b"") -> None:
        """Shake hands; `begun` is what the other side has sent of it already."""
        self._plain.set_protocol(Leg(self, 0, self._received))
        self._received(begun)

    # -- what the socket does ----------------------------------------------------------------------------

    def _received(self, data: bytes) -> None:
        if self._closing:
            return
        self._incoming.write(data)
        try:
            if self._standing or self._shake_hands():
                self._decrypt()
        except ssl.SSLError as error:
            self._break_off(error)

    def _shake_hands(self) -> bool:
        """One step of the handshake; True when it is over."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        self._flush()
        self._standing = True
        self._secured(self._tls)
        return not self._closing

    def _decrypt(self) -> None:
        """Hand on all that is there as one piece, as a read of a plain socket would."""
        pieces: list[bytes] | None = None  # most of the time all is one record
        data = b""
        ended = False
        try:
            while self._incoming.pending and not ended:
                piece = self._tls.read(_RECORD_BYTES)
                ended = not piece
                if not data:
                    data = piece
                elif pieces is None:
                    pieces = [data, piece]
                else:
                    pieces.append(piece)
        except ssl.SSLWantReadError:
            pass  # the rest of a record has not come
        if self._outgoing.pending:
            if self._plain.get_write_buffer_size() > _MOST_UNTAKEN_BYTES:
                self.abort()
                return
            self._flush()
        if pieces is not None:
            data = b"".join(pieces)
        if data:
            self._protocol.data_received(data)
        if ended and not self._closing:
            self._protocol.eof_received()

    def _break_off(self, error: OSError) -> None:
        """Nothing more can be said or believed; OpenSSL has an alert ready where the other is at fault."""
        standing, self._closing = self._standing, True
        self._flush()
        self._plain.close()
        if standing:
            self._protocol.eof_received()
        else:
            self._failed(error)

    def gone(self, side: int) -> None:
        """The socket brings nothing more."""
        if not self._closing:
            self._break_off(ConnectionResetError(_LOST))

    def lost(self, side: int) -> None:
        """The socket is closed."""
        unheard, self._closing = not self._standing and not self._closing, True
        if unheard:
            self._failed(ConnectionResetError(_LOST))
        self._protocol.connection_lost(None)

    def blocked(self, side: int, full: bool) -> None:
        """The socket takes nothing more, or takes it again."""
        if full:
            self._protocol.pause_writing()
        else:
            self._protocol.resume_writing()

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._plain.write(self._outgoing.read())

    # -- what the owner asks for -------------------------------------------------------------------------

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """From here on, this one is told."""
        if not isinstance(protocol, asyncio.Protocol):
            raise TypeError("only an asyncio.Protocol can be told what comes")
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who is told."""
        return self._protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send, by pieces of one view, so that time is linear and nothing lies about twice."""
        if self._closing or not self._standing:
            return
        try:
            if 0 < len(data) <= _RECORD_BYTES:
                self._tls.write(data)  # one record, which a buffer in memory takes whole
                self._plain.write(self._outgoing.read())
                return
            left = memoryview(data)
            while left:
                left = left[self._tls.write(left[:_PIECE_BYTES]) :]
                self._flush()
        except ssl.SSLError as error:
            self._break_off(error)

    def close(self) -> None:
        """Send what is pending, a close_notify behind it, and close; as the server does, without waiting."""
        self._end()
        self._plain.close()

    def write_eof(self) -> None:
        """The same, but that the socket is closed when the other side closes it: what comes is dropped."""
        self._end()
        self._plain.write_eof()

    def _end(self) -> None:
        if not self._closing:
            self._closing = True
            if self._standing:
                with suppress(ssl.SSLError):  # the other side's own close_notify is not waited for
                    self._tls.unwrap()
                self._flush()

    def abort(self) -> None:
        """Cut the connection."""
        self._closing = True
        self._plain.abort()

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._closing or self._plain.is_closing()

    def pause_reading(self) -> None:
        """Read nothing more from the socket."""
        self._plain.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self._plain.resume_reading()

    def get_write_buffer_size(self) -> int:
        """How many encrypted bytes the socket has not taken."""
        return self._plain.get_write_buffer_size()

    def get_extra_info(self, name: str, default: object = None) -> object:
        """`ssl_object` is the TLS session; the rest is the socket's."""
        return self._tls if name == "ssl_object" else self._plain.get_extra_info(name, default)
