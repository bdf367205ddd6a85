"""Golden traces: conversations as libpq would print them."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire import backend, frontend
from proxy.wire.errors import ProtocolViolation
from proxy.wire.startup import encode_cancel, encode_gssenc_request, encode_ssl_request, encode_startup
from proxy.wire.trace import Sender, trace, trace_startup

F, B = Sender.FRONTEND, Sender.BACKEND

PIPELINE = [
    (F, frontend.encode_parse(b"", b"select n from generate_series(1,5) n")),
    (F, frontend.encode_bind(frontend.BindMessage(b"", b"", (b"1", None), (1, 0), (0,)))),
    (F, frontend.encode_describe("P", b"") + frontend.encode_execute(b"", 2) + frontend.encode_sync()),
    (B, b"1\0\0\0\4" + b"2\0\0\0\4"),
    (B, backend.encode_row_description([backend.Column(b"n", 0, 0, 23, 4, -1, 0)])),
    (B, backend.encode_data_row([b"1"]) + backend.encode_data_row([b"\xe4", None])),
    (B, b"s\0\0\0\4" + backend.encode_ready("I")),
    (F, frontend.encode_close("S", b"s") + frontend.encode_flush()),
    (B, b"3\0\0\0\4"),
]

PIPELINE_TEXT = """\
F	44	Parse	 "" "select n from generate_series(1,5) n" 0
F	27	Bind	 "" "" 2 1 0 2 1 '1' -1 1 0
F	6	Describe	 P ""
F	9	Execute	 "" 2
F	4	Sync
B	4	ParseComplete
B	4	BindComplete
B	26	RowDescription	 1 "n" 0 0 23 4 -1 0
B	11	DataRow	 1 1 '1'
B	15	DataRow	 2 1 '\\xe4' -1
B	4	PortalSuspended
B	5	ReadyForQuery	 I
F	7	Close	 S "s"
F	4	Flush
B	4	CloseComplete
"""

LOGIN = [
    (B, backend.encode_sasl_mechanisms(["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"])),
    (F, frontend.encode_sasl_initial(frontend.SASLInitialResponse("SCRAM-SHA-256", b"n,,n=,r=secret"))),
    (B, backend.encode_authentication(11, b"r=x")),
    (F, frontend.encode_password(b"hunter2")),
    (B, backend.encode_authentication(12, b"v=y") + backend.encode_authentication(0)),
    (B, backend.encode_authentication(5, b"salt") + backend.encode_authentication(99)),
    (B, backend.encode_backend_key(backend.BackendKey(42, b"\0\0\0\1"))),
    (B, backend.encode_negotiation(3 << 16, ["_pq_.x"])),
    (B, backend.encode_parameter_status("TimeZone", "UTC")),
    (B, backend.encode_error({"S": "ERROR", "C": "42501", "L": "7", "M": "no"})),
    (B, backend.encode_notification(7, "c", "p")),
]

LOGIN_TEXT = """\
B	42	AuthenticationSASL	 "SCRAM-SHA-256-PLUS" "SCRAM-SHA-256" ""
F	36	AuthenticationResponse	 '***'
B	11	AuthenticationSASLContinue	 'r=x'
F	12	AuthenticationResponse	 '***'
B	11	AuthenticationSASLFinal	 'v=y'
B	8	AuthenticationOk
B	12	AuthenticationMD5Password
B	8	Unknown authentication message 99
B	12	BackendKeyData	 42 1
B	19	NegotiateProtocolVersion	 196608 1 "_pq_.x"
B	17	ParameterStatus	 "TimeZone" "UTC"
B	26	ErrorResponse	 S "ERROR" C "42501" L "7" M "no" \\x00
B	12	NotificationResponse	 7 "c" "p"
"""

LOGIN_REGRESS_TEXT = """\
B	42	AuthenticationSASL	 "SCRAM-SHA-256-PLUS" "SCRAM-SHA-256" ""
F	36	AuthenticationResponse	 '***'
B	11	AuthenticationSASLContinue	 'BBBB'
F	12	AuthenticationResponse	 '***'
B	11	AuthenticationSASLFinal	 'BBBB'
B	8	AuthenticationOk
B	12	AuthenticationMD5Password
B	8	Unknown authentication message 99
B	12	BackendKeyData	 NNNN NNNN
B	19	NegotiateProtocolVersion	 196608 1 "_pq_.x"
B	17	ParameterStatus	 "TimeZone" "UTC"
B	NN	ErrorResponse	 S "ERROR" C "42501" L "SSSS" M "no" \\x00
B	12	NotificationResponse	 NNNN "c" "p"
"""

OTHERS = [
    (F, frontend.encode_query(b"copy t from stdin")),
    (B, backend.encode_copy_in_response(0, (0, 0))),
    (F, frontend.encode_copy_data(b"1\t2\n") + frontend.encode_copy_fail(b"enough")),
    (F, frontend.encode_copy_done()),
    (B, backend.encode_copy_out_response(1, (1,)) + b"d\0\0\0\5x" + b"c\0\0\0\4"),
    (B, backend.encode_command_complete("COPY 1") + backend.encode_notice({"S": "NOTICE"})),
    (F, frontend.encode_function_call(frontend.FunctionCall(954, (b"x", None)))),
    (B, b"V\0\0\0\x09\0\0\0\1y" + b"I\0\0\0\4" + b"n\0\0\0\4" + backend.encode_parameter_description((23,))),
    (B, b"W\0\0\0\7\0\0\0" + b"?\0\0\0\4"),
    (F, frontend.encode_terminate()),
]

OTHERS_TEXT = """\
F	22	Query	 "copy t from stdin"
B	11	CopyInResponse	 \\x00 2 0 0
F	8	CopyData	 '1\\x092\\x0a'
F	11	CopyFail	 "enough"
F	4	CopyDone
B	9	CopyOutResponse	 \\x01 1 1
B	5	CopyData	 'x'
B	4	CopyDone
B	11	CommandComplete	 "COPY 1"
B	13	NoticeResponse	 S "NOTICE" \\x00
F	23	FunctionCall	 954 0 2 1 'x' -1 0
B	9	FunctionCallResponse	 1 'y'
B	4	EmptyQueryResponse
B	4	NoData
B	10	ParameterDescription	 1 23
B	7	CopyBothResponse	 \\x00 0
B	4	Unknown message: 3f
F	4	Terminate
"""


@pytest.mark.parametrize(
    ("conversation", "regress", "text"),
    [
        (PIPELINE, False, PIPELINE_TEXT),
        (LOGIN, False, LOGIN_TEXT),
        (LOGIN, True, LOGIN_REGRESS_TEXT),
        (OTHERS, False, OTHERS_TEXT),
    ],
)
def test_golden(conversation: list[tuple[Sender, bytes]], regress: bool, text: str) -> None:
    assert trace(conversation, regress=regress) == text


@pytest.mark.parametrize(
    ("packet", "line"),
    [
        (encode_ssl_request(), "F\t8\tSSLRequest\t 1234 5679\n"),
        (encode_gssenc_request(), "F\t8\tGSSENCRequest\t 1234 5680\n"),
        (encode_cancel(b"\0\0\0\x2aabcd"), "F\t16\tCancelRequest\t 1234 5678 NNNN NNNN\n"),
        (encode_startup(3, 0, [("user", "a")]), 'F\t16\tStartupMessage\t 3 0 "user" "a"\n'),
    ],
)
def test_packets_without_type_byte(packet: bytes, line: str) -> None:
    assert trace_startup(packet) == line


@pytest.mark.parametrize("data", [b"Q", b"Q\0\0\0\3", b"Q\0\0\0\6a", b"S\0\0\0\5x", b"Q\0\0\0\6a\0x"])
def test_what_is_no_run_of_messages_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        trace([(F, data)])


@given(st.sampled_from(Sender), st.integers(0, 255), st.binary(max_size=30), st.booleans())
def test_garbage_gives_nothing_but_protocol_violations(
    sender: Sender, kind: int, body: bytes, regress: bool
) -> None:
    data = bytes([kind]) + (len(body) + 4).to_bytes(4, "big") + body
    with suppress(ProtocolViolation):
        assert trace([(sender, data)], regress=regress).endswith("\n")
