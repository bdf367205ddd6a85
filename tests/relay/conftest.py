"""The relay's tests run on both event loops: uvloop, which the gate uses, and asyncio's own."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from tests.relay.certificates import Certificates


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A certificate authority and what it has signed, and a second authority that nobody trusts."""
    directory: Path = tmp_path_factory.mktemp("certificates")
    return Certificates(directory)
