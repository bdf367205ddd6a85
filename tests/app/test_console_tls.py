"""TLS of the console: the newest certificate is shown, and what would not do is not."""

from __future__ import annotations

import shutil
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from tests.app.running import Gate, running
from tests.clients.gate import until
from tests.relay.certificates import Authority
from tests.servers.database import Database

_DAYS_S = 86400


class Stage:
    """A gate whose console has a certificate in `folder`."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.folder = folder
        self.certificate, self.key = folder / "console.crt", folder / "console.key"
        self._authority = authority
        self.gate: Gate | None = None
        self.renew(2)

    def renew(self, days: int) -> None:
        certificate, key = self._authority.certify("localhost", "127.0.0.1", days=days)
        shutil.copy(certificate, self.certificate)
        shutil.copy(key, self.key)

    def shown(
        self, *, name: str | None = "localhost", protocols: tuple[str, ...] = ()
    ) -> tuple[int, str | None]:
        """For how many days what a browser is shown is good, and the protocol that was agreed on."""
        assert self.gate is not None
        context = ssl.create_default_context(cafile=str(self._authority.file))
        context.check_hostname = name is not None
        if protocols:
            context.set_alpn_protocols(list(protocols))
        host, _, port = str(self.gate.started["console"]).rpartition(":")
        with (
            socket.create_connection((host, int(port)), timeout=30) as raw,
            context.wrap_socket(raw, server_hostname=name) as wrapped,
        ):
            found = x509.load_der_x509_certificate(wrapped.getpeercert(binary_form=True) or b"")
            lasts = found.not_valid_after_utc - found.not_valid_before_utc
            return lasts.days, wrapped.selected_alpn_protocol()


@pytest.fixture
def stage(tmp_path: Path, database: Database) -> Iterator[Stage]:
    (tmp_path / "policy.yaml").write_text("version: 1\nname: p\nrules: []\n")
    stage = Stage(tmp_path, Authority(tmp_path, "ours"))
    with running(
        tmp_path, "--listen", "127.0.0.1:0", "--upstream", f"postgresql://127.0.0.1:{database.port}",
        "--policy", str(tmp_path / "policy.yaml"), "--console", "127.0.0.1:0",
        "--console-tls-cert-file", str(stage.certificate), "--console-tls-key-file", str(stage.key),
    ) as gate:  # fmt: skip
        stage.gate = gate
        yield stage


def left_s(gate: Gate) -> float:
    return gate.metric('pgwarden_certificate_not_after_timestamp_seconds{listener="console"}')


def test_a_renewed_certificate_is_shown_without_a_restart(stage: Stage) -> None:
    gate = stage.gate
    assert gate is not None
    assert stage.shown() == (2, None)
    before = left_s(gate)
    stage.renew(9)
    until(lambda: stage.shown()[0] == 9, "the new certificate")
    assert stage.shown(name=None, protocols=("h2", "http/1.1")) == (9, "http/1.1")
    until(lambda: left_s(gate) > before + 6 * _DAYS_S, "the metric")
    stage.key.write_text("no key")
    gate.says("the certificate does not load; the one before stays in use")
    assert stage.shown()[0] == 9
    assert gate.metric("pgwarden_certificate_last_reload_successful") == 0
