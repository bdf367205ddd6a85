"""Notices: who is told what, how often it is tried, and that nothing waits for it."""

from __future__ import annotations

import base64
import hmac
import json
import os
import queue
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast

import psycopg
import pytest
import structlog
import yaml
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as MailSession
from structlog.stdlib import BoundLogger
from structlog.testing import LogCapture

from proxy.app.notices.bodies import as_json, as_mail, as_slack, message
from proxy.app.notices.courier import ATTEMPTS, Courier, back_off_s
from proxy.app.notices.delivery import MOST_WAIT_S, Result, deliver
from proxy.app.notices.ledgerwatch import LedgerWatch
from proxy.app.notices.notices import Notices
from proxy.app.notices.pile import FIRST, MOST_COUNTED, OTHERS, Bundle, Notice
from proxy.app.notices.targets import EVENTS, UNASKED, Server, Target, targets, with_secret
from proxy.policy.decision import ApprovalWanted, Lift
from proxy.records import open_ledger
from proxy.session import Change, Hold, Judged, Lifted
from proxy.session.events import Origin
from tests.app.commands import pgwarden
from tests.app.running import running
from tests.servers.database import Database

WAIT_S = 30
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


class Hook:
    """A real HTTP server that keeps what it is sent, and answers as it is told, then with 204."""

    def __init__(self) -> None:
        self.got: queue.Queue[tuple[str, dict[str, str], bytes]] = queue.Queue()
        self.answers: list[tuple[int, dict[str, str]]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status, headers = hook.answers.pop(0) if hook.answers else (204, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()
                hook.got.put((self.path, {k.lower(): v for k, v in self.headers.items()}, body))

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def next(self) -> dict[str, object]:
        return cast(dict[str, object], json.loads(self.got.get(timeout=WAIT_S)[2]))


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.server.shutdown()
    made.server.server_close()


class Mailbox:
    """What a real SMTP server was given."""

    def __init__(self) -> None:
        self.got: queue.Queue[Envelope] = queue.Queue()

    async def handle_DATA(self, server: SMTP, session: MailSession, envelope: Envelope) -> str:
        self.got.put(envelope)
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    box = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()


def target(port: int, **given: object) -> Target:
    return Target(
        **{"name": "chat", "kind": "json", "server": Server("127.0.0.1", port, ""), "path": "/x?k=1", **given}  # type: ignore[arg-type]
    )


def notice(event: str = "refused", rule: str = "no-drop", **fields: object) -> Notice:
    return Notice(event, rule, lambda: {"rule": rule, **fields})


def bundle(*notices: Notice) -> Bundle:
    made = Bundle()
    for each in notices:
        made.add(each)
    return made


def logging(said: LogCapture) -> BoundLogger:
    found: BoundLogger = structlog.wrap_logger(None, processors=[said], wrapper_class=BoundLogger)
    return found


@contextmanager
def courier(where: Target, said: LogCapture | None = None) -> Iterator[Courier]:
    made = Courier(where, "gate-1", logging(said or LogCapture()), jitter=lambda: 0.0, attempt_s=WAIT_S)
    made.start()
    try:
        yield made
    finally:
        made.stop()
        made.join(WAIT_S)


# -- settings --------------------------------------------------------------------------------------------


def test_targets_as_people_write_them() -> None:
    slack, mail, plain = targets(
        [
            {
                "name": "chat",
                "kind": "slack",
                "to": "https://hooks.slack.com/services/T/B/s3cret",
                "batch_s": "5s",
            },
            {
                "to": "mailto:oncall@example.com,dba@example.com",
                "smtp": "smtp://mail.example.com",
                "from": "gate@example.com",
                "user": "gate",
                "secret_file": "/run/password",
                "events": ["freeze", "thaw"],
            },
            "https://example.com:8443/hook?x=1",
        ]
    )
    assert (slack.name, slack.kind, slack.server) == ("chat", "slack", Server("hooks.slack.com", 443, "tls"))
    assert (slack.path, slack.batch_s, slack.events) == ("/services/T/B/s3cret", 5.0, UNASKED)
    assert (mail.name, mail.kind) == ("email-2", "email")
    assert mail.server == Server("mail.example.com", 587, "starttls")
    assert mail.recipients == ("oncall@example.com", "dba@example.com")
    assert mail.events == {"freeze", "thaw"}
    assert (plain.name, plain.server, plain.path) == (
        "json-3",
        Server("example.com", 8443, "tls"),
        "/hook?x=1",
    )
    assert "s3cret" not in repr(slack)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "to is missing: an https:// URL, or mailto:NAME@DOMAIN"),
        ({"to": "http://example.com/s3cret"}, "to is http://, which anybody on the way can read: write https://"),
        ({"to": "ftp://example.com/s3cret"}, "to is not an https:// URL"),
        ({"to": "https://u:s3cret@example.com/"}, "to is not an https:// URL"),
        ({"to": "https://h/", "knd": 1}, 'unknown key "knd"; there are name, kind, to, events, batch_s, '
         'secret_file, ca_file, smtp, from, user'),
        ({"to": "https://h/", "kind": "teams"}, 'kind "teams" is none of slack, json, email'),
        ({"to": "https://h/", "name": "A b"}, 
         'the name "A b" is not of a-z, 0-9, _ and -, at most 32 of them'),
        ({"to": "https://h/", "events": ["refusal"]}, 
         'events: "refusal" is none of refused, shadowed, held, lifted, approval, freeze, thaw, '
         'backup_failed'),
        ({"to": "https://h/", "batch_s": 0}, "must be more than 0 seconds"),
        ({"to": "https://h/", "user": "x"}, "user is for kind: email"),
        ({"to": "https://h:99999/"}, "the port is not a number up to 65535"),
        ({"to": "mailto:a@b.c"}, 
         "smtp is not smtp://HOST:PORT (STARTTLS) or smtps://HOST:PORT; user and secret_file say who "
         "logs in"),
        ({"to": "mailto:nobody", "smtp": "smtp://m"}, "to is not NAME@DOMAIN"),
        ({"to": "mailto:a@b.c", "smtp": "smtp://m"}, "from is not NAME@DOMAIN"),
        ({"to": "mailto:a@b.c", "smtp": "smtp://m", "from": "g@b.c", "user": "g"},
         "user and secret_file, its password, go together"),
    ],
)  # fmt: skip
def test_mistakes(given: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match="target 1") as caught:
        targets([given])
    assert str(caught.value) == f"target 1: {told}"
    assert "s3cret" not in str(caught.value)


