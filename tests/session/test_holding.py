"""A statement that needs a backup waits at the gate for one where it holds no lock; else it is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from proxy.policy.decision import BackupWanted
from proxy.policy.facts import Backup, Freeze, Verification
from proxy.policy.wanting import BackupMeans, Means
from proxy.session import (
    Abandon,
    Cancel,
    Change,
    Close,
    GivenUp,
    Hold,
    Recorded,
    Released,
    Report,
    Session,
    Standing,
    ToClient,
)
from proxy.session.gate import Gate
from proxy.wire.frontend import FunctionCall, encode_function_call
from proxy.wire.startup import encode_cancel
from tests.servers.database import Database
from tests.session.conftest import Clients
from tests.session.messages import DS, B, C, D, E, P, Q, S
from tests.session.test_cancel import CANCELLED, KEY, logged_in, sent
from tests.session.wired import NOON, Wired, answers, error_fields, gate_of, policy_of

RULE = "{{id: first, match: {{effects: [{0}]}}, require: {{backup: {{within: 1h{1}}}}}, else: backup}}"
POLICY = f"{{version: 1, rules: [{RULE.format('table.drop', '')}]}}"
BOTH = Means(BackupMeans(2, Verification.FULL_READ))
DROP = "DROP TABLE public.t"
DROPPED = [("C", "DROP TABLE"), ("Z", "I")]
REFUSED = (
    "E",
    "42501",
    "DROP TABLE on public.t needs a backup of {} from the last hour, of the tables concerned. [rule first]",
)
TABLES = frozenset(("public.t",))
WANTED = BackupWanted(("first",), timedelta(minutes=30), Verification.RECORDED, 1, TABLES)
OUTSIDE = (
    "Run it outside of a transaction, on its own: there a backup is taken first, for at most 30 minutes."
)
LO_UNLINK = 964
HINT = "Take a backup, record it, and run the statement again."
NONE_KNOWN = "No backup of {} is known."


def gate(text: str = POLICY, means: Means = BOTH, *, recording: bool = False) -> Gate:
    return gate_of(text, means=means, recording=recording)


def take(gate: Gate, database: str, verified: Verification = Verification.FULL_READ) -> None:
    """A backup is recorded, and the gate's facts know it."""
    finished = datetime.fromtimestamp(NOON, UTC)
    made = Backup(database, finished, "file:///b", verified, source="pgwarden")
    gate.swap_facts(replace(gate.facts, backups=(*gate.facts.backups, made)))


def taking(gate: Gate) -> Callable[[Hold], Released]:
    def hold(held: Hold) -> Released:
        take(gate, held.change.origin.database)
        return Released()

    return hold


def refused(table: Database) -> tuple[str, str, str]:
    return REFUSED[0], REFUSED[1], REFUSED[2].format(table.name)


def told(client: Wired) -> tuple[str, str]:
    fields = error_fields(client.inbox)
    return fields["D"], fields["H"]


def test_it_goes_on_when_the_backup_is_there_and_not_before(table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate(recording=True))
    client._send(Q(DROP))
    (held,) = client.holds
    assert (held.wanted, held.change.text, held.change.targets) == (WANTED, DROP, ("public.t",))
    assert (DROP.encode() in client.sent, client.changes) == (False, [])
    take(client.gate, table.name)
    client.inbox = b""
    client.perform(client.session.held(Released()))
    client.wait(1)
    assert answers(client.inbox) == DROPPED
    assert [change.text for change in client.changes] == [DROP]
    assert len(client.holds) == 1


EXTENDED = [
    pytest.param(P(DROP) + B() + D() + E() + S, [("1",), ("2",), ("n",), *DROPPED], id="at once"),
    pytest.param(P(DROP, "s") + DS("s") + S, [("1",), ("t",), ("n",), ("Z", "I")], id="prepared"),
]


@pytest.mark.parametrize(("messages", "said"), EXTENDED)
def test_in_the_extended_protocol_it_is_held_before_anything_of_its_batch_is_sent(
    table: Database, clients: Clients, messages: bytes, said: list[object]
) -> None:
    client = clients.wired(table, gate())
    client._send(messages)
    assert len(client.holds) == 1
    assert DROP.encode() not in client.sent
    take(client.gate, table.name)
    client.inbox = b""
    client.perform(client.session.held(Released()))
    client.wait(1)
    assert answers(client.inbox) == said


def test_a_bind_whose_backup_has_grown_old_is_held(table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate())
    client.hold = taking(client.gate)
    client.exchange(P(DROP, "s") + S)
    client.gate.swap_facts(replace(client.gate.facts, backups=()))
    assert client.exchange(B("s") + E() + S) == [("2",), *DROPPED]
    assert len(client.holds) == 2


def test_what_is_under_way_is_answered_first(table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate())
    client.hold = taking(client.gate)
    assert client.exchange(Q("SELECT 1"), Q(DROP), ready=2) == [
        ("T",),
        ("D", b"1"),
        ("C", "SELECT 1"),
        ("Z", "I"),
        *DROPPED,
    ]
    assert len(client.holds) == 1


