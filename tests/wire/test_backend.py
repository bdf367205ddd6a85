"""What servers send: each decoder against well-formed, hostile and random bodies."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire import backend
from proxy.wire.backend import Authentication, BackendKey, Column
from proxy.wire.errors import ProtocolViolation

DECODERS: list[Callable[[bytes], object]] = [
    backend.decode_error,
    backend.decode_parameter_status,
    backend.decode_ready,
    backend.decode_command_tag,
    backend.decode_authentication,
    backend.decode_backend_key,
    backend.decode_negotiation,
    backend.decode_row_description,
    backend.decode_data_row,
    backend.decode_parameter_description,
    backend.decode_notification,
    backend.decode_copy_response,
]


def test_decoders_read_these_bodies() -> None:
    assert backend.decode_error(b"SERROR\0VERROR\0C42501\0Mno\0\0") == {
        "S": "ERROR",
        "V": "ERROR",
        "C": "42501",
        "M": "no",
    }
    assert backend.decode_error(b"Mno SQLSTATE\0\0") == {"M": "no SQLSTATE"}
    assert backend.decode_error(b"\0") == {}
    assert backend.decode_error(b"Ma\0Mb\0\0") == {"M": "b"}
    assert backend.decode_error(b"M\xe4\0\0") == {"M": "\udce4"}
    assert backend.decode_parameter_status(b"TimeZone\0UTC\0") == ("TimeZone", "UTC")
    assert [backend.decode_ready(state) for state in (b"I", b"T", b"E")] == ["I", "T", "E"]
    assert backend.decode_command_tag(b"INSERT 0 1\0") == "INSERT 0 1"
    assert backend.decode_backend_key(b"\0\0\0\x2a\1\2\3\4") == BackendKey(42, b"\1\2\3\4")
    assert backend.decode_backend_key(b"\xff\xff\xff\xff" + b"k" * 256) == BackendKey(-1, b"k" * 256)
    assert backend.decode_negotiation(b"\0\3\0\0\0\0\0\1_pq_.x\0") == (3 << 16, ("_pq_.x",))
    assert backend.decode_row_description(b"\0\0") == ()
    assert backend.decode_data_row(b"\0\2\0\0\0\1x\xff\xff\xff\xff") == (b"x", None)
    assert backend.decode_parameter_description(b"\0\1\0\0\0\x17") == (23,)
    assert backend.decode_notification(b"\0\0\0\1c\0p\0") == (1, "c", "p")
    assert backend.decode_copy_response(b"\1\0\2\0\1\0\1") == (1, (1, 1))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"\0\0\0\0", Authentication(0)),
        (b"\0\0\0\3", Authentication(3)),
        (b"\0\0\0\5salt", Authentication(5, b"salt")),
        (b"\0\0\0\x0aSCRAM-SHA-256\0\0", Authentication(10, b"SCRAM-SHA-256\0\0", ("SCRAM-SHA-256",))),
        (b"\0\0\0\x0aB\0A\0\0", Authentication(10, b"B\0A\0\0", ("B", "A"))),
        (b"\0\0\0\x0a\0", Authentication(10, b"\0")),
        (b"\0\0\0\x0br=1,s=2", Authentication(11, b"r=1,s=2")),
        (b"\0\0\0\x0c", Authentication(12)),
        (b"\0\0\0\x63?", Authentication(99, b"?")),
    ],
)
def test_authentication(raw: bytes, expected: Authentication) -> None:
    assert backend.decode_authentication(raw) == expected


REFUSED: list[tuple[Callable[[bytes], object], bytes, str]] = [
    (backend.decode_error, b"", "insufficient data left in ErrorResponse"),
    (backend.decode_error, b"Mno\0", "insufficient data left in ErrorResponse"),
    (backend.decode_error, b"Mno", "no terminating NUL"),
    (backend.decode_error, b"\0x", "after its last field"),
    (backend.decode_parameter_status, b"a\0", "no terminating NUL"),
    (backend.decode_parameter_status, b"a\0b\0c", "after its last field"),
    (backend.decode_ready, b"", "must be I, T or E"),
    (backend.decode_ready, b"X", "must be I, T or E"),
    (backend.decode_ready, b"II", "must be I, T or E"),
    (backend.decode_command_tag, b"SELECT 1", "no terminating NUL"),
    (backend.decode_authentication, b"\0\0\0", "insufficient data left in Authentication"),
    (backend.decode_authentication, b"\0\0\0\0x", "after its last field"),
    (backend.decode_authentication, b"\0\0\0\5abc", "salt must have 4 bytes"),
    (backend.decode_authentication, b"\0\0\0\x0aA\0", "no terminating NUL"),
    (backend.decode_authentication, b"\0\0\0\x0a\0A\0\0", "after its last field"),
    (backend.decode_backend_key, b"\0\0\0\x2a\1\2\3", "4 to 256 bytes"),
    (backend.decode_backend_key, b"\0\0\0\x2a" + b"k" * 257, "4 to 256 bytes"),
    (backend.decode_negotiation, b"\0\3\0\0\x7f\xff\xff\xff", "impossible number"),
    (backend.decode_negotiation, b"\0\3\0\0\xff\xff\xff\xff", "impossible number"),
    (backend.decode_data_row, b"\0\1\xff\xff\xff\xfe", "insufficient data left in DataRow"),
    (backend.decode_row_description, b"\0\1a\0", "insufficient data left in RowDescription"),
]


@pytest.mark.parametrize(("decode", "raw", "text"), REFUSED)
def test_refusals(decode: Callable[[bytes], object], raw: bytes, text: str) -> None:
    with pytest.raises(ProtocolViolation, match=text):
        decode(raw)


def test_messages_are_those_of_the_manual() -> None:
    assert backend.encode_error({"S": "FATAL", "C": "57P01"}) == b"E\0\0\0\x13SFATAL\0C57P01\0\0"
    assert backend.encode_notice({"M": "x"})[:1] == b"N"
    assert backend.encode_ready("I") == b"Z\0\0\0\5I"
    assert backend.encode_sasl_mechanisms(["SCRAM-SHA-256"]) == b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"


@pytest.mark.parametrize("fields", [{"M": "a\0b"}, {"": "a"}, {"MM": "a"}, {"\0": "a"}, {"☃": "a"}])
def test_fields_that_would_read_differently_cannot_be_sent(fields: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"NUL|one letter"):
        backend.encode_error(fields)


def test_a_mechanism_without_a_name_cannot_be_sent() -> None:
    with pytest.raises(ValueError, match="end the list"):
        backend.encode_sasl_mechanisms(["SCRAM-SHA-256", ""])


raws = st.binary(max_size=9).filter(lambda raw: b"\0" not in raw)
texts = raws.map(lambda raw: raw.decode("utf-8", "surrogateescape"))
int32s = st.integers(-(2**31), 2**31 - 1)
int16s = st.integers(-(2**15), 2**15 - 1)
uint32s = st.integers(0, 2**32 - 1)


@given(st.dictionaries(st.sampled_from("SVCMDHPpqWsctdnFLR"), texts))
def test_error_identity(fields: dict[str, str]) -> None:
    assert backend.decode_error(backend.encode_error(fields)[5:]) == fields


@given(texts, texts, int32s)
def test_text_identities(name: str, setting: str, number: int) -> None:
    status = backend.encode_parameter_status(name, setting)
    assert backend.decode_parameter_status(status[5:]) == (name, setting)
    assert backend.decode_command_tag(backend.encode_command_complete(name)[5:]) == name
    notification = backend.encode_notification(number, name, setting)
    assert backend.decode_notification(notification[5:]) == (number, name, setting)
    assert backend.decode_negotiation(backend.encode_negotiation(number, [name])[5:]) == (number, (name,))


@given(st.lists(texts.filter(bool), max_size=3).map(tuple))
def test_mechanism_identity(mechanisms: tuple[str, ...]) -> None:
    decoded = backend.decode_authentication(backend.encode_sasl_mechanisms(mechanisms)[5:])
    assert (decoded.code, decoded.mechanisms) == (10, mechanisms)


@given(int32s, st.binary(min_size=4, max_size=256))
def test_key_identity(process_id: int, secret: bytes) -> None:
    key = BackendKey(process_id, secret)
    assert backend.decode_backend_key(backend.encode_backend_key(key)[5:]) == key


columns = st.builds(Column, raws, uint32s, int16s, uint32s, int16s, int32s)


rows = st.lists(st.none() | st.binary(max_size=5), max_size=3).map(tuple)


@given(st.lists(columns, max_size=3).map(tuple), rows)
def test_row_identities(described: tuple[Column, ...], row: tuple[bytes | None, ...]) -> None:
    assert backend.decode_row_description(backend.encode_row_description(described)[5:]) == described
    assert backend.decode_data_row(backend.encode_data_row(row)[5:]) == row


@given(st.lists(uint32s, max_size=3).map(tuple), st.lists(st.integers(0, 1), max_size=3).map(tuple))
def test_description_identities(types: tuple[int, ...], formats: tuple[int, ...]) -> None:
    assert backend.decode_parameter_description(backend.encode_parameter_description(types)[5:]) == types
    assert backend.decode_copy_response(backend.encode_copy_in_response(1, formats)[5:]) == (1, formats)
    assert backend.decode_copy_response(backend.encode_copy_out_response(0, formats)[5:]) == (0, formats)


@given(st.sampled_from(DECODERS), st.binary(max_size=40) | st.text("\0\1SM\x0a", max_size=20).map(str.encode))
def test_garbage_gives_nothing_but_protocol_violations(decode: Callable[[bytes], object], raw: bytes) -> None:
    with suppress(ProtocolViolation):
        decode(raw)