def test_two_targets_of_one_name() -> None:
    with pytest.raises(ValueError, match="taken") as caught:
        targets([{"name": "a", "to": "https://h/"}, {"name": "a", "to": "https://i/"}])
    assert str(caught.value) == 'target 2: the name "a" is taken by another'


@pytest.mark.parametrize(
    ("content", "mode", "told"),
    [
        (
            "short",
            0o600,
            "secret_file of chat: a key of 5 bytes is too short: at least 24 (openssl rand -base64 32)",
        ),
        ("whsec_?", 0o600, "secret_file of chat: what follows whsec_ is not base64"),
        (SECRET, 0o644, "secret_file of chat: others may read {file}: chmod 600 it"),
        (None, 0o600, "secret_file of chat: {file} cannot be read: No such file or directory"),
    ],
)
def test_secrets_that_will_not_do(tmp_path: Path, content: str | None, mode: int, told: str) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_text(content)
        file.chmod(mode)
    with pytest.raises(ValueError, match="secret_file") as caught:
        with_secret(target(1, secret_file=str(file)))
    assert str(caught.value) == told.format(file=file)


def test_the_page_shows_targets_that_are_read() -> None:
    page = Path("README.md").read_text().partition("### Notifications")[2]
    written = yaml.safe_load(page.split("```\n")[1])
    team, pager, dba = targets(written["notify"])
    assert (team.kind, pager.events, dba.server.tls) == (
        "slack",
        frozenset(("freeze", "backup_failed")),
        "starttls",
    )
    told = next(line for line in page.splitlines() if line.startswith("| `events` |"))
    assert [event for event in EVENTS if event not in told] == []


# -- bundles and bodies ----------------------------------------------------------------------------------


def test_a_flood_is_counted_and_the_first_of_each_event_told() -> None:
    flood = bundle(*(notice(rule=f"r{n}") for n in range(1000)), notice("freeze", ""))
    assert flood.total == 1001
    assert len(flood.counts) == MOST_COUNTED + 2
    assert flood.counts["refused", OTHERS] == 1000 - MOST_COUNTED
    assert [each.event for each in flood.first] == ["refused"] * FIRST + ["freeze"]


