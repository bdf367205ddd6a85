"""Every target with its seeds and with what Hypothesis thinks of; `make fuzz` looks for more."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.wire import backend, frontend
from tests.fuzz import TARGETS
from tests.fuzz.backend import DECODERS as BACKEND_DECODERS
from tests.fuzz.frontend import DECODERS as FRONTEND_DECODERS


def test_every_target_has_its_file() -> None:
    files = {path.stem for path in Path(__file__).parent.glob("*.py")}
    assert files - {"__init__", "__main__", "guided", "test_targets"} == set(TARGETS)


def test_no_decoder_is_forgotten() -> None:
    named = {name for module in (frontend, backend) for name in vars(module) if name.startswith("decode_")}
    assert {decode.__name__ for decode in (*FRONTEND_DECODERS, *BACKEND_DECODERS)} == named


@pytest.mark.parametrize("name", TARGETS)
def test_a_target(name: str) -> None:
    target = importlib.import_module(f"tests.fuzz.{name}")
    seeds = st.sampled_from(target.SEEDS)
    mutated = st.builds(
        _mutated, seeds, st.lists(st.tuples(st.integers(0), st.binary(max_size=4)), max_size=4)
    )

    @settings(max_examples=100, deadline=None)
    @given(data=seeds | mutated | st.binary(max_size=80))
    @example(data=b"")
    def look(data: bytes) -> None:
        target.fuzz(data)

    for seed in target.SEEDS:
        target.fuzz(seed)
    look()


def _mutated(seed: bytes, changes: list[tuple[int, bytes]]) -> bytes:
    """The seed with some bytes put in place of others."""
    for where, put in changes:
        at = where % (len(seed) + 1)
        seed = seed[:at] + put + seed[at + 1 :]
    return seed
