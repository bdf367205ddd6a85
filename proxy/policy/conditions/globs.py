"""Patterns with * and ?, as in file names.

Enters: a pattern. Leaves: a test on names. Deliberately absent: [sets] and {alternatives}: a list says the
same, and reads better in review.
"""

import re
from collections.abc import Callable

ANYTHING = "*"


def compile_glob(pattern: str, *, ignore_case: bool = False) -> Callable[[str], bool]:
    """A test whether a whole name fits the pattern."""
    if not ignore_case:
        if pattern == ANYTHING:
            return _anything
        if "*" not in pattern and "?" not in pattern:
            return pattern.__eq__
    parts = (
        ".*" if piece == "*" else "." if piece == "?" else re.escape(piece)
        for piece in re.split(r"([*?])", pattern)
    )
    expression = re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if ignore_case else 0))
    return lambda name: expression.fullmatch(name) is not None


def _anything(name: str) -> bool:
    return True
