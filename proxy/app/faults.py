"""Where an exception came from, for the log."""

from __future__ import annotations

import traceback
from pathlib import Path


def places(error: BaseException) -> str:
    """Where it came from, innermost first; without its text, which may quote a statement."""
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames[-6:]))
