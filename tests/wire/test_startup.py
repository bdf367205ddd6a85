"""Startup packets: what the server takes, what it refuses, and where the gate refuses more."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.errors import ProtocolViolation
from proxy.wire.startup import (
    CancelRequest,
    GSSENCRequest,
    SSLRequest,
    StartupMessage,
    StartupPacket,
    decode_startup,
    encode_cancel,
    encode_gssenc_request,
    encode_ssl_request,
    encode_startup,
    startup_length,
)

PARAMETERS = (("user", "alice"), ("database", "shop"), ("application_name", "psql"))
PACKET = encode_startup(3, 0, PARAMETERS)


def packet(body: bytes, version: int = 3 << 16) -> bytes:
    return (len(body) + 8).to_bytes(4, "big") + version.to_bytes(4, "big") + body


@pytest.mark.parametrize(
    ("prefix", "length"),
    [
        (b"", None),
        (b"\0\0\0", None),
        (b"\0\0\0\x08", 8),
        (b"\0\0\0\x08\x04\xd2", 8),
        (b"\0\0\x27\x10", 10_000),
    ],
)
def test_the_length_is_known_from_four_bytes(prefix: bytes, length: int | None) -> None:
    assert startup_length(prefix) == length


@pytest.mark.defect_20
@pytest.mark.parametrize(
    "prefix",
    [
        b"\0\0\0\0",
        b"\0\0\0\x03",
        b"\0\0\0\x04",
        b"\0\0\0\x07",
        b"\0\0\x27\x11",
        b"\x7f\xff\xff\xff",
        b"\xff\xff\xff\xff",
        b"\x80\0\0\0",
        b"GET / HTTP/1.1",
        b"\x16\x03\x01\x02\x00",
    ],
)
def test_an_impossible_length_is_refused_at_once(prefix: bytes) -> None:
    with pytest.raises(ProtocolViolation, match="invalid length of startup packet"):
        startup_length(prefix)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (encode_ssl_request(), SSLRequest()),
        (encode_gssenc_request(), GSSENCRequest()),
        (PACKET, StartupMessage(3, 0, PARAMETERS, PACKET)),
    ],
)
def test_packets(raw: bytes, expected: StartupPacket) -> None:
    assert decode_startup(raw) == expected


def test_the_bytes_are_those_of_the_manual() -> None:
    assert encode_ssl_request() == bytes.fromhex("00000008 04d2162f")
    assert encode_gssenc_request() == bytes.fromhex("00000008 04d21630")
    cancel = bytes.fromhex("00000010 04d2162e 0000002a 01020304")
    assert encode_cancel(cancel[8:]) == cancel
    assert encode_startup(3, 2, [("user", "a")]) == b"\0\0\0\x10\0\x03\0\x02user\0a\0\0"


@pytest.mark.defect_22
@pytest.mark.parametrize("secret_bytes", [4, 32, 256])
def test_cancel_keys_of_protocol_3_0_and_3_2(secret_bytes: int) -> None:
    key = b"\0\0\0\x2a" + b"k" * secret_bytes
    raw = encode_cancel(key)
    assert decode_startup(raw) == CancelRequest(key, raw)


@pytest.mark.defect_22
@pytest.mark.parametrize("secret_bytes", [0, 3, 257])
def test_cancel_keys_of_other_lengths_are_refused(secret_bytes: int) -> None:
    with pytest.raises(ProtocolViolation, match="invalid length of cancel request"):
        decode_startup(encode_cancel(b"\0\0\0\x2a" + b"k" * secret_bytes))


def test_lookup() -> None:
    message = decode_startup(PACKET)
    assert isinstance(message, StartupMessage)
    assert (message.user, message.database) == ("alice", "shop")
    assert message.get("application_name") == "psql"
    assert message.get("Application_Name") is None
    assert message.get("options") is None


@pytest.mark.parametrize("parameters", [[("user", "alice")], [("user", "alice"), ("database", "")]])
def test_the_database_defaults_to_the_user(parameters: list[tuple[str, str]]) -> None:
    message = decode_startup(encode_startup(3, 0, parameters))
    assert isinstance(message, StartupMessage)
    assert message.database == "alice"


@pytest.mark.defect_19
@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (packet(b""), "no terminating NUL"),
        (packet(b"\0"), "no PostgreSQL user name"),
        (packet(b"user\0\0\0"), "no PostgreSQL user name"),
        (packet(b"database\0shop\0\0"), "no PostgreSQL user name"),
        (packet(b"USER\0alice\0\0"), "no PostgreSQL user name"),
        (packet(b"user\0alice\0"), "no terminating NUL"),
        (packet(b"user\0alice"), "no terminating NUL"),
        (packet(b"user\0"), "expected terminator as last byte"),
        (packet(b"user\0alice\0database\0"), "expected terminator as last byte"),
        (packet(b"user\0alice\0\0\0"), "expected terminator as last byte"),
        (packet(b"user\0alice\0\0user\0postgres\0\0"), "expected terminator as last byte"),
        (packet(b"user\0alice\0user\0postgres\0\0"), 'parameter "user" is given twice'),
        (
            packet(b"search_path\0a\0Search_Path\0b\0user\0alice\0\0"),
            'parameter "Search_Path" is given twice',
        ),
        (packet(b"\n\0a\0\n\0b\0user\0alice\0\0"), r'parameter "\?" is given twice'),
        (packet(b"user\0" + b"a" * 64 + b"\0\0"), "the user name is longer than 63 bytes"),
        (packet(b"user\0alice\0database\0" + "ä".encode() * 32 + b"\0\0"), "the database name is"),
        (packet(b"", 2 << 16), r"unsupported frontend protocol 2\.0"),
        (packet(b"user\0alice\0\0", 4 << 16), r"unsupported frontend protocol 4\.0"),
        (packet(b"user\0alice\0\0", 0), r"unsupported frontend protocol 0\.0"),
        (packet(b"\0", (1234 << 16) | 5679), "invalid length of encryption request"),
        (packet(b"\0", (1234 << 16) | 5680), "invalid length of encryption request"),
        (PACKET + b"Q", "incomplete startup packet"),
        (PACKET[:-1], "incomplete startup packet"),
    ],
)
def test_refusals(raw: bytes, text: str) -> None:
    with pytest.raises(ProtocolViolation, match=text):
        decode_startup(raw)


def test_values_are_never_shown() -> None:
    raw = packet(b"options\0-c secret=hunter2\0options\0hunter2\0user\0alice\0\0")
    with pytest.raises(ProtocolViolation) as caught:
        decode_startup(raw)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("parameters", [[("us\0er", "a")], [("user", "a\0user\0postgres")], [("", "a")]])
def test_a_nul_cannot_be_sent(parameters: list[tuple[str, str]]) -> None:
    with pytest.raises(ValueError, match=r"NUL|needs a name"):
        encode_startup(3, 0, parameters)


names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
values = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)


@given(
    st.integers(0, 0xFFFF),
    st.lists(st.tuples(names, values), max_size=5, unique_by=lambda pair: pair[0].lower()).filter(
        lambda pairs: not any(name.lower() in ("user", "database") for name, _ in pairs)
    ),
)
def test_what_is_encoded_is_decoded(minor: int, parameters: list[tuple[str, str]]) -> None:
    everything = (("user", "alice"), *parameters)
    raw = encode_startup(3, minor, everything)
    assert startup_length(raw) == len(raw)
    assert decode_startup(raw) == StartupMessage(3, minor, everything, raw)


@given(st.binary(max_size=40), st.sampled_from([3 << 16, (1234 << 16) | 5678, (1234 << 16) | 5679, 0]))
def test_garbage_gives_nothing_but_protocol_violations(body: bytes, version: int) -> None:
    raw = packet(body, version)
    with suppress(ProtocolViolation):
        decoded = decode_startup(raw)
        if isinstance(decoded, StartupMessage):
            assert encode_startup(decoded.major, decoded.minor, decoded.parameters) == raw


@given(st.binary(max_size=30))
def test_any_bytes_at_all(raw: bytes) -> None:
    with suppress(ProtocolViolation):
        startup_length(raw)
    with suppress(ProtocolViolation):
        decode_startup(raw)
