"""What the client sees through a session is what it would see without one, for whatever is allowed."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.session import Close, Command, Report, Session, ToClient, ToServer
from proxy.session.inflight import DESCRIBE, EXECUTE, MOST_OWED, PARSE, QUERY, SYNC, Inflight
from proxy.sql.analyse import Analysis, analyse
from proxy.wire.backend import encode_command_complete, encode_data_row, encode_ready
from proxy.wire.errors import ProtocolViolation
from proxy.wire.frontend import encode_copy_data, encode_copy_done, encode_terminate
from proxy.wire.octets import message
from tests.servers.database import Database
from tests.session import wired
from tests.session.conftest import Clients
from tests.session.messages import CP, DS, B, C, D, E, H, P, Q, S, X
from tests.session.test_hostile_lengths import logged_in
from tests.session.wired import Answer, Bare, answers, gate_of, ready_count, whole

OPEN = "{version: 1, name: open, rules: [{id: none, match: {effects: [database.drop]}, deny: 'No.'}]}"

SCRIPTS: dict[str, tuple[bytes, int]] = {
    "three syncs give three ReadyForQuery": (S + S + S, 3),
    "describe of a statement": (P("SELECT $1::int, 'x'") + DS() + S, 1),
    "describe of a statement without columns": (P("SELECT") + DS() + B() + D() + E() + S, 1),
    "describe of what returns nothing": (P("INSERT INTO t VALUES (50)") + DS() + B() + D() + E() + S, 1),
    "an empty text": (Q(""), 1),
    "comments alone": (Q("/* nothing */ -- here") + Q(";;") + X("") + S, 3),
    "a portal in pieces": (P("SELECT id FROM t ORDER BY id") + B() + E(rows=1) + E(rows=1) + E() + S, 1),
    "Close of an unknown name": (C("nothing") + CP("nothing") + S, 1),
    "a cursor": (
        Q("DECLARE c CURSOR FOR SELECT id FROM t ORDER BY id")
        + Q("FETCH 1 FROM c")
        + D("c")
        + E("c", rows=1)
        + E("c")
        + S
        + CP("c")
        + S
        + Q("FETCH c"),
        5,
    ),
    "a portal closed before it ends": (
        P("SELECT id FROM t") + B("", "p") + E("p", rows=1) + CP("p") + E("p") + S,
        1,
    ),
    "Close of a portal with a statement's name": (P("SELECT 1", "x") + B("x", "x") + C("x") + E("x") + S, 1),
    "an error, then a Query inside the same batch": (X("SELECT 1/0") + Q("SELECT 1") + S + Q("SELECT 2"), 2),
    "a Query inside an open batch": (P("SELECT 1") + Q("SELECT 2") + B() + E() + S, 2),
    "an error with Flush, then more, then Sync": (
        X("SELECT 1/0") + H + X("SELECT 1") + H + S + X("SELECT 2") + S,
        2,
    ),
    "a deferred constraint fails at Sync": (
        Q("CREATE TABLE d(id int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        + X("INSERT INTO d VALUES (1), (1)")
        + S
        + Q("SELECT count(*) FROM d"),
        3,
    ),
    "prepare, execute, deallocate": (
        Q("PREPARE p AS SELECT 1; EXECUTE p; DEALLOCATE p") + Q("SELECT 1; SELECT 2; SELECT 3"),
        2,
    ),
    "copy in between": (
        Q("SELECT 1")
        + Q("COPY t FROM STDIN")
        + encode_copy_data(b"60\tx\n")
        + encode_copy_done()
        + Q("COPY t TO STDOUT")
        + Q("DELETE FROM t WHERE id = 60"),
        4,
    ),
    "discard all": (Q("DISCARD ALL") + X("SELECT 1") + S, 2),
    "notices": (Q("DO $$ BEGIN RAISE NOTICE 'hello'; END $$") + Q("DROP TABLE IF EXISTS nothing"), 2),
    "set and show": (
        Q("SET application_name = 'x'") + Q("SHOW application_name") + Q("RESET application_name"),
        3,
    ),
    "a zero-parameter and a null": (
        P("SELECT $1::text") + B(values=[None]) + E() + B(values=[b"v"]) + E() + S,
        1,
    ),
}


@pytest.mark.defect_01
@pytest.mark.defect_03
@pytest.mark.defect_07
@pytest.mark.defect_08
@pytest.mark.defect_09
@pytest.mark.parametrize("chunk", [0, 1], ids=["whole", "byte by byte"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_the_same_bytes_with_and_without_a_session(
    script: str, chunk: int, table: Database, clients: Clients
) -> None:
    messages, ready = SCRIPTS[script]
    seen = []
    for client in (clients.bare(table), clients.wired(table, gate_of(OPEN), chunk=chunk)):
        client.exchange(Q("BEGIN"))
        client.exchange(messages, ready=ready)
        seen.append(client.inbox)
        client.exchange(Q("ROLLBACK"))
        client.close()
        table.execute("DROP TABLE IF EXISTS d; DELETE FROM t WHERE id > 3")
    assert seen[1] == seen[0]


@pytest.mark.defect_03
@pytest.mark.parametrize("chunk", [0, 1, 4])
@pytest.mark.parametrize("count", [1, 2, 300])
def test_each_sync_gets_its_ready_and_a_session_is_idle_only_when_all_have(
    count: int, chunk: int, table: Database, clients: Clients
) -> None:
    client = clients.wired(table, gate_of(OPEN), chunk=chunk)
    idle: list[tuple[int, bool]] = []
    perform = client.perform

    def look(commands: list[Command]) -> None:
        seen = client.inbox + b"".join(bytes(c.data) for c in commands if isinstance(c, ToClient))
        idle.append((ready_count(seen), client.session.idle))
        perform(commands)

    client.perform = look  # type: ignore[method-assign]
    stream = S * count
    for at in range(0, len(stream), chunk or len(stream)):
        client._send(stream[at : at + (chunk or len(stream))])
    client.wait(count)
    assert answers(client.inbox) == [("Z", "I")] * count
    assert idle[-1] == (count, True)
    assert [ready for ready, is_idle in idle if is_idle] == [count]


@pytest.mark.defect_27
@pytest.mark.parametrize("asked", [S, X("SELECT 1")], ids=["Sync", "a batch without Sync"])
def test_a_client_is_read_from_only_while_the_server_owes_little(asked: bytes) -> None:
    session = logged_in()
    count = MOST_OWED // (1 if asked == S else 3)
    session.client_data(asked * count)
    assert not session.waiting
    session.client_data(asked * 2)
    assert session.waiting
    parts = [encode_ready("I")]
    if asked != S:
        parts = [message(b"1"), message(b"2"), encode_data_row([b"1"]) + encode_command_complete("SELECT 1")]
    session.server_data(b"".join(parts) * 2)
    assert not session.waiting


def test_bytes_alone_are_all_that_follows_and_more_may_be_read() -> None:
    session = logged_in()
    asked, answer = Q("SELECT 1"), encode_command_complete("SELECT 1") + encode_ready("I")
    assert session.from_client(asked[:7]) == b""
    assert session.from_client(asked[7:]) == asked
    assert session.from_server(answer) == answer
    assert session.from_client(S * (MOST_OWED + 1)) == [ToServer(S * (MOST_OWED + 1))]
    assert (session.waiting, session.from_server(encode_ready("I"))) == (True, encode_ready("I"))
    assert not session.waiting
    assert session.from_server(encode_ready("I") * MOST_OWED) == encode_ready("I") * MOST_OWED
    assert session.from_client(asked + X("SELECT '\\'")) == [ToServer(asked)]  # the second waits
    assert session.from_server(answer) == [ToClient(answer), ToServer(X("SELECT '\\'"))]


NAMES = st.sampled_from(["", "a", "b"])
TEXTS = st.sampled_from(
    [
        "SELECT 1",
        "SELECT 1/0",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "",
        "SELEC",
        "INSERT INTO t VALUES (1)",
        "SELECT 1; SELECT 2",
        "PREPARE a AS SELECT 7",
        "EXECUTE a",
        "DEALLOCATE a",
        "DEALLOCATE ALL",
        "SAVEPOINT s",
        "ROLLBACK TO s",
        "DECLARE c CURSOR FOR SELECT id FROM t",
        "FETCH c",
        "SET LOCAL application_name = 'y'",
    ]
)
MESSAGES = st.one_of(
    TEXTS.map(Q),
    TEXTS.map(X),
    st.builds(P, TEXTS, NAMES),
    st.builds(B, NAMES, NAMES),
    st.builds(E, NAMES),
    st.builds(DS, NAMES),
    st.builds(D, NAMES),
    st.builds(C, NAMES),
    st.sampled_from([S, S, S, H]),
)


END = S + Q("ROLLBACK; SELECT 'the end'")


def ended(told: list[Answer]) -> bool:
    return ("D", b"the end") in told and told[-1][0] == "Z"


NO_SUCH = [("E", "26000"), ("E", "34000"), ("E", "25P02"), ("E", "54001")]


def told_by(client: Bare, messages: bytes) -> list[Answer]:
    """All answers up to those of a last Query that always runs.

    The gate may say of a statement that it does not exist where the server says so of its portal, or says
    that in an aborted transaction it looks at neither, or has it run itself until the stack is full.
    """
    client.inbox = b""
    client._send(messages + END)
    client.until(lambda: ended(answers(client.inbox[: whole(client.inbox)])))
    return [("E", "no such name") if told[:2] in NO_SUCH else told[:2] for told in answers(client.inbox)]


@pytest.mark.defect_01
@pytest.mark.defect_09
@pytest.mark.defect_11
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    messages=st.lists(MESSAGES, max_size=14),
    chunk=st.integers(min_value=0, max_value=7),
    keeps=st.booleans(),
)
def test_any_conversation_is_the_same_with_and_without_a_session(
    messages: list[bytes], chunk: int, keeps: bool, table: Database, clients: Clients
) -> None:
    """Texts that the parser rejects and names never prepared are refused in the server's own words."""
    stream = b"".join(messages)
    bare, wired = clients.bare(table), clients.wired(table, gate_of(OPEN, keep_statements=keeps), chunk=chunk)
    expected, got = told_by(bare, stream), told_by(wired, stream)
    bare.close()
    wired.close()
    assert got == expected