def test_a_transaction_that_was_begun_just_before_is_one(table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate())
    assert client.exchange(Q("BEGIN"), Q(DROP), ready=2)[2:] == [refused(table), ("Z", "E")]
    assert client.holds == []


ELSEWHERE = [
    pytest.param(
        [Q("BEGIN")],
        Q(DROP),
        "Inside of a transaction, which may hold locks already, no statement is held.",
        id="in a transaction",
    ),
    pytest.param(
        [],
        P("SELECT 1") + B() + E() + P(DROP) + B() + E() + S,
        "It comes behind others in one batch, which may hold locks already, so it is not held.",
        id="in a pipeline",
    ),
]


@pytest.mark.parametrize(("before", "messages", "why"), ELSEWHERE)
def test_where_it_may_hold_locks_it_is_refused(
    table: Database, clients: Clients, before: list[bytes], messages: bytes, why: str
) -> None:
    client = clients.wired(table, gate())
    for each in before:
        client.exchange(each)
    assert refused(table) in client.exchange(messages)
    assert told(client) == (f"{NONE_KNOWN.format(table.name)} {why}", OUTSIDE)
    assert client.holds == []


MEANS = [
    pytest.param(Means(), "", "This gate is not set up to take backups.", id="none"),
    pytest.param(
        Means(BackupMeans(1, Verification.RESTORED)),
        ", copies: 2",
        "This gate has 1 of the 2 places that backups have to go to.",
        id="places",
    ),
    pytest.param(
        Means(BackupMeans(1, Verification.CHECKSUM)),
        ", verified: restored",
        "This gate cannot prove its backups as far as restored.",
        id="proof",
    ),
]


@pytest.mark.parametrize(("means", "asked", "why"), MEANS)
def test_a_gate_that_cannot_says_so(
    table: Database, clients: Clients, means: Means, asked: str, why: str
) -> None:
    text = f"{{version: 1, rules: [{RULE.format('table.drop', asked)}]}}"
    client = clients.wired(table, gate(text, means))
    client.exchange(Q(DROP))
    assert told(client) == (f"{NONE_KNOWN.format(table.name)} {why}", HINT)
    assert client.holds == []


def test_what_does_not_come_about_refuses_and_says_why(table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate())
    numbers = map("{:012x}".format, count(1))
    client.gate.token = lambda: next(numbers)
    client.hold = lambda held: GivenUp("no backup within 15 minutes, for which the statement was held")
    for messages in (Q(DROP), P(DROP) + B() + E() + S):
        assert client.exchange(messages) == [refused(table), ("Z", "I")]
        assert told(client) == (
            f"{NONE_KNOWN.format(table.name)} No backup within 15 minutes, for which the statement was held.",
            HINT,
        )
    assert len(client.holds) == 2  # each statement has its own chance
    assert [(judged.rule, judged.text) for judged in client.judged] == [("first", DROP)] * 2
    held, judged = ([each.decision_id for each in them] for them in (client.holds, client.judged))
    assert (held, len(set(held))) == (judged, 2)


@pytest.mark.parametrize(
    ("note", "why"),
    [
        ("", "What was waited for is there, and does not suffice any more."),
        ("s3://b/p: denied", "S3://b/p: denied."),
    ],
)
def test_a_backup_that_does_not_suffice_refuses(
    table: Database, clients: Clients, note: str, why: str
) -> None:
    client = clients.wired(table, gate())
    client.hold = lambda held: Released(note)
    assert client.exchange(Q(DROP)) == [refused(table), ("Z", "I")]
    assert told(client) == (f"{NONE_KNOWN.format(table.name)} {why}", HINT)
    assert len(client.holds) == 1


def freeze(gate: Gate) -> None:
    gate.swap_facts(replace(gate.facts, freezes=(Freeze("sale", datetime.fromtimestamp(NOON - 60, UTC)),)))


def deny(gate: Gate) -> None:
    gate.swap_policy(policy_of("{version: 1, rules: [{id: no, match: {classes: ddl}, deny: 'No.'}]}"))


@pytest.mark.parametrize(("meanwhile", "rule"), [(freeze, "freeze"), (deny, "no")])
def test_it_is_judged_by_what_holds_then(
    table: Database, clients: Clients, meanwhile: Callable[[Gate], None], rule: str
) -> None:
    client = clients.wired(table, gate())

    def hold(held: Hold) -> Released:
        meanwhile(client.gate)
        return taking(client.gate)(held)

    client.hold = hold
    assert client.exchange(Q(DROP))[0][:2] == ("E", "42501")
    assert [judged.rule for judged in client.judged] == [rule]


def test_a_policy_that_asks_for_none_any_more_lets_it_pass(table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate())

    def hold(held: Hold) -> GivenUp:
        client.gate.swap_policy(policy_of("{version: 1, rules: []}"))
        return GivenUp("no")

    client.hold = hold
    assert client.exchange(Q(DROP)) == DROPPED


def test_a_rule_that_no_backup_helps_against_refuses_at_once(table: Database, clients: Clients) -> None:
    other = "{id: other, match: {effects: [table.drop]}, deny: 'No.'}"
    client = clients.wired(table, gate(f"{{version: 1, rules: [{RULE.format('table.drop', '')}, {other}]}}"))
    assert client.exchange(Q(DROP))[0] == ("E", "42501", "No. [rule other]")
    assert client.holds == []


