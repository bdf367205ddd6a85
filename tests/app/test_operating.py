"""What people do at the gate: authorised at one place, recorded before it is done, or not done at all."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace
from structlog.testing import capture_logs

from proxy.app.log import logger
from proxy.app.operating.book import Book
from proxy.app.operating.explaining import Explainer
from proxy.app.operating.operating import MOST_A_MINUTE, GateHands, Operating
from proxy.app.policies import Attempt, try_to_load
from proxy.app.reading.form import Bounds
from proxy.app.workers.messages import SessionLine, SessionsListed
from proxy.console.operations import CannotBeDone, Question, SignedGrant, TooOften
from proxy.console.people import NEEDED, Action, NotAllowed, Person, Role, Way
from proxy.records import Ledger, SigningKey, open_ledger
from proxy.records.kinds.approval import ApprovalAsked, grant_message
from proxy.records.kinds.approver import ApproverEnrolled, enrolment_message

ADA = Person("ada", Role.APPROVER, Way.TOKEN, "192.0.2.7")
TEXT = "DROP TABLE orders"
POLICY = """\
version: 1
name: production
rules:
  - id: no-drop
    match: {effects: [table.drop]}
    require: {approval: {by: 1}}
    deny: "{effect} on {targets} would lose data."
"""
LINE = SessionLine(
    "0-ab", "l", "192.0.2.9", "app", "shop", "web", "active", 1_700_000_000.0, True, "SELECT 1"
)
Doing = Callable[[Operating, Person], Awaitable[object]]


class Hands:
    """A gate that notes what is done with it."""

    def __init__(self) -> None:
        self.done: list[object] = []
        self.ends: bool | None = True
        self.told = 0

    async def sessions(self, only: str, after: float | None) -> Mapping[int, SessionsListed | None]:
        shown = (LINE,) if only in ("", LINE.id) else ()
        return {0: SessionsListed(1, shown, 2), 1: None}

    async def end_session(self, number: int, session: str, detail: str) -> bool | None:
        self.done.append((number, session, detail))
        return self.ends

    async def reload(self) -> None:
        self.done.append("reload")

    def changed(self) -> None:
        self.told += 1


class Stage:
    """A ledger with one request, a gate, and what people do."""

    def __init__(self, folder: Path) -> None:
        self.place = folder / "ledger"
        policy = folder / "policy.yaml"
        policy.write_text(POLICY)
        self.ledger = open_ledger(self.place)
        self.key = SigningKey(Ed25519PrivateKey.generate())
        self.request = self._ask()
        self.hands = Hands()
        self.attempts: dict[str, Attempt] = {str(policy): try_to_load(str(policy))}
        policies = {path: a.policy for path, a in self.attempts.items() if a.policy is not None}
        book = Book(str(self.place), 2.0)
        hands = self.hands
        self.operating = Operating(
            GateHands(
                hands.sessions,
                hands.end_session,
                hands.reload,
                lambda: self.attempts,
                policies,
                hands.changed,
            ),
            book,
            Explainer(policies, book, Bounds(5.0, 256 * 1024**2), logger()),
            logger(),
        )

    def _ask(self) -> str:
        own = ApproverEnrolled(
            name="ada", public_key=self.key.public.text, roles=(), grants=True, key=self.key.public.id,
            signature="",
        )  # fmt: skip
        own = replace(own, signature=self.key.signature(enrolment_message("", own)))
        self.ledger.record(own, "ada", about=self.key.public.id)
        asked = ApprovalAsked(
            id="aaaaaaaaaaaa", digest=sha256(TEXT.encode()).hexdigest(), environment="production",
            roles=("app",), rules=("no-drop",), since=datetime.now(UTC),
            until=datetime.now(UTC) + timedelta(hours=1), statement=TEXT,
        )  # fmt: skip
        self.ledger.record(asked, "bob", about=asked.id)
        return asked.id

    def signed(self, *, key: SigningKey | None = None, at: datetime | None = None) -> SignedGrant:
        signer, moment = key or self.key, at or datetime.now(UTC)
        approvals = self.ledger.approvals()
        message = grant_message(approvals.approvers.root, approvals.requests[self.request].digest, moment)
        return SignedGrant(self.key.public.id, moment, signer.signature(message))

    def entries(self) -> list[tuple[str, str, str, Mapping[str, object]]]:
        """What was recorded since the request."""
        return [
            (entry.kind, entry.recorded_by, entry.about, json.loads(entry.payload))
            for entry in self.ledger.entries(after=2)
        ]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def doings(stage: Stage) -> Mapping[Action, Doing]:
    """Each action, done."""
    return {
        Action.VIEW: lambda o, p: o.sessions(p),
        Action.EXPLAIN: lambda o, p: o.explain(p, Question("SELECT 1")),
        Action.FREEZE: lambda o, p: o.freeze(p, reason="incident 12"),
        Action.THAW: lambda o, p: o.thaw(p),
        Action.RELOAD: lambda o, p: o.reload(p),
        Action.END_SESSION: lambda o, p: o.end_session(p, LINE.id),
        Action.GRANT: lambda o, p: o.grant(p, stage.request, stage.signed()),
        Action.DENY: lambda o, p: o.deny(p, stage.request),
    }


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("action", [action for action in Action if action is not Action.EXPLAIN])
async def test_each_action_takes_its_role(stage: Stage, action: Action, role: Role) -> None:
    person = Person("eve", role, Way.OIDC, "192.0.2.7")
    do = doings(stage)[action]
    if role >= NEEDED[action]:
        await do(stage.operating, person)
        assert stage.operating.counts[action.value, "done"] == 1
        assert stage.hands.told == (action is not Action.VIEW)
        return
    with pytest.raises(NotAllowed):
        await do(stage.operating, person)
    assert (stage.entries(), stage.hands.done, stage.hands.told) == ([], [], 0)
    assert stage.operating.counts[action.value, "not_allowed"] == 1


async def test_approvals_are_listed_for_viewers_as_a_grant_would_sign_them(stage: Stage) -> None:
    viewer = Person("", Role.VIEWER, Way.NOBODY, "127.0.0.1")
    (found,) = await stage.operating.approvals(viewer)
    known = stage.ledger.approvals()
    assert (found.id, found.statement, found.rules, found.roles) == (
        stage.request,
        TEXT,
        ("no-drop",),
        ("app",),
    )
    assert (found.request, found.ledger) == (known.requests[found.id].digest, known.approvers.root)
    assert (found.asked_by, found.granted_by) == ("bob (nobody has signed)", ())
    assert {(each.id, each.name, each.grants) for each in await stage.operating.approvers(viewer)} == {
        (key, each.name, True) for key, each in known.approvers.standing.items()
    }


async def test_what_is_done_stands_in_the_ledger_with_the_person(stage: Stage) -> None:
    gate = stage.operating
    with capture_logs() as logs:
        freeze = await gate.freeze(ADA, reason="incident 12", database="shop", kill=True)
        assert [each.number for each in await gate.thaw(ADA)] == [freeze.number]
        assert [(p.name, p.problem) for p in await gate.reload(ADA)] == [("production", "")]
        await gate.end_session(ADA, LINE.id, reason="it holds locks")
    assert [(kind, by, about) for kind, by, about, _ in stage.entries()] == [
        ("freeze", str(ADA), ""),
        ("thaw", str(ADA), ""),
        ("operated", str(ADA), ""),
        ("operated", str(ADA), LINE.id),
    ]
    said = stage.entries()[3][3]
    assert (said["action"], said["role"], said["target"], said["reason"]) == (
        "end_session",
        "approver",
        "app on shop from 192.0.2.9",
        "it holds locks",
    )
    assert stage.hands.done == ["reload", (0, LINE.id, "Ended by ada: it holds locks.")]
    assert [(line["action"], line["person"]) for line in logs] == [
        (action, str(ADA)) for action in ("freeze", "thaw", "reload", "end_session")
    ]


async def test_sessions_of_all_workers(stage: Stage) -> None:
    found = await stage.operating.sessions(ADA)
    (shown,) = found.shown
    assert (found.left_out, found.silent) == (2, (1,))
    assert (shown.worker, shown.since) == (0, datetime.fromtimestamp(1_700_000_000, UTC))


async def test_busy_sessions_come_first_whichever_worker_has_them(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        replace(LINE, id=f"{worker}-{state}", state=state, since=since)
        for worker, state, since in ((0, "idle", 1.0), (1, "active", 3.0), (2, "idle", 0.5), (3, "held", 2.0))
    ]

    async def listed(only: str, after: float | None) -> Mapping[int, SessionsListed | None]:
        return {number: SessionsListed(1, (line,), 0) for number, line in enumerate(lines)}

    monkeypatch.setattr(
        stage.operating, "_hands", dataclasses.replace(stage.operating._hands, sessions=listed)
    )
    found = await stage.operating.sessions(ADA)
    assert [each.id for each in found.shown] == ["3-held", "1-active", "2-idle", "0-idle"]
    found = await stage.operating.sessions(ADA, after=datetime.fromtimestamp(0, UTC))
    assert [each.id for each in found.shown] == ["2-idle", "0-idle", "3-held", "1-active"]


async def test_a_session_that_is_not_there_is_not_recorded(stage: Stage) -> None:
    for name in ("0-cd", "", "x" * 100):
        with pytest.raises(CannotBeDone, match=f"there is no session '{name[:40]}'"):
            await stage.operating.end_session(ADA, name)
    assert (stage.entries(), stage.hands.done) == ([], [])
    stage.hands.ends = None
    with pytest.raises(CannotBeDone, match="its worker does not answer"):
        await stage.operating.end_session(ADA, LINE.id)


async def test_a_program_in_somebodys_name_is_slowed_down_but_for_a_freeze(stage: Stage) -> None:
    ada, bob = (Person(name, Role.OPERATOR, Way.TOKEN, "192.0.2.7") for name in ("ada", "bob"))
    for _ in range(MOST_A_MINUTE):
        await stage.operating.reload(ada)
    with pytest.raises(TooOften, match=r"You have done 120 things here within a minute\. Wait \d+ s"):
        await stage.operating.reload(ada)
    assert stage.hands.done == ["reload"] * MOST_A_MINUTE
    assert await stage.operating.sessions(ada)
    await stage.operating.freeze(ada, reason="incident 12")
    await stage.operating.reload(bob)
    assert stage.operating.counts["reload", "failed"] == 1


async def test_without_the_ledger_nothing_happens(stage: Stage) -> None:
    stage.ledger.close()
    stage.place.unlink()
    stage.place.write_bytes(b"no ledger" * 1000)
    for action in (Action.FREEZE, Action.THAW, Action.RELOAD, Action.END_SESSION, Action.DENY):
        with pytest.raises(CannotBeDone, match="nothing was done"):
            await doings(stage)[action](stage.operating, ADA)
        assert stage.operating.counts[action.value, "failed"] == 1
    assert stage.hands.done == []


async def test_a_ledger_that_hangs_lets_go_of_whoever_waits(stage: Stage) -> None:
    book, free = Book(str(stage.place), 0.1), asyncio.Event()
    loop = asyncio.get_running_loop()
    done: list[str] = []

    def hang(ledger: Ledger) -> None:
        asyncio.run_coroutine_threadsafe(free.wait(), loop).result()
        done.append("first")

    first = asyncio.create_task(book.use(hang))
    second = asyncio.create_task(book.use(lambda ledger: done.append("second")))
    with pytest.raises(CannotBeDone, match="not known whether this was recorded"):
        await first
    with pytest.raises(CannotBeDone, match="nothing was done"):
        await second
    free.set()
    await book.use(lambda ledger: done.append("third"))
    assert done == ["first", "third"]


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("a\x1b[31m", "control character"),
        ("a\u202etxt", "control character"),
        ("a\x9b31m", "control character"),
        ("x" * 501, "longer than 500"),
        ("\ud800", "cannot be recorded"),
    ],
)
async def test_reasons_that_nobody_should_read(stage: Stage, reason: str, said: str) -> None:
    gate = stage.operating
    for doing in (
        gate.freeze(ADA, reason=reason),
        gate.end_session(ADA, LINE.id, reason=reason),
        gate.deny(ADA, stage.request, reason=reason),
    ):
        with pytest.raises(CannotBeDone, match=said):
            await doing
    assert (stage.entries(), stage.hands.done) == ([], [])


# -- approvals ---------------------------------------------------------------------------------------------


async def test_a_grant_is_the_keys_own(stage: Stage) -> None:
    granted = await stage.operating.grant(ADA, stage.request, stage.signed())
    assert granted.granted_by == ("ada",)
    assert [(kind, by) for kind, by, _, _ in stage.entries()] == [("approval_grant", str(ADA))]


async def test_grants_that_would_not_count_are_refused(stage: Stage) -> None:
    gate, now = stage.operating, datetime.now(UTC)
    other = SigningKey(Ed25519PrivateKey.generate())
    good = stage.signed()
    for signed, said in (
        (stage.signed(key=other), "the signature does not hold"),
        (SignedGrant(other.public.id, now, good.signature), "your key is not enrolled"),
        (SignedGrant(good.key, now, good.signature), "the signature does not hold"),
        (SignedGrant(good.key, now, "no base64"), "the signature does not hold"),
        (stage.signed(at=now - timedelta(minutes=6)), "it was not signed just now"),
        (stage.signed(at=now + timedelta(minutes=6)), "it was not signed just now"),
        (SignedGrant(good.key, now.replace(tzinfo=None), good.signature), "it was not signed just now"),
    ):
        with pytest.raises(CannotBeDone, match=said):
            await gate.grant(ADA, stage.request, signed)
    with pytest.raises(CannotBeDone, match="there is no request 'bbb'"):
        await gate.grant(ADA, "bbb", good)
    assert stage.entries() == []


async def test_what_is_denied_stays_denied(stage: Stage) -> None:
    gate, signed = stage.operating, stage.signed()
    await gate.deny(ADA, stage.request, reason="not today")
    for doing in (gate.grant(ADA, stage.request, signed), gate.deny(ADA, stage.request)):
        with pytest.raises(CannotBeDone, match=f"the request {stage.request} was denied already"):
            await doing
    assert await gate.approvals(ADA) == ()
    assert [kind for kind, *_ in stage.entries()] == ["approval_end"]


# -- explaining --------------------------------------------------------------------------------------------


async def test_a_pasted_statement_is_explained(stage: Stage) -> None:
    gate = stage.operating
    try:
        found = await gate.explain(ADA, Question(TEXT, role="app", database="shop"))
        assert (found.policy, found.allowed, found.effects) == (
            "production",
            False,
            ("table.drop on table orders (risk high)",),
        )
        assert [(told.rule, told.sqlstate) for told in found.told] == [("no-drop", "42501")]
        assert found.tree[0].depth == 0
        broken = await gate.explain(ADA, Question("DROP TABEL"))
        assert (broken.allowed, "syntax error" in broken.unreadable) == (False, True)
        for question, said in (
            (Question("SELECT 1", policy="other.yaml"), "no policy 'other.yaml' is in force"),
            (Question("x" * 70_000), "longer than 64 KiB"),
            (Question("\0"), "holds a NUL"),
            (Question("\ud800"), "not UTF-8"),
        ):
            with pytest.raises(CannotBeDone, match=said):
                await gate.explain(ADA, question)
        assert gate.counts["explain", "failed"] == 4
    finally:
        await gate.close()