def test_an_answer_to_nothing_is_a_violation() -> None:
    inflight = Inflight()
    with pytest.raises(ProtocolViolation, match="not asked"):
        inflight.done(PARSE)
    with pytest.raises(ProtocolViolation, match="where none was due"):
        inflight.end_boundary()


@pytest.mark.defect_01
def test_error_skips_to_sync_and_counts_what_will_never_be_ready() -> None:
    from proxy.session.inflight import Sent

    inflight = Inflight()
    for kind in (PARSE, QUERY, SYNC, PARSE):
        inflight.push(Sent(kind, 0))
    assert [sent.kind for sent in inflight.skip_to_sync()] == [PARSE, QUERY]
    assert (inflight.boundaries, inflight.ready, inflight.owed) == (2, 1, 2)


KINDS = st.sampled_from((PARSE, QUERY, SYNC, DESCRIBE, EXECUTE))


@given(
    st.lists(st.tuples(KINDS, st.booleans()), max_size=40),
    st.lists(st.booleans(), min_size=40, max_size=40),
    st.integers(0, 40),
)
def test_bare_messages_keep_their_places_and_numbers(
    sent: list[tuple[int, bool]], looked_at: list[bool], first: int
) -> None:
    from proxy.session.inflight import Sent

    inflight = Inflight()
    answered = 0

    def answer() -> None:
        nonlocal answered
        kind = sent[answered][0]
        if looked_at[answered]:
            head = inflight.head()
            assert head is not None
            assert (head.kind, head.serial) == (kind, answered + 1)
        if not inflight.done_bare(kind):
            assert inflight.done(kind).serial == answered + 1
        answered += 1

    for number, (kind, bare) in enumerate(sent):
        if bare:
            inflight.push_bare(kind, number + 1)
        else:
            inflight.push(Sent(kind, number + 1))
        if number < first and looked_at[number]:
            answer()
    while answered < len(sent):
        assert inflight.owed == len(sent) - answered
        answer()
    assert not inflight
    assert inflight.head() is None
    assert inflight.boundaries == sum(kind in (QUERY, SYNC) for kind, _ in sent)