def test_bodies() -> None:
    said = message(
        bundle(*[notice(message="no <!channel> & co", sql="DROP TABLE a -- ```")] * 7), "msg_1", NOW, "gate-1"
    )
    assert json.loads(as_json(said)) == {
        "type": "pgwarden.notices",
        "timestamp": "2026-11-26T12:00:00.000Z",
        "data": {
            "gate": "gate-1",
            "counts": [{"event": "refused", "rule": "no-drop", "count": 7}],
            "notices": [
                {"event": "refused", "rule": "no-drop", "message": "no <!channel> & co",
                 "sql": "DROP TABLE a -- ```"}
            ] * FIRST,
        },
    }  # fmt: skip
    text = json.loads(as_slack(said))["text"]
    one = "• refused\n• rule: no-drop\n• message: no &lt;!channel&gt; &amp; co\n```DROP TABLE a -- '''```\n"
    total = "In all, of which the first are shown: 7\n7 refused by no-drop"
    assert text == f"*pgwarden at gate-1: 7 refused*\n{one * FIRST}{total}"
    mail = as_mail(said, "gate@example.com", ["a@example.com"])
    assert mail["Subject"] == "pgwarden at gate-1: 7 refused"
    assert "    DROP TABLE a -- ```\n" in mail.get_content()


def test_a_notice_that_cannot_be_made_does_not_hide_others() -> None:
    def fails() -> dict[str, object]:
        raise ValueError("s3cret")

    said = message(bundle(Notice("refused", "a", fails), notice(rule="b")), "msg_1", NOW, "gate-1")
    assert said.notices == (
        {"event": "refused", "message": "this notice cannot be made (ValueError)"},
        {"event": "refused", "rule": "b"},
    )


# -- delivery --------------------------------------------------------------------------------------------


def test_requests_are_signed(hook: Hook) -> None:
    said = message(bundle(notice()), "msg_1", NOW, "gate-1")
    assert deliver(target(hook.port, secret=KEY), said, NOW) == Result(True, "HTTP 204")
    path, headers, body = hook.got.get(timeout=WAIT_S)
    stamp = str(int(NOW.timestamp()))
    digest = hmac.new(KEY, b"msg_1." + stamp.encode() + b"." + body, sha256).digest()
    assert path == "/x?k=1"
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("msg_1", stamp)
    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()


@pytest.mark.parametrize(
    ("status", "headers", "result"),
    [
        (200, {}, Result(True, "HTTP 200")),
        (302, {"location": "http://127.0.0.1:1/"}, 
         Result(False, "HTTP 302: redirects are not followed; write the URL that is meant")),
        (404, {}, Result(False, "HTTP 404")),
        (410, {}, Result(False, "HTTP 410")),
        (429, {"retry-after": "7"}, Result(False, "HTTP 429", again=True, wait_s=7.0)),
        (429, {"retry-after": "999999999999"}, Result(False, "HTTP 429", again=True, wait_s=MOST_WAIT_S)),
        (503, {"retry-after": "Thu, 26 Nov 2026 12:00:09 GMT"},
         Result(False, "HTTP 503", again=True, wait_s=9.0)),
        (503, {"retry-after": "soon"}, Result(False, "HTTP 503", again=True)),
        (500, {}, Result(False, "HTTP 500", again=True)),
    ],
)  # fmt: skip
def test_answers(hook: Hook, status: int, headers: dict[str, str], result: Result) -> None:
    hook.answers = [(status, headers)]
    said = message(bundle(notice()), "msg_1", NOW, "gate-1")
    assert deliver(target(hook.port), said, NOW) == result


def dribble(connection: socket.socket, stop: threading.Event) -> None:
    """An answer that never ends, a byte at a time, so that no single wait is long."""
    with connection:
        connection.sendall(b"HTTP/1.1 200 OK\r\nx: ")
        try:
            while not stop.wait(0.01):
                connection.sendall(b"x")
        except OSError:
            pass


