"""Certificates of our own for TLS tests, made afresh each run."""

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """Signs certificates of servers and clients. `file` is its own certificate in PEM."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        self._certificate = self._sign(self._name, self._key, [], authority=True)
        self.file = directory / f"{name}.pem"
        self.file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def certify(self, *hosts: str, days: int = 1) -> tuple[Path, Path]:
        """A certificate for these names and addresses, good for so many days, and its key, in PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(
            _name(hosts[0]), key, [_general_name(host) for host in hosts], authority=False, days=days
        )
        stem = f"{self.file.stem}-{hosts[0]}-{days}"
        certificate_file, key_file = self._directory / f"{stem}.crt", self._directory / f"{stem}.key"
        certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        key_file.chmod(0o600)  # libpq takes no other
        return certificate_file, key_file

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        names: list[x509.GeneralName],
        *,
        authority: bool,
        days: int = 1,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1, days=max(-days, 0)) * 2)
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


class Certificates:
    """What the tests of one run share."""

    def __init__(self, directory: Path) -> None:
        self.trusted = Authority(directory, "trusted")
        self.stranger = Authority(directory, "stranger")
        self.loopback = self.trusted.certify("127.0.0.1", "localhost")
        self.expired = self.trusted.certify("127.0.0.1", "localhost", days=-1)
        self.elsewhere = self.trusted.certify("db.example.com")
        self.self_made = self.stranger.certify("127.0.0.1", "localhost")
        self.ca_file = str(self.trusted.file)


def server_context(pair: tuple[Path, Path]) -> ssl.SSLContext:
    """The server's side of TLS with this certificate and key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    context.set_alpn_protocols(["postgresql"])
    return context
