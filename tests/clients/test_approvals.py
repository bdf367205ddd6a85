"""Approvals at gates that really run: asked from the refusal, granted by two keys, used once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

import psycopg
import pytest

from proxy.app.cli.values import ledger_at
from proxy.backup.cluster import Cluster
from proxy.records import Ledger, open_ledger
from tests.app.commands import pgwarden
from tests.clients.conftest import Serve
from tests.clients.gate import serving, until, upstream_of
from tests.clients.programs import Program
from tests.records.places import address_of
from tests.servers.database import Database

POLICY = """
version: 1
name: production
environment: production
break_glass: true
approvals: {by: 2, within: 2h}
rules:
  - {id: no-drop, match: {effects: [table.drop]}, deny: "{effect} on {targets} would lose data."}
  - {id: no-schema, match: {effects: [schema.drop]}, approval: never}
  - {id: held, match: {effects: [table.truncate]}, approval: {by: 1}, else: {hold: 1m}}
  - {id: backed, match: {effects: [column.drop]}, require: {backup: {within: 1h}}}
"""
DROP = "DROP TABLE users"
REFUSED = "DROP TABLE on users would lose data. [rule no-drop]"


class Desk:
    """The people of a gate: each with a key of their own, all with one ledger."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._patch = patch
        self.use(str(folder / "ledger"))

    def use(self, ledger: str) -> None:
        """From now on this is the ledger."""
        self.ledger = ledger
        self._patch.setenv("PGWARDEN_LEDGER", ledger)

    def __call__(self, person: str, *arguments: str, code: int = 0) -> str:
        """What a person's command prints."""
        self._patch.setenv("PGWARDEN_APPROVER_KEY", str(self.folder / f"{person}.key"))
        done = pgwarden("approve", *arguments)
        assert done.code == code, done.out + done.err
        return done.out + done.err

    def enrol(self) -> None:
        """Ada and Bob may grant, Eve may ask."""
        self("ada", "enroll", "ada")
        for person, vouching, flags in (("bob", ("ada",), ()), ("eve", ("ada", "bob"), ("--asks",))):
            line = self(person, "enroll", person, *flags).splitlines()[-1].split()[2:]
            for voucher in vouching:
                self(voucher, *line)

    def ask(self, decision: str, *flags: str, person: str = "eve") -> str:
        """The id of a request for what was refused so, once the gate has kept it."""

        def kept() -> bool:
            return any(True for _ in self.book.entries(kinds=("approval_text",), about=decision))

        until(kept, f"the text of {decision}")
        return self(person, "request", decision, *flags).splitlines()[0].split()[1].rstrip(":")

    @cached_property
    def book(self) -> Ledger:
        """The ledger, to look into."""
        return open_ledger(ledger_at(None))


def decision_of(message: str) -> str:
    """The id that a refusal's hint shows."""
    return message.rpartition("pgwarden approve request ")[2].split()[0]


def refusal(session: psycopg.Connection, sql: str) -> psycopg.Error | None:
    try:
        session.execute(sql.encode())
    except psycopg.Error as error:
        return error
    return None


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    desk = Desk(tmp_path, monkeypatch)
    yield desk
    desk.book.close()


@pytest.fixture
def connect() -> Iterator[Callable[[str], psycopg.Connection]]:
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(psycopg.connect(url, autocommit=True))


def test_refused_asked_granted_by_two_and_passed_once(
    serve: Serve, users: Database, desk: Desk, psql: Program
) -> None:
    gate = serve(POLICY)
    desk.enrol()
    url = gate.url(users.name)
    first = psql(url, "-c", DROP)
    assert REFUSED in first.err
    asked = desk.ask(decision_of(first.err), "--reason", "the table has moved")
    assert REFUSED in psql(url, "-c", DROP).err
    desk("ada", "grant", asked)
    assert REFUSED in psql(url, "-c", DROP).err
    desk("bob", "grant", asked)
    until(lambda: not psql(url, "-c", DROP).err, "that it passes")
    assert users.execute("SELECT to_regclass('users') IS NULL") == "t"
    users.execute("CREATE TABLE users (id int)")
    again = psql(url, "-c", DROP).err
    assert REFUSED in again
    shown = desk("eve", "show", asked)
    assert shown.startswith(f"request {asked}: used up")


