"""tls-server-end-point: the hash goes by the certificate's signature; OpenSSL is the second opinion."""

from __future__ import annotations

import datetime
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import NameOID

from proxy.wire.channelbinding import end_point

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "db")])
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def builder(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(NAME)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + datetime.timedelta(days=1))
    )


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [
        (hashes.SHA224(), "sha224"),
        (hashes.SHA256(), "sha256"),
        (hashes.SHA384(), "sha384"),
        (hashes.SHA512(), "sha512"),
    ],
)
def test_the_hash_of_the_signature(algorithm: hashes.HashAlgorithm, name: str) -> None:
    for key in (RSA, EC):
        certificate = der(builder(key).sign(key, algorithm))  # type: ignore[arg-type]
        assert end_point(certificate) == hashlib.new(name, certificate).digest()


def test_pss_has_its_hash_in_its_parameters() -> None:
    scheme = padding.PSS(padding.MGF1(hashes.SHA384()), padding.PSS.DIGEST_LENGTH)
    certificate = der(builder(RSA).sign(RSA, hashes.SHA384(), rsa_padding=scheme))
    assert end_point(certificate) == hashlib.sha384(certificate).digest()


@pytest.mark.parametrize(
    "old", [b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04", b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05"]
)
def test_md5_and_sha1_become_sha256(old: bytes) -> None:
    """Nothing signs like this any more: the identifier of md5 or sha1 is put in place of sha256's."""
    sha256 = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"
    certificate = der(builder(RSA).sign(RSA, hashes.SHA256()))
    assert certificate.count(sha256) == 2
    certificate = certificate.replace(sha256, old)
    assert end_point(certificate) == hashlib.sha256(certificate).digest()


def test_where_there_is_no_hash_there_is_no_binding() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    assert end_point(der(builder(key).sign(key, None))) is None
    assert end_point(b"") is None
    assert end_point(b"no certificate") is None
    certificate = der(builder(RSA).sign(RSA, hashes.SHA256()))
    assert end_point(certificate[:-1]) is None
    unknown = certificate.replace(
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x7f"
    )
    assert end_point(unknown) is None
