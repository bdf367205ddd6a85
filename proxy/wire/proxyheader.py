"""The PROXY protocol's header, by which a balancer says whose connection it hands on.

Enters: the first bytes of a connection. Leaves: how long the header is, and the client's address in it.
Deliberately absent: from whom a header is believed, and reading it without what comes behind (the relay).

Source: haproxy's doc/proxy-protocol.txt, sections 2.1 (version 1, one line of text) and 2.2 (version 2,
binary). Stricter than it where two readings could stand: a line has exactly the fields of its form, and what
follows the addresses has to be whole TLVs.
"""

import ipaddress
import struct
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from proxy.wire.errors import ProtocolViolation

MAX_V1_BYTES: Final = 107
"""The longest line, its CRLF included; section 2.1."""

MAX_V2_BYTES: Final = 16 + 4096
"""Sixteen bytes in front, then addresses (216 at most) and TLVs, for which the protocol allows 65,535."""

_V1: Final = b"PROXY "
_V2: Final = b"\r\n\r\n\0\r\nQUIT\n"
_SIGNATURES: Final = {1: _V1, 2: _V2}
_FIXED: Final = 16
_LOCAL, _PROXY = 0x20, 0x21
_UNSPEC, _TCP4, _TCP6, _UNIX = 0x00, 0x11, 0x21, 0x31
_ADDRESS_BYTES: Final = {_UNSPEC: 0, _TCP4: 12, _TCP6: 36, _UNIX: 216}
_CRC32C: Final = 0x03
_CRC_BYTES: Final = 4


class Origin(Enum):
    """Whose connection it is."""

    CLIENT = auto()  # a client's, whose address is told
    UNKNOWN = auto()  # a client's, whose address is not told, or is no address of IP
    BALANCER = auto()  # the balancer's own, for a look whether the server lives


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """What a header says; `address` and `port` are the client's, of an ``Origin.CLIENT`` alone."""

    origin: Origin
    address: str = ""
    port: int = 0


def header_length(head: bytes, versions: Collection[int]) -> int | None:
    """How long the header is that begins a connection.

    Args:
        head: the connection's first bytes, any number of them.
        versions: those that are accepted, of 1 and 2.

    Returns: bytes; None while `head` does not tell, and then it holds nothing but the header's.
    Raises: ProtocolViolation when no header begins so, or it is too long.
    """
    for version in versions:
        signature = _SIGNATURES[version]
        if head[: len(signature)] == signature[: len(head)]:
            if len(head) <= len(signature):
                return None
            return _line_length(head) if version == 1 else _block_length(head)
    raise ProtocolViolation("the connection begins without a PROXY header")


def _line_length(head: bytes) -> int | None:
    line, feed, _ = head[:MAX_V1_BYTES].partition(b"\n")
    if feed:
        return len(line) + 1
    if len(head) >= MAX_V1_BYTES:
        raise ProtocolViolation("the PROXY header is longer than a line of version 1")
    return None


def _block_length(head: bytes) -> int | None:
    if len(head) < _FIXED:
        return None
    length = _FIXED + int.from_bytes(head[14:16], "big")
    if length > MAX_V2_BYTES:
        raise ProtocolViolation("the PROXY header is too long")
    return length


def decode_proxy_header(header: bytes) -> ProxyHeader:
    """Read a whole header, as long as `header_length` says.

    Raises: ProtocolViolation.
    """
    return _decode_block(header) if header.startswith(_V2) else _decode_line(header)


# -- version 1 -----------------------------------------------------------------------------------------------


