"""The listeners' certificates: settings that go together, and files that change under a running gate."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from proxy.app.certificates import CertificateKeeper, ListenerTls
from proxy.app.log import logger
from proxy.app.sources import Loaded, SettingsError, load_settings
from proxy.relay import Certificate
from proxy.session import ClientCertificate, ClientTls
from tests.relay.certificates import Certificates

SHORT = {"listen": "127.0.0.1:6432", "upstream": "postgresql://127.0.0.1:5432", "policy": "p.yaml"}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def own(certificates: Certificates) -> dict[str, str]:
    certificate, key = certificates.loopback
    return {"client_tls_cert_file": str(certificate), "client_tls_key_file": str(key)}


def load(**flags: str) -> Loaded:
    return load_settings({**SHORT, **flags}, {})


def tls_of(**flags: str) -> ListenerTls:
    (tls,) = load(**flags).client_tls
    return tls


# -- settings ----------------------------------------------------------------------------------------------


def test_without_a_certificate_tls_is_not_offered() -> None:
    assert tls_of() == ListenerTls()


@pytest.mark.parametrize(
    ("mode", "asks"),
    [
        ("", ClientTls(offered=True)),
        ("allow", ClientTls(offered=True)),
        ("prefer", ClientTls(offered=True)),
        ("require", ClientTls(True, True)),
        ("verify-ca", ClientTls(True, True, ClientCertificate.VERIFY_CA)),
        ("VERIFY-FULL", ClientTls(True, True, ClientCertificate.VERIFY_FULL)),
    ],
)
def test_modes(own: dict[str, str], certificates: Certificates, mode: str, asks: ClientTls) -> None:
    given = {"client_tls_sslmode": mode} if mode else {}
    tls = tls_of(**own, **given, client_tls_ca_file=certificates.ca_file)
    assert tls.asks == asks
    assert tls.certificate is not None
    assert tls.warnings == ()


def test_disable_wins_over_a_certificate(own: dict[str, str]) -> None:
    assert tls_of(**own, client_tls_sslmode="disable") == ListenerTls()


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        ("a.example.com=ada", {"a.example.com": {"ada"}}),
        ("a=ada, a=bob ,CN=x=eve", {"a": {"ada", "bob"}, "CN=x": {"eve"}}),
    ],
)
def test_roles(
    own: dict[str, str], certificates: Certificates, text: str, roles: Mapping[str, set[str]]
) -> None:
    mode = {"client_tls_sslmode": "verify-full", "client_tls_ca_file": certificates.ca_file}
    assert tls_of(**own, **mode, client_tls_roles=text).asks.roles == roles


def test_roles_in_the_config_file_are_a_mapping(own: dict[str, str], certificates: Certificates) -> None:
    config = f"""
listeners:
  - listen: 127.0.0.1:6432
    upstream: postgresql://127.0.0.1
    policy: p.yaml
    client_tls_sslmode: verify-full
    client_tls_cert_file: {own["client_tls_cert_file"]}
    client_tls_key_file: {own["client_tls_key_file"]}
    client_tls_ca_file: {certificates.ca_file}
    client_tls_roles: {{ci.example.com: [deploy, ada], bob@example.com: bob}}
