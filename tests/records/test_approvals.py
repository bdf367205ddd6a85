"""Which approvals count: signed by enrolled keys, not their asker's, in this ledger, until they end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from proxy.policy.facts import Approved
from proxy.records import Draft, Entry, Ledger, LedgerError, SigningKey, open_ledger
from proxy.records.kinds.approval import (
    ApprovalAsked,
    ApprovalEnded,
    ApprovalGranted,
    ApprovalUsed,
    grant_message,
    has_parameters,
    signed_request,
    use_limits,
)
from proxy.records.kinds.approver import (
    ApproverEnrolled,
    ApproverWithdrawn,
    enrolment_message,
    withdrawal_message,
)
from proxy.records.kinds.kind import spelled
from proxy.records.kinds.run import RunBegun, RunEnded
from proxy.sql.spelling import digest
from tests.records.places import Open

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
DIGEST = "ab" * 32
ASKED = ApprovalAsked(
    id="r1",
    digest=DIGEST,
    environment="production",
    roles=("app",),
    rules=("no-drop",),
    since=NOON,
    until=NOON + timedelta(hours=2),
    statement="DROP TABLE t",
)
USE = ApprovalUsed(
    rules=("no-drop",),
    break_glass=False,
    role="app",
    database="shop",
    client_address=None,
    application="",
    listener="",
)
ADA, BOB, CAT, EVE, MALLORY = (SigningKey(Ed25519PrivateKey.generate()) for _ in range(5))


class Book:
    """A ledger, and what people do to it."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    @property
    def root(self) -> str:
        return self.ledger.approvals().approvers.root

    def enrol(
        self, who: SigningKey, *vouchers: SigningKey, grants: bool = True, roles: tuple[str, ...] = ()
    ) -> None:
        for voucher in vouchers:
            said = ApproverEnrolled(
                name=who.public.id,
                public_key=who.public.text,
                roles=roles,
                grants=grants,
                key=voucher.public.id,
                signature="",
            )
            said = changed(said, signature=voucher.signature(enrolment_message(self.root, said)))
            self.ledger.record(said, "somebody", about=who.public.id)

    def withdraw(self, who: SigningKey, *signers: SigningKey) -> None:
        for signer in signers:
            message = withdrawal_message(self.root, who.public.id)
            said = ApproverWithdrawn(reason="", key=signer.public.id, signature=signer.signature(message))
            self.ledger.record(said, "somebody", about=who.public.id)

    def ask(self, who: SigningKey | None = EVE, **fields: object) -> ApprovalAsked:
        asked = changed(ASKED, **fields)
        if who is not None:
            asked = signed_request(asked, self.root, who)
        self.ledger.record(asked, "somebody", about=asked.id)
        return asked

    def grant(self, *keys: SigningKey, request: str = "r1", at: datetime = NOON) -> Entry:
        digest = self.ledger.approvals().requests[request].digest
        for key in keys:
            message = grant_message(self.root, digest, at)
            said = ApprovalGranted(request=digest, at=at, key=key.public.id, signature=key.signature(message))
            entry = self.ledger.record(said, "somebody", about=request)
        return entry

    def append(self, entry: Entry) -> None:
        """Append the very same once more, as who can write the ledger may."""
        self.ledger.append([Draft(entry.kind, "mallory", entry.payload, entry.about)])

    @property
    def standing(self) -> set[str]:
        return set(self.ledger.approvals().approvers.standing)

    @property
    def approved(self) -> tuple[Approved, ...]:
        return self.ledger.facts(NOON).approvals

    @property
    def granted(self) -> int:
        """By how many of those who count."""
        return len(self.approved[0].granted) if self.approved else 0


def ids(*keys: SigningKey) -> set[str]:
    return {key.public.id for key in keys}


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Book]:
    ledger = open_ledger(tmp_path / "l", clock=lambda: NOON)
    yield Book(ledger)
    ledger.close()


@pytest.fixture
def book(empty: Book) -> Book:
    """Ada, Bob and Cat may grant, Eve may ask."""
    empty.enrol(ADA, ADA)
    empty.enrol(BOB, ADA)
    empty.enrol(CAT, ADA, BOB)
    empty.enrol(EVE, ADA, BOB, grants=False)
    assert empty.standing == ids(ADA, BOB, CAT, EVE)
    return empty


# -- keys --------------------------------------------------------------------------------------------------


