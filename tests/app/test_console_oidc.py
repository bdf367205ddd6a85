"""Login at a provider, by the settings: what does not go together, and a gate with another's provider."""

from __future__ import annotations

import http.cookiejar
import json
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from proxy.app.sources import Loaded, SettingsError, load_settings
from tests.app.running import running

SHORT = {"listen": "127.0.0.1:6432", "upstream": "postgresql://127.0.0.1:5433", "policy": "p.yaml"}
SOUND = {
    "console": "127.0.0.1:8432",
    "console_url": "http://localhost:8432",
    "console_oidc_issuer": "https://login.example.com/realm",
    "console_oidc_client_id": "gate",
}
POLICY = "version: 1\nname: p\nrules:\n  - id: no-drop\n    match: {effects: [table.drop]}\n"
ADA = {"sub": "u-1", "email": "ada@example.com", "email_verified": True, "groups": ["dba"]}


def load(environment: Mapping[str, str] | None = None, **flags: str) -> Loaded:
    return load_settings({**SHORT, **SOUND, **flags}, environment or {})


def test_what_goes_together_is_taken() -> None:
    single = load({"PGWARDEN_CONSOLE_OIDC_SECRET": "s"}).single
    assert single is not None
    assert (single.label, single.start) == ("login.example.com", "http://localhost:8432/login/oidc")
    assert load_settings(SHORT, {}).single is None


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"console_oidc_issuer": ""}, "--console-oidc-issuer: must be https://HOST/PATH"),
        ({"console_oidc_issuer": "http://login.example.com"}, "http:// is for a loopback address"),
        ({"console_oidc_issuer": "https://ada:s3cret@x"}, "--console-oidc-issuer: must be https://HOST/PATH"),
        ({"console_url": "https://gate.example.com/x"}, "--console-url: must be https://HOST:PORT"),
        ({"console_url": "https://localhost:8432"}, "the console speaks no TLS"),
        ({"console_oidc_roles": "dba=root"}, "--console-oidc-roles: 'root' is no role"),
        ({"console_oidc_default_role": "root"}, "--console-oidc-default-role: 'root' is no role"),
        ({"console_oidc_secret_file": "none.txt"}, "--console-oidc-secret-file: none.txt cannot be read"),
        ({"console": None}, "a login at a provider needs a console, and console_url"),
        ({"console_url": None}, "a login at a provider needs a console, and console_url"),
        ({"console_oidc_client_id": None}, "console_oidc_issuer needs a console_oidc_client_id"),
        ({"console_oidc_issuer": None}, "console_oidc_client_id needs a console_oidc_issuer"),
    ],
)
def test_what_does_not_is_said(flags: dict[str, str | None], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({**SHORT, **SOUND, **flags}, {})
    assert said in str(caught.value)
    assert "s3cret" not in str(caught.value)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def provider() -> Iterator[str]:
    """oidc-provider-mock, in a process of its own; its URL."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--user-claims", json.dumps(ADA)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def test_a_gate_lets_in_whom_a_provider_knows(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    secret = tmp_path / "secret.txt"
    secret.write_text("any\n")
    secret.chmod(0o600)
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    with provider() as issuer:
        flags = (
            *("--listen", "127.0.0.1:0", "--upstream", "postgresql://127.0.0.1:1", "--policy", str(policy)),
            *("--console", f"127.0.0.1:{port}", "--console-url", base, "--console-oidc-issuer", issuer),
            *("--console-oidc-secret-file", str(secret)),
            *("--console-oidc-client-id", "gate", "--console-oidc-roles", "dba=approver,staff=viewer"),
        )
        with running(tmp_path, *flags) as gate:
            with opener.open(f"{base}/login", timeout=30) as answer:
                (link,) = re.findall(r'<a href="([^"]+/login/oidc)">', answer.read().decode())
            with opener.open(link, timeout=30) as answer:
                form = answer.url
            assert form.startswith(issuer)
            said = urllib.parse.urlencode({"sub": ADA["sub"]}).encode()
            with opener.open(form, said, timeout=30) as answer:
                assert answer.url.startswith(f"{base}/login/oidc/back?")
                assert "You are logged in." in answer.read().decode()
            with opener.open(f"{base}/login", timeout=30) as answer:
                assert "You are ada@example.com, approver." in answer.read().decode()
            assert gate.metric('pgwarden_console_logins_total{outcome="done"}') == 1