def test_a_rule_that_only_watches_holds_nothing(table: Database, clients: Clients) -> None:
    client = clients.wired(table, gate(POLICY.replace("else: backup", "else: backup, mode: shadow")))
    assert client.exchange(Q(DROP)) == DROPPED
    assert client.holds == []


def test_the_fast_path_is_held_too(table: Database, clients: Clients) -> None:
    number = int(table.execute("SELECT lo_create(0)"))
    unlink = encode_function_call(FunctionCall(LO_UNLINK, (number.to_bytes(4, "big"),), (1,), 1))
    client = clients.wired(table, gate(f"{{version: 1, rules: [{RULE.format('server.large_object', '')}]}}"))
    client.hold = taking(client.gate)
    assert client.exchange(unlink) == [("V",), ("Z", "I")]
    assert len(client.holds) == 1


def test_what_may_be_held_waits_for_its_change_to_be_recorded_after_that(
    table: Database, clients: Clients
) -> None:
    """One thing at a time, in this order: a change that is refused for want of a backup is none."""
    client = clients.wired(table, gate(recording=True))
    order: list[str] = []

    def hold(held: Hold) -> Released:
        order.append("backup")
        return taking(client.gate)(held)

    def record(change: Change) -> Recorded:
        order.append("record")
        return Recorded(1)

    client.hold, client.record = hold, record
    assert client.exchange(Q(DROP)) == DROPPED
    assert order == ["backup", "record"]


# -- while it is held ------------------------------------------------------------------------------------


def holding(messages: bytes = Q(DROP)) -> tuple[Session, list[object]]:
    session = logged_in(gate())
    (held,) = session.client_data(messages)
    assert isinstance(held, Hold)
    return session, [held]


def test_the_client_hears_how_far_it_is() -> None:
    session, _ = holding()
    (notice,) = session.progressed("a backup is taken first", "12 MB written")
    assert isinstance(notice, ToClient)
    assert bytes(notice.data)[5:] == (
        b"SNOTICE\0VNOTICE\0C00000\0Mpgwarden: a backup is taken first\0D12 MB written\0\0"
    )


def test_nothing_is_said_in_the_middle_of_the_servers_words_or_when_nothing_is_held() -> None:
    session, _ = holding()
    notification = b"A\0\0\0\x20" + bytes(28)
    heard = session.server_data(notification[:9])
    heard += session.progressed("a backup is taken first")
    heard += session.server_data(notification[9:])
    whole = b"".join(bytes(each.data) for each in heard if isinstance(each, ToClient))
    assert (whole[:1], whole[-33:]) == (b"N", notification)
    session.held(GivenUp("no"))
    assert session.progressed("a backup is taken first") == []


def test_no_time_out_counts_and_it_is_not_idle() -> None:
    session, _ = holding()
    assert (session.standing, session.idle, session.drain()) == (None, False, [])
    session.held(GivenUp("no"))
    assert session.standing is Standing.QUERY


@pytest.mark.defect_21
@pytest.mark.parametrize("messages", [Q(DROP), P(DROP) + B() + E() + S], ids=["simple", "extended"])
def test_a_cancel_ends_it(table: Database, clients: Clients, messages: bytes) -> None:
    client = clients.wired(table, gate())
    client._send(messages)
    commands = client.session.cancel()
    assert commands[0] == Abandon()
    client.inbox = b""
    client.perform(commands)
    client.wait(1)
    assert answers(client.inbox) == [CANCELLED, ("Z", "I")]
    assert client.session.held(Released()) == []
    assert client.exchange(Q("SELECT 1"))[-1] == ("Z", "I")
    assert client.session.cancel() == []


def test_what_comes_behind_what_was_cancelled_is_judged() -> None:
    session, _ = holding(Q(DROP) + Q("DROP TABLE public.u"))
    commands = session.cancel()
    (first,) = [each for each in commands if isinstance(each, Abandon)]
    assert commands.index(first) == 0
    assert b"DROP TABLE" not in sent(commands)
    assert Cancel(encode_cancel(KEY[5:])) not in commands


def test_a_client_that_goes_away_is_let_go() -> None:
    session, _ = holding()
    commands = session.client_eof()
    assert [type(each) for each in commands] == [Report, Close]
    assert session.held(Released()) == []


def test_a_gate_that_goes_away_tells_it() -> None:
    session, _ = holding()
    told, *_, last = session.terminate("terminating connection")
    assert isinstance(told, ToClient)
    assert answers(bytes(told.data)) == [("E", "57P01", "terminating connection")]
    assert last == Close()


def test_closing_a_statement_first_leaves_the_ground_as_it_is(table: Database, clients: Clients) -> None:
    """What comes before in a batch is not looked into: it is refused, with what to do."""
    client = clients.wired(table, gate())
    assert refused(table) in client.exchange(C("s") + P(DROP) + B() + E() + S)
    assert told(client)[1] == OUTSIDE