def test_the_first_key_enrols_itself_and_the_others_are_vouched_for(empty: Book) -> None:
    empty.enrol(BOB, ADA)
    assert empty.standing == set()
    empty.enrol(ADA, ADA)
    empty.enrol(MALLORY, MALLORY)
    assert empty.standing == ids(ADA)
    empty.enrol(BOB, ADA)
    empty.enrol(CAT, ADA)
    empty.enrol(CAT, ADA)
    assert empty.standing == ids(ADA, BOB)  # from two on, it takes two
    empty.enrol(CAT, BOB)
    assert empty.standing == ids(ADA, BOB, CAT)


def test_who_only_asks_vouches_for_nobody(book: Book) -> None:
    book.enrol(MALLORY, EVE, ADA)
    assert MALLORY.public.id not in book.standing


def test_a_voucher_is_for_one_holder_and_one_ledger(book: Book, tmp_path: Path) -> None:
    entry = list(book.ledger.entries(kinds=("approver",)))[-1]
    said = json.loads(entry.payload)
    forged = {**said, "public_key": MALLORY.public.text}
    other = Book(open_ledger(tmp_path / "other", clock=lambda: NOON))
    other.enrol(ADA, ADA)
    other.append(entry)
    assert other.standing == ids(ADA)
    other.ledger.close()
    draft = Draft("approver", "mallory", json.dumps(forged, sort_keys=True), MALLORY.public.id)
    book.ledger.append([draft])
    assert MALLORY.public.id not in book.standing


def test_a_key_that_was_withdrawn_never_comes_back(book: Book) -> None:
    enrolled = [e for e in book.ledger.entries(kinds=("approver",)) if e.about == CAT.public.id]
    book.withdraw(CAT, ADA)
    book.withdraw(CAT, EVE)
    assert CAT.public.id in book.standing  # somebody else's takes two who grant
    book.withdraw(CAT, BOB)
    assert book.standing == ids(ADA, BOB, EVE)
    for entry in enrolled:
        book.append(entry)
    assert book.standing == ids(ADA, BOB, EVE)
    book.withdraw(BOB, BOB)
    book.withdraw(ADA, ADA)
    assert book.standing == ids(ADA, EVE)  # the last that grants stays


# -- grants ------------------------------------------------------------------------------------------------


def test_each_key_counts_once_and_the_askers_not_at_all(book: Book) -> None:
    book.ask(BOB)
    assert not book.approved
    book.grant(BOB, EVE, MALLORY)
    assert not book.approved
    book.grant(ADA, ADA)
    assert book.granted == 1
    book.grant(CAT)
    (approved,) = book.approved
    assert approved == Approved(
        id="r1",
        digest=DIGEST,
        environment="production",
        roles=frozenset(("app",)),
        rules=frozenset(("no-drop",)),
        since=NOON,
        until=NOON + timedelta(hours=2),
        granted=(NOON, NOON),
    )


def test_who_is_the_role_that_it_is_for_has_asked_for_it(book: Book) -> None:
    dan = SigningKey(Ed25519PrivateKey.generate())
    book.enrol(dan, ADA, BOB, roles=("app", "dan"))
    book.ask(None)
    book.grant(dan)
    assert not book.approved
    book.grant(ADA)
    assert [(a.granted, a.nobody_asked) for a in book.approved] == [((NOON,), False)]


def test_where_nobody_knows_who_asked_that_is_said(book: Book) -> None:
    book.ask(None)
    book.grant(ADA)
    assert [each.nobody_asked for each in book.approved] == [True]


def test_a_grant_made_younger_by_appending_it_again_stays_as_old(book: Book) -> None:
    book.ask()
    first = book.grant(ADA, at=NOON - timedelta(hours=1))
    book.append(first)
    book.grant(ADA, at=NOON)
    assert book.approved[0].granted == (NOON - timedelta(hours=1),)
    book.grant(BOB, at=NOON + timedelta(hours=1))  # signed for later than it was recorded
    assert book.granted == 1


