"""Fixtures: `browser` is a Chromium for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.conftest import Obtain
from tests.servers.browser import browsing, find_chromium


@pytest.fixture(scope="module")
def browser(obtain: Obtain) -> Iterator[Browser]:
    with browsing(obtain(find_chromium)) as browser:
        yield browser
