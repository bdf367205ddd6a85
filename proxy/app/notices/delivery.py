"""One attempt to deliver a message.

Enters: a target, a message. Leaves: what came of it, in bounded time: there, to be tried again, or hopeless.
Requests are signed as Standard Webhooks 1.0 says (github.com/standard-webhooks/standard-webhooks, section
"Signature scheme"): HMAC-SHA256 over id, timestamp and body with dots between. Redirects are not followed:
the operator wrote where to. Deliberately absent: when to try again (courier.py). What is said of failures
holds no URL, no secret, and nothing that the other side sent but its status.
"""

from __future__ import annotations

import base64
import hmac
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Final

from proxy import __version__
from proxy.app.notices.bodies import Message, as_json, as_mail, as_slack
from proxy.app.notices.targets import Target

ATTEMPT_S: Final = 10.0
MOST_WAIT_S: Final = 300.0
_AGAIN: Final = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an attempt.

    Attributes:
        told: one phrase for people.
        again: to be tried again, where it is not sent.
        wait_s: how long the target wants to be left alone; 0 where it does not say.
    """

    sent: bool
    told: str
    again: bool = False
    wait_s: float = 0.0


def deliver(target: Target, message: Message, now: datetime, attempt_s: float = ATTEMPT_S) -> Result:
    """Try once.

    Args:
        now: when the attempt is made.
        attempt_s: how long all of it may take, whatever the other side does.
    """
    try:
        if target.kind == "email":
            return _mail(target, message, attempt_s)
        return _post(target, message, now, attempt_s)
    except ssl.SSLError as error:
        why = getattr(error, "verify_message", "") or error.reason or "handshake failed"
        return Result(False, f"TLS: {why}", again=True)
    except TimeoutError:
        return Result(False, f"no answer within {attempt_s:g} s", again=True)
    except (OSError, HTTPException, smtplib.SMTPException) as error:
        why = getattr(error, "strerror", None)
        return Result(False, str(why) if why else f"no answer ({type(error).__name__})", again=True)


def signed_headers(secret: bytes, id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks; without a secret, none signs."""
    headers = {"webhook-id": id, "webhook-timestamp": str(timestamp)}
    if secret:
        digest = hmac.new(secret, f"{id}.{timestamp}.".encode() + body, sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers


def _post(target: Target, message: Message, now: datetime, attempt_s: float) -> Result:
    body = as_slack(message) if target.kind == "slack" else as_json(message)
    headers = {
        "content-type": "application/json",
        "user-agent": f"pgwarden/{__version__}",
        **signed_headers(target.secret, message.id, int(now.timestamp()), body),
    }
    server = target.server
    connection = (
        HTTPSConnection(server.host, server.port, timeout=attempt_s, context=target.tls_context())
        if server.tls
        else HTTPConnection(server.host, server.port, timeout=attempt_s)
    )
    try:
        with _ended_after(attempt_s, lambda: connection.sock):
            connection.request("POST", target.path, body, headers)
            return _said(connection.getresponse(), now)
    finally:
        connection.close()


def _said(response: HTTPResponse, now: datetime) -> Result:
    status = response.status
    told = f"HTTP {status}"
    if 200 <= status < 300:
        return Result(True, told)
    if 300 <= status < 400:
        return Result(False, f"{told}: redirects are not followed; write the URL that is meant")
    if status in _AGAIN or status >= 500:
        return Result(False, told, again=True, wait_s=_retry_after(response.getheader("retry-after"), now))
    return Result(False, told)


def _retry_after(header: str | None, now: datetime) -> float:
    """Seconds until it may be tried again, of RFC 9110's Retry-After: a number, or a date; never too many."""
    wait_s = 0.0
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        wait_s = float(text[:9])
    elif text:
        with suppress(ValueError, TypeError):
            wait_s = (parsedate_to_datetime(text) - now).total_seconds()
    return min(max(wait_s, 0.0), MOST_WAIT_S)


def _mail(target: Target, message: Message, attempt_s: float) -> Result:
    server = target.server
    mail = as_mail(message, target.sender, target.recipients)
    smtp: smtplib.SMTP = (
        smtplib.SMTP_SSL(timeout=attempt_s, context=target.tls_context())
        if server.tls == "tls"
        else smtplib.SMTP(timeout=attempt_s)
    )
    # What certificates are verified against: SMTP's constructor would take it, but connects at once.
    smtp._host = server.host  # type: ignore[attr-defined]
    try:
        with _ended_after(attempt_s, lambda: smtp.sock):
            smtp.connect(server.host, server.port)
            if server.tls == "starttls":
                smtp.starttls(context=target.tls_context())
            if target.user:
                smtp.login(target.user, target.secret.decode())
            refused = smtp.send_message(mail)
            with suppress(smtplib.SMTPException, OSError):
                smtp.quit()
        left_out = f", {len(refused)} recipients refused" if refused else ""
        return Result(True, f"SMTP 250{left_out}")
    except smtplib.SMTPNotSupportedError:
        return Result(False, "the server offers no STARTTLS, or no way to log in")
    except smtplib.SMTPAuthenticationError as error:
        return Result(False, f"SMTP {error.smtp_code}: the login failed", again=error.smtp_code < 500)
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        return Result(False, f"SMTP {max(codes)}: no recipient is taken", again=min(codes) < 500)
    except smtplib.SMTPResponseException as error:
        hopeless = 500 <= error.smtp_code < 600
        return Result(False, f"SMTP {error.smtp_code}", again=not hopeless)
    finally:
        smtp.close()


@contextmanager
def _ended_after(attempt_s: float, its_socket: Callable[[], socket.socket | None]) -> Iterator[None]:
    """Cut the connection after a time: a socket's own time-out begins anew with every byte that comes."""
    late = threading.Event()

    def cut() -> None:
        late.set()
        found = its_socket()
        if found is not None:
            with suppress(OSError):
                found.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(attempt_s, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
        if late.is_set():  # half an answer can look whole: headers end where the connection does
            raise TimeoutError
    except (OSError, HTTPException, smtplib.SMTPException) as error:
        if late.is_set():
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()
