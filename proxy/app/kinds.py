"""How one value of a setting is read, whether it came from a flag, a variable or the config file.

Enters: text or a YAML scalar. Leaves: a typed value, or a ValueError whose text is the rest of the sentence
`<where it came from>: <text>`. Deliberately absent: any echo of what may hold a password.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

_SIZE = re.compile(r"(\d+)\s*(B|kB|KB|KiB|MB|MiB|GB|GiB)?")
_SIZE_UNITS = {
    None: 1, "B": 1, "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3,
    "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3,
}  # fmt: skip
_SECONDS = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(ms|s|min|h)?")
_SECONDS_UNITS = {None: 1.0, "s": 1.0, "ms": 0.001, "min": 60.0, "h": 3600.0}
_ADDRESS = re.compile(r"(\[([0-9A-Fa-f:.%]+)\]|[^:\s/@\[\]]*):([0-9]{1,5})")
_SHOWN_CHARS = 60

AUTO = 0
"""Of workers: as many as there are usable CPUs."""

MOST_WORKERS = 256


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: a host (a name, an IPv4 or IPv6 address, `*` for all) and a port, 0 for a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        """HOST:PORT, with brackets about an IPv6 address."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


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
    if number > MOST_WORKERS:
        raise ValueError(f"{shown(value)} is too many: at most {MOST_WORKERS}")
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


def text(value: object) -> str:
    """Read a path or another piece of text that may not be empty."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError(f"{shown(value)} is not a path")
    return value


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
