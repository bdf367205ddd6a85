"""The PROXY protocol's header: what haproxy's document allows, and nothing else."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.errors import ProtocolViolation
from proxy.wire.proxyheader import (
    MAX_V1_BYTES,
    MAX_V2_BYTES,
    Origin,
    ProxyHeader,
    crc32c,
    decode_proxy_header,
    header_length,
)

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
FOUR = ipaddress.IPv4Address("203.0.113.7").packed + bytes(4) + struct.pack(">HH", 56324, 6432)
SIX = ipaddress.IPv6Address("2001:db8::7").packed + bytes(16) + struct.pack(">HH", 56324, 6432)
MAPPED = ipaddress.IPv6Address("::ffff:203.0.113.7").packed + SIX[16:]
CLIENT = ProxyHeader(Origin.CLIENT, "203.0.113.7", 56324)
UNKNOWN = ProxyHeader(Origin.UNKNOWN)
BALANCER = ProxyHeader(Origin.BALANCER)


def block(command: int = 0x21, family: int = 0x11, rest: bytes = FOUR, length: int | None = None) -> bytes:
    return SIGNATURE + struct.pack(">BBH", command, family, len(rest) if length is None else length) + rest


def tlv(kind: int, value: bytes) -> bytes:
    return struct.pack(">BH", kind, len(value)) + value


def with_crc(value: bytes = b"") -> bytes:
    """A header with its checksum between two other TLVs; `value` is a wrong one."""
    before, after = FOUR + tlv(0x01, b"postgresql"), tlv(0x02, b"db.example.com")
    right = crc32c(block(rest=before + tlv(0x03, bytes(4)) + after))
    return block(rest=before + tlv(0x03, value or right.to_bytes(4, "big")) + after)


def read(data: bytes, versions: tuple[int, ...] = (1, 2)) -> tuple[ProxyHeader, bytes]:
    """A whole header, and what stands behind it."""
    length = header_length(data, versions)
    assert length is not None
    return decode_proxy_header(data[:length]), data[length:]


@pytest.mark.parametrize(
    ("data", "header"),
    [
        (b"PROXY TCP4 203.0.113.7 10.0.0.1 56324 6432\r\n", CLIENT),
        (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
         ProxyHeader(Origin.CLIENT, "255.255.255.255", 65535)),
        (b"PROXY TCP6 2001:db8::7 ::1 56324 0\r\n", ProxyHeader(Origin.CLIENT, "2001:db8::7", 56324)),
        (b"PROXY TCP6 2001:DB8:0:0::7 ::1 0 6432\r\n", ProxyHeader(Origin.CLIENT, "2001:db8::7", 0)),
        (b"PROXY TCP6 ::ffff:203.0.113.7 ::1 56324 6432\r\n", CLIENT),
        (b"PROXY UNKNOWN\r\n", UNKNOWN),
        (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", UNKNOWN),
        (b"PROXY UNKNOWN " + b"x" * (MAX_V1_BYTES - 16) + b"\r\n", UNKNOWN),
        (block(), CLIENT),
        (block(family=0x21, rest=SIX), ProxyHeader(Origin.CLIENT, "2001:db8::7", 56324)),
        (block(family=0x21, rest=MAPPED), CLIENT),
        (block(rest=FOUR + tlv(0xEA, b"\1vpce-08d2bf15fac5001c9") + tlv(0x04, bytes(3))), CLIENT),
        (block(rest=FOUR + tlv(0x04, b"")), CLIENT),
        (block(rest=FOUR + tlv(0x04, bytes(MAX_V2_BYTES - 16 - 12 - 3))), CLIENT),
        (with_crc(), CLIENT),
        (block(family=0x31, rest=b"/run/client".ljust(108, b"\0") + bytes(108)), UNKNOWN),
        (block(family=0x00, rest=b""), UNKNOWN),
        (block(family=0x00, rest=b"whatever"), UNKNOWN),
        (block(command=0x20, family=0x00, rest=b""), BALANCER),
        (block(command=0x20, family=0x11), BALANCER),
        (block(command=0x20, family=0xFF, rest=b"to be discarded"), BALANCER),
    ],
)  # fmt: skip
def test_headers(data: bytes, header: ProxyHeader) -> None:
    for behind in (b"", b"\0\0\0\x08\x04\xd2\x16\x2f", data):
        assert read(data + behind) == (header, behind)


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0\0\x08\x04\xd2\x16\x2f",  # SSLRequest
        b"\x16\x03\x01",  # TLS
        b"GET / HTTP/1.1\r\n",
        b"proxy TCP4 203.0.113.7 10.0.0.1 56324 6432\r\n",
        b"PROXY\tTCP4 203.0.113.7 10.0.0.1 56324 6432\r\n",
        b"PROXY TCP4 203.0.113.7 10.0.0.1 56324 6432\n",
        b"PROXY TCP4 203.0.113.7 10.0.0.1 56324\r\n",
        b"PROXY TCP4 203.0.113.7 10.0.0.1 56324 6432 \r\n",
        b"PROXY TCP4  203.0.113.7 10.0.0.1 56324 6432\r\n",
        b"PROXY TCP4 203.0.113.7 10.0.0.1 056324 6432\r\n",
        b"PROXY TCP4 203.0.113.7 10.0.0.1 65536 6432\r\n",
        b"PROXY TCP4 203.0.113.7 10.0.0.1 -1 6432\r\n",
        b"PROXY TCP4 203.0.113.7 10.0.0.1 56324 \r\n",
        b"PROXY TCP4 203.0.113.07 10.0.0.1 56324 6432\r\n",
        b"PROXY TCP4 203.0.113.256 10.0.0.1 56324 6432\r\n",
        b"PROXY TCP4 203.0.113 10.0.0.1 56324 6432\r\n",
        b"PROXY TCP4 2001:db8::7 10.0.0.1 56324 6432\r\n",
        b"PROXY TCP6 203.0.113.7 ::1 56324 6432\r\n",
        b"PROXY TCP6 fe80::1%eth0 ::1 56324 6432\r\n",
        b"PROXY TCP6 2001:db8::7 10.0.0.1 56324 6432\r\n",
        b"PROXY UDP4 203.0.113.7 10.0.0.1 56324 6432\r\n",
        b"PROXY TCP4 203.0.113.7 10.0.0.1 56324 6432\r\r\n",
        "PROXY TCP4 203.0.113.7 10.0.0.1 5632٤ 6432\r\n".encode(),
        b"PROXY \r\n",
        b"PROXY UNKNOWN " + b"x" * MAX_V1_BYTES,
        block(command=0x22),
        block(command=0x11),
        block(command=0x01),
        block(family=0x12),  # UDP
        block(family=0x10),
        block(family=0x41),
        block(family=0x01),
        block(rest=FOUR[:-1]),
        block(family=0x21, rest=SIX[:-1]),
        block(family=0x31, rest=bytes(215)),
        block(rest=FOUR + b"\x04"),
        block(rest=FOUR + b"\x04\x00"),
        block(rest=FOUR + b"\x04\x00\x02x"),
        block(rest=FOUR + tlv(0x03, b"abc")),
        with_crc(b"\0\0\0\0"),
        block(rest=b"", length=MAX_V2_BYTES - 15),
        block(rest=b"", length=65535),
    ],
)  # fmt: skip
def test_everything_else_is_a_violation(data: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        read(data)


@pytest.mark.parametrize(("version", "other"), [(1, block()), (2, b"PROXY UNKNOWN\r\n")])
def test_a_version_that_is_not_accepted(version: int, other: bytes) -> None:
    with pytest.raises(ProtocolViolation, match="without a PROXY header"):
        read(other, (version,))
    with pytest.raises(ProtocolViolation, match="without a PROXY header"):
        header_length(other[:1], (version,))


@pytest.mark.parametrize("header", [b"PROXY TCP4 203.0.113.7 10.0.0.1 56324 6432\r\n", with_crc()])
def test_the_length_is_told_as_soon_as_it_is_known(header: bytes) -> None:
    """What is read before that belongs to the header."""
    told = [header_length((header + b"Q")[:size], (1, 2)) for size in range(len(header) + 2)]
    known = 16 if header.startswith(SIGNATURE) else len(header)
    assert told == [None] * known + [len(header)] * (len(told) - known)


GARBAGE = st.binary(max_size=300)
LINE_ENDS = st.sampled_from([b"", b"\r\n", b" 1 2\r\n", b" 10.0.0.1 1 2\r\n"])


@given(
    GARBAGE
    | st.builds(lambda rest: block(rest=rest), GARBAGE)
    | st.builds(lambda middle, end: b"PROXY " + middle + end, st.binary(max_size=80), LINE_ENDS)
)
def test_garbage_is_a_violation_or_a_header(data: bytes) -> None:
    try:
        length = header_length(data, (1, 2))
        if length is not None and len(data) >= length:
            decode_proxy_header(data[:length])
    except ProtocolViolation:
        pass


@given(
    st.ip_addresses(),
    st.integers(0, 65_535),
    st.lists(st.tuples(st.integers(4, 255), st.binary(max_size=50)), max_size=5),
)
def test_any_address_in_either_version(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int, told: list[tuple[int, bytes]]
) -> None:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    header = ProxyHeader(Origin.CLIENT, str(mapped or address), port)
    line = f"PROXY TCP{address.version} {address} {address} {port} 5432\r\n".encode()
    family = 0x11 if address.version == 4 else 0x21
    rest = address.packed * 2 + struct.pack(">HH", port, 5432)
    assert read(line + b"x") == (header, b"x")
    tlvs = b"".join(tlv(kind, value) for kind, value in told)
    assert read(block(family=family, rest=rest + tlvs) + b"x") == (header, b"x")


def test_the_checksums_of_the_standard() -> None:
    """RFC 3720, appendix B.4."""
    assert [crc32c(data) for data in (bytes(32), b"\xff" * 32, bytes(range(32)), b"123456789")] == [
        0x8A9136AA, 0x62A8AB43, 0x46DD794E, 0xE3069283,
    ]  # fmt: skip
