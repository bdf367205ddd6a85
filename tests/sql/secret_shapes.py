"""Statements that hold a secret, in every shape that is known: secrets.txt says how a log shows each."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

from tests.sql import golden

SECRETS = Path(__file__).parent / "secrets.txt"
SECRET = "hunter2"
# What no statement holds by chance, in characters that stand for themselves in every kind of literal.
RANDOM = st.from_regex(r"Zq[A-Za-z0-9_.:#%+-]{10,24}", fullmatch=True)


def shapes() -> list[str]:
    """The statements, with SECRET where the secret stands."""
    return [text for _, text, _ in golden.cases(SECRETS) if SECRET in text]