def _decode_line(header: bytes) -> ProxyHeader:
    if not header.startswith(_V1) or not header.endswith(b"\r\n") or not header.isascii():
        raise ProtocolViolation("the PROXY header is no line of version 1")
    words = header[:-2].decode().split(" ")
    if words[1] == "UNKNOWN":
        return ProxyHeader(Origin.UNKNOWN)  # whatever else stands on the line is to be ignored
    match words:
        case ["PROXY", ("TCP4" | "TCP6") as family, source, destination, source_port, destination_port]:
            address = _address(family, source)
            _address(family, destination)
            _port(destination_port)
            return ProxyHeader(Origin.CLIENT, address, _port(source_port))
        case _:
            raise ProtocolViolation("the PROXY header's line has other fields than it should")


def _address(family: str, text: str) -> str:
    try:
        # A zone (%eth0) has no place here: it means nothing on another host.
        if family == "TCP4":
            return str(ipaddress.IPv4Address(text))
        if "%" not in text:
            return _plain(ipaddress.IPv6Address(text))
    except ValueError:
        pass
    raise ProtocolViolation("the PROXY header has an address that is none of its family")


def _port(text: str) -> int:
    if not (text.isdigit() and len(text) <= 5 and int(text) < 65_536 and str(int(text)) == text):
        raise ProtocolViolation("the PROXY header has a port that is none")
    return int(text)


def _plain(address: ipaddress.IPv6Address) -> str:
    """An IPv4 client of a dual-stack balancer, by the address that people know."""
    return str(address.ipv4_mapped or address)


# -- version 2 -----------------------------------------------------------------------------------------------


def _decode_block(header: bytes) -> ProxyHeader:
    if len(header) < _FIXED or len(header) != _FIXED + int.from_bytes(header[14:16], "big"):
        raise ProtocolViolation("the PROXY header is not as long as it says")
    command, family = header[12], header[13]
    if command == _LOCAL:
        return ProxyHeader(Origin.BALANCER)  # the rest is to be discarded, its family included
    if command != _PROXY:
        raise ProtocolViolation("the PROXY header has an unknown version or command")
    if family not in _ADDRESS_BYTES:
        raise ProtocolViolation("the PROXY header speaks of something else than a stream")
    addresses = _ADDRESS_BYTES[family]
    if len(header) < _FIXED + addresses:
        raise ProtocolViolation("the PROXY header is too short for its addresses")
    if family != _UNSPEC:
        _check_tlvs(header, _FIXED + addresses)
    if family == _TCP4:
        source, _, port, _ = struct.unpack_from(">4s4sHH", header, _FIXED)
        return ProxyHeader(Origin.CLIENT, str(ipaddress.IPv4Address(source)), port)
    if family == _TCP6:
        source, _, port, _ = struct.unpack_from(">16s16sHH", header, _FIXED)
        return ProxyHeader(Origin.CLIENT, _plain(ipaddress.IPv6Address(source)), port)
    return ProxyHeader(Origin.UNKNOWN)


def _check_tlvs(header: bytes, at: int) -> None:
    """Step over what is told beside the addresses; a checksum among it has to be right."""
    while at < len(header):
        begin = at + 3
        at = begin + int.from_bytes(header[at + 1 : begin], "big")
        if begin > len(header) or at > len(header):
            raise ProtocolViolation("the PROXY header ends in the middle of a TLV")
        if header[begin - 3] == _CRC32C:
            if at - begin != _CRC_BYTES:
                raise ProtocolViolation("the PROXY header's checksum is not four bytes long")
            without = header[:begin] + bytes(_CRC_BYTES) + header[at:]
            if crc32c(without) != int.from_bytes(header[begin:at], "big"):
                raise ProtocolViolation("the PROXY header's checksum is wrong")


def _crc_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)  # Castagnoli's polynomial, reflected
        table.append(value)
    return tuple(table)


_CRC_TABLE: Final = _crc_table()


def crc32c(data: bytes) -> int:
    """The checksum of RFC 4960, appendix B, as TLV 0x03 holds it."""
    value = 0xFFFF_FFFF
    for byte in data:
        value = value >> 8 ^ _CRC_TABLE[(value ^ byte) & 0xFF]
    return value ^ 0xFFFF_FFFF
