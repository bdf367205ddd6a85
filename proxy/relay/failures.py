"""Why there is no connection to the server, and what to do about it: one text for each cause.

Enters: the server's address and the exception that the attempt ended in. Leaves: an UpstreamError; of a
client's TLS, which nobody can be told of but by an alert, a clause for the log.
Deliberately absent: SQLSTATEs (the session speaks to clients), whatever an unauthenticated server said.
"""

import os
import socket
import ssl
from typing import Final

# What to do about a certificate, by OpenSSL's X509_V_ERR_*.
_DISTRUST: Final = {
    9: "Check the clocks of the gate's host and of the server's certificate authority.",  # not yet valid
    10: "Renew the server's certificate, and check the clock of the gate's host.",  # expired
    62: "Write the name that the certificate bears into the upstream URL.",  # another host name
    64: "Write the name that the certificate bears into the upstream URL.",  # another address
}
_NO_AUTHORITY: Final = (
    "Put the file of the authority that signed it into the upstream URL as sslrootcert=FILE."
)


class UpstreamError(Exception):
    """There is no connection to the server. `message` says why, `hint` what to do about it."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def explain(server: str, error: OSError | UnicodeError, timeout_s: float) -> UpstreamError:
    """The explanation of an exception that connecting raised; ssl.SSLError is an OSError, too."""
    match error:
        case TimeoutError():
            return UpstreamError(
                f"The server {server} did not answer within {timeout_s:g} s.",
                "Check the address in the upstream URL, and firewalls and network restrictions on the way.",
            )
        case ssl.SSLCertVerificationError():
            return UpstreamError(
                f"The certificate of the server {server} is not trusted: {error.verify_message.rstrip('.')}.",
                _DISTRUST.get(error.verify_code, _NO_AUTHORITY),
            )
        case ssl.SSLError():
            return UpstreamError(
                f"TLS with the server {server} failed: {error.reason or error}.",
                "Check that it is a PostgreSQL server which speaks TLS 1.2 or newer.",
            )
        case socket.gaierror() | UnicodeError():
            reason = error.strerror if isinstance(error, socket.gaierror) else "it is no host name"
            return UpstreamError(
                f"The server {server} cannot be reached: its name cannot be resolved ({reason}).",
                "Check the host in the upstream URL, and DNS.",
            )
    reason = os.strerror(error.errno) if error.errno else str(error)
    return UpstreamError(
        f"The server {server} cannot be reached: {reason}.",
        "Check that PostgreSQL is running and listens there, and the upstream URL.",
    )


def refuse_answer(server: str, sslmode: str, answer: bytes) -> UpstreamError:
    """The explanation of an answer to SSLRequest that is not the one byte S."""
    if answer == b"N":
        return UpstreamError(
            f"The server {server} does not offer TLS, and sslmode={sslmode} asks for it.",
            "Turn on ssl in the server's postgresql.conf, or put sslmode=disable into the upstream URL if "
            "the network between is trusted.",
        )
    if len(answer) > 1 and answer[:1] in (b"S", b"N"):
        return UpstreamError(
            f"The server {server} sent unencrypted data behind its answer to SSLRequest.",
            "Look for somebody between the gate and the server who changes what they say to each other.",
        )
    reason = "answered with something else" if answer else "closed the connection"
    return UpstreamError(
        f"The server {server} was asked for TLS and {reason}.",
        "Check that the upstream URL names a PostgreSQL server.",
    )


def client_failure(error: OSError) -> str:
    """Why TLS with a client did not come about, in one clause; a client learns it by OpenSSL's alert."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message.rstrip('.')}"
    if isinstance(error, ssl.SSLError):
        return error.reason.lower().replace("_", " ") if error.reason else "TLS failed"
    return str(error)


def no_direct_tls(server: str) -> UpstreamError:
    """The explanation of TLS that came about without ALPN: whoever answers may be no PostgreSQL server."""
    return UpstreamError(
        f"The server {server} does not name PostgreSQL's protocol by ALPN.",
        "Remove sslnegotiation=direct from the upstream URL, which only PostgreSQL 17 and later understand.",
    )
