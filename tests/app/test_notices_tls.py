"""Notices over TLS: a webhook and a mail server with real certificates, right and wrong ones."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from aiosmtpd.smtp import Session as MailSession

from proxy.app.notices.bodies import message
from proxy.app.notices.delivery import Result, deliver
from proxy.app.notices.targets import Server, Target
from tests.app.test_notices import NOW, WAIT_S, Hook, Mailbox, bundle, notice, target
from tests.relay.certificates import Certificates

SAID = message(bundle(notice(message="not here")), "msg_1", NOW, "gate-1")
PASSWORD = b"s3cret"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("tls"))


def server_context(pair: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    return context


@contextmanager
def hooked(pair: tuple[Path, Path]) -> Iterator[Hook]:
    hook = Hook()
    hook.server.socket = server_context(pair).wrap_socket(hook.server.socket, server_side=True)
    yield hook
    hook.server.shutdown()
    hook.server.server_close()


WRONG = [
    ("self_made", "unable to get local issuer certificate"),
    ("elsewhere", "IP address mismatch, certificate is not valid for '127.0.0.1'."),
    ("expired", "certificate has expired"),
]


def test_a_webhook_with_a_certificate_that_somebody_known_signed(certificates: Certificates) -> None:
    with hooked(certificates.loopback) as hook:
        server = Server("127.0.0.1", hook.port, "tls")
        where = target(0, server=server, ca_file=certificates.ca_file, secret=b"k" * 32)
        assert deliver(where, SAID, NOW, WAIT_S) == Result(True, "HTTP 204")
        path, headers, _ = hook.got.get(timeout=WAIT_S)
    assert (path, headers["webhook-id"]) == ("/x?k=1", "msg_1")


@pytest.mark.parametrize(("whose", "why"), WRONG)
def test_a_webhook_with_another_certificate_is_told_nothing(
    certificates: Certificates, whose: str, why: str
) -> None:
    with hooked(getattr(certificates, whose)) as hook:
        where = target(0, server=Server("127.0.0.1", hook.port, "tls"), ca_file=certificates.ca_file)
        assert deliver(where, SAID, NOW, WAIT_S) == Result(False, f"TLS: {why}", again=True)
        with pytest.raises(Empty):
            hook.got.get_nowait()


# -- mail ------------------------------------------------------------------------------------------------


def log_in(server: SMTP, session: MailSession, envelope: Envelope, kind: str, data: object) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"gate", PASSWORD)
    return AuthResult(success=right, handled=right)


@contextmanager
def mailing(pair: tuple[Path, Path], tls: str) -> Iterator[tuple[Mailbox, int]]:
    box = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = server_context(pair)
    how = {"ssl_context": context} if tls == "tls" else {"tls_context": context, "require_starttls": True}
    controller = Controller(
        box,
        hostname="127.0.0.1",
        port=port,
        authenticator=log_in,
        auth_required=True,
        auth_require_tls=tls != "tls",  # with smtps there is TLS from the first byte, which it does not see
        **how,
    )
    controller.start()
    yield box, port
    controller.stop()


def mail_target(port: int, tls: str, certificates: Certificates, password: bytes = PASSWORD) -> Target:
    return target(
        0,
        kind="email",
        server=Server("127.0.0.1", port, tls),
        recipients=("oncall@example.com",),
        sender="gate@example.com",
        ca_file=certificates.ca_file,
        user="gate",
        secret=password,
    )


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # it has TLS with smtps
@pytest.mark.parametrize("tls", ["tls", "starttls"])
def test_mail_goes_over_tls_with_its_password(certificates: Certificates, tls: str) -> None:
    with mailing(certificates.loopback, tls) as (box, port):
        assert deliver(mail_target(port, tls, certificates), SAID, NOW, WAIT_S) == Result(True, "SMTP 250")
        assert box.got.get(timeout=WAIT_S).rcpt_tos == ["oncall@example.com"]
        wrong = mail_target(port, tls, certificates, b"another")
        assert deliver(wrong, SAID, NOW, WAIT_S) == Result(False, "SMTP 535: the login failed")
        assert box.got.empty()


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # it has TLS with smtps
@pytest.mark.parametrize("tls", ["tls", "starttls"])
@pytest.mark.parametrize(("whose", "why"), WRONG)
def test_a_mail_server_with_another_certificate_hears_neither_mail_nor_password(
    certificates: Certificates, tls: str, whose: str, why: str
) -> None:
    with mailing(getattr(certificates, whose), tls) as (box, port):
        told = deliver(mail_target(port, tls, certificates), SAID, NOW, WAIT_S)
        assert told == Result(False, f"TLS: {why}", again=True)
        assert box.got.empty()
