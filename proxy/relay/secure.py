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
from typing import Any, Final

from proxy.relay.legs import Leg

_READ_BYTES: Final = 256 * 1024


class SecureTransport(asyncio.Transport):
    """One leg, encrypted.

    Nothing is written before the handshake is over: what is, is dropped, since it would go in the clear.
    """

    def __init__(
        self,
        plain: asyncio.Transport,
        session: Callable[[ssl.MemoryBIO, ssl.MemoryBIO], ssl.SSLObject],
        leg: Leg,
        secured: Callable[[ssl.SSLObject], None],
        failed: Callable[[str], None],
    ) -> None:
        """Take the plain transport over; `begin` starts the handshake.

        Args:
            plain: connected.
            session: makes the TLS session over buffers for what comes in and what goes out.
            leg: told of decrypted bytes and of the end, once the handshake is over; of a loss also before.
            secured: called when the handshake is over, before any byte reaches the leg.
            failed: called when it cannot succeed, with one clause; the other side has been told by an alert.
        """
        super().__init__()
        self._plain = plain
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = session(self._incoming, self._outgoing)
        self._leg = leg
        self._secured = secured
        self._failed = failed
        self._standing = False
        self._closing = False

    def begin(self, begun: bytes) -> None:
        """Shake hands, beginning with what the other side has sent already."""
        self._plain.set_protocol(Leg(self._received, self._gone, self._leg.lost, self._leg.blocked))
        if begun:
            self._received(begun)

    # -- what the socket does ----------------------------------------------------------------------------

    def _received(self, data: bytes) -> None:
        if self._closing:
            return
        self._incoming.write(data)
        try:
            if not self._standing and not self._shake_hands():
                return
            self._decrypt()
        except ssl.SSLError as error:
            self._flush()
            self._end(error)

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
        pieces: list[bytes] = []
        ended = False
        try:
            while piece := self._tls.read(_READ_BYTES):
                pieces.append(piece)
            ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            ended = True
        self._flush()
        if pieces:
            self._leg.data(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if ended and not self._closing:
            self._leg.gone()

    def _end(self, error: ssl.SSLError) -> None:
        """TLS is broken: nothing can be said any more, or believed."""
        standing, self._closing = self._standing, True
        self._plain.close()
        if standing:
            self._leg.gone()
        else:
            self._failed(_reason(error))

    def _gone(self) -> None:
        if self._closing:
            return
        if self._standing:
            self._leg.gone()
        else:
            self._closing = True
            self._plain.close()
            self._failed("the client went away")

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._plain.write(self._outgoing.read())

    # -- what a link asks for ----------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send; OpenSSL takes a record's worth at a time of one view: linear in the size."""
        if self._closing or not self._standing:
            return
        left = memoryview(data)
        try:
            while left:
                left = left[self._tls.write(left) :]
        except ssl.SSLError as error:
            self._end(error)
            return
        self._flush()

    def close(self) -> None:
        """Send what is pending, a close_notify behind it, and close; as the server does, without waiting."""
        if not self._closing:
            self._closing = True
            if self._standing:
                with suppress(ssl.SSLError):  # the other side's own close_notify is not waited for
                    self._tls.unwrap()
                self._flush()
        self._plain.close()

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

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Of the socket, as asyncio's transports do."""
        return self._tls if name == "ssl_object" else self._plain.get_extra_info(name, default)


def _reason(error: ssl.SSLError) -> str:
    """OpenSSL's word for it; of a certificate that is not trusted, what is wrong with it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the client's certificate is not trusted: {error.verify_message}"
    return error.reason.lower().replace("_", " ") if error.reason else str(error)
