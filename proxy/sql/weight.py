"""How dear a text is to read or to screen, told by counting.

In: a text's bytes. Out: numbers. All passes are of C code: some ten microseconds for a text of 64 KiB.
Deliberately absent: what is too much (the gate's limits).
"""

from __future__ import annotations

from typing import Final

from proxy.sql.parse import OPERATOR_CHARACTERS

_JOINTS: Final = bytes(byte if chr(byte) in OPERATOR_CHARACTERS | {":", ";"} else 32 for byte in range(256))
_NO_OPERATORS: Final = bytes(byte for byte in range(256) if chr(byte) not in OPERATOR_CHARACTERS)
_NAMES: Final = bytes(
    byte if chr(byte).isalnum() or byte in b"_$" or byte > 127 else 32 for byte in range(256)
)
_MOST_CALLS: Final = 1_200
_MOST_SIGNS: Final = 8_000
"""In a text that is light: a call takes the screen up to 0.8 µs, an apostrophe or an operator 0.05."""


def weight(raw: bytes | memoryview) -> tuple[int, int]:
    """What makes reading a text dear: its runs of operators, `:` and `;` with its parentheses, and its words.

    In strings, too.
    """
    text = bytes(raw)
    return len(text.translate(_JOINTS).split()) + text.count(b"("), len(text.translate(_NAMES).split())


def is_light(raw: bytes) -> bool:
    """Whether there is little in it, for its length, that the screen looks at: rows of values are so."""
    return (
        raw.count(b"(") <= _MOST_CALLS
        and raw.count(b"'") <= _MOST_SIGNS
        and len(raw.translate(None, _NO_OPERATORS)) <= _MOST_SIGNS
    )
