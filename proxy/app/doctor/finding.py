"""One thing that was looked at: how it is, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """How much it matters, least first."""

    FINE = 0
    NOTE = 1
    WARNING = 2
    CRITICAL = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found.

    Attributes:
        about: the area, one word.
        what: one sentence.
        do: what to do about it; "" where it is fine.
    """

    severity: Severity
    about: str
    what: str
    do: str = ""


def fine(about: str, what: str) -> Finding:
    """Nothing to do."""
    return Finding(Severity.FINE, about, what)


def note(about: str, what: str, do: str) -> Finding:
    """Good to know."""
    return Finding(Severity.NOTE, about, what, do)


def warning(about: str, what: str, do: str) -> Finding:
    """To be mended."""
    return Finding(Severity.WARNING, about, what, do)


def critical(about: str, what: str, do: str) -> Finding:
    """The gate can be gone round, or does not do what it is there for."""
    return Finding(Severity.CRITICAL, about, what, do)
