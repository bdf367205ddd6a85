"""SCRAM: every message of either side and every verifier is read, or refused with the documented error."""

from __future__ import annotations

from proxy.wire.errors import ProtocolViolation
from proxy.wire.saslprep import saslprep
from proxy.wire.scram import (
    Verifier,
    decode_client_final,
    decode_client_first,
    decode_server_final,
    decode_server_first,
    make_verifier,
)

_DECODERS = (
    decode_client_first,
    decode_client_final,
    lambda data: decode_server_first(data, "abc"),
    decode_server_final,
    saslprep,
)

SEEDS = (
    b"\0n,,n=,r=abc",
    b"\0p=tls-server-end-point,,n=,r=abc",
    b"\1c=biws,r=abcdef,p=" + b"A" * 43 + b"=",
    b"\2r=abcdef,s=c2FsdA==,i=4096",
    b"\3v=" + b"A" * 43 + b"=",
    b"\3e=invalid-proof",
    b"\4p\xc3\xa4ss\xe2\x84\xa2word",
    b"\5" + make_verifier(b"secret", b"salt", 4096).written().encode(),
)


def fuzz(data: bytes) -> None:
    """The first byte chooses what is read."""
    if not data:
        return
    which = data[0] % (len(_DECODERS) + 1)
    if which == len(_DECODERS):
        _verifier(data[1:].decode(errors="replace"))
        return
    try:
        _DECODERS[which](data[1:])
    except ProtocolViolation as violation:
        assert violation.sqlstate in {"08P01", "0A000"}


def _verifier(text: str) -> None:
    try:
        verifier = Verifier.parse(text)
    except ValueError as error:
        assert str(error).startswith(("is ", "has "))  # what is wrong with it, and never what it is
    else:
        assert Verifier.parse(verifier.written()) == verifier
