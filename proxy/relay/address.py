"""What people write where a server's address belongs: postgresql://HOST:PORT?sslmode=…&sslrootcert=FILE.

Enters: that text. Leaves: an Upstream, or a ValueError that says what is wrong with it. Deliberately absent:
users, passwords and databases: clients log in with their own, and no error here repeats what might be one.
"""

import ipaddress
import re
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from proxy.relay.sockets import KeepAlive
from proxy.relay.upstream import SslMode, Upstream

DEFAULT_PORT: Final = 5432

# A name of any script, or an address; that of IPv6 may name an interface behind %.
_HOST: Final = re.compile(r"[\w.-]+|[0-9a-f]*:[0-9a-f.:]*(%[\w.-]+)?")
_KNOWN: Final = ("sslmode", "sslrootcert", "sslnegotiation", "host", "port", "connect_timeout")


def parse_upstream(
    url: str,
    *,
    ca_file: str | None = None,
    connect_timeout_s: float = 10.0,
    keep_alive: KeepAlive | None = None,
) -> Upstream:
    """Read the URL of a server.

    Args:
        url: postgresql://HOST:PORT, IPv6 in brackets, a Unix socket's directory as ?host=/DIRECTORY or with
            %2F for its slashes. sslmode is verify-full, but disable on loopback and for a Unix socket.
        ca_file: the certificates to trust where the URL has no sslrootcert.
        connect_timeout_s: how long a connection may take where the URL has no connect_timeout.
        keep_alive: how connections notice that the server is gone; the default when None.

    Raises: ValueError, in one line.
    """
    try:
        parts = urlsplit(url.strip())
        given = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise ValueError("is not a URL: write postgresql://HOST:PORT") from error
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError("must begin with postgresql://")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user or a password: clients log in with their own")
    if parts.path.strip("/") or parts.fragment:
        raise ValueError("must not name a database: clients choose their own")
    options: dict[str, str] = {}
    for name, value in given:
        if name not in _KNOWN:
            raise ValueError(f"has the parameter {name!r}, which is not one of {', '.join(_KNOWN)}")
        if name in options:
            raise ValueError(f"has the parameter {name!r} twice")
        options[name] = value
    host, port = _host_and_port(parts.netloc, options)
    return Upstream(
        host,
        port,
        _sslmode(options.get("sslmode"), host),
        _ca_file(options.get("sslrootcert"), ca_file),
        connect_timeout_s=_seconds(options.get("connect_timeout"), connect_timeout_s),
        direct=_direct(options.get("sslnegotiation")),
        keep_alive=keep_alive or KeepAlive(),
    )


def _host_and_port(netloc: str, options: dict[str, str]) -> tuple[str, int]:
    host, colon, port = netloc.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = netloc, ""
    if "," in netloc + options.get("host", "") or (host and "host" in options):
        raise ValueError("must name one server")
    if port and "port" in options:
        raise ValueError("must name one port")
    if host.startswith("[") != host.endswith("]") or (":" in host and not host.startswith("[")):
        raise ValueError("needs brackets round an IPv6 address: postgresql://[::1]:5432")
    if host.startswith("["):
        host = str(ipaddress.IPv6Address(host[1:-1]))
    host = unquote(host) or options.get("host", "")
    if not host:
        raise ValueError("must name the server: postgresql://HOST:PORT")
    if not host.startswith("/") and not _HOST.fullmatch(host):
        raise ValueError("has a host that is no name and no address")
    return host, _port(port or options.get("port", ""))


def _port(text: str) -> int:
    if not text:
        return DEFAULT_PORT
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65_536):
        raise ValueError("has a port that is not a number from 1 to 65535")
    return int(text)


def _sslmode(text: str | None, host: str) -> SslMode:
    if text is None:
        return SslMode.DISABLE if host.startswith("/") or _is_loopback(host) else SslMode.VERIFY_FULL
    try:
        mode = SslMode(text)
    except ValueError:
        known = ", ".join(mode.value for mode in SslMode)
        raise ValueError(f"has an sslmode that is not one of {known}") from None
    # At a Unix socket no server offers it. libpq says nothing either to who requires it; the gate does.
    return SslMode.DISABLE if mode is SslMode.PREFER and host.startswith("/") else mode


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _direct(text: str | None) -> bool:
    if text not in (None, "postgres", "direct"):
        raise ValueError("has an sslnegotiation that is neither postgres nor direct")
    return text == "direct"


def _ca_file(text: str | None, default: str | None) -> str | None:
    """`system` means the operating system's certificates, as in libpq."""
    if text == "system":
        return None
    return text or default


def _seconds(text: str | None, default: float) -> float:
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError("has a connect_timeout that is not a number of seconds")
    return float(text)
