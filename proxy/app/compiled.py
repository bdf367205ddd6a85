"""Whether the modules that every message passes through are compiled; setup.py says which those are."""

from __future__ import annotations

from proxy.wire import framing


def built() -> str:
    """How they were built, in words: all of them, or none."""
    return "pure Python" if framing.__file__.endswith(".py") else "compiled"
