"""The console's page of a gate that runs, and what it is gathered from."""

from __future__ import annotations

import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import psycopg
import pytest

from proxy.app.kinds import address, is_loopback
from proxy.app.operating.tokens import make_token
from proxy.app.recent import MAX_LINE_BYTES, MOST_LINES, Outbox, Recent
from proxy.console.people import Role
from proxy.policy.facts import Verification
from proxy.records import NewBackup, open_ledger
from tests.app.running import command, environment, running
from tests.servers import forking
from tests.servers.database import Database

BEGAN = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
POLICY = """\
version: 1
name: production
environment: production
time:
  timezone: UTC
  windows:
    evenings: {days: mon-fri, from: "20:00", to: "22:00"}
rules:
  - id: no-drop
    match: {effects: [table.drop]}
    why: Tables hold data.
    deny: "{effect} on {targets} would lose data."
    examples: {refuse: [{sql: DROP TABLE made, as: ada, transaction: open}]}
  - id: evenings-only
    match: {effects: [column.retype]}
    require: {window: evenings}
  - id: backup-first
    match: {effects: [column.add]}
    require: {backup: {within: 24h, copies: 2}}
"""


def line(at: datetime, **fields: object) -> bytes:
    known: Mapping[str, object] = {
        "time": at.isoformat().replace("+00:00", "Z"), "event": "refused", "decision_id": "d", "rule": "r",
        "rules": ["r"], "mode": "enforce", "sqlstate": "42501", "message": "m", "effects": [], "targets": [],
        "missing": [],
        "role": "ada", "database": "shop", "client_address": None, "application": "", "listener": "l",
        "transaction": "none", "policy": "p", "sql": "DROP TABLE a",
    }  # fmt: skip
    return msgspec.json.encode({**known, **fields}) + b"\n"


def test_an_outbox_holds_so_much_and_counts_the_rest() -> None:
    outbox = Outbox()
    outbox.put(b"x" * (MAX_LINE_BYTES + 1))
    for number in range(MOST_LINES + 2):
        outbox.put(b"%d" % number)
    lines, left_out = outbox.take()
    assert (lines[0], lines[-1], len(lines), left_out) == (b"2", b"501", MOST_LINES, 3)
    assert outbox.take() == ((), 0)


def test_the_newest_of_the_last_hour_are_shown() -> None:
    recent = Recent(BEGAN)
    minute = timedelta(minutes=1)
    recent.add((line(BEGAN + minute, sql="1"), line(BEGAN + 3 * minute, sql="3")), 0)
    recent.add((line(BEGAN + 2 * minute, sql="2", event="shadowed"),), 4)
    found = recent.last_hour(BEGAN + 61 * minute)
    assert [(each.sql, each.enforced) for each in found.shown] == [("3", True), ("2", False), ("1", True)]
    assert (found.since, found.left_out) == (BEGAN + minute, 4)
    assert [each.sql for each in recent.last_hour(BEGAN + 62 * minute).shown] == ["3", "2"]


def test_it_says_from_when_on_they_are_complete() -> None:
    recent = Recent(BEGAN)
    second = timedelta(seconds=1)
    recent.add(tuple(line(BEGAN + number * second) for number in range(MOST_LINES + 3)), 0)
    found = recent.last_hour(BEGAN + 600 * second)
    assert (len(found.shown), found.since) == (MOST_LINES, BEGAN + 2 * second)


@pytest.mark.parametrize(
    ("text", "local"),
    [("127.0.0.1:0", True), ("localhost:8432", True), ("[::1]:8432", True), ("0.0.0.0:1", False),
     (":1", False), ("10.0.0.1:1", False), ("gate.example:1", False), ("[::]:1", False)],
)  # fmt: skip
def test_addresses_of_this_machine(text: str, local: bool) -> None:
    assert is_loopback(address(text)) is local


