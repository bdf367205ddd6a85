"""Policies: a policy, or mistakes with a place."""

from __future__ import annotations

from pathlib import Path

from proxy.policy.loading.load import load_policy
from proxy.source import SourceError
from tests.session.wired import NO_LOSS

_EVERYTHING = Path(__file__).resolve().parent.parent / "policy" / "everything.yaml"

SEEDS = (NO_LOSS.encode(), _EVERYTHING.read_bytes())


def fuzz(data: bytes) -> None:
    """Any text, that includes nothing which exists."""
    text = data.decode(errors="replace")
    try:
        policy = load_policy("f", lambda path: _read(path, text))
    except SourceError as error:
        assert error.diagnostics and str(error).startswith("f:")
    else:
        assert policy.files == ("f",)


def _read(path: str, text: str) -> str:
    if path != "f":
        raise FileNotFoundError(2, "No such file or directory", path)
    return text