FORGERIES: dict[str, Callable[[dict[str, object]], dict[str, object]]] = {
    "another key's name": lambda said: {**said, "key": BOB.public.id},
    "another moment": lambda said: {**said, "at": "2026-11-26T12:01:00.000000+00:00"},
    "another signature": lambda said: {**said, "signature": MALLORY.signature(b"x")},
    "no signature": lambda said: {**said, "signature": ""},
    "no base64": lambda said: {**said, "signature": "\u00e9"},
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_grant_does_not_count(book: Book, forgery: str) -> None:
    book.ask()
    true = book.grant(CAT)
    said = FORGERIES[forgery](json.loads(true.payload))
    book.ledger.append([Draft(true.kind, "mallory", json.dumps(said, sort_keys=True), "r1")])
    assert book.granted == 1
    assert book.ledger.approvals().requests["r1"].forged == 1


def test_a_grant_is_for_the_very_request(book: Book) -> None:
    book.ask()
    book.ask(None, id="r2", rules=("no-drop", "guard"))
    granted = book.grant(ADA, BOB)
    book.ledger.append([Draft(granted.kind, "mallory", granted.payload, "r2")])
    assert [each.id for each in book.approved] == ["r1"]


def test_a_request_is_the_first_with_its_id(book: Book) -> None:
    asked = book.ask()
    book.grant(ADA)
    wider = changed(asked, rules=("no-drop", "guard"), key="", signature="")
    book.ledger.append([Draft(wider.kind, "mallory", spelled(wider), "r1")])
    assert [each.rules for each in book.approved] == [frozenset(("no-drop",))]
    claimed = changed(asked, id="r2", key=ADA.public.id)
    book.ledger.append([Draft(claimed.kind, "mallory", spelled(claimed), "r2")])
    assert set(book.ledger.approvals().requests) == {"r1"}  # in Ada's name, and not signed by her


def test_the_grants_of_a_key_that_was_withdrawn_count_no_more(book: Book) -> None:
    book.ask()
    book.grant(ADA, CAT)
    book.withdraw(CAT, CAT)
    assert book.granted == 1


def test_the_glass_is_broken_by_who_asks_if_he_has_signed(book: Book) -> None:
    book.ask(break_glass=True)
    book.grant(EVE)
    (approved,) = book.approved
    assert (approved.own, approved.granted, approved.break_glass) == (NOON, (), True)
    book.ask(None, id="r2", break_glass=True)
    book.grant(EVE, request="r2")
    assert [each.id for each in book.approved] == ["r1"]


# -- ends and uses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["denied", "revoked"])
def test_what_has_ended_counts_no_more_and_cannot_be_used(book: Book, how: str) -> None:
    book.ask(uses=2)
    book.grant(ADA)
    book.ledger.record(ApprovalEnded(how=how), "anybody", about="r1")
    book.grant(BOB)
    assert not book.approved
    draft = book.ledger.draft(USE, "gate", about="r1", limits=use_limits(2))
    assert book.ledger.append([draft]) == [None]


def test_it_is_over_with_its_time_and_with_its_last_use(book: Book) -> None:
    book.ask(uses=2)
    book.grant(ADA)
    draft = book.ledger.draft(USE, "gate", about="r1", limits=use_limits(2))
    entries = book.ledger.append([draft])
    assert [each.left for each in book.approved] == [1]
    entries += book.ledger.append([draft, draft])
    assert [entry is None for entry in entries] == [False, False, True]
    assert not book.approved
    book.ask(id="r2")
    book.grant(ADA, request="r2")
    assert [each.id for each in book.ledger.facts(NOON).approvals] == ["r2"]
    assert book.ledger.facts(NOON + timedelta(hours=2)).approvals == ()


FILE = "ALTER TABLE a ADD b int;\nDROP TABLE c;\n"
RUN, OTHER = "12" * 32, "34" * 32


@pytest.fixture
def filed(opened: Open) -> Book:
    """A file is asked for and granted, in a ledger of either kind; two runs are under way."""
    book = Book(opened(clock=lambda: NOON))
    book.enrol(ADA, ADA)
    book.enrol(EVE, ADA, grants=False)
    book.ask(subject="migration", statement=FILE, digest=sha256(FILE.encode()).hexdigest())
    book.grant(ADA)
    for token in (RUN, OTHER):
        begun = RunBegun(token=token, role="app", database="shop", until=NOON + timedelta(hours=1))
        book.ledger.record(begun, "migrate")
    return book


def use_for(book: Book, run: str, uses: int = 1) -> Entry | None:
    draft = book.ledger.draft(changed(USE, run=run), "migrate", about="r1", limits=use_limits(uses))
    return book.ledger.append([draft])[0]


def test_a_files_use_is_one_runs_for_all_its_statements(filed: Book) -> None:
    (approved,) = filed.approved
    assert (approved.left, approved.runs, approved.statements) == (1, frozenset(), frozenset())
    assert use_for(filed, RUN) is not None
    assert use_for(filed, OTHER) is None
    (approved,) = filed.approved
    assert (approved.left, approved.runs) == (0, frozenset((RUN,)))
    assert approved.statements == {digest("ALTER TABLE a ADD b int"), digest("DROP TABLE c")}
    filed.ledger.record(RunEnded(), "migrate", about=str(filed.ledger.open_runs()[0].sequence))
    assert not filed.approved


def test_a_run_has_no_use_that_was_not_there_to_take(filed: Book) -> None:
    use_for(filed, RUN)
    forged = filed.ledger.draft(changed(USE, run=OTHER), "mallory", about="r1")
    filed.ledger.append([forged])
    assert [each.runs for each in filed.approved] == [{RUN}]
    filed.ledger.record(ApprovalEnded(how="revoked"), "anybody", about="r1")
    assert not filed.approved
    filed.ledger.append([forged])
    assert not filed.approved


def test_the_statements_are_those_of_the_text_that_was_signed_and_of_a_file(filed: Book) -> None:
    text = "DROP TABLE d"
    kinds: tuple[dict[str, object], ...] = (
        {"subject": "migration", "statement": text},  # another text than the digest stands for
        {"subject": "migration", "statement": text, "digest": sha256(b"x").hexdigest(), "masked": True},
        {"statement": text, "digest": sha256(text.encode()).hexdigest()},
    )
    for number, fields in enumerate(kinds):
        name = f"q{number}"
        filed.ask(EVE, id=name, **fields)
        filed.grant(ADA, request=name)
        filed.ledger.record(changed(USE, run=RUN), "migrate", about=name)
        assert filed.ledger.approvals().requests[name].parts.whole
    assert [each.statements for each in filed.approved if each.id != "r1"] == [frozenset()] * 3


def test_a_held_statements_denial_is_a_fact(book: Book) -> None:
    book.ask(None, held=True)
    book.ledger.record(ApprovalEnded(how="denied", reason="no"), "ada", about="r1")
    assert [(each.id, each.by, each.reason) for each in book.ledger.facts(NOON).denied] == [
        ("r1", "ada", "no")
    ]
    assert replace(book.ledger.facts(NOON + timedelta(hours=2)), as_of=NOON).denied == ()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"digest": "ab"}, "a request is about one text: its digest is missing"),
        ({"roles": ()}, "a request names who may use it, and the rules that it is about"),
        ({"rules": ()}, "a request names who may use it, and the rules that it is about"),
        ({"until": NOON}, "an approval cannot end before it begins, or now (2026-11-26T12:00:00+00:00)"),
        ({"until": datetime(2027, 1, 1)}, "the times of an approval need a time zone"),
        ({"uses": 0}, "an approval is for 1 to 1000 uses"),
        ({"statement": "x" * 131_073}, "a text of more than 131072 bytes cannot be approved"),
        ({"networks": ("10.0.0.1/8",)}, "'10.0.0.1/8' is no network; write it as 203.0.113.0/24"),
        ({"reason": "a\nb"}, "the reason holds a control character"),
    ],
)
def test_what_may_not_be_asked(fields: dict[str, object], message: str) -> None:
    with pytest.raises(LedgerError) as raised:
        changed(ASKED, **fields).check(NOON)
    assert str(raised.value) == message