@pytest.mark.parametrize("dribbling", [False, True])
def test_a_target_that_hangs_is_cut_off(dribbling: bool) -> None:
    said = message(bundle(notice()), "msg_1", NOW, "gate-1")
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            if dribbling:
                dribble(connection, stop)
            else:
                with connection:
                    stop.wait(WAIT_S)

        thread = threading.Thread(target=serve)
        thread.start()
        result = deliver(target(server.getsockname()[1]), said, NOW, 0.2)
        stop.set()
        thread.join(WAIT_S)
    assert result == Result(False, "no answer within 0.2 s", again=True)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    said = message(bundle(notice()), "msg_1", NOW, "gate-1")
    assert deliver(target(port), said, NOW) == Result(False, "Connection refused", again=True)


def mail_target(port: int, tls: str = "") -> Target:
    return target(
        port,
        kind="email",
        server=Server("127.0.0.1", port, tls),
        recipients=("oncall@example.com",),
        sender="gate@example.com",
    )


def test_mail(mailbox: tuple[Mailbox, int]) -> None:
    box, port = mailbox
    said = message(bundle(notice(message="no")), "msg_1", NOW, "gate-1")
    assert deliver(mail_target(port), said, NOW) == Result(True, "SMTP 250")
    envelope = box.got.get(timeout=WAIT_S)
    assert (envelope.mail_from, envelope.rcpt_tos) == ("gate@example.com", ["oncall@example.com"])
    assert b"Auto-Submitted: auto-generated" in cast(bytes, envelope.content)


def test_mail_does_not_go_in_clear_where_starttls_is_meant(mailbox: tuple[Mailbox, int]) -> None:
    box, port = mailbox
    said = message(bundle(notice()), "msg_1", NOW, "gate-1")
    told = "the server offers no STARTTLS, or no way to log in"
    assert deliver(mail_target(port, "starttls"), said, NOW) == Result(False, told)
    assert box.got.empty()


# -- couriers --------------------------------------------------------------------------------------------


def test_it_is_tried_again_with_the_same_id(hook: Hook) -> None:
    hook.answers = [(500, {}), (429, {"retry-after": "0"})]
    with courier(target(hook.port, batch_s=0.01)) as made:
        made.put(notice())
        ids = [hook.got.get(timeout=WAIT_S)[1]["webhook-id"] for _ in range(3)]
    assert len(set(ids)) == 1
    assert made.counts == {"sent": 1, "retried": 2, "failed": 0}


def test_it_is_given_up_counted_and_said(hook: Hook) -> None:
    hook.answers = [(500, {})] * ATTEMPTS
    said = LogCapture()
    with courier(target(hook.port, batch_s=0.01), said) as made:
        made.put(notice())
        for _ in range(ATTEMPTS):
            hook.got.get(timeout=WAIT_S)
        made.put(notice(rule="later"))
        assert hook.next()["data"]["counts"] == [{"event": "refused", "rule": "later", "count": 1}]  # type: ignore[index]
    assert made.counts == {"sent": 1, "retried": ATTEMPTS - 1, "failed": 1}
    assert said.entries == [
        {
            "event": "notices cannot be delivered",
            "log_level": "error",
            "target": "chat",
            "reason": "HTTP 500",
            "notices": 1,
        }
    ]


def test_what_waits_is_sent_at_the_end_and_not_tried_again(hook: Hook) -> None:
    with courier(target(hook.port, batch_s=3600)) as made:
        made.put(notice())
    assert made.counts == {"sent": 1, "retried": 0, "failed": 0}
    hook.answers = [(500, {})] * 2
    with courier(target(hook.port, batch_s=3600)) as made:
        made.put(notice())
    assert made.counts == {"sent": 0, "retried": 0, "failed": 1}


def test_a_target_that_hangs_holds_up_nobody(hook: Hook) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        stuck = Courier(
            target(server.getsockname()[1], batch_s=0.01), "gate-1", logging(LogCapture()), attempt_s=WAIT_S
        )
        stuck.start()
        stuck.put(notice())
        connection, _ = server.accept()
        for _ in range(100_000):
            stuck.put(notice())
        stuck.stop()
        stuck.join(0.01)
        assert stuck.counts == {"sent": 0, "retried": 0, "failed": 0}
        connection.close()


def test_waits_grow_and_never_undercut_what_the_target_asks_for() -> None:
    assert [back_off_s(n, 0.0, 1.0) for n in range(1, 9)] == [2, 4, 8, 16, 32, 64, 120, 120]
    assert back_off_s(1, 30.0, 0.0) == 30.0


ORIGIN = Origin("app", "shop", None, "psql", "127.0.0.1:6432", "none", "digest")


