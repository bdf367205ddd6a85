"""How one value of a setting is read, whether it came from a flag, a variable or the config file.

Enters: text or a YAML scalar. Leaves: a typed value, or a ValueError whose text is the rest of the sentence
`<where it came from>: <text>`. Deliberately absent: any echo of what may hold a password.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from proxy.backup.places import place_url
from proxy.session.cancelkeys import MAX_PEER, MAX_WORKER

_SIZE = re.compile(r"(\d+)\s*(B|kB|KB|KiB|MB|MiB|GB|GiB)?")
_SIZE_UNITS = {
    None: 1, "B": 1, "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3,
    "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3,
}  # fmt: skip
_SECONDS = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(ms|s|min|h)?")
_SECONDS_UNITS = {None: 1.0, "s": 1.0, "ms": 0.001, "min": 60.0, "h": 3600.0}
_ADDRESS = re.compile(r"(\[([0-9A-Fa-f:.%]+)\]|[^:\s/@\[\]]*):([0-9]{1,5})")
_SOCKET_NAME = re.compile(r"\.s\.PGSQL\.([0-9]{1,5})")
_SHOWN_CHARS = 60
_MOST_MILLISECONDS: Final = 2**31 - 1  # an int of the kernel's
EVERYBODY: Final = "*"
UNIX: Final = "unix"

AUTO = 0
"""Of workers: as many as there are usable CPUs."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: a host (a name, an IPv4 or IPv6 address, `*` for all) and a port, 0 for a free one.

    A host that begins with a slash is the directory of a Unix socket, as in libpq.
    """

    host: str
    port: int

    def __str__(self) -> str:
        """HOST:PORT, with brackets about an IPv6 address."""
        bare = ":" not in self.host or self.host.startswith("/")
        return f"{self.host}:{self.port}" if bare else f"[{self.host}]:{self.port}"


class Addresses(tuple[Address, ...]):
    """Where one listener listens."""

    __slots__ = ()

    def __str__(self) -> str:
        """As people write them."""
        return ",".join(map(str, self))


@dataclass(frozen=True, slots=True)
class Networks:
    """Whose word is taken: networks, and whoever comes by a Unix socket."""

    networks: tuple[IPv4Network | IPv6Network, ...]
    unix: bool


def shown(value: object) -> str:
    """Quote a wrong value for its error line, without what stands before an @, which may be a password."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if "@" in text:
        text = "***" + text[text.rindex("@") :]
    text = re.sub(r"[^\x20-\x7e\u00a0-\U0010ffff]", "?", text)
    return f'"{text[:_SHOWN_CHARS]}{"…" if len(text) > _SHOWN_CHARS else ""}"'


def seconds(value: object) -> float:
    """Read a time: a number of seconds, or a number with ms, s, min or h."""
    number: float | None = None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value)
    elif isinstance(value, str) and (match := _SECONDS.fullmatch(value.strip())):
        number = float(match[1]) * _SECONDS_UNITS[match[2]]
    if number is None or not math.isfinite(number) or number < 0:
        raise ValueError(f"{shown(value)} is not a number of seconds")
    return number


def some_seconds(value: object) -> float:
    """Read a time that may not be nought."""
    number = seconds(value)
    if number == 0:
        raise ValueError("must be more than 0 seconds")
    return number


def size(value: object) -> int:
    """Read a size: a number of bytes, or one with KiB, MiB, GiB (1024) or kB, MB, GB (1000)."""
    number: int | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        number = int(match[1]) * _SIZE_UNITS[match[2]]
    if number is None or number <= 0:
        raise ValueError(f"{shown(value)} is not a size (say 16MiB, or a number of bytes)")
    return number


def at_least(least: int, shown_as: str) -> Callable[[object], int]:
    """Make the reader of a size that is of no use below some other."""

    def read(value: object) -> int:
        number = size(value)
        if number < least:
            raise ValueError(f"{shown(value)} is too little: at least {shown_as}")
        return number

    return read


