"""Short spellings of frontend messages."""

from collections.abc import Sequence

from proxy.wire.frontend import (
    BindMessage,
    encode_bind,
    encode_close,
    encode_describe,
    encode_execute,
    encode_flush,
    encode_parse,
    encode_query,
    encode_sync,
)

S = encode_sync()
H = encode_flush()


def Q(text: str) -> bytes:
    """Query."""
    return encode_query(text.encode())


def P(text: str, name: str = "", types: Sequence[int] = ()) -> bytes:
    """Parse."""
    return encode_parse(name.encode(), text.encode(), types)


def B(name: str = "", portal: str = "", values: Sequence[bytes | None] = ()) -> bytes:
    """Bind, all in text format."""
    return encode_bind(BindMessage(portal.encode(), name.encode(), parameters=tuple(values)))


def D(portal: str = "") -> bytes:
    """Describe a portal."""
    return encode_describe("P", portal.encode())


def DS(name: str = "") -> bytes:
    """Describe a statement."""
    return encode_describe("S", name.encode())


def E(portal: str = "", rows: int = 0) -> bytes:
    """Execute."""
    return encode_execute(portal.encode(), rows)


def C(name: str = "") -> bytes:
    """Close a statement."""
    return encode_close("S", name.encode())


def CP(portal: str = "") -> bytes:
    """Close a portal."""
    return encode_close("P", portal.encode())


def X(text: str) -> bytes:
    """Parse, Bind, Execute: a whole statement without its Sync."""
    return P(text) + B() + E()
