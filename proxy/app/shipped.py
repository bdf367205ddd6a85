"""Where the policies that come with the program lie: in the checkout, or where an installation put them."""

from __future__ import annotations

import sysconfig
from pathlib import Path


def shipped_policies() -> Path:
    """The folder that holds production.yaml and rules/.

    Raises:
        FileNotFoundError: it is in neither place; the message names both.
    """
    checkout = Path(__file__).resolve().parents[2] / "policies"
    installed = Path(sysconfig.get_path("data")) / "share" / "pgwarden" / "policies"
    for folder in (checkout, installed):
        if (folder / "production.yaml").is_file():
            return folder
    raise FileNotFoundError(f"production.yaml is neither in {checkout} nor in {installed}")
