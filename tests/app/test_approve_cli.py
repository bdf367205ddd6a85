"""`pgwarden approve`: what people are told, and what they cannot do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import pytest

from proxy.app.cli.values import ledger_at
from proxy.records import Draft, Ledger, open_ledger
from proxy.records.kinds.approval import TextRefused
from tests.app.commands import pgwarden

POLICY = """
version: 1
name: production
approvals: {by: 2}
rules:
  - {id: no-drop, match: {effects: [table.drop, row.delete]}}
  - {id: guard, match: {effects: [schema.drop]}, approval: never}
"""
DROP = "DROP TABLE users"


class Desk:
    """People with keys, one policy, one ledger."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._patch = patch
        patch.setenv("PGWARDEN_LEDGER", str(folder / "ledger"))
        (folder / "p.yaml").write_text(POLICY)
        self("ada", "enroll", "ada")
        self("ada", *self("bob", "enroll", "bob").split()[-5:][1:])
        self.book: Ledger = open_ledger(ledger_at(None))

    def __call__(self, person: str, *arguments: str, code: int = 0, script: str = "") -> str:
        self._patch.setenv("PGWARDEN_APPROVER_KEY", str(self.folder / f"{person}.key"))
        done = pgwarden("approve", *arguments, script=script)
        assert done.code == code, done.out + done.err
        return done.out + done.err

    def file(self, text: str) -> str:
        path = self.folder / "statement.sql"
        path.write_text(text)
        return str(path)

    def ask(self, person: str, text: str = DROP, *flags: str) -> str:
        """The id of a request for a text."""
        policy = str(self.folder / "p.yaml")
        told = self(
            person, "request", "--sql", self.file(text), "--policy", policy, "--as", "app", *flags, "--json"
        )
        return str(json.loads(told)["id"])

    def keep(self, decision: str, text: str, shown: str) -> None:
        """As a gate keeps a refused text."""
        kept = TextRefused(
            statement=shown,
            digest=sha256(text.encode()).hexdigest() if shown == text else "",
            environment="production",
            rules=("no-drop",),
            effects=("row.delete",),
            targets=("t",),
            role="app",
            database="shop",
            client_address=None,
            application="",
            policy="ab",
        )
        self.book.record(kept, "gate", about=decision)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    desk = Desk(tmp_path, monkeypatch)
    yield desk
    desk.book.close()


def test_what_was_not_refused_yet_is_asked_for_by_its_policy(desk: Desk) -> None:
    asked = json.loads(desk("bob", "show", desk.ask("ada", DROP, "--times", "2", "--for", "2h"), "--json"))
    begin, end = (datetime.fromisoformat(asked[name]) for name in ("since", "until"))
    assert (end - begin).total_seconds() == 7200
    assert {name: asked[name] for name in ("state", "rules", "roles", "environment", "uses", "digest")} == {
        "state": "2 of 2 uses left",
        "rules": ["no-drop"],
        "roles": ["app"],
        "environment": "production",
        "uses": 2,
        "digest": sha256(DROP.encode()).hexdigest(),
    }
    assert (asked["asked_by"].split()[0], asked["signed"], asked["one_more_needed"]) == ("ada", True, False)


def test_a_migration_is_asked_for_by_its_checksum(desk: Desk) -> None:
    folder = desk.folder / "0042_moved"
    folder.mkdir()
    (folder / "migration.sql").write_bytes(b"DROP TABLE users;\n")
    arguments = ("--policy", str(desk.folder / "p.yaml"), "--as", "app")
    told = desk("ada", "request", "--migration", str(folder / "migration.sql"), *arguments)
    digest = sha256(b"DROP TABLE users;\n").hexdigest()
    assert f"  migration 0042_moved/migration.sql, sha256 {digest}:" in told


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT 1", "production allows it as it is: nothing needs to be approved"),
        ("DROP SCHEMA public", "no approval lifts guard, which this text breaks"),
    ],
)
def test_what_need_not_or_cannot_be_asked_for(desk: Desk, text: str, message: str) -> None:
    policy = str(desk.folder / "p.yaml")
    told = desk("ada", "request", "--sql", desk.file(text), "--policy", policy, "--as", "app", code=1)
    assert told == f"pgwarden: {message}\n"


def test_a_migration_in_another_language_is_asked_for_by_its_statements(desk: Desk) -> None:
    file = desk.folder / "1_more.ts"
    file.write_text("export class More {}")
    arguments = ("--migration", str(file), "--policy", str(desk.folder / "p.yaml"), "--as", "app")
    assert desk("ada", "request", *arguments, code=2) == (
        f"pgwarden: --migration: {file} is TypeScript, whose SQL does not exist before it runs: ask for each "
        "statement as the gate refuses it, by its DECISION\n"
    )


