"""What people do by the page in a browser: their forms, and grants that are signed there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, Page

from proxy.app.cli.values import ledger_at
from proxy.app.operating.tokens import make_token
from proxy.console.people import Role
from proxy.records import open_ledger
from tests.app.commands import pgwarden
from tests.app.running import Gate, running
from tests.clients.gate import until
from tests.console.test_browser import DESK, visiting
from tests.servers.database import Database

POLICY = """\
version: 1
name: production
environment: production
rules:
  - id: no-drop
    match: {effects: [table.drop]}
    approval: {by: 1}
    deny: "{effect} on {targets} would lose data."
"""
DROP = "DROP TABLE made"
# A browser of before 2025: it has WebCrypto, and no Ed25519 in it.
OLD = """
const generate = SubtleCrypto.prototype.generateKey;
SubtleCrypto.prototype.generateKey = function (algorithm, ...rest) {
  return (algorithm.name ?? algorithm) === "Ed25519"
    ? Promise.reject(new DOMException("Unrecognized name.", "NotSupportedError"))
    : generate.call(this, algorithm, ...rest);
};
"""


class Stage:
    """A gate with a token for each role, a client, and Bob, who is enrolled and asks."""

    def __init__(self, folder: Path, gate: Gate, client: psycopg.Connection, tokens: dict[Role, str]) -> None:
        self.folder = folder
        self.base = f"http://{gate.started['console']}"
        self.gate = gate
        self.client = client
        self.tokens = tokens

    def bob(self, *arguments: str) -> str:
        """What Bob's command prints."""
        done = pgwarden("approve", *arguments)
        assert done.code == 0, done.out + done.err
        return done.out

    def ask(self) -> str:
        """The id of a request for the statement that drops."""
        file = self.folder / "drop.sql"
        file.write_text(DROP)
        policy = str(self.folder / "policy.yaml")
        told = self.bob("request", "--sql", str(file), "--policy", policy, "--as", "postgres", "--json")
        return str(json.loads(told)["id"])

    def log_in(self, page: Page, role: Role) -> None:
        page.goto(f"{self.base}/login")
        page.get_by_label("Token").fill(self.tokens[role])
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("link", name=f"{role.word}, {role.word}").wait_for()

    def said_to(self, sql: str) -> str:
        """What a client is told of its statement; "" where it passes."""
        try:
            self.client.execute(sql.encode())
        except psycopg.errors.InsufficientPrivilege as error:
            return str(error)
        return ""

    def kinds(self) -> list[tuple[str, str]]:
        """What people at the console have recorded."""
        ledger = open_ledger(ledger_at(None))
        found = [(e.kind, e.recorded_by) for e in ledger.entries() if "(token, " in e.recorded_by]
        ledger.close()
        return found