def page(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - our own
        return str(answer.read().decode())


def test_a_gate_shows_what_it_refused_and_what_it_goes_by(tmp_path: Path, database: Database) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    ledger = open_ledger(tmp_path / "ledger")
    ledger.record_backup(NewBackup(database.name, datetime.now(UTC), "/b/one", Verification.RESTORED, "ada"))
    ledger.freeze("bob", "month's end", database="another")
    ledger.close()
    flags = ("--upstream", f"postgresql://127.0.0.1:{database.port}", "--policy", str(policy))
    with running(
        tmp_path, "--listen", "127.0.0.1:0", "--workers", "2", "--console", "127.0.0.1:0", *flags
    ) as gate:
        base = f"http://{gate.started['console']}"
        with (
            urllib.request.urlopen(f"{base}/live", timeout=30) as stream,  # noqa: S310 - our own
            psycopg.connect(gate.url(database.name), autocommit=True) as connection,
        ):
            assert [stream.readline(), stream.readline()] == [b": open\n", b"\n"]
            connection.execute("CREATE TABLE made (id int)")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("DROP TABLE made /* <b> */")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("ALTER TABLE made ADD COLUMN more int")
            assert stream.readline() == b"event: refused\n"
            shown = {
                path: page(base + path)
                for path in ("/refusals", "/policy", "/calendar", "/backups", "/changes")
            }
    refused = shown["/refusals"]
    assert ">DROP TABLE made /* &lt;b&gt; */</pre>" in refused
    assert "<p>DROP TABLE on made would lose data. [rule no-drop]</p>" in refused
    assert f"postgres on {database.name} from 127.0.0.1" in refused
    assert "<p>Missing: a backup" in refused
    assert "<code>no-drop</code>" in shown["/policy"]
    assert "1 refused</span>" in shown["/policy"]
    assert "Tables hold data." in shown["/policy"]
    assert "<code>DROP TABLE made</code> <small>as: ada, transaction: open</small>" in shown["/policy"]
    assert "<b>evenings</b> is <b" in shown["/calendar"]
    assert " s old, restored</p>" in shown["/backups"]
    assert "/b/one" in shown["/backups"]
    assert ">CREATE TABLE made (id int)</pre>" in shown["/changes"]
    for text in shown.values():
        assert "<strong>Writes are frozen</strong> in another since" in text
        assert "by bob,\nuntil somebody ends it: month&#39;s end</p>" in text


def test_an_address_of_others_is_refused_at_the_start(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    door = ("--listen", "127.0.0.1:0", "--upstream", "postgresql://127.0.0.1:1", "--policy", str(policy))
    done = forking.run(command(*door, "--console", "0.0.0.0:1"), environment(tmp_path))
    assert done.returncode == 2
    assert "is open to others: that takes console_tls_cert_file" in done.stderr


def ask(gate: str, path: str, token: str, **form: str) -> tuple[int, str]:
    """Send a form, or without one get a page."""
    request = urllib.request.Request(  # noqa: S310 - our own
        gate + path,
        data=urllib.parse.urlencode(form).encode() if form else None,
        headers={"Authorization": f"Bearer {token}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read().decode()


def test_people_end_sessions_and_freeze_by_their_tokens(tmp_path: Path, database: Database) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    viewer, viewing = make_token("viewer", Role.VIEWER, None)
    operator, operating = make_token("operator", Role.OPERATOR, None)
    tokens = tmp_path / "tokens"
    tokens.touch(0o600)
    tokens.write_text(f"{viewer.written()}\n{operator.written()}\n")
    flags = ("--upstream", f"postgresql://127.0.0.1:{database.port}", "--policy", str(policy))
    with (
        running(
            tmp_path, "--listen", "127.0.0.1:0", "--workers", "2", "--console", "127.0.0.1:0",
            "--console-auth-file", str(tokens), *flags,
        ) as gate,
        psycopg.connect(gate.url(database.name), autocommit=True) as connection,
    ):  # fmt: skip
        base = f"http://{gate.started['console']}"
        connection.execute("SELECT 'of this session' AS told")
        _, shown = ask(base, "/sessions", operating)
        assert f"postgres on {database.name} <small>idle</small>" in shown
        assert "of this session" in shown
        found = re.search(r'name="session" value="([^"]+)"', shown)
        assert found is not None
        status, told = ask(base, "/sessions/end", viewing, session=found[1])
        assert (status, "takes the role operator" in told) == (403, True)
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert ask(base, "/sessions/end", operating, session=found[1], reason="lunch")[0] == 200
        with pytest.raises(psycopg.errors.AdminShutdown) as ended:
            connection.execute("SELECT 2")
        assert ended.value.diag.message_detail == "Ended by operator: lunch."
        status, told = ask(base, "/sessions/end", operating, session=found[1])
        assert (status, "there is no session" in told) == (409, True)
        assert ask(base, "/freezes/freeze", operating, reason="incident 12")[0] == 200
        assert gate.metric('pgwarden_console_actions_total{action="end_session",outcome="not_allowed"}') == 1
    ledger = open_ledger(tmp_path / "ledger")
    recorded = [(e.kind, e.recorded_by) for e in ledger.entries() if e.kind in ("operated", "freeze")]
    ledger.close()
    who = "operator (token, from 127.0.0.1)"
    assert recorded == [("operated", who), ("freeze", who)]
