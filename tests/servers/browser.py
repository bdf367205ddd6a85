"""Chromium, driven by Playwright: Debian's package, unpacked below .cache, with fonts of its own.

In: nothing. Out: a browser without a window, in which a page looks alike on every machine; and axe-core, the
rules of accessibility that run in it. Works as root, whom Chromium's own sandbox does not serve, and as
anybody else.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.servers import node
from tests.servers.cache import build_once
from tests.servers.debian import library_path, unpack

_AXE = "axe-core@4.14.1"
_PACKAGES = ("chromium-headless-shell", "fonts-liberation", "fontconfig-config")
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
<dir>{fonts}</dir>
<cachedir>{cache}</cachedir>
<alias binding="same"><family>monospace</family><prefer><family>Liberation Mono</family></prefer></alias>
<match target="pattern">
<edit name="family" mode="append_last"><string>Liberation Sans</string></edit>
</match>
</fontconfig>
"""


def find_chromium() -> Path:
    """The folder into which Chromium is unpacked.

    Raises:
        Missing: not to be had from Debian's packages.
    """
    return build_once("chromium", _unpack)


def axe() -> str:
    """The script of axe-core.

    Raises:
        Missing: npm cannot fetch it.
    """
    return (node.install("axe", _AXE) / "node_modules" / "axe-core" / "axe.min.js").read_text()


@contextmanager
def browsing(root: Path) -> Iterator[Browser]:
    """A browser out of this folder, until the block ends."""
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    environment: dict[str, str | float | bool] = {
        **os.environ,
        **library_path(root),
        "FONTCONFIG_FILE": str(root / "fonts.conf"),
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=root / "usr" / "lib" / "chromium" / "chromium-headless-shell",
            args=[*flags, "--disable-gpu"],
            env=environment,
        )
        try:
            yield browser
        finally:
            browser.close()


def _unpack(directory: Path) -> None:
    unpack(directory, *_PACKAGES)
    # The folder is renamed when it is whole, so its files are named as they will be.
    target = directory.parent / "chromium"
    fonts, cache = target / "usr" / "share" / "fonts", target / "fontcache"
    (directory / "fonts.conf").write_text(_FONTS.format(fonts=fonts, cache=cache))
