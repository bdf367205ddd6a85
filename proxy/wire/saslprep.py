"""Passwords as SCRAM hashes them: SASLprep (RFC 4013), with the liberties that PostgreSQL takes.

Enters: a password as bytes, whatever their encoding. Leaves: the bytes to hash. Deliberately absent: errors.
Where SASLprep forbids a password, or its bytes are no UTF-8, PostgreSQL hashes the bytes as they are, and so
do its clients.

Source: pg_saslprep() of src/common/saslprep.c, and its callers. It differs from the RFC in three places: text
in ASCII is never looked at, code points are checked as they came and not as they were normalised, and U+200B,
which stands in two tables, becomes a space.
"""

import stringprep
from unicodedata import normalize

_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
    stringprep.in_table_a1,  # unassigned, in Unicode 3.2
)


def saslprep(password: bytes) -> bytes:
    """The password as it is hashed; never fails."""
    if password.isascii():
        return password
    try:
        text = password.decode()
    except UnicodeDecodeError:
        return password
    mapped = "".join(map(_mapped, text))
    if not mapped or _is_prohibited(mapped) or not _is_one_way(mapped):
        return password
    return normalize("NFKC", mapped).encode()


def _mapped(letter: str) -> str:
    if stringprep.in_table_c12(letter):
        return " "
    return "" if stringprep.in_table_b1(letter) else letter


def _is_prohibited(text: str) -> bool:
    return any(is_in(letter) for letter in text for is_in in _PROHIBITED)


def _is_one_way(text: str) -> bool:
    """RFC 3454, section 6: what holds letters written from right to left holds no others, at neither end."""
    if not any(map(stringprep.in_table_d1, text)):
        return True
    ends = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
    return ends and not any(map(stringprep.in_table_d2, text))
