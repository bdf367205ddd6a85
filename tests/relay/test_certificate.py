"""The gate's own certificate: what it takes for one to be used, and what is said of each that is not."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from proxy.relay import CertificateError, CertificateFiles, load_certificate
from tests.relay.certificates import Certificates


def files(pair: tuple[Path, Path], authority: str | None = None) -> CertificateFiles:
    return CertificateFiles(str(pair[0]), str(pair[1]), authority)


def problem(given: CertificateFiles, folder: Path) -> str:
    """Why it does not load, without the folder."""
    with pytest.raises(CertificateError) as raised:
        load_certificate(given)
    return str(raised.value).replace(f"{folder}/", "")


def test_what_is_read(certificates: Certificates) -> None:
    loaded = load_certificate(files(certificates.loopback))
    written = x509.load_pem_x509_certificate(certificates.loopback[0].read_bytes())
    assert loaded.der == written.public_bytes(Encoding.DER)
    assert loaded.not_before_s == written.not_valid_before_utc.timestamp()
    assert loaded.not_after_s == written.not_valid_after_utc.timestamp()


def test_the_first_of_a_chain_is_the_gates(certificates: Certificates, tmp_path: Path) -> None:
    chain = tmp_path / "chain.pem"
    chain.write_bytes(certificates.loopback[0].read_bytes() + certificates.trusted.file.read_bytes())
    loaded = load_certificate(files((chain, certificates.loopback[1])))
    assert loaded.der == load_certificate(files(certificates.loopback)).der


def test_one_file_may_hold_both(certificates: Certificates, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(certificates.loopback[1].read_bytes() + certificates.loopback[0].read_bytes())
    loaded = load_certificate(files((both, both)))
    assert loaded.der == load_certificate(files(certificates.loopback)).der


def test_an_expired_one_is_used_since_clients_say_best_what_is_wrong(certificates: Certificates) -> None:
    loaded = load_certificate(files(certificates.expired))
    assert loaded.not_before_s < loaded.not_after_s


def test_new_certificate_and_old_key(certificates: Certificates, tmp_path: Path) -> None:
    given = files((certificates.loopback[0], certificates.elsewhere[1]))
    assert problem(given, certificates.loopback[0].parent) == (
        "the key trusted-db.example.com-1.key is not that of the certificate trusted-127.0.0.1-1.crt"
    )


@pytest.mark.parametrize("which", ["certificate", "key", "authority"])
def test_half_written(certificates: Certificates, tmp_path: Path, which: str) -> None:
    """Cut anywhere: what is short of its last line is never used."""
    certificate, key = map(str, certificates.loopback)
    paths = {"certificate": certificate, "key": key, "authority": certificates.ca_file}
    whole = Path(paths[which]).read_bytes()
    paths[which] = str(tmp_path / "cut.pem")
    for size in range(0, len(whole.rstrip()), 7):
        Path(paths[which]).write_bytes(whole[:size])
        with pytest.raises(CertificateError):
            load_certificate(CertificateFiles(**paths))
    Path(paths[which]).write_bytes(whole)
    load_certificate(CertificateFiles(**paths))


def test_a_key_with_a_passphrase(certificates: Certificates, tmp_path: Path) -> None:
    key = load_pem_private_key(certificates.loopback[1].read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"s3cret"))
    )
    assert problem(files((certificates.loopback[0], locked)), tmp_path) == (
        "the key locked.key has a passphrase, which nobody could type: remove it"
    )


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("certificate", None, "the certificate x cannot be read: No such file or directory"),
        ("certificate", b"", "x holds no certificate in PEM format"),
        ("certificate", b"\xff\0garbage", "x holds no certificate in PEM format"),
        ("key", None, "the key x cannot be read: No such file or directory"),
        ("key", b"", "OWN and x are no certificate and key in PEM format"),
        ("authority", None, "x cannot be read: No such file or directory"),
        ("authority", b"", "x holds no certificate in PEM format"),
    ],
)
def test_files_of_no_use(
    certificates: Certificates, tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    wrong = tmp_path / "x"
    if content is not None:
        wrong.write_bytes(content)
    paths = {"certificate": str(certificates.loopback[0]), "key": str(certificates.loopback[1])}
    given = CertificateFiles(**{**paths, name: str(wrong)})
    assert problem(given, tmp_path).replace(paths["certificate"], "OWN") == said