@pytest.fixture
def stage(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("PGWARDEN_LEDGER", str(tmp_path / "ledger"))
    monkeypatch.setenv("PGWARDEN_APPROVER_KEY", str(tmp_path / "bob.key"))
    (tmp_path / "policy.yaml").write_text(POLICY)
    made = {role: make_token(role.word, role, None) for role in Role}
    file = tmp_path / "tokens"
    file.touch(0o600)
    file.write_text("".join(f"{token.written()}\n" for token, _ in made.values()))
    with (
        running(
            tmp_path, "--listen", "127.0.0.1:0", "--workers", "1", "--console", "127.0.0.1:0",
            "--upstream", f"postgresql://127.0.0.1:{database.port}",
            "--policy", str(tmp_path / "policy.yaml"), "--console-auth-file", str(file),
        ) as gate,
        psycopg.connect(gate.url(database.name), autocommit=True) as client,
    ):  # fmt: skip
        yield Stage(tmp_path, gate, client, {role: text for role, (_, text) in made.items()})


def test_a_key_made_in_the_browser_grants(browser: Browser, stage: Stage) -> None:
    stage.client.execute("CREATE TABLE made (id int)")
    stage.bob("enroll", "bob")
    asked = stage.ask()
    assert "would lose data" in stage.said_to(DROP)
    with visiting(browser, DESK) as page:
        stage.log_in(page, Role.APPROVER)
        page.goto(f"{stage.base}/approvals")
        request = page.locator(f"article[data-request='{asked}']")
        assert request.locator("pre").inner_text() == DROP
        assert not request.get_by_role("button", name="Grant").is_visible()
        page.get_by_role("button", name="Make a key in this browser").click()
        page.locator("#key-public", has_text="--public-key").wait_for()
        told = page.locator("#key-public").inner_text()
        assert told.startswith("pgwarden approve enroll approver --public-key ")
        page.reload()
        page.locator("#key-public", has_text=told).wait_for()  # the same key
        taken = page.evaluate(
            """() => new Promise((resolve) => {
              indexedDB.open("pgwarden", 1).onsuccess = (opened) => {
                const keys = opened.target.result.transaction("keys").objectStore("keys");
                keys.get("approver").onsuccess = (found) => {
                  const key = found.target.result.privateKey;
                  crypto.subtle.exportKey("pkcs8", key).then(() => "taken", (e) => e.name).then(resolve);
                };
              };
            })"""
        )
        assert taken == "InvalidAccessError"
        assert "may not grant yet" in page.locator("#key-state").inner_text()
        assert not request.get_by_role("button", name="Grant").is_visible()
        assert request.locator(".elsewhere").is_visible()
        stage.bob(*told.split()[2:])
        page.reload()
        page.locator("#key-state", has_text="is enrolled as approver: Grant signs with it.").wait_for()
        assert not request.locator(".elsewhere").is_visible()
        request.get_by_role("button", name="Grant").click()
        request.get_by_text("Granted by approver.").wait_for()
    until(lambda: stage.said_to(DROP) == "", "the grant")
    with pytest.raises(psycopg.errors.UndefinedTable):
        stage.client.execute("SELECT * FROM made")
    assert stage.kinds() == [("approval_grant", "approver (token, from 127.0.0.1)")]
    assert json.loads(stage.bob("show", asked, "--json"))["state"] == "used up"


def test_a_request_is_denied(browser: Browser, stage: Stage) -> None:
    stage.client.execute("CREATE TABLE made (id int)")
    stage.bob("enroll", "bob")
    asked = stage.ask()
    with visiting(browser, DESK) as page:
        stage.log_in(page, Role.VIEWER)
        page.goto(f"{stage.base}/approvals")
        page.get_by_text("You are viewer, viewer: this takes the role approver.").wait_for()
        assert page.locator(f"article[data-request='{asked}']").count() == 1
        assert page.locator("form, #key").count() == 0
        page.goto(f"{stage.base}/login")
        page.get_by_role("button", name="Log out").click()
        page.get_by_label("Token").wait_for()
        stage.log_in(page, Role.APPROVER)
        page.goto(f"{stage.base}/approvals")
        page.get_by_text("Deny").first.click()
        page.get_by_label("Why").fill("not today")
        page.get_by_role("button", name="Deny").click()
        page.get_by_text("Nobody waits for an approval.").wait_for()
    assert "would lose data" in stage.said_to(DROP)
    assert stage.kinds() == [("approval_end", "approver (token, from 127.0.0.1)")]


def test_a_browser_that_cannot_sign_shows_the_command(browser: Browser, stage: Stage) -> None:
    stage.bob("enroll", "bob")
    asked = stage.ask()
    with visiting(browser, DESK) as page:
        page.add_init_script(OLD)
        stage.log_in(page, Role.APPROVER)
        page.goto(f"{stage.base}/approvals")
        page.get_by_text("This browser cannot sign with Ed25519").wait_for()
        assert not page.get_by_role("button", name="Make a key").is_visible()
        assert not page.get_by_role("button", name="Grant").is_visible()
        assert page.locator(".elsewhere code").inner_text() == f"pgwarden approve grant {asked}"


def test_writes_are_frozen_and_thawed(browser: Browser, stage: Stage) -> None:
    with visiting(browser, DESK) as page:
        stage.log_in(page, Role.OPERATOR)
        page.goto(f"{stage.base}/freezes")
        page.get_by_label("Why").fill("incident 12")
        page.get_by_label("For how long").fill("2h")
        page.get_by_role("button", name="Freeze").click()
        page.get_by_role("row", name="incident 12").wait_for()
        assert page.locator("#standing .freeze").inner_text().endswith(": incident 12")
        until(lambda: "incident 12" in stage.said_to("CREATE TABLE frozen (id int)"), "the freeze")
        page.get_by_role("button", name="Thaw").click()
        page.get_by_text("Writes are not frozen.").wait_for()
    until(lambda: stage.said_to("CREATE TABLE IF NOT EXISTS made (id int)") == "", "the thaw")
    who = "operator (token, from 127.0.0.1)"
    assert stage.kinds() == [("freeze", who), ("thaw", who)]


def test_a_freeze_shows_on_a_page_that_is_open(browser: Browser, stage: Stage) -> None:
    with visiting(browser, DESK) as page:
        page.set_default_timeout(30_000)
        stage.log_in(page, Role.OPERATOR)
        page.goto(f"{stage.base}/policy")
        page.locator("#live", has_text="show as they come").wait_for()
        ledger = open_ledger(ledger_at(None))
        ledger.freeze("grace", "the books are closed")
        ledger.close()
        page.locator("#standing .freeze", has_text="by grace").wait_for()
        assert page.locator("summary code").first.inner_text() == "no-drop"


def test_a_session_ends_and_policies_are_loaded(browser: Browser, stage: Stage) -> None:
    stage.client.execute("SELECT 1")
    with visiting(browser, DESK) as page:
        stage.log_in(page, Role.OPERATOR)
        page.goto(f"{stage.base}/sessions")
        page.get_by_text("End this session").click()
        page.get_by_label("Why").fill("it holds locks")
        page.get_by_role("button", name="End it").click()
        page.get_by_text("Nobody is connected.").wait_for()
        with pytest.raises(psycopg.errors.AdminShutdown) as ended:
            stage.client.execute("SELECT 2")
        assert ended.value.diag.message_detail == "Ended by operator: it holds locks."
        page.get_by_role("link", name="Policy", exact=True).click()
        (stage.folder / "policy.yaml").write_text(POLICY.replace("no-drop", "no-drops"))
        page.get_by_role("button", name="Reload").click()
        page.locator("summary code", has_text="no-drops").wait_for()
    who = "operator (token, from 127.0.0.1)"
    assert stage.kinds() == [("operated", who), ("operated", who)]
