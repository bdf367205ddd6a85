"""Messages to make conversations of: what a client and a server may say, and what neither ever would."""

from __future__ import annotations

from proxy.wire.backend import (
    BackendKey,
    encode_authentication,
    encode_backend_key,
    encode_command_complete,
    encode_copy_in_response,
    encode_copy_out_response,
    encode_data_row,
    encode_error,
    encode_negotiation,
    encode_notice,
    encode_notification,
    encode_parameter_status,
    encode_ready,
    encode_sasl_mechanisms,
)
from proxy.wire.frontend import (
    FunctionCall,
    SASLInitialResponse,
    encode_copy_data,
    encode_copy_done,
    encode_copy_fail,
    encode_function_call,
    encode_password,
    encode_sasl_initial,
    encode_terminate,
)
from proxy.wire.octets import message
from proxy.wire.scram import client_first
from proxy.wire.startup import (
    encode_cancel,
    encode_gssenc_request,
    encode_ssl_request,
    encode_startup,
)
from tests.session.messages import DS, B, C, D, E, H, P, Q, S, X

START = encode_startup(3, 0, [("user", "ada"), ("database", "shop")])
REPLICATES = encode_startup(3, 0, [("user", "ada"), ("database", "shop"), ("replication", "database")])
SETTINGS = (
    encode_parameter_status("server_version", "17.10")
    + encode_parameter_status("client_encoding", "UTF8")
    + encode_parameter_status("standard_conforming_strings", "on")
)
KEY = encode_backend_key(BackendKey(17, b"\0\0\0\x63"))
LET_IN = encode_authentication(0) + SETTINGS + KEY + encode_ready("I")

LOSSES = ("DROP TABLE public.t", "TRUNCATE public.t", "SELECT 1; DROP TABLE public.t")
"""What the strict policy refuses, whatever the server says of names."""

TEXTS = (
    *LOSSES,
    "SELECT 1",
    "",
    "SELEC",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "PREPARE a AS SELECT 1",
    "EXECUTE a",
    "DEALLOCATE ALL",
    "DISCARD ALL",
    "COPY t FROM STDIN",
    "COPY t TO STDOUT",
    "DROP TABLE t",
    "CREATE TEMP TABLE t(i int)",
    "DECLARE c CURSOR FOR SELECT 1",
    "FETCH c",
    "SET standard_conforming_strings = off",
    "SET search_path = s",
    r"SELECT E'\'; DROP TABLE public.t; --'",
    r"SELECT '\'; DROP TABLE public.t; --'",
    "SELECT 'é'",
    "INSERT INTO t VALUES (1)",
    "IDENTIFY_SYSTEM",
    "START_REPLICATION 0/0",
    "UPDATE t SET v = 1" + " + 1" * 400 + " WHERE id = 1",
    "SELECT '" + "long" * 200 + "'",
    "DROP TABLE public.t /*" + "long" * 200 + "*/",
    "SELECT '" + "much too long" * 200 + "'",
)

CLIENT = (
    START,
    encode_startup(3, 2, [("user", "nobody"), ("database", "shop"), ("options", "-c search_path=s")]),
    encode_startup(3, 0, [("user", "ada"), ("database", "down")]),
    REPLICATES,
    encode_ssl_request(),
    encode_gssenc_request(),
    encode_cancel(b"12345678"),
    b"\x16\x03\x01",
    *(make(text) for make in (Q, P, X) for text in TEXTS),
    *(P(text, name) for text in TEXTS[:6] for name in "ab"),
    *(make(name) for make in (B, D, DS, E, C) for name in ("", "a", "b", "c")),
    *(B(name, portal="c") for name in ("", "a", "b")),
    S,
    H,
    encode_function_call(FunctionCall(2559, (b"\0\0\0\1",), (1,), 1)),
    encode_copy_data(b"1\tx\n"),
    encode_copy_data(Q("DROP TABLE public.t")),
    encode_copy_done(),
    encode_copy_fail(b"no"),
    encode_password(b"secret"),
    encode_sasl_initial(SASLInitialResponse("SCRAM-SHA-256", client_first("n", "abc").encode())),
    encode_terminate(),
    message(b"!", b"x"),
)
"""What clients say, at any time."""

SERVER = (
    LET_IN,
    *(encode_authentication(code) for code in (0, 3, 7, 12)),
    encode_authentication(5, b"salt"),
    encode_authentication(11, b"r=abcdef,s=c2FsdA==,i=1"),
    encode_sasl_mechanisms(["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]),
    encode_negotiation(3 << 16, ["_pq_.x"]),
    *(encode_ready(status) for status in "ITE"),
    *(message(kind) for kind in (b"1", b"2", b"3", b"I", b"n", b"s", b"c")),
    *(
        encode_command_complete(tag)
        for tag in ("SELECT 1", "DROP TABLE", "PREPARE", "DEALLOCATE ALL", "BEGIN")
    ),
    encode_command_complete("COPY 1"),
    encode_error({"S": "ERROR", "V": "ERROR", "C": "22012", "M": "division by zero"}),
    encode_error({"S": "ERROR", "V": "ERROR", "C": "57014", "M": "canceled"}),
    encode_error({"S": "FATAL", "V": "FATAL", "C": "57P01", "M": "the end"}),
    encode_error({"M": "no code"}),
    encode_notice({"S": "NOTICE", "V": "NOTICE", "C": "00000", "M": "hello"}),
    encode_notification(1, "channel", "payload"),
    encode_parameter_status("standard_conforming_strings", "off"),
    encode_parameter_status("client_encoding", "SJIS"),
    encode_parameter_status("search_path", "s"),
    SETTINGS,
    KEY,
    encode_data_row([b"1"]),
    encode_data_row([b"t", b"public", b"f"]),
    message(b"T", b"\0\0"),
    message(b"t", b"\0\0"),
    message(b"V", b"\xff\xff\xff\xff"),
    encode_copy_in_response(0, [0]),
    encode_copy_out_response(0, [0]),
    message(b"W", b"\0\0\0"),
    encode_copy_data(b"1\tx\n"),
    message(b"!", b"x"),
)
"""What servers say, at any time."""
