"""TLS of the listeners: what their settings mean; their certificates, and the console's, kept fresh.

Enters: settings, changes of files, SIGHUP. Leaves: what sessions ask of clients; a certificate swapped at its
listener, or an error in the log with the old one still in use. Files are read in a thread. Deliberately
absent: handshakes (relay).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from structlog.stdlib import BoundLogger

from proxy.app.settings import ListenerSettings
from proxy.app.watching import Signature, signature_of, watch
from proxy.relay import Certificate, CertificateError, CertificateFiles, load_certificate
from proxy.session import ALPN_PROTOCOL, ClientCertificate, ClientTls

_OTHERS = 0o007


class ClientTlsError(Exception):
    """A listener's TLS settings do not go together, or a file is of no use.

    Attributes:
        setting: the one that is to be changed.
    """

    def __init__(self, setting: str, message: str) -> None:
        """Keep both."""
        super().__init__(message)
        self.setting = setting


@dataclass(frozen=True, slots=True)
class ListenerTls:
    """One listener's TLS.

    Attributes:
        asks: what is asked of clients.
        files: where its certificate is; None where TLS is off.
        certificate: as it was read first.
        seen: the state of each file just before that.
        alpn: the protocol that is spoken inside.
        warnings: what its owner should hear although it is not wrong.
    """

    asks: ClientTls = field(default_factory=ClientTls)
    files: CertificateFiles | None = None
    certificate: Certificate | None = None
    seen: Mapping[str, Signature] = field(default_factory=dict)
    alpn: str = ALPN_PROTOCOL
    warnings: tuple[str, ...] = ()


def listener_tls(settings: ListenerSettings) -> ListenerTls:
    """Read a listener's TLS settings and its certificate.

    Raises: ClientTlsError.
    """
    mode, own, key = settings.client_tls_mode, settings.client_tls_cert_file, settings.client_tls_key_file
    if mode == "disable":
        _refuse_halves(settings)
        return ListenerTls()
    if own is None:
        raise ClientTlsError(
            "client_tls_sslmode", f"{mode} needs a certificate: client_tls_cert_file and client_tls_key_file"
        )
    if key is None:
        raise ClientTlsError("client_tls_cert_file", "a certificate needs its key: client_tls_key_file")
    if mode.startswith("verify") and settings.client_tls_ca_file is None:
        raise ClientTlsError(
            "client_tls_sslmode",
            f"{mode} needs client_tls_ca_file, which signs clients' certificates",
        )
    try:
        tls = read_tls(CertificateFiles(own, key, settings.client_tls_ca_file))
    except CertificateError as error:
        raise ClientTlsError("client_tls_cert_file", str(error)) from error
    warnings = tls.warnings
    if settings.client_tls_roles and mode != "verify-full":
        warnings = (*warnings, "client_tls_roles does nothing without client_tls_sslmode verify-full")
    return replace(tls, asks=_asks(mode, settings), warnings=warnings)


def read_tls(files: CertificateFiles, alpn: str = ALPN_PROTOCOL) -> ListenerTls:
    """Read a certificate, with what is to be seen of its files.

    Raises: CertificateError.
    """
    seen = _signatures(files)
    certificate = load_certificate(files, alpn)
    told = (f"everybody on this host may read the key {files.key}",) if _readable_by_all(files.key) else ()
    return ListenerTls(files=files, certificate=certificate, seen=seen, alpn=alpn, warnings=told)


def _refuse_halves(settings: ListenerSettings) -> None:
    """TLS that is off because its certificate was forgotten is not what anybody means."""
    if settings.client_tls_sslmode is None:
        for name in ("client_tls_key_file", "client_tls_ca_file", "client_tls_roles"):
            if getattr(settings, name) is not None:
                raise ClientTlsError(name, "is of no use without client_tls_cert_file")


def _asks(mode: str, settings: ListenerSettings) -> ClientTls:
    certificate = ClientCertificate(mode) if mode.startswith("verify") else ClientCertificate.OPTIONAL
    required = mode not in ("allow", "prefer")
    return ClientTls(True, required, certificate, settings.client_tls_roles or {})


def _signatures(files: Iterable[str]) -> dict[str, Signature]:
    return {file: signature_of(file) for file in files}


def _readable_by_all(path: str) -> bool:
    try:
        return bool(Path(path).stat().st_mode & _OTHERS)
    except OSError:
        return False


@dataclass(slots=True)
class _Kept:
    """A listener's certificate in use, and the files' state at the last attempt."""

    listener: str
    files: CertificateFiles
    certificate: Certificate
    seen: Mapping[str, Signature]
    swap: Callable[[Certificate], None]
    alpn: str
    failing: bool = False


class CertificateKeeper:
    """Holds the listeners' certificates, and reads them again."""

    def __init__(
        self, doors: Iterable[tuple[str, ListenerTls, Callable[[Certificate], None]]], log: BoundLogger
    ) -> None:
        """Begin with certificates that all loaded.

        Args:
            doors: of each listener its name, its TLS, and what gives it another certificate.
            log: told of every reload.
        """
        self._kept = [
            _Kept(name, tls.files, tls.certificate, tls.seen, swap, tls.alpn)
            for name, tls, swap in doors
            if tls.files is not None and tls.certificate is not None
        ]
        self._log = log
        self._lock = asyncio.Lock()

    @property
    def not_after_s(self) -> Mapping[tuple[str, ...], float]:
        """By listener, when its certificate expires, in POSIX seconds."""
        return {(kept.listener,): kept.certificate.not_after_s for kept in self._kept}

    @property
    def failing(self) -> bool:
        """Whether the newest files of any listener are of no use, so that older ones are in use."""
        return any(kept.failing for kept in self._kept)

    def announce(self) -> None:
        """Say which certificates are in use."""
        for kept in self._kept:
            self._announce("certificate in use", kept)

    async def reload(self, *, only_changed: bool) -> None:
        """Read again and swap what is good; never raises for a bad file.

        Args:
            only_changed: leave alone what lies there as it was (the watch); SIGHUP reads everything.
        """
        async with self._lock:
            for kept in self._kept:
                seen = await asyncio.to_thread(_signatures, kept.files)
                if not only_changed or seen != kept.seen:
                    kept.seen = seen
                    await self._load(kept)

    async def _load(self, kept: _Kept) -> None:
        try:
            certificate = await asyncio.to_thread(load_certificate, kept.files, kept.alpn)
        except CertificateError as error:
            self._failed(kept, str(error))
            return
        except Exception as error:  # a fault of the loader must not cost the certificate that is in use
            self._failed(kept, f"the loader failed: {type(error).__name__}")
            return
        kept.failing = False
        kept.certificate = certificate
        kept.swap(certificate)
        self._announce("certificate loaded", kept)

    def _failed(self, kept: _Kept, reason: str) -> None:
        kept.failing = True
        self._log.error(
            "the certificate does not load; the one before stays in use",
            listener=kept.listener,
            error=reason,
        )

    async def watch(self) -> None:
        """Reload whenever a file changes, until cancelled."""
        if self._kept:
            await watch(self._files, lambda: self.reload(only_changed=True), self._log)

    def _files(self) -> Sequence[str]:
        return [file for kept in self._kept for file in kept.files]

    def _announce(self, event: str, kept: _Kept) -> None:
        certificate, now_s = kept.certificate, datetime.now(UTC).timestamp()
        until = datetime.fromtimestamp(certificate.not_after_s, UTC).isoformat(timespec="seconds")
        place = {"listener": kept.listener, "file": kept.files.certificate, "not_after": until}
        self._log.info(event, **place)
        if not certificate.not_before_s <= now_s <= certificate.not_after_s:
            self._log.warning("THE CERTIFICATE IS NOT VALID NOW: who checks it does not connect", **place)