"""
    (tls,) = load_settings({"config": "c.yaml"}, {}, {"c.yaml": config}.__getitem__).client_tls
    assert tls.asks.roles == {"ci.example.com": {"deploy", "ada"}, "bob@example.com": {"bob"}}


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (
            {"client_tls_sslmode": "require"},
            "--client-tls-sslmode: require needs a certificate: client_tls_cert_file and client_tls_key_file",
        ),
        (
            {"client_tls_sslmode": "on"},
            '--client-tls-sslmode: "on" is none of disable, allow, prefer, require, verify-ca, verify-full',
        ),
        (
            {"client_tls_cert_file": "CERTIFICATE"},
            "--client-tls-cert-file: a certificate needs its key: client_tls_key_file",
        ),
        (
            {
                "client_tls_cert_file": "CERTIFICATE",
                "client_tls_key_file": "KEY",
                "client_tls_sslmode": "verify-ca",
            },
            "--client-tls-sslmode: verify-ca needs client_tls_ca_file, which signs clients' certificates",
        ),
        (
            {"client_tls_cert_file": "CERTIFICATE", "client_tls_key_file": "/no/such"},
            "--client-tls-cert-file: the key /no/such cannot be read: No such file or directory",
        ),
        (
            {"client_tls_cert_file": "KEY", "client_tls_key_file": "KEY"},
            "--client-tls-cert-file: KEY holds no certificate in PEM format",
        ),
        (
            {"client_tls_key_file": "KEY"},
            "--client-tls-key-file: is of no use without client_tls_cert_file",
        ),
        (
            {"client_tls_ca_file": "CERTIFICATE"},
            "--client-tls-ca-file: is of no use without client_tls_cert_file",
        ),
        ({"client_tls_roles": "ada"}, "--client-tls-roles: must be NAME=ROLE,NAME=ROLE or a mapping"),
        ({"client_tls_roles": "a="}, "--client-tls-roles: must be NAME=ROLE,NAME=ROLE or a mapping"),
    ],
)
def test_mistakes(own: dict[str, str], flags: dict[str, str], line: str) -> None:
    files = {"CERTIFICATE": own["client_tls_cert_file"], "KEY": own["client_tls_key_file"]}
    with pytest.raises(SettingsError) as raised:
        load(**{name: files.get(value, value) for name, value in flags.items()})
    assert [problem.replace(files["KEY"], "KEY") for problem in raised.value.problems] == [line]


def test_a_key_that_everybody_may_read_and_roles_without_a_use_are_told(
    certificates: Certificates, tmp_path: Path
) -> None:
    certificate, key = certificates.loopback
    copy = tmp_path / "key"
    shutil.copy(key, copy)
    copy.chmod(0o644)
    own = {"client_tls_cert_file": str(certificate), "client_tls_key_file": str(copy)}
    loaded = load(**own, client_tls_roles="a=b")
    assert loaded.warnings == (
        f"127.0.0.1:6432: everybody on this host may read the key {copy}",
        "127.0.0.1:6432: client_tls_roles does nothing without client_tls_sslmode verify-full",
    )


# -- files that change -------------------------------------------------------------------------------------


class Pair:
    """A certificate and its key where a gate looks for them."""

    def __init__(self, folder: Path, certificates: Certificates) -> None:
        self.certificate, self.key = folder / "tls.crt", folder / "tls.key"
        self._certificates = certificates
        self._days = 1
        self.swapped: asyncio.Queue[Certificate] = asyncio.Queue()
        self.fresh()

    def fresh(self) -> tuple[bytes, bytes]:
        """Write a new pair, one file after the other."""
        self._days += 1
        certificate, key = self._certificates.trusted.certify("localhost", days=self._days)
        self.certificate.write_bytes(certificate.read_bytes())
        self.key.write_bytes(key.read_bytes())
        return certificate.read_bytes(), key.read_bytes()

    def keeper(self) -> CertificateKeeper:
        tls = tls_of(client_tls_cert_file=str(self.certificate), client_tls_key_file=str(self.key))
        return CertificateKeeper([("door", tls, self.swapped.put_nowait)], logger())


@pytest.fixture
def pair(certificates: Certificates, tmp_path: Path) -> Pair:
    return Pair(tmp_path, certificates)


async def test_a_new_pair_is_used_and_known(pair: Pair) -> None:
    keeper = pair.keeper()
    before = keeper.not_after_s
    pair.fresh()
    await keeper.reload(only_changed=True)
    certificate = pair.swapped.get_nowait()
    assert keeper.not_after_s == {("door",): certificate.not_after_s}
    assert keeper.not_after_s[("door",)] > before[("door",)]
    await keeper.reload(only_changed=True)
    assert pair.swapped.empty()
    await keeper.reload(only_changed=False)
    assert pair.swapped.get_nowait() == certificate


@pytest.mark.parametrize("how", ["half a certificate", "half a key", "another's key", "gone", "empty"])
async def test_a_bad_pair_keeps_the_old_and_says_why(pair: Pair, how: str) -> None:
    keeper = pair.keeper()
    before = keeper.not_after_s
    old_key = pair.key.read_bytes()
    certificate, key = pair.fresh()
    match how:
        case "half a certificate":
            pair.certificate.write_bytes(certificate[: len(certificate) // 2])
        case "half a key":
            pair.key.write_bytes(key[: len(key) // 2])
        case "another's key":
            pair.key.write_bytes(old_key)
        case "gone":
            pair.key.unlink()
        case _:
            pair.certificate.write_bytes(b"")
    with capture_logs() as told:
        await keeper.reload(only_changed=True)
        await keeper.reload(only_changed=True)  # nothing has changed: nothing is said again
    assert [line["event"] for line in told] == ["the certificate does not load; the one before stays in use"]
    assert str(pair.certificate.parent) in told[0]["error"]
    assert (keeper.failing, keeper.not_after_s, pair.swapped.empty()) == (True, before, True)
    pair.certificate.write_bytes(certificate)
    pair.key.write_bytes(key)
    await keeper.reload(only_changed=True)
    assert (keeper.failing, pair.swapped.qsize()) == (False, 1)


@asynccontextmanager
async def watched(keeper: CertificateKeeper) -> AsyncIterator[None]:
    task = asyncio.get_running_loop().create_task(keeper.watch())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_change_of_the_files_is_noticed(pair: Pair) -> None:
    keeper = pair.keeper()
    async with watched(keeper), asyncio.timeout(20):
        pair.fresh()
        certificate = await pair.swapped.get()
        while keeper.not_after_s != {("door",): certificate.not_after_s}:
            certificate = await pair.swapped.get()
    assert not keeper.failing


async def test_the_symbolic_link_that_kubernetes_swaps(certificates: Certificates, tmp_path: Path) -> None:
    """A Secret's files are links through ..data, which is replaced whole."""
    for number, days in enumerate((3, 4)):
        folder = tmp_path / f"..{number}"
        folder.mkdir()
        for source, name in zip(
            certificates.trusted.certify("localhost", days=days), ("tls.crt", "tls.key"), strict=True
        ):
            shutil.copy(source, folder / name)
    data = tmp_path / "..data"
    data.symlink_to("..0")
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    swapped: asyncio.Queue[Certificate] = asyncio.Queue()
    own = {
        "client_tls_cert_file": str(tmp_path / "tls.crt"),
        "client_tls_key_file": str(tmp_path / "tls.key"),
    }
    keeper = CertificateKeeper([("door", tls_of(**own), swapped.put_nowait)], logger())
    async with watched(keeper), asyncio.timeout(20):
        fresh = tmp_path / "..fresh"
        fresh.symlink_to("..1")
        fresh.replace(data)
        certificate = await swapped.get()
    assert keeper.not_after_s == {("door",): certificate.not_after_s}


async def test_a_fault_of_the_loader_costs_nothing(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = pair.keeper()

    def faulty(files: object, alpn: str) -> Certificate:
        raise ZeroDivisionError

    monkeypatch.setattr("proxy.app.certificates.load_certificate", faulty)
    with capture_logs() as told:
        await keeper.reload(only_changed=False)
    assert [line["error"] for line in told] == ["the loader failed: ZeroDivisionError"]
    assert (keeper.failing, pair.swapped.empty()) == (True, True)


def test_an_expired_certificate_is_told_loudly(certificates: Certificates) -> None:
    certificate, key = certificates.expired
    tls = tls_of(client_tls_cert_file=str(certificate), client_tls_key_file=str(key))
    keeper = CertificateKeeper([("door", tls, lambda certificate: None)], logger())
    with capture_logs() as told:
        keeper.announce()
    assert [line["log_level"] for line in told] == ["info", "warning"]
    assert told[1]["event"].startswith("THE CERTIFICATE IS NOT VALID NOW")


def test_without_tls_there_is_nothing_to_keep() -> None:
    keeper = CertificateKeeper([("door", tls_of(), lambda certificate: None)], logger())
    assert (keeper.not_after_s, keeper.failing) == ({}, False)
