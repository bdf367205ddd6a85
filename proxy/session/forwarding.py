"""What a handler of a frame answers, on both sides: what goes on in its place."""

from __future__ import annotations

from typing import Final

KEEP: Final = None
"""The frame goes on as it is. Bytes go in its place instead."""
DROPPED: Final = b""
