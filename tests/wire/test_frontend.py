"""What clients send: each decoder against what the server takes, what it refuses, and garbage."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire import frontend
from proxy.wire.errors import ProtocolViolation
from proxy.wire.framing import FRONTEND, Cutter
from proxy.wire.frontend import BindMessage, FunctionCall, ParseMessage, SASLInitialResponse
from proxy.wire.octets import message


def shown(kind: bytes, raw: bytes) -> Cutter:
    """A message with this body, as it is shown between two others."""
    cutter = Cutter(FRONTEND)
    cutter.feed(frontend.encode_sync() + message(kind, raw) + frontend.encode_sync())
    cutter.next()
    assert cutter.next() == kind[0]
    return cutter


def bind_names(raw: bytes) -> tuple[bytes, bytes]:
    return frontend.bind_names(shown(b"B", raw))


def execute_portal(raw: bytes) -> bytes:
    return frontend.execute_portal(shown(b"E", raw))


DECODERS: list[Callable[[bytes], object]] = [
    frontend.decode_query,
    frontend.decode_parse,
    bind_names,
    frontend.decode_bind,
    frontend.decode_describe,
    frontend.decode_close,
    frontend.decode_execute,
    execute_portal,
    frontend.decode_function_oid,
    frontend.decode_function_call,
    frontend.decode_copy_fail,
    frontend.decode_password,
    frontend.decode_sasl_initial,
]


def body(raw: bytes, kind: bytes) -> bytes:
    """The body of the one message in these bytes."""
    assert raw[:1] == kind
    assert int.from_bytes(raw[1:5], "big") == len(raw) - 1
    return raw[5:]


def test_decoders_read_these_bodies() -> None:
    assert frontend.decode_query(b"select 1\0") == b"select 1"
    assert frontend.decode_query(b"\0") == b""
    assert frontend.decode_parse(b"s\0select $1\0\0\x02\0\0\0\x17\xff\xff\xff\xff") == ParseMessage(
        b"s", b"select $1", (23, 0xFFFFFFFF)
    )
    assert bind_names(b"p\0s\0\0\0 and the rest") == (b"p", b"s")
    assert frontend.decode_bind(
        b"p\0s\0\0\x01\0\x01\0\x02\0\0\0\x01x\xff\xff\xff\xff\0\x01\0\0"
    ) == BindMessage(b"p", b"s", (b"x", None), (1,), (0,))
    assert frontend.decode_describe(b"Ss\0") == ("S", b"s")
    assert frontend.decode_describe(b"P\0") == ("P", b"")
    assert frontend.decode_close(b"Pp\0") == ("P", b"p")
    assert frontend.decode_execute(b"p\0\0\0\0\x05") == (b"p", 5)
    assert frontend.decode_execute(b"\0\xff\xff\xff\xff") == (b"", -1)
    assert execute_portal(b"p\0\0\0\0\x05") == b"p"
    assert execute_portal(b"\0\0\0\0\0") == b""
    assert frontend.decode_function_oid(b"\xff\0\0\x01rest") == 0xFF000001
    assert frontend.decode_function_call(b"\0\0\x03\xba\0\0\0\x01\0\0\0\x01x\0\x01") == FunctionCall(
        954, (b"x",), (), 1
    )
    assert frontend.decode_copy_fail(b"no\0") == b"no"
    assert frontend.decode_password(b"\xff\0") == b"\xff"
    assert frontend.decode_sasl_initial(b"SCRAM-SHA-256\0\0\0\0\x02n,") == SASLInitialResponse(
        "SCRAM-SHA-256", b"n,"
    )
    assert frontend.decode_sasl_initial(b"X\0\xff\xff\xff\xff") == SASLInitialResponse("X", None)


REFUSED: list[tuple[Callable[[bytes], object], bytes, str]] = [
    (frontend.decode_query, b"", "only NUL"),
    (frontend.decode_query, b"select 1", "only NUL"),
    (frontend.decode_query, b"select 1\0drop table t\0", "only NUL"),
    (frontend.decode_query, b"select 1\0\0", "only NUL"),
    (frontend.decode_query, b"\0x", "only NUL"),
    (frontend.decode_parse, b"", "invalid string in Parse"),
    (frontend.decode_parse, b"s\0select", "invalid string in Parse"),
    (frontend.decode_parse, b"s\0select\0", "insufficient data left in Parse"),
    (frontend.decode_parse, b"s\0select\0\0\x01\0\0\0", "insufficient data left in Parse"),
    (frontend.decode_parse, b"s\0select\0\0\0x", "invalid Parse: 1 bytes after its last field"),
    (frontend.decode_parse, b"s\0a\0b\0\0\0", "insufficient data left in Parse"),
    (bind_names, b"p\0s", "invalid string in Bind"),
    (bind_names, b"", "invalid string in Bind"),
    (bind_names, b"p" * 64, "invalid string in Bind"),
    (bind_names, b"p\0" + b"s" * 70, "invalid string in Bind"),
    (frontend.decode_bind, b"\0\0\0\0\0\0", "insufficient data left in Bind"),
    (frontend.decode_bind, b"\0\0\0\0\0\0\0\0x", "after its last field"),
    (frontend.decode_bind, b"\0\0\0\0\0\x01\xff\xff\xff\xfe\0\0", "insufficient data left in Bind"),
    (frontend.decode_bind, b"\0\0\0\0\0\x01\x7f\xff\xff\xff\0\0", "insufficient data left in Bind"),
    (frontend.decode_bind, b"\0\0\0\x02\0\0\0\0\0\x01\0\0\0\0\0\0", "Bind has 2 formats but 1 values"),
    (frontend.decode_describe, b"", "insufficient data left in Describe"),
    (frontend.decode_describe, b"X\0", "invalid Describe message subtype 88"),
    (frontend.decode_describe, b"\0\0", "invalid Describe message subtype 0"),
    (frontend.decode_describe, b"Ss", "invalid string in Describe"),
    (frontend.decode_describe, b"Ss\0x", "after its last field"),
    (frontend.decode_close, b"s\0", "invalid Close message subtype 115"),
    (frontend.decode_execute, b"\0\0\0\0", "insufficient data left in Execute"),
    (frontend.decode_execute, b"\0\0\0\0\0\0", "after its last field"),
    (frontend.decode_function_oid, b"\0\0\0", "insufficient data left in FunctionCall"),
    (frontend.decode_function_call, b"\0\0\0\x01\0\0\0\0\0", "insufficient data left in FunctionCall"),
    (frontend.decode_copy_fail, b"no", "invalid string in CopyFail"),
    (frontend.decode_password, b"a\0b\0", "after its last field"),
    (frontend.decode_sasl_initial, b"X\0\0\0\0\x05n,", "insufficient data left in SASLInitialResponse"),
    (frontend.decode_sasl_initial, b"X\0\xff\xff\xff\xfe", "insufficient data left in SASLInitialResponse"),
    (frontend.decode_sasl_initial, b"X\0\0\0\0\x01ab", "after its last field"),
]


@pytest.mark.parametrize(("decode", "raw", "text"), REFUSED)
def test_refusals(decode: Callable[[bytes], object], raw: bytes, text: str) -> None:
    with pytest.raises(ProtocolViolation, match=text):
        decode(raw)


def test_empty_messages_are_those_of_the_manual() -> None:
    assert frontend.encode_sync() == b"S\0\0\0\4"
    assert frontend.encode_flush() == b"H\0\0\0\4"
    assert frontend.encode_terminate() == b"X\0\0\0\4"
    assert frontend.encode_copy_done() == b"c\0\0\0\4"
    assert frontend.encode_copy_data(b"\0d") == b"d\0\0\0\6\0d"
    assert frontend.encode_sasl_response(b"\0d") == b"p\0\0\0\6\0d"


def test_a_nul_cannot_be_sent() -> None:
    with pytest.raises(ValueError, match="NUL"):
        frontend.encode_query(b"select 1\0drop table t")
    with pytest.raises(ValueError, match="NUL"):
        frontend.encode_parse(b"a\0b", b"select 1")


raw_names = st.binary(max_size=8).filter(lambda raw: b"\0" not in raw)
oids = st.integers(0, 0xFFFFFFFF)
formats = st.lists(st.integers(0, 0xFFFF), max_size=1).map(tuple)
raw_values = st.lists(st.none() | st.binary(max_size=9), max_size=4).map(tuple)


@given(raw_names)
def test_query_identity(text: bytes) -> None:
    assert frontend.decode_query(body(frontend.encode_query(text), b"Q")) == text


@given(raw_names, raw_names, st.lists(oids, max_size=4).map(tuple))
def test_parse_identity(name: bytes, text: bytes, types: tuple[int, ...]) -> None:
    raw = frontend.encode_parse(name, text, types)
    assert frontend.decode_parse(body(raw, b"P")) == ParseMessage(name, text, types)


@given(st.builds(BindMessage, raw_names, raw_names, raw_values, formats, formats))
def test_bind_identity(bind: BindMessage) -> None:
    raw = body(frontend.encode_bind(bind), b"B")
    assert frontend.decode_bind(raw) == bind
    assert bind_names(raw) == (bind.portal, bind.statement)


@given(st.builds(FunctionCall, oids, raw_values, formats, st.integers(0, 0xFFFF)))
def test_function_call_identity(call: FunctionCall) -> None:
    raw = body(frontend.encode_function_call(call), b"F")
    assert frontend.decode_function_call(raw) == call
    assert frontend.decode_function_oid(raw) == call.oid


@given(st.sampled_from("SP"), raw_names, st.integers(-(2**31), 2**31 - 1))
def test_the_other_identities(kind: str, name: bytes, rows: int) -> None:
    assert frontend.decode_describe(body(frontend.encode_describe(kind, name), b"D")) == (kind, name)
    assert frontend.decode_close(body(frontend.encode_close(kind, name), b"C")) == (kind, name)
    assert frontend.decode_execute(body(frontend.encode_execute(name, rows), b"E")) == (name, rows)
    assert frontend.decode_copy_fail(body(frontend.encode_copy_fail(name), b"f")) == name
    assert frontend.decode_password(body(frontend.encode_password(name), b"p")) == name


@given(raw_names.map(lambda raw: raw.decode("utf-8", "surrogateescape")), st.none() | st.binary(max_size=9))
def test_sasl_identity(mechanism: str, data: bytes | None) -> None:
    response = SASLInitialResponse(mechanism, data)
    assert frontend.decode_sasl_initial(body(frontend.encode_sasl_initial(response), b"p")) == response


@given(st.sampled_from(DECODERS), st.binary(max_size=40) | st.text("\0\1SP", max_size=20).map(str.encode))
def test_garbage_gives_nothing_but_protocol_violations(decode: Callable[[bytes], object], raw: bytes) -> None:
    with suppress(ProtocolViolation):
        decode(raw)


def test_the_greatest_number_of_parameters() -> None:
    bind = BindMessage(b"", b"", (b"1",) * 65_535)
    assert frontend.decode_bind(frontend.encode_bind(bind)[5:]) == bind


@pytest.mark.parametrize("raw", [b"", b"\0", b"\0\0\0\0", b"\0\0\0\0\0\0", b"p\0\0\0\0", b"portal"])
def test_an_execute_of_another_length_than_the_server_reads_is_a_violation(raw: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        execute_portal(raw)


@pytest.mark.parametrize("raw", [b"", b"p", b"\0", b"p\0", b"p\0s", b"\0s"])
def test_a_bind_without_both_names_is_a_violation(raw: bytes) -> None:
    with pytest.raises(ProtocolViolation, match="no terminating NUL"):
        bind_names(raw)
