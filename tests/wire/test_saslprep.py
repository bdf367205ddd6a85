"""Passwords are prepared as PostgreSQL prepares them: asked of a real server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.backup.cluster import Cluster
from proxy.wire.saslprep import saslprep
from proxy.wire.scram import Verifier, make_verifier

CASES = {
    # RFC 4013, section 3
    "I\u00adX": "IX",
    "user": "user",
    "USER": "USER",
    "\u00aa": "a",
    "\u2168": "IX",
    # what PostgreSQL does where SASLprep says no: the bytes as they are
    "\u0007": "\u0007",
    "\u0007ä": "\u0007ä",
    "\u0627\u0031": "\u0627\u0031",
    "\u0627\u0031\u0628": "\u0627\u0031\u0628",
    "\u0627a\u0628": "\u0627a\u0628",
    "\u00ad": "\u00ad",
    "a\ue000": "a\ue000",
    "pass 🐘": "pass 🐘",
    "\u0221": "\u0221",  # unassigned in Unicode 3.2
    # spaces, and what is mapped to nothing
    "a\u00a0b\u3000c": "a b c",
    "a\u200bb": "a b",
    "a\u200cb\ufeffc": "abc",
    # normal forms
    "a\u0308": "ä",
    "\ufb01x": "fix",
    "\uff21": "A",
    "\ud55c": "\ud55c",
    "\u1112\u1161\u11ab": "\ud55c",
    "\u2126": "\u03a9",
    "\u0340a": "\u0340a",  # prohibited as it came, although its normal form is not
    "\u00c5\u0308": "\u00c5\u0308",
}


@pytest.mark.parametrize(("password", "prepared"), CASES.items(), ids=ascii)
def test_a_password(password: str, prepared: str) -> None:
    assert saslprep(password.encode()) == prepared.encode()


def test_a_server_prepares_them_likewise(server: Cluster) -> None:
    """CREATE ROLE hashes the password that the server has prepared: the same verifier must come out."""
    server.execute("CREATE ROLE prepared LOGIN")
    try:
        for password in CASES:
            server.execute(
                f"SET password_encryption = 'scram-sha-256'; ALTER ROLE prepared PASSWORD '{password}'"
            )
            kept = Verifier.parse(
                server.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'prepared'")
            )
            assert make_verifier(password.encode(), kept.salt, kept.iterations) == kept, ascii(password)
    finally:
        server.execute("DROP ROLE prepared")


@pytest.mark.parametrize("password", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80"])
def test_what_is_no_text_stays(password: bytes) -> None:
    assert saslprep(password) == password


@given(
    password=st.binary(max_size=40)
    | st.text(max_size=40).map(lambda text: text.encode(errors="surrogatepass"))
)
def test_any_bytes_are_prepared_and_ascii_stays(password: bytes) -> None:
    prepared = saslprep(password)
    assert bool(prepared) == bool(password)
    if password.isascii():
        assert prepared == password