def count(value: object) -> int:
    """Read a whole number from 0."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,12}", value.strip()):
        return int(value)
    raise ValueError(f"{shown(value)} is not a whole number from 0")


def up_to(most: int) -> Callable[[object], int]:
    """Make the reader of a whole number from 0 that has an upper bound, such as the kernel's."""

    def read(value: object) -> int:
        number = count(value)
        if number > most:
            raise ValueError(f"{shown(value)} is too much: at most {most}")
        return number

    return read


def positive(value: object) -> int:
    """Read a whole number from 1."""
    number = count(value)
    if number == 0:
        raise ValueError("must be at least 1")
    return number


def workers(value: object) -> int:
    """Read how many processes serve clients: a whole number from 1, or auto, which is 0 here."""
    if isinstance(value, str) and value.strip().lower() == "auto":
        return AUTO
    try:
        number = positive(value)
    except ValueError:
        raise ValueError(f"{shown(value)} is neither a whole number from 1 nor auto") from None
    if number > MAX_WORKER:
        raise ValueError(f"{shown(value)} is too many: at most {MAX_WORKER}")
    return number


def switch(value: object) -> bool:
    """Read on or off."""
    if isinstance(value, bool):
        return value
    match str(value).strip().lower():
        case "on" | "true" | "yes" | "1":
            return True
        case "off" | "false" | "no" | "0":
            return False
        case _:
            raise ValueError(f"{shown(value)} is neither on nor off")


def address(value: object) -> Address:
    """Read HOST:PORT; an IPv6 address stands in brackets, `*` or nothing is every address of the machine."""
    if isinstance(value, Address):
        return value
    match = _ADDRESS.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or int(match[3]) > 65535:
        raise ValueError(f"{shown(value)} is not HOST:PORT")
    host = match[2] or match[1]
    return Address(host or "*", int(match[3]))


def is_loopback(found: Address) -> bool:
    """Whether this is an address of this machine alone."""
    return is_loopback_host(found.host)


def is_loopback_host(host: str) -> bool:
    """Whether this host, a name or an address, is this machine's alone."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def addresses(value: object) -> Addresses:
    """Read where clients connect: HOST:PORT or /DIRECTORY:PORT, several of them as a list or with commas."""
    if isinstance(value, Addresses):
        return value
    return Addresses(_door(item) for item in _items(value, "HOST:PORT"))


def _door(value: object) -> Address:
    path = value.strip().removeprefix("unix:") if isinstance(value, str) else ""
    if not path.startswith("/"):
        return address(value)
    whole = PurePosixPath(path)
    named = _SOCKET_NAME.fullmatch(whole.name)
    directory, _, port = (str(whole.parent), "", named[1]) if named else path.rpartition(":")
    if not (directory and port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise ValueError(f"{shown(value)} is not /DIRECTORY:PORT")
    return Address(str(PurePosixPath(directory)), int(port))


def _items(value: object, what: str) -> list[object]:
    """The items of a list, or of a text with commas; never none."""
    items = value if isinstance(value, list) else value.split(",") if isinstance(value, str) else [value]
    if not items:
        raise ValueError(f"{shown(value)} is not {what}")
    return list(items)


def texts(value: object) -> list[str]:
    """Read a list of texts, or one text with blanks between them."""
    items = value if isinstance(value, list) else str(value).split()
    return [text(item) for item in items]


def networks(value: object) -> Networks:
    """Read networks such as 10.0.0.0/8, single addresses, and the word unix; a list or with commas."""
    if isinstance(value, Networks):
        return value
    found: list[IPv4Network | IPv6Network] = []
    unix = False
    for item in _items(value, "a network"):
        if isinstance(item, str) and item.strip() == UNIX:
            unix = True
            continue
        try:
            found.append(ip_network(str(item).strip()))
        except ValueError:
            raise ValueError(f"{shown(item)} is not a network such as 10.0.0.0/8, nor {UNIX}") from None
    return Networks(tuple(found), unix)


def proxy_protocol(value: object) -> frozenset[int]:
    """Read which versions of the PROXY protocol's header connections begin with."""
    known: Mapping[str, frozenset[int]] = {
        "off": frozenset(), "v1": frozenset({1}), "v2": frozenset({2}), "any": frozenset({1, 2}),
    }  # fmt: skip
    if isinstance(value, frozenset):
        return value
    word = "off" if value is False else str(value).strip().lower()
    if word not in known:
        raise ValueError(f"{shown(value)} is none of {', '.join(known)}")
    return known[word]