LONG = "SELECT 1 AS share WHERE 1 IN (" + ", ".join(map(str, range(2_000))) + ")"


def test_a_long_text_is_read_elsewhere_and_what_follows_waits(table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate_of(OPEN))
    told = client.exchange(Q("SELECT 5") + Q(LONG) + Q("SELECT 6") + X(LONG + " -- again") + S, ready=4)
    assert [answer for answer in told if answer[0] == "D"] == [
        ("D", b"5"),
        ("D", b"1"),
        ("D", b"6"),
        ("D", b"1"),
    ]
    assert client.handed_out == [LONG.encode(), f"{LONG} -- again".encode()]
    client.exchange(Q(LONG))
    assert len(client.handed_out) == 2


def test_a_long_text_is_refused_like_a_short_one(table: Database, clients: Clients) -> None:
    client = clients.wired(table)
    padding = " " * 5_000
    assert client.exchange(Q("DROP TABLE t" + padding) + Q("SELEC" + padding) + Q("SELECT 1"), ready=3) == [
        ("E", "42501", "DROP TABLE on t would lose data. [rule no-drop]"),
        ("Z", "I"),
        ("E", "42601", 'syntax error at or near "SELEC"'),
        ("Z", "I"),
        ("T",),
        ("D", b"1"),
        ("C", "SELECT 1"),
        ("Z", "I"),
    ]