def test_parameters_are_seen() -> None:
    assert has_parameters("DELETE FROM t WHERE id = $1")
    assert not has_parameters("DELETE FROM t WHERE id = 1 -- $ 1")


# -- whoever can write the ledger --------------------------------------------------------------------------

_KINDS = ("approval_request", "approval_grant", "approval_end", "approval_use", "approver", "approver_gone")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 30),
            st.sampled_from(["", "r1", "r2", MALLORY.public.id]),
            st.sampled_from(["key", "about", "id", "uses", "rules", "grants", "until", "public_key"]),
        ),
        max_size=8,
    )
)
def test_nothing_that_is_appended_without_a_signature_approves_more(
    tmp_path: Path, forgeries: list[tuple[int, str, str]]
) -> None:
    path = tmp_path / str(len(list(tmp_path.iterdir())))
    book = Book(open_ledger(path, clock=lambda: NOON))
    book.enrol(ADA, ADA)
    book.enrol(BOB, ADA)
    book.enrol(EVE, ADA, BOB, grants=False)
    book.ask()
    book.ask(id="r2", rules=("guard",))
    book.grant(ADA, request="r1")
    book.ledger.append([book.ledger.draft(USE, "gate", about="r1", limits=use_limits(1))])
    true = [entry for entry in book.ledger.entries() if entry.kind in _KINDS]
    forged: dict[str, object] = {
        "key": BOB.public.id, "id": "r2", "uses": 9, "rules": ["no-drop", "guard"], "grants": True,
        "until": "2027-11-26T12:00:00.000000+00:00", "public_key": MALLORY.public.text,
    }  # fmt: skip
    for number, about, field in forgeries:
        entry = true[number % len(true)]
        said = json.loads(entry.payload)
        if field in said:
            said[field] = forged[field]
        payload = json.dumps(said, sort_keys=True, separators=(",", ":"))
        book.ledger.append([Draft(entry.kind, "mallory", payload, about or entry.about)])
    assert not book.approved
    assert book.standing == ids(ADA, BOB, EVE)
    book.ledger.close()