def counts(value: object) -> Mapping[str, int]:
    """Read a number for each of some names, `*` for every other one.

    A mapping, or NAME=NUMBER with commas; a number alone is that of everybody.
    """
    if isinstance(value, dict):
        return {str(name): _count_of(name, number) for name, number in value.items()}
    if not isinstance(value, str) or "=" not in value:
        return {EVERYBODY: count(value)}
    found: dict[str, int] = {}
    for item in value.split(","):
        name, equals, number = item.strip().rpartition("=")
        if not (equals and name.strip()):
            raise ValueError(f"{shown(item)} is not NAME=NUMBER")
        if name.strip() in found:
            raise ValueError(f"{shown(name.strip())} is there twice")
        found[name.strip()] = _count_of(name, number)
    return found


def _count_of(name: object, number: object) -> int:
    try:
        return count(number)
    except ValueError as error:
        raise ValueError(f"{error}, of {shown(name)}") from None


def named_counts(value: object) -> Mapping[str, int]:
    """Read a number for each of some names, none of which stands for others."""
    found = counts(value)
    if EVERYBODY in found:
        raise ValueError(f"{shown(value)} does not say for whom: write NAME=NUMBER")
    return found


def milliseconds(value: object) -> int:
    """Read a time that is a number of milliseconds where it has no unit, as PgBouncer and libpq take it."""
    given = value
    if isinstance(value, str) and not value.strip().isdigit():
        given = round(seconds(value) * 1000)
    return up_to(_MOST_MILLISECONDS)(given)


def file_mode(value: object) -> int:
    """Read who may open a file: three octal digits, a nought before them or not.

    The owner always may read and write; so no number that YAML makes of an octal one looks like a mode.
    """
    digits = str(value).strip()
    if not re.fullmatch(r"0?[67][0-7]{2}", digits):
        raise ValueError(f"{shown(value)} is not a mode such as 0770")
    return int(digits, 8)


def text(value: object) -> str:
    """Read a path or another piece of text that may not be empty."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError(f"{shown(value)} is not a path")
    return value


def place(value: object) -> str:
    """Read a folder of some store."""
    try:
        return place_url(text(value))
    except ValueError as error:
        raise ValueError(str(error)) from None  # the value may hold a password


def otlp_endpoint(value: object) -> str:
    """Read the base URL of a collector; what may be a password in it is never echoed."""
    wrong = (
        "must be http://HOST:PORT or https://HOST:PORT of a collector, as OTEL_EXPORTER_OTLP_ENDPOINT has it"
    )
    try:
        url = urlsplit(text(value).strip())
        sound = url.scheme in ("http", "https") and url.hostname and (url.port is None or url.port > 0)
    except ValueError:
        raise ValueError(wrong) from None
    if not sound or url.username is not None or url.query or url.fragment:
        raise ValueError(wrong)
    return url.geturl().rstrip("/")


def issuer_url(value: object) -> str:
    """Read the URL of an OpenID Connect provider, as its tokens have it."""
    return _web_url(value, "https://HOST/PATH of an OpenID Connect provider")


def public_url(value: object) -> str:
    """Read where browsers reach something: scheme and authority alone."""
    wrong = "https://HOST:PORT as browsers have it, without a path"
    found = _web_url(value, wrong)
    url = urlsplit(found)
    if url.path.strip("/"):
        raise ValueError(f"must be {wrong}")
    return f"{url.scheme}://{url.netloc.lower()}"


def _web_url(value: object, wanted: str) -> str:
    """A URL with TLS, or of this machine; what may be a password in it is never echoed."""
    wrong = f"must be {wanted}; http:// is for a loopback address"
    try:
        found = text(value).strip()
        url = urlsplit(found)
        host, _ = url.hostname or "", url.port
    except ValueError:
        raise ValueError(wrong) from None
    if url.username is not None or url.query or url.fragment or not found.isprintable() or " " in found:
        raise ValueError(wrong)
    if not host or not (url.scheme == "https" or (url.scheme == "http" and is_loopback_host(host))):
        raise ValueError(wrong)
    return found


def auth_type(value: object) -> str:
    """Read how clients log in."""
    types = ("passthrough", "managed", "password")
    if isinstance(value, str) and value.strip().lower() in types:
        return value.strip().lower()
    raise ValueError(f"{shown(value)} is none of {', '.join(types)}")


def role(value: object) -> str:
    """Read the name of a role or a database."""
    if not isinstance(value, str) or not value or not value.isprintable() or len(value.encode()) > 63:
        raise ValueError(f"{shown(value)} is no name of a role or a database")
    return value


def auth_query(value: object) -> str:
    """Read the query for a user's verifier."""
    if not isinstance(value, str) or "$1" not in value or "\0" in value:
        raise ValueError("must be a query in which $1 stands for the user")
    return value


