"""The console's protocol, as a caller sees it."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from proxy.console.people import Role
from proxy.console.psql import PsqlSettings
from proxy.console.psql.statements import VIEWS
from proxy.session.introduction import encode_introduction
from proxy.wire.frontend import (
    BindMessage,
    FunctionCall,
    encode_bind,
    encode_close,
    encode_describe,
    encode_execute,
    encode_flush,
    encode_function_call,
    encode_parse,
    encode_query,
    encode_sync,
    encode_terminate,
)
from proxy.wire.octets import message
from proxy.wire.startup import encode_startup
from tests.console.psql.caller import CALLER, STARTUP, Caller, Stage, console
from tests.console.psql.gate import NOW, PlayedGate

Play = Callable[[Stage], Coroutine[None, None, None]]

SYNC = encode_sync()


def play(
    folder: Path, scene: Play, gate: PlayedGate | None = None, settings: PsqlSettings | None = None
) -> Stage:
    async def staged() -> Stage:
        async with console(folder, gate, settings) as stage:
            await scene(stage)
        return stage

    stage = asyncio.run(staged())
    assert stage.server.callers == 0
    return stage


def said(
    folder: Path, *pipelines: bytes, user: str = "ada", gate: PlayedGate | None = None
) -> list[list[str]]:
    """What is answered to each, by one connection."""
    answers: list[list[str]] = []

    async def scene(stage: Stage) -> None:
        caller = await stage.person(user)
        for pipeline in pipelines:
            answers.append(await caller.told(pipeline))

    play(folder, scene, gate)
    return answers


def queries(*texts: str) -> list[bytes]:
    return [encode_query(text.encode()) for text in texts]


def error(sqlstate: str, message: str, *more: str) -> str:
    return (
        " ".join(
            [
                "ErrorResponse",
                *(
                    f'{code} "{text}"'
                    for code, text in (("S", "ERROR"), ("V", "ERROR"), ("C", sqlstate), ("M", message))
                ),
                *more,
            ]
        )
        + " \\x00"
    )


# -- login ---------------------------------------------------------------------------------------------------


def test_a_login_and_what_is_said_then(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        assert stat.S_IMODE(stage.path.stat().st_mode) == 0o600
        caller = await stage.call(encode_introduction(CALLER), STARTUP)
        told = await caller.log_in()
        assert told[0].startswith("AuthenticationSASLFinal")
        assert told[1] == "AuthenticationOk"
        assert told[-2].startswith("BackendKeyData")
        assert told[-1] == "ReadyForQuery I"
        assert 'ParameterStatus "application_name" "test"' in told
        assert 'ParameterStatus "session_authorization" "ada"' in told
        assert 'ParameterStatus "client_encoding" "UTF8"' in told
        caller.send(encode_terminate())
        assert await caller.rest() == []

    stage = play(tmp_path, scene)
    assert (stage.gate.refused, stage.faults) == ([], [])


@pytest.mark.parametrize("user", ["ada", "nobody", "\udcff"])
def test_a_wrong_token_and_an_unknown_name_look_alike(tmp_path: Path, user: str) -> None:
    async def scene(stage: Stage) -> None:
        startup = encode_startup(3, 0, [("user", user), ("database", "pgwarden")])
        caller = await stage.call(encode_introduction(CALLER), startup)
        told = await caller.log_in(b"wrong")
        assert len(told) == 1
        assert 'C "28P01"' in told[0]
        assert "password authentication failed for user" in told[0]
        assert "pgwarden console token create makes one" in told[0]

    assert [address for _, address in play(tmp_path, scene).gate.refused] == ["192.0.2.7"]


def test_an_address_that_fails_too_often_has_to_wait(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        for _ in range(2):
            caller = await stage.call(encode_introduction(CALLER), STARTUP)
            assert 'C "28P01"' in (await caller.log_in(b"wrong"))[0]
        caller = await stage.call(encode_introduction(CALLER), STARTUP)
        (told,) = await caller.log_in()
        assert 'C "28000" M "Too many logins from this address have failed."' in told

        assert 'H "Wait 10 s, ' in told

    play(tmp_path, scene, PlayedGate(most_failures=2))


@pytest.mark.parametrize("role", [None, Role.VIEWER])
def test_a_token_that_is_revoked_or_changed_ends_what_it_has_opened(
    tmp_path: Path, role: Role | None
) -> None:
    async def scene(stage: Stage) -> None:
        caller = await stage.person()
        assert (await caller.told(*queries("SELECT 1")))[-1] == "ReadyForQuery I"
        stage.gate.roles = {} if role is None else {"ada": role}
        caller.send(encode_query(b"FREEZE"))
        (told,) = await caller.rest()
        assert 'C "57P01" M "terminating connection: this token is not good any more"' in told

    assert play(tmp_path, scene).gate.done == []


def test_who_does_not_log_in_is_sent_away(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        caller = await stage.call(encode_introduction(CALLER), STARTUP)
        told = await caller.rest()
        assert told[0].startswith("AuthenticationSASL")
        assert 'M "canceling login: it took too long"' in told[1]

    play(tmp_path, scene, settings=PsqlSettings(login_timeout_s=0.2))


def test_there_are_so_many_callers_and_no_more(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        first = await stage.person()
        waiting = [await stage.call(encode_introduction(CALLER), STARTUP) for _ in range(2)]
        for caller in waiting:
            assert (await caller.message())[:1] == b"R"
        turned_away = await stage.call(encode_introduction(CALLER), STARTUP)
        assert 'C "53300" M "too many connections to pgwarden\'s console"' in (await turned_away.rest())[0]
        second = await stage.person_by(waiting[0])
        assert 'C "53300"' in (await stage.person_by(waiting[1]))[-1]
        assert second[-1] == "ReadyForQuery I"
        assert await first.told(encode_query(b"SELECT 1")) != []

    play(tmp_path, scene, settings=PsqlSettings(most_callers=2, most_logins=2))


# -- simple queries ------------------------------------------------------------------------------------------


def test_a_table(tmp_path: Path) -> None:
    assert said(tmp_path, *queries("SHOW FREEZE", "SHOW STATS;")) == [
        [
            'RowDescription 5 "database" 0 0 25 65535 -1 0 "since" 0 0 1184 8 -1 0 "until" 0 0 1184 8 -1 0 '
            '"by" 0 0 25 65535 -1 0 "reason" 0 0 25 65535 -1 0',
            "DataRow 5 -1 25 '2026-11-26 15:48:20.25+00' -1 3 'bob' 11 'month's end'",
            'CommandComplete "SHOW"',
            "ReadyForQuery I",
        ],
        [
            'RowDescription 5 "class" 0 0 25 65535 -1 0 "total_query_count" 0 0 20 8 -1 0 "allowed_count" 0 '
            '0 20 8 -1 0 "shadowed_count" 0 0 20 8 -1 0 "refused_count" 0 0 20 8 -1 0',
            "DataRow 5 4 'read' 1 '5' 1 '5' 1 '0' 1 '0'",
            "DataRow 5 3 'ddl' 1 '6' 1 '1' 1 '2' 1 '3'",
            'CommandComplete "SHOW"',
            "ReadyForQuery I",
        ],
    ]


def test_every_view_has_rows_as_its_columns_say(tmp_path: Path) -> None:
    for view, answer in zip(
        VIEWS, said(tmp_path, *queries(*(f"SHOW {view}" for view in VIEWS))), strict=True
    ):
        assert answer[-2:] == ['CommandComplete "SHOW"', "ReadyForQuery I"], view
        kinds = [line.split()[0] for line in answer[:-2]]
        assert kinds.count("RowDescription") == 1, view
        assert "DataRow" in kinds, view


def test_an_error_and_the_connection_goes_on(tmp_path: Path) -> None:
    lost, empty, several, again = said(
        tmp_path, *queries("SELECT * FROM pg_class", " ; ", "SELECT 1; \\d; SELECT 1", "SELECT 1")
    )
    assert lost[0].startswith('ErrorResponse S "ERROR" V "ERROR" C "0A000" M "this is pgwarden\'s console')
    assert 'H "SHOW HELP lists the commands."' in lost[0]
    assert lost[1:] == ["ReadyForQuery I"]
    assert empty == ["EmptyQueryResponse", "ReadyForQuery I"]
    assert [line.split()[0] for line in several] == [
        "RowDescription", "DataRow", "CommandComplete", "ErrorResponse", "ReadyForQuery"
    ]  # fmt: skip
    assert again[-2:] == ['CommandComplete "SELECT 1"', "ReadyForQuery I"]


def test_changes_are_done_and_told(tmp_path: Path) -> None:
    gate = PlayedGate()
    told = said(
        tmp_path,
        *queries(
            "FREEZE 'late' DATABASE shop KILL", "THAW", "THAW DATABASE shop", "RELOAD", "KILL 0-4f1c2d 'why'"
        ),
        gate=gate,
    )
    assert gate.done == [
        ("freeze", "ada", "late", None, "shop", True),
        ("thaw", "ada", None),
        ("thaw", "ada", "shop"),
        ("reload", "ada"),
        ("end", "ada", "0-4f1c2d", "why"),
    ]
    notice = 'NoticeResponse S "NOTICE" V "NOTICE" C "00000" M "'
    assert told == [
        [f'{notice}writes to shop rest" \\x00', 'CommandComplete "FREEZE"', "ReadyForQuery I"],
        [f'{notice}writes to all databases go on" \\x00', 'CommandComplete "THAW"', "ReadyForQuery I"],
        [f'{notice}no such freeze stands" \\x00', 'CommandComplete "THAW"', "ReadyForQuery I"],
        [f'{notice}policy.yaml: in force" \\x00', 'CommandComplete "RELOAD"', "ReadyForQuery I"],
        ['CommandComplete "KILL"', "ReadyForQuery I"],
    ]


def test_who_may_only_look(tmp_path: Path) -> None:
    gate = PlayedGate()
    told = said(
        tmp_path, *queries("FREEZE", "THAW", "RELOAD", "KILL 0-4f1c2d", "SHOW CLIENTS"), user="bob", gate=gate
    )
    assert gate.done == []
    for answer in told[:-1]:
        assert 'C "42501" M "' in answer[0]
        assert "takes the role operator, and bob is viewer" in answer[0]
    assert told[-1][-2] == 'CommandComplete "SHOW"'


def test_what_cannot_be_done_says_why(tmp_path: Path) -> None:
    ((told, _),) = said(tmp_path, *queries("KILL 9-9"))
    assert told == error("55000", "No session has the id 9-9.", 'H "SHOW CLIENTS lists them."')


def test_a_ledger_that_cannot_be_read_is_no_empty_list(tmp_path: Path) -> None:
    told = said(
        tmp_path, *queries("SHOW FREEZE", "SHOW RULES"), gate=PlayedGate(trouble="the ledger does not answer")
    )
    assert 'C "58000" M "the ledger does not answer"' in told[0][0]
    assert told[1][-2] == 'CommandComplete "SHOW"'


def test_a_fault_stays_in_its_command(tmp_path: Path) -> None:
    heard: list[str] = []

    async def scene(stage: Stage) -> None:
        caller = await stage.person()
        told = await caller.told(*queries("FREEZE"))
        assert 'C "XX000" M "this failed"' in told[0]
        assert (await caller.told(*queries("SELECT 1")))[-1] == "ReadyForQuery I"
        heard.extend(stage.faults)

    play(tmp_path, scene, PlayedGate(fault=True))
    assert heard == ["the console's FREEZE failed: RuntimeError"]


# -- transactions --------------------------------------------------------------------------------------------


def test_a_transaction_means_nothing_and_is_followed(tmp_path: Path) -> None:
    gate = PlayedGate()
    told = said(
        tmp_path,
        *queries("BEGIN", "SHOW VERSION", "FREEZE", "SHOW VERSION", "SAVEPOINT a"),
        *queries("COMMIT", "FREEZE", "COMMIT", "SAVEPOINT a"),
        *queries("BEGIN", "SAVEPOINT a", "\\d", "ROLLBACK TO a", "SHOW VERSION", "COMMIT"),
        gate=gate,
    )  # fmt: skip
    assert [answer[-1][-1] for answer in told] == list("TTEEEIII" + "I" + "TTETTI")
    assert 'C "25001" M "FREEZE cannot run inside a transaction block"' in told[2][0]
    assert 'C "25P02"' in told[3][0]
    assert 'C "25P02"' in told[4][0]
    assert told[5][0] == 'CommandComplete "ROLLBACK"'
    assert 'M "there is no transaction in progress"' in told[7][0]
    assert 'C "25P01"' in told[8][0]
    assert len(gate.done) == 1


# -- extended queries ----------------------------------------------------------------------------------------


def bound(text: str, *formats: int, rows: int = 0) -> bytes:
    return (
        encode_parse(b"", text.encode())
        + encode_describe("S", b"")
        + encode_bind(BindMessage(b"", b"", result_formats=formats))
        + encode_describe("P", b"")
        + encode_execute(b"", rows)
        + SYNC
    )


def test_binary_values(tmp_path: Path) -> None:
    (told,) = said(tmp_path, bound("SHOW WINDOWS", 1))
    assert told[:2] == ["ParseComplete", "ParameterDescription 0"]
    assert told[3] == "BindComplete"
    assert told[4].endswith('"times" 0 0 25 65535 -1 1')
    moment = (NOW + timedelta(hours=4) - datetime(2000, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    quoted = "".join(
        f"\\x{byte:02x}" if not chr(byte).isprintable() or byte > 126 else chr(byte)
        for byte in moment.to_bytes(8, "big")
    )
    assert told[5] == (
        f"DataRow 5 10 'production' 8 'evenings' 1 '\\x00' 8 '{quoted}' 19 'mon-fri 20:00-22:00'"
    )
    assert told[6:] == ['CommandComplete "SHOW"', "ReadyForQuery I"]


def test_rows_in_portions(tmp_path: Path) -> None:
    more = encode_execute(b"c", 1)
    (told,) = said(
        tmp_path,
        encode_parse(b"s", b"SHOW STATS")
        + encode_bind(BindMessage(b"c", b"s", result_formats=(0, 1, 0, 0, 0)))
        + more * 3
        + encode_close("P", b"c")
        + encode_close("S", b"s")
        + encode_close("S", b"never")
        + SYNC,
    )
    assert told == [
        "ParseComplete",
        "BindComplete",
        "DataRow 5 4 'read' 8 '\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x05' 1 '5' 1 '0' 1 '0'",
        "PortalSuspended",
        "DataRow 5 3 'ddl' 8 '\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x06' 1 '1' 1 '2' 1 '3'",
        "PortalSuspended",
        'CommandComplete "SHOW"',
        "CloseComplete",
        "CloseComplete",
        "CloseComplete",
        "ReadyForQuery I",
    ]


def test_an_empty_text_and_one_without_rows(tmp_path: Path) -> None:
    gate = PlayedGate()
    empty, change = said(tmp_path, bound(""), bound("RELOAD"), gate=gate)
    assert empty == [
        "ParseComplete", "ParameterDescription 0", "NoData", "BindComplete", "NoData", "EmptyQueryResponse",
        "ReadyForQuery I",
    ]  # fmt: skip
    assert change[5].startswith("NoticeResponse")
    assert change[6:] == ['CommandComplete "RELOAD"', "ReadyForQuery I"]
    assert gate.done == [("reload", "ada")]


@pytest.mark.parametrize(
    ("pipeline", "sqlstate"),
    [
        (encode_parse(b"", b"SELECT $1"), "0A000"),
        (encode_parse(b"", b"SELECT 1; SELECT 1"), "42601"),
        (encode_parse(b"s", b"SELECT 1") * 2, "42P05"),
        (encode_parse(b"", b"\xff"), "22021"),
        (encode_bind(BindMessage(b"", b"none")), "26000"),
        (encode_describe("P", b"none"), "34000"),
        (encode_execute(b"none"), "34000"),
        (encode_parse(b"", b"SELECT 1") + encode_bind(BindMessage(b"", b"", (b"1",))), "08P01"),
        (encode_parse(b"", b"SELECT 1") + encode_bind(BindMessage(b"", b"", result_formats=(2,))), "08P01"),
        (encode_parse(b"", b"SELECT 1") + encode_bind(BindMessage(b"", b"", result_formats=(0, 0))), "08P01"),
        (encode_parse(b"", b"SELECT 1") + encode_bind(BindMessage(b"c", b"")) * 2, "42P03"),
        (
            encode_parse(b"", b"RELOAD") + encode_bind(BindMessage(b"", b"")) + encode_execute(b"") * 2,
            "55000",
        ),
        (b"".join(encode_parse(b"%d" % number, b"SELECT 1") for number in range(257)), "53400"),
        (
            encode_parse(b"", b"SELECT 1")
            + b"".join(encode_bind(BindMessage(b"%d" % number, b"")) for number in range(257)),
            "53400",
        ),
    ],
)
def test_after_an_error_the_rest_is_skipped_to_sync(tmp_path: Path, pipeline: bytes, sqlstate: str) -> None:
    gate = PlayedGate()
    skipped = encode_flush() + bound("FREEZE")[: -len(SYNC)] + encode_query(b"FREEZE")
    told, again = said(tmp_path, pipeline + skipped + SYNC, *queries("SELECT 1"), gate=gate)
    (at,) = (number for number, line in enumerate(told) if line.startswith("ErrorResponse"))
    assert f'C "{sqlstate}"' in told[at]
    assert told[at + 1 :] == ["ReadyForQuery I"]
    assert again[-2] == 'CommandComplete "SELECT 1"'
    assert ("freeze", "ada", "", None, None, False) not in gate.done


def test_a_function_call_has_its_answer(tmp_path: Path) -> None:
    (told,) = said(tmp_path, encode_function_call(FunctionCall(1)))
    assert 'C "0A000"' in told[0]
    assert told[1] == "ReadyForQuery I"


# -- who does not behave -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("garbage", "message"),
    [
        ((b"y\0\0\0\4",), "invalid client message type 121"),
        ((b"Q\0\1\0\4",), "invalid message length 65540 for client message type 81"),
        ((b"Q\0\0\0\3",), "invalid message length 3 for client message type 81"),
        ((message(b"Q", b"SELECT 1"),), "invalid string in Query: it must end with its only NUL"),
        ((message(b"Q", b"SELECT 1\0FREEZE\0"),), "invalid string in Query: it must end with its only NUL"),
        ((message(b"D", b"X\0"),), "invalid Describe message subtype 88"),
    ],
)
def test_what_no_client_sends_ends_that_one_alone(
    tmp_path: Path, garbage: Sequence[bytes], message: str
) -> None:
    async def scene(stage: Stage) -> None:
        other = await stage.person("bob")
        caller = await stage.person()
        caller.send(b"".join(garbage) + encode_query(b"FREEZE"))
        (told,) = await caller.rest()
        assert told.startswith(f'ErrorResponse S "FATAL" V "FATAL" C "08P01" M "{message}"')
        assert (await other.told(*queries("SELECT 1")))[-1] == "ReadyForQuery I"
        assert stage.gate.done == []

    play(tmp_path, scene)


@pytest.mark.parametrize(
    "first",
    [
        b"\0\0",
        b"\0\3abc" + STARTUP,
        encode_introduction(CALLER) + b"\0\0\0\1",
        encode_introduction(CALLER) + b"\0\0\0\x08\x04\xd2\x16\x2f",
        encode_introduction(CALLER) + STARTUP + message(b"Q", b"FREEZE\0"),
        encode_introduction(CALLER) + STARTUP + message(b"p", b"FREEZE\0"),
    ],
)
def test_who_does_not_log_in_as_one_does_is_sent_away(tmp_path: Path, first: bytes) -> None:
    async def scene(stage: Stage) -> None:
        caller = await stage.call(first)
        caller._writer.write_eof()
        await caller.rest()
        assert (await (await stage.person()).told(*queries("SELECT 1")))[-1] == "ReadyForQuery I"

    stage = play(tmp_path, scene)
    assert (stage.gate.done, stage.faults) == ([], [])


def test_when_the_gate_ends_callers_are_told(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        caller: Caller = await stage.person()
        await stage.server.stop()
        (told,) = await caller.rest()
        assert 'C "57P01" M "terminating connection: the gate is shutting down"' in told

    play(tmp_path, scene)