def test_values_of_parameters_are_approved_expressly(desk: Desk) -> None:
    text = "DELETE FROM t WHERE id = $1"
    policy = str(desk.folder / "p.yaml")
    told = desk("ada", "request", "--sql", desk.file(text), "--policy", policy, "--as", "app", code=2)
    assert told.startswith("pgwarden: --any-values: the text has parameters ($1 …)")
    asked = desk.ask("ada", text, "--any-values")
    assert "VALUES     of its parameters ($1 …) are not in the text: any are approved" in desk(
        "bob", "show", asked
    )


def test_who_cannot_grant(desk: Desk) -> None:
    asked = desk.ask("ada")
    assert "who asks cannot grant it" in desk("ada", "grant", asked, code=1)
    desk("eve", "enroll", "eve")
    assert "is not enrolled here" in desk("eve", "grant", asked, code=2)
    desk("eve", "deny", asked, "--reason", "no")  # that takes no key
    assert f"the request {asked} was denied already" in desk("bob", "grant", asked, code=1)
    assert "no request begins with 'zz'" in desk("bob", "grant", "zz", code=1)


def test_a_masked_text_is_shown_by_who_asks_and_by_who_grants(desk: Desk) -> None:
    text = "DELETE FROM t WHERE password = 'hunter2'"
    shown = "DELETE FROM t WHERE password = '***'"
    desk.keep("d1", text, shown)
    assert "holds a secret, which is not kept" in desk("ada", "request", "d1", code=2)
    assert "this is not the text" in desk("ada", "request", "d1", "--sql", desk.file(DROP), code=2)
    told = desk("ada", "request", "d1", "--sql", desk.file(text), "--json")
    asked = json.loads(told)
    assert (asked["statement"], asked["masked"]) == (shown, True)
    assert "the request shows its text with secrets masked" in desk("bob", "grant", asked["id"], code=2)
    assert "this is not the text" in desk("bob", "grant", asked["id"], "--sql", desk.file(DROP), code=2)
    desk("bob", "grant", asked["id"], "--sql", desk.file(text))
    assert "hunter2" not in "".join(entry.payload for entry in desk.book.entries())


def test_a_request_that_shows_another_text_than_it_asks_for_is_not_signed(desk: Desk) -> None:
    asked = desk.ask("ada")
    (entry,) = desk.book.entries(kinds=("approval_request",))
    said = {**json.loads(entry.payload), "id": "f0", "key": "", "signature": "", "statement": "SELECT 1"}
    payload = json.dumps(said, sort_keys=True, separators=(",", ":"))
    desk.book.append([Draft(entry.kind, "mallory", payload, "f0")])
    assert "IS NOT the one that the digest stands for" in desk("bob", "show", "f0")
    assert "shows another text than it asks for" in desk("bob", "grant", "f0", code=1)
    assert asked != "f0"


def test_lists(desk: Desk) -> None:
    asked = desk.ask("ada")
    desk("bob", "grant", asked)
    rows = [line.split("\t") for line in desk("eve", "list").splitlines()]
    assert [row[:5] for row in rows[1:]] == [[asked, "1 of 1 uses left", "bob", "no-drop", "app"]]
    desk("eve", "revoke", asked)
    assert desk("eve", "list").count("\n") == 1
    assert f"{asked}\trevoked" in desk("eve", "list", "--all")
    keys = json.loads(desk("eve", "list", "--keys", "--json"))
    assert [(key["name"], key["grants"], key["vouched_by"]) for key in keys] == [
        ("ada", True, ["ada"]),
        ("bob", True, ["ada"]),
    ]


def test_withdrawing_a_key(desk: Desk) -> None:
    assert "one more has to" in desk("ada", "withdraw", "bob")
    assert "counts no longer" in desk("bob", "withdraw", "bob")
    assert "the last key that grants" in desk("ada", "withdraw", "ada", code=1)
    assert "was withdrawn, for good" in desk("bob", "enroll", "bob", code=1)


def test_times_are_said_once(desk: Desk) -> None:
    flags = ("--policy", str(desk.folder / "p.yaml"), "--as", "app")
    sql = desk.file(DROP)
    for more, message in (
        (("--for", "2h", "--until", "2030-01-01T00:00:00Z"), "--for: says how long"),
        (("--until", "2020-01-01T00:00:00Z"), "not asked: an approval cannot end before it begins"),
        (("--for", "soon"), '--for: "soon" is no duration'),
    ):
        assert message in desk("ada", "request", "--sql", sql, *flags, *more, code=2)