def client_tls_mode(value: object) -> str:
    """Read what is asked of clients, in PgBouncer's words."""
    modes = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
    if isinstance(value, str) and value.strip().lower() in modes:
        return value.strip().lower()
    raise ValueError(f"{shown(value)} is none of {', '.join(modes)}")


def roles_by_name(value: object) -> dict[str, frozenset[str]]:
    """Read which roles a certificate's name may log in as: NAME=ROLE,NAME=ROLE, or a mapping to roles."""
    pairs: list[tuple[object, object]] = []
    if isinstance(value, dict):
        for name, roles in value.items():
            pairs += [(name, role) for role in (roles if isinstance(roles, list) else [roles])]
    elif isinstance(value, str):
        parts = (pair.rpartition("=") for pair in value.split(","))
        pairs += [(name.strip(), role.strip()) for name, _, role in parts]
    found: dict[str, set[str]] = {}
    for name, role in pairs:
        if not (isinstance(name, str) and isinstance(role, str) and name and role):
            raise ValueError("must be NAME=ROLE,NAME=ROLE or a mapping")
        found.setdefault(name, set()).add(role)
    if not found:
        raise ValueError("names nobody: write NAME=ROLE")
    return {name: frozenset(roles) for name, roles in found.items()}


def log_level(value: object) -> str:
    """Read how much the gate says of its own doings."""
    levels = ("debug", "info", "warning", "error")
    if isinstance(value, str) and value.strip().lower() in levels:
        return value.strip().lower()
    raise ValueError(f"{shown(value)} is none of {', '.join(levels)}")


def log_format(value: object) -> str:
    """Read how the gate's own log looks."""
    if isinstance(value, str) and value.strip().lower() in ("text", "json"):
        return value.strip().lower()
    raise ValueError(f"{shown(value)} is neither text nor json")


def peers(value: object) -> dict[int, str]:
    """Read other replicas by number: a mapping, or NUMBER=URL with commas between."""
    pairs: list[tuple[object, object]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, str):
        for piece in value.split(","):
            name, _, rest = piece.strip().partition("=")
            pairs.append((name, rest))
    else:
        raise ValueError("must be {NUMBER: HOST:PORT, …}")
    found: dict[int, str] = {}
    for number, url in pairs:
        peer = peer_id(number)
        if peer == 0 or peer in found:
            raise ValueError(f"{shown(number)} is no peer_id of its own: each replica has one, from 1")
        written = str(url).strip()
        found[peer] = written if "://" in written else f"postgresql://{written}"
    return found


def peer_id(value: object) -> int:
    """Read the number of a replica."""
    number = count(value)
    if number > MAX_PEER:
        raise ValueError(f"{shown(value)} is too much: a peer_id is at most {MAX_PEER}")
    return number