@pytest.mark.parametrize("name", ["", "named"])
def test_what_is_held_while_its_batch_fails_is_never_taken_for_what_follows(
    name: str, table: Database, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = clients.wired(table)

    def read_late(raw: bytes, server_major: int) -> Analysis:
        client.until(lambda: b"22012" in client.inbox)
        return analyse(raw.decode(), server_major)

    monkeypatch.setattr(wired, "read", read_late)
    held = P(f"{LONG} -- held", name)
    told = client.exchange(X("SELECT 1/0") + held + S + P("DROP TABLE t", name) + B(name) + E() + S, ready=2)
    assert client.handed_out == [f"{LONG} -- held".encode()]
    assert [answer[:2] for answer in told] == [
        *[("1",), ("E", "22012"), ("Z", "I")],
        *[("E", "42501"), ("Z", "I")],
    ]
    assert b"DROP TABLE" not in client.sent
    assert table.execute("SELECT count(*) FROM t") == "3"


@pytest.mark.defect_23
def test_who_goes_away_in_the_middle_of_a_statement_has_it_cancelled(
    table: Database, clients: Clients
) -> None:
    client = clients.wired(table, gate_of(OPEN))
    client._send(Q("SELECT pg_sleep(60)"))
    client.perform(client.session.client_eof())
    assert len(client.cancels) == 1


def test_who_says_terminate_has_what_was_sent_before_done(table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate_of(OPEN))
    client._send(Q("SELECT pg_sleep(0.01)") + encode_terminate())
    client.perform(client.session.client_eof())
    assert client.cancels == []


@pytest.mark.parametrize("ends", [Session.client_eof, Session.server_eof])
def test_a_terminate_goes_on_once(
    table: Database, clients: Clients, ends: Callable[[Session], list[Command]]
) -> None:
    client = clients.wired(table, gate_of(OPEN))
    session = client.session
    assert session.client_data(encode_terminate()) == [ToServer(encode_terminate())]
    commands = ends(session)
    assert [type(command) for command in commands] == [Report, Close]
    client.perform(commands)
    assert client.cancels == []


def test_only_transaction_control_makes_the_transaction_uncertain(table: Database, clients: Clients) -> None:
    rule = "{id: inside, match: {effects: [row.insert]}, when: {transaction: open}, deny: Not inside.}"
    client = clients.wired(table, gate_of("{version: 1, name: t, rules: [" + rule + "]}"))
    told = client.exchange(Q("SELECT 1") + X("INSERT INTO t VALUES (70)") + S, ready=2)
    assert ("C", "INSERT 0 1") in told
    told = client.exchange(Q("COMMIT") + X("INSERT INTO t VALUES (71)") + S, ready=2)
    assert ("E", "42501", "Not inside. [rule inside]") in told


def test_a_query_that_the_server_skips_tells_nothing_of_the_transaction(
    table: Database, clients: Clients
) -> None:
    """What a COMMIT before it has done is known only when the Sync behind it is answered."""
    rule = "{id: outside, match: {effects: [row.insert]}, when: {transaction: none}, deny: Not outside.}"
    client = clients.wired(table, gate_of("{version: 1, name: t, rules: [" + rule + "]}"))
    client.exchange(Q("BEGIN"))
    client._send(X("COMMIT") + X("SELECT 1/0") + Q("SELECT 2") + H)
    client.until(lambda: b"division" in client.inbox)
    told = client.exchange(S + Q("INSERT INTO t VALUES (80)"), ready=2)
    assert ("E", "42501", "Not outside. [rule outside]") in told
