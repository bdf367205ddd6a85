"""`python -m tests.console.screenshot`: README.md's picture, of a gate that has worked for a minute.

Out: page.png beside this file.
"""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path

import psycopg
from playwright.sync_api import ViewportSize

from proxy.backup.cluster import Cluster
from tests.console.scene import working_day
from tests.servers.browser import browsing, find_chromium
from tests.servers.postgres import DEFAULT_MAJOR, binaries, memory_directory

PICTURE = Path(__file__).with_name("page.png")
_WORK_S = 60
_SIZE = ViewportSize(width=1080, height=1240)


def _work(url: str) -> None:
    """What an application does all day, at the pace of one."""
    end, pick = time.monotonic() + _WORK_S, random.Random(7)
    with psycopg.connect(url, autocommit=True) as client:
        while time.monotonic() < end:
            for _ in range(pick.randrange(5, 40)):
                client.execute("SELECT name FROM users WHERE id = %s", (pick.randrange(1000),))
            client.execute(f"UPDATE users SET name = upper(name) WHERE id = {pick.randrange(10**6)}")
            time.sleep(pick.uniform(0.1, 0.6))


def main() -> None:
    """Take it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Cluster(binaries(DEFAULT_MAJOR), memory_directory()) as server,
        working_day(Path(folder), server, "shop", frozen=False, more=_work) as address,
        browsing(find_chromium()) as browser,
        browser.new_context(viewport=_SIZE, color_scheme="light") as context,
    ):
        page = context.new_page()
        page.goto(address)
        page.locator("#charts canvas").nth(1).wait_for()
        page.locator("#live", has_text="follows what happens").wait_for()
        page.screenshot(path=PICTURE)
    print(f"{PICTURE}: {PICTURE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