def test_what_is_told_of_and_with_which_words(hook: Hook) -> None:
    where = target(hook.port, batch_s=3600, events=frozenset(EVENTS))
    made = Notices([where], logging(LogCapture()))
    secret = "ALTER ROLE app PASSWORD 's3cret'"
    judged = Judged(
        1.0, "id1", "no-drop", "shadow", "42501", "no", ("no-drop",), (), (), ORIGIN, secret, False
    )
    made.observe(judged)
    made.observe(replace(judged, mode="enforce"))
    made.observe(Lifted(1.0, (Lift("no-drop", "6a0b", True),), (), (), ORIGIN, secret))
    made.held(
        Hold(ApprovalWanted(("ask",), timedelta(minutes=5), 1), Change(secret, (), (), "high", False, ORIGIN))
    )
    made.backup_failed("shop", ("backup-first",), "the disk is full")
    made.close(WAIT_S)
    raw = hook.got.get(timeout=WAIT_S)[2]
    assert b"s3cret" not in raw
    notices = json.loads(raw)["data"]["notices"]
    assert [(n["event"], n["message"], n.get("sql")) for n in notices] == [
        ("shadowed", "no", "ALTER ROLE app PASSWORD '***'"),
        ("refused", "no", "ALTER ROLE app PASSWORD '***'"),
        ("lifted", "the glass was broken", "ALTER ROLE app PASSWORD '***'"),
        ("held", "an approval is waited for", "ALTER ROLE app PASSWORD '***'"),
        ("backup_failed", "the disk is full", None),
    ]
    assert made.counts() == {("chat", "sent"): 1, ("chat", "retried"): 0, ("chat", "failed"): 0}


def test_nobody_is_told_of_what_they_did_not_ask_for(hook: Hook) -> None:
    made = Notices([target(hook.port, events=frozenset({"freeze"}))], logging(LogCapture()))
    made.backup_failed("shop", (), "the disk is full")
    assert (made.wants("freeze", "thaw"), made.wants("thaw")) == (True, False)
    made.close(WAIT_S)
    assert hook.got.empty()


# -- the ledger ------------------------------------------------------------------------------------------


def test_freezes_are_told_once_whoever_watches(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "ledger")
    ledger.freeze("ada", "before")
    told: list[Notice] = []

    def watch() -> LedgerWatch:
        return LedgerWatch(open_ledger(tmp_path / "ledger"), told.append, tmp_path / "told")

    first = watch()
    ledger.freeze("ada", "incident 12", database="shop")
    first.look()
    ledger.thaw("ben")
    watch().look()
    watch().look()
    assert [(each.event, dict(each.fields())["by"]) for each in told] == [("freeze", "ada"), ("thaw", "ben")]
    assert {k: v for k, v in told[0].fields().items() if k != "time"} == {
        "entry": 2, "by": "ada", "reason": "incident 12", "database": "shop",
        "until": "somebody thaws it", "kill": False,
    }  # fmt: skip


# -- a real gate -----------------------------------------------------------------------------------------

POLICY = """\
version: 1
name: test
rules:
  - id: no-drop
    match: {effects: [table.drop]}
    deny: "not here"
"""


def config(folder: Path, database: Database, *entries: str) -> str:
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "secret").write_text(SECRET)
    (folder / "secret").chmod(0o600)
    file = folder / "gate.yaml"
    file.write_text(
        "listeners:\n"
        "  - {listen: '127.0.0.1:0', policy: policy.yaml, "
        f"upstream: 'postgresql://127.0.0.1:{database.port}'}}\n"
        "notify:\n" + "".join(f"  - {entry}\n" for entry in entries)
    )
    return str(file)


