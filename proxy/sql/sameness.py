"""Texts of which the screen says the same, whatever their literals and digits are.

In: a text's bytes, which the server is known to read as the screen does. Out: its code, the same for all
such texts; and whether it is certain that no more than the code counts. To the screen a digit is a digit, but
in the name of a function; a literal is nothing, where it is certain where it ends. Deliberately absent: what
texts do.
"""

from __future__ import annotations

import re
from typing import Final

from proxy.sql.literals import whole

SAME_DIGITS: Final = bytes(48 if 48 <= byte <= 57 else byte for byte in range(256))
# What is called may have its digits in its name.
_NUMBERED_CALL: Final = re.compile(rb"0[\w$\x80-\xff]*+[ \t\n\r\f\v]*+\(")


def code_of(raw: bytes) -> bytes:
    """What is the same for texts that differ in literals and digits alone; b"" where a literal has no end."""
    if 39 in raw:
        parts = raw.split(b"'")
        if not len(parts) & 1:
            return b""
        raw = b"'".join(parts[::2])
    return raw.translate(SAME_DIGITS)


def is_certain(raw: bytes, code: bytes) -> bool:
    """Whether what the screen passes of a text passes in all texts of this code.

    A literal that is looked at as code, at a glance, only makes it stricter.
    """
    return code.isascii() and _NUMBERED_CALL.search(code) is None and whole(raw) is not None