def test_the_last_use_is_taken_once_by_whoever_comes_first_at_two_replicas(
    server: Cluster,
    users: Database,
    new_database: Callable[[Cluster], Database],
    desk: Desk,
    connect: Callable[[str], psycopg.Connection],
) -> None:
    desk.use(str(address_of(new_database(server))))
    (desk.folder / "policy.yaml").write_text(POLICY)
    wanted = {"ledger": desk.ledger, "ledger_key": str(desk.folder / "ledger.key")}
    sql = "DROP TABLE IF EXISTS größer"  # of a name outside ASCII the gate does not ask whether it is free
    with ExitStack() as stack:
        gates = [
            stack.enter_context(
                serving(desk.folder, desk.folder / "policy.yaml", upstream_of(server), **wanted)
            )
            for _ in range(2)
        ]
        desk.enrol()
        error = refusal(connect(gates[0].url(users.name)), sql)
        asked = desk.ask(decision_of(str(error.diag.message_hint if error else "")), "--times", "3")
        desk("ada", "grant", asked)
        desk("bob", "grant", asked)
        sessions = [connect(gate.url(users.name)) for gate in gates for _ in range(4)]
        for session in (sessions[0], sessions[-1]):
            until(lambda s=session: refusal(s, "EXPLAIN " + sql) is not None, "facts")  # type: ignore[misc]
        start = threading.Barrier(len(sessions))
        ran: list[bool] = []

        def race(session: psycopg.Connection) -> None:
            start.wait()
            for _ in range(8):
                ran.append(refusal(session, sql) is None)

        threads = [threading.Thread(target=race, args=(session,)) for session in sessions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        until(lambda: refusal(sessions[0], sql) is not None, "that it is used up")
    uses = list(desk.book.entries(kinds=("approval_use",)))
    assert (ran.count(True), [use.about for use in uses]) == (3, [asked] * 3)
    changes = [entry for entry in desk.book.entries(kinds=("change",)) if asked in entry.payload]
    assert len(changes) == 3
    assert desk.book.verify().findings == []


def held_request(desk: Desk) -> str:
    """The id of the request that a gate has made for what it holds."""

    def found() -> str:
        standing = [r for r in desk.book.approvals().requests.values() if r.asked.held and r.ended is None]
        return standing[-1].asked.id if standing else ""

    return until(found, "the request of what is held")


def test_what_is_held_goes_on_once_somebody_else_has_granted_it(
    serve: Serve, users: Database, desk: Desk, connect: Callable[[str], psycopg.Connection]
) -> None:
    gate = serve(POLICY)
    desk("ada", "enroll", "ada", "--role", "postgres")
    desk("ada", *desk("bob", "enroll", "bob").splitlines()[-1].split()[2:])
    session = connect(gate.url(users.name))
    notices: list[tuple[str | None, str | None]] = []
    session.add_notice_handler(lambda said: notices.append((said.message_primary, said.message_detail)))
    thread = threading.Thread(target=lambda: session.execute("TRUNCATE users"))
    thread.start()
    asked = held_request(desk)
    assert "you are postgres, for whom it is asked" in desk("ada", "grant", asked, code=1)
    assert users.execute("SELECT count(*) FROM users") == "1"
    desk("bob", "grant", asked)
    thread.join(60)
    assert users.execute("SELECT count(*) FROM users") == "0"
    assert notices == [
        (
            "pgwarden: this waits for an approval by one person, for at most 1 minute",
            f"Whoever may grant it: pgwarden approve grant {asked}",
        )
    ]
    assert desk("bob", "show", asked).startswith(f"request {asked}: used up")


def test_what_is_held_is_refused_when_it_is_denied_and_withdrawn_when_it_is_cancelled(
    serve: Serve, users: Database, desk: Desk, connect: Callable[[str], psycopg.Connection]
) -> None:
    gate = serve(POLICY)
    desk("ada", "enroll", "ada")
    session = connect(gate.url(users.name))
    errors: list[psycopg.Error | None] = []

    def run() -> threading.Thread:
        thread = threading.Thread(target=lambda: errors.append(refusal(session, "TRUNCATE users")))
        thread.start()
        return thread

    thread = run()
    asked = held_request(desk)
    desk("ada", "deny", asked, "--reason", "not today")
    thread.join(60)
    denied = errors.pop()
    assert denied is not None and denied.diag.message_detail is not None
    assert denied.diag.message_detail.endswith(f"has denied the request {asked}: not today.")
    thread = run()
    asked = held_request(desk)
    session.cancel()
    thread.join(60)
    assert isinstance(errors.pop(), psycopg.errors.QueryCanceled)
    until(lambda: desk.book.approvals().requests[asked].ended, "that it is withdrawn")
    assert "was withdrawn already" in desk("ada", "grant", asked, code=1)
    assert users.execute("SELECT count(*) FROM users") == "1"


def test_the_glass_is_broken_by_oneself_and_loudly(
    serve: Serve, users: Database, desk: Desk, connect: Callable[[str], psycopg.Connection]
) -> None:
    gate = serve(POLICY)
    desk.enrol()
    session = connect(gate.url(users.name))
    sql = "ALTER TABLE users DROP COLUMN name"
    error = refusal(session, sql)
    assert error is not None
    decision = decision_of(str(error.diag.message_hint))
    asked = desk.ask(decision)
    desk("ada", "grant", asked)
    desk("bob", "grant", asked)
    assert desk("eve", "show", asked).count("granted    by ada, bob") == 1
    asked = desk.ask(decision, "--break-glass", "--reason", "incident 12")
    until(lambda: refusal(session, sql) is None, "that it passes")
    said = gate.says("the glass was broken: a statement passes")
    assert (said["level"], said["approvals"], said["rules"], said["sql"]) == (
        "critical",
        asked,
        "backed",
        sql,
    )
    series = 'pgwarden_lifted_statements_total{how="break_glass",rule="backed"}'
    assert gate.metrics("pgwarden_lifted_statements_total")[series] == 1
    (use,) = desk.book.entries(kinds=("approval_use",))
    assert '"break_glass":true' in use.payload
    assert "no refused text" in desk("eve", "request", "0" * 12, code=1)


def test_without_the_ledger_nothing_that_was_approved_runs(
    serve: Serve, users: Database, desk: Desk, connect: Callable[[str], psycopg.Connection]
) -> None:
    gate = serve(POLICY)
    desk.enrol()
    session = connect(gate.url(users.name))
    error = refusal(session, DROP)
    asked = desk.ask(decision_of(str(error.diag.message_hint if error else "")))
    desk("ada", "grant", asked)
    desk("bob", "grant", asked)
    prepared = "PREPARE p AS " + DROP
    assert refusal(session, prepared) is not None  # another text
    (desk.folder / "ledger").rename(desk.folder / "elsewhere")
    error = refusal(session, DROP)
    assert error is not None
    assert users.execute("SELECT to_regclass('users') IS NULL") == "f"
    (desk.folder / "elsewhere").rename(desk.folder / "ledger")
    until(lambda: refusal(session, DROP) is None, "that it passes")
    assert users.execute("SELECT to_regclass('users') IS NULL") == "t"