def test_a_real_refusal_reaches_every_target(
    tmp_path: Path, database: Database, hook: Hook, mailbox: tuple[Mailbox, int]
) -> None:
    box, port = mailbox
    file = config(
        tmp_path,
        database,
        f"{{name: hook, to: 'http://127.0.0.1:{hook.port}/s3cret-path', batch_s: 0.01, secret_file: secret}}",
        f"{{name: mail, to: 'mailto:a@example.com', smtp: 'smtp://127.0.0.1:{port}', from: g@example.com, "
        "batch_s: 3600}",
    )
    with running(tmp_path, "--config", file) as gate:
        with psycopg.connect(gate.url(database.name), autocommit=True) as client:
            with pytest.raises(psycopg.Error, match="not here"):
                client.execute("DROP TABLE a CASCADE")
            path, headers, body = hook.got.get(timeout=WAIT_S)
        assert path == "/s3cret-path"
        assert headers["webhook-signature"].startswith("v1,")
        (told,) = json.loads(body)["data"]["notices"]
        assert (told["event"], told["rule"], told["role"]) == ("refused", "no-drop", "postgres")
        ledger = open_ledger(tmp_path / "ledger")
        ledger.freeze("ada", "incident 12")
        ledger.close()
        assert hook.next()["data"]["notices"][0]["reason"] == "incident 12"  # type: ignore[index]
        assert gate.metric('pgwarden_notifications_total{outcome="failed",target="hook"}') == 0.0
        gate.signal(signal.SIGTERM)
        assert gate.ended() == 0
    assert b"no-drop" in cast(bytes, box.got.get(timeout=WAIT_S).content)


def test_notify_test(tmp_path: Path, database: Database, hook: Hook) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = server.getsockname()[1]
    good = f"{{name: good, to: 'http://127.0.0.1:{hook.port}/s3cret'}}"
    result = pgwarden("notify", "test", "--config", config(tmp_path, database, good))
    assert (result.code, result.out) == (0, "target\tkind\toutcome\tanswer\ngood\tjson\tsent\tHTTP 204\n")
    bad = f"{{name: bad, to: 'http://127.0.0.1:{nobody}/s3cret'}}"
    result = pgwarden("notify", "test", "--config", config(tmp_path, database, good, bad))
    assert (result.code, result.err) == (3, "pgwarden: not delivered: bad\n")
    assert result.out.endswith("bad\tjson\tfailed\tConnection refused\n")


def test_a_backup_that_a_timer_starts_and_that_fails_is_told(
    tmp_path: Path, database: Database, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    other = f"{{name: other, to: 'http://127.0.0.1:{hook.port}/other', events: [freeze]}}"
    pager = f"{{name: pager, to: 'http://127.0.0.1:{hook.port}/pager', events: [backup_failed]}}"
    file = config(tmp_path, database, other, pager)
    monkeypatch.setenv("PGWARDEN_LEDGER", str(tmp_path / "ledger"))
    backup = ("backup", "create", "--url", database.dsn, "--to")
    assert pgwarden(*backup, "/proc/nowhere").code == 3  # no settings: nobody is to be told
    monkeypatch.setenv("PGWARDEN_CONFIG", file)
    assert pgwarden(*backup, str(tmp_path / "good")).code == 0
    assert pgwarden(*backup, str(tmp_path / "good"), "--verify", "nonsense").code == 2
    for to in (("/proc/nowhere",), (str(tmp_path / "half"), "--to", "/proc/nowhere")):
        done = pgwarden(*backup, *to)
        assert done.code == 3, done.err
        assert done.err.count("\n") == 1, done.err
        path, _, body = hook.got.get(timeout=WAIT_S)
        (told,) = json.loads(body)["data"]["notices"]
        assert (path, told["event"], told["database"]) == ("/pager", "backup_failed", database.name)
        assert told["message"] in done.err.replace("pgwarden: ", "")
    assert hook.got.empty()
    hook.answers.append((500, {}))
    assert "pgwarden: pager could not be told of it: HTTP 500" in pgwarden(*backup, "/proc/nowhere").err


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("{to: 'ftp://h/s3cret'}", "{file}:4:3: target 1: to is not an https:// URL"),
        (
            "{name: x, to: 'https://h/s3cret', secret_file: absent}",
            "{file}:4:3: secret_file of x: {folder}/absent cannot be read: No such file or directory",
        ),
    ],
)
def test_mistakes_are_told_with_their_place(
    tmp_path: Path, database: Database, entry: str, told: str
) -> None:
    file = config(tmp_path, database, entry)
    result = pgwarden("notify", "test", "--config", file)
    assert (result.code, result.err) == (2, f"pgwarden: {told.format(file=file, folder=tmp_path)}\n")


def test_nobody_to_tell(tmp_path: Path, database: Database) -> None:
    file = Path(config(tmp_path, database))
    file.write_text(file.read_text().replace("notify:\n", ""))
    result = pgwarden("notify", "test", "--config", str(file))
    told = "pgwarden: nobody is to be told: the config file has no notify\n"
    assert (result.code, result.err) == (2, told)
