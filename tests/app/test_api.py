"""The HTTP API: what is asked of it comes to the gate, and each mistake is told as it should be."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema
import psycopg
import pytest
from aiohttp import web

from proxy.app.log import logger
from proxy.app.operating.api import GateApi
from proxy.app.operating.logins import TokenLogins
from proxy.app.operating.tokens import make_token
from proxy.app.workers.merging import Family
from proxy.console.api import PREFIX, Api
from proxy.console.api.document import document
from proxy.console.api.endpoints import ENDPOINTS
from proxy.console.api.server import MAX_BODY_BYTES
from proxy.console.operations import CannotBeDone, Unavailable
from proxy.console.people import NEEDED, Role
from proxy.console.questions import BackupsKnown, ChangeSearch, ChangesFound, ChangeWhole, Rate, Rates
from proxy.console.source import ConsoleSource
from proxy.console.values import BackupCopy, ChangeMade, LedgerNow, Overview, Refusal, Refusals
from tests.app.running import Gate, running
from tests.app.test_operating import LINE, Stage
from tests.servers.database import Database

HERE = "token, from 127.0.0.1"
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
JSON = "application/json"
PROBLEM = "application/problem+json"
TOKENS = {role.word: make_token(f"ada-{role.word}", role, None) for role in Role}
RATE = Rate(NOW, 12.5, 0.25, 0.0, 3, 0.25, None, 8)
CHANGE = ChangeMade(7, NOW, "shop", "app", "high", "committed", "DROP TABLE a")
BLOCKED = Family(
    "pgwarden_blocked_statements",
    "Statements.",
    "counter",
    (("pgwarden_blocked_statements_total", (("rule", "no-drop"),), 2.0),),
)


def refusal(number: int, rule: str = "no-drop", *, at: datetime = NOW) -> Refusal:
    given = {field: "" for field in Refusal.__dataclass_fields__}
    lists = {"rules": (rule,), "effects": ("table.drop",), "targets": (), "missing": ()}
    made = {**given, **{key: value for key, value in lists.items() if key in given}}
    return Refusal(
        **{**made, "at": at, "decision_id": f"{number:012x}", "enforced": True, "rule": rule, "address": None}  # type: ignore[arg-type]
    )


class Console:
    """What stands for the gate's view of itself."""

    def __init__(self) -> None:
        self.shown = [refusal(n, "even" if n % 2 == 0 else "odd") for n in range(5)]
        self.searched: list[ChangeSearch] = []
        self.found = ChangesFound((CHANGE,), older="7")
        self.trouble = ""
        self.copies: tuple[BackupCopy, ...] = ()

    async def overview(self) -> Overview:
        return Overview(NOW, "0.1.0", ("starting",), self.refusals(), (), LedgerNow(self.trouble))

    def refusals(self) -> Refusals:
        return Refusals(tuple(self.shown), NOW, 3)

    def arrivals(self) -> AbstractContextManager[asyncio.Event]:
        return nullcontext(asyncio.Event())

    async def backups(self) -> BackupsKnown:
        return BackupsKnown(self.copies, self.trouble and f"{self.trouble}.")

    def rates(self) -> Rates:
        return Rates((RATE,), (("the last minute", RATE),))

    async def changes(self, search: ChangeSearch) -> ChangesFound:
        self.searched.append(search)
        return self.found

    async def change(self, number: int) -> ChangeWhole | None:
        return ChangeWhole(7, (("role", "app"),), ("restore",), "DROP TABLE a") if number == 7 else None


class Caller:
    """Somebody who asks."""

    def __init__(self, base: str, console: Console, stage: Stage, said: list[str]) -> None:
        self.base = base
        self.console = console
        self.stage = stage
        self.said = said

    async def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        role: str | None = None,
        raw: bytes | None = None,
        kind: str = JSON,
    ) -> tuple[int, Any]:
        """The status, and what the body says; a problem's is checked to be one."""
        token = None if role is None else TOKENS.get(role, ({}, f"{role}~s3cret"))[1]
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = kind
        async with (
            aiohttp.ClientSession() as client,
            client.request(method, f"{self.base}{PREFIX}{path}", data=data, headers=headers) as answer,
        ):
            text = await answer.read()
            if answer.status >= 400:
                assert answer.content_type == PROBLEM
                said = json.loads(text)
                assert (said["status"], said["type"]) == (answer.status, "about:blank")
                return answer.status, said["detail"]
            assert answer.headers["Cache-Control"] == "no-store"
            return answer.status, json.loads(text) if text else None


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Caller]:
    stage, console, said = Stage(folder), Console(), list[str]()

    async def reports() -> list[tuple[Family, ...]]:
        return [(BLOCKED,), (BLOCKED, Family("process_open_fds", "", "gauge", ()))]

    view: ConsoleSource = console
    application = web.Application(client_max_size=1024)
    known = {token.name: token for token, _ in TOKENS.values()}
    logins = TokenLogins("tokens", known, 3, logger())
    application.add_routes(Api(GateApi(view, stage.operating, reports), logins, said.append).routes())
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield Caller(f"http://127.0.0.1:{runner.addresses[0][1]}", console, stage, said)
    finally:
        await runner.cleanup()
        await stage.operating.close()
        stage.ledger.close()


@pytest.fixture
async def ask(tmp_path: Path) -> AsyncIterator[Caller]:
    async with serving(tmp_path) as caller:
        yield caller


# -- looking ---------------------------------------------------------------------------------------------


async def test_what_it_shows(ask: Caller) -> None:
    assert await ask("GET", "/status") == (
        200,
        {
            "now": "2026-11-26T12:00:00Z", "version": "0.1.0", "ready": False, "not_ready": ["starting"],
            "frozen": False, "ledger_trouble": "",
        },
    )  # fmt: skip
    assert await ask("GET", "/stats") == (
        200,
        {
            "items": [
                {
                    "name": "pgwarden_blocked_statements", "kind": "counter", "help": "Statements.",
                    "series": [
                        {
                            "name": "pgwarden_blocked_statements_total", "labels": {"rule": "no-drop"},
                            "value": 4.0,
                        }
                    ],
                }
            ]
        },
    )  # fmt: skip
    status, one = await ask("GET", "/refusals/000000000003")
    assert (status, one["rule"], one["at"]) == (200, "odd", "2026-11-26T12:00:00Z")
    status, sessions = await ask("GET", "/sessions")
    assert (status, sessions["items"][0]["id"], sessions["next"], sessions["silent"]) == (
        200, LINE.id, None, [1],
    )  # fmt: skip
    status, rates = await ask("GET", "/rates")
    assert (status, rates["samples"][0]["passed"], rates["spans"]) == (
        200, 12.5, [{"span": "the last minute", "rate": rates["samples"][0]}]
    )  # fmt: skip
    status, approvals = await ask("GET", "/approvals")
    assert (status, approvals["items"][0]["id"]) == (200, ask.stage.request)
    assert await ask("GET", "/changes/7") == (
        200,
        {
            "number": 7,
            "facts": [{"name": "role", "value": "app"}],
            "plan": ["restore"],
            "statement": "DROP TABLE a",
        },
    )
    for path in ("/policies", "/rules", "/windows", "/freezes"):
        assert await ask("GET", path) == (200, {"items": []})


async def test_pages_of_refusals_lose_none_and_repeat_none(ask: Caller) -> None:
    seen: list[str] = []
    cursor = ""
    while True:
        _, page = await ask("GET", f"/refusals?limit=2{cursor}")
        seen += [each["decision_id"] for each in page["items"]]
        ask.console.shown.insert(0, refusal(99, at=NOW + timedelta(seconds=len(seen))))  # others come
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert sorted(seen) == [f"{n:012x}" for n in range(5)]
    assert (page["since"], page["left_out"]) == ("2026-11-26T12:00:00Z", 3)
    _, odd = await ask("GET", "/refusals?rule=odd&enforced=true")
    assert sorted(each["decision_id"] for each in odd["items"]) == ["000000000001", "000000000003"]
    assert (await ask("GET", "/refusals?rule=null"))[1]["items"] == []
    assert (await ask("GET", "/refusals?enforced=null"))[0] == 422


async def test_pages_of_backups_lose_none_and_repeat_none(ask: Caller) -> None:
    ask.console.copies = tuple(
        BackupCopy("shop", NOW - timedelta(days=n // 2), f"/b/{n}", "restored", "") for n in range(5)
    )
    seen: list[str] = []
    cursor = ""
    while True:
        status, page = await ask("GET", f"/backups?limit=2{cursor}")
        assert status == 200
        seen += [each["location"] for each in page["items"]]
        fresh = BackupCopy("shop", NOW + timedelta(seconds=len(seen)), "/b/new", "restored", "")
        ask.console.copies = (fresh, *ask.console.copies)  # others come
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert sorted(seen) == [f"/b/{n}" for n in range(5)]


async def test_changes_are_searched(ask: Caller) -> None:
    asked = "text=drop&risk=high&outcome=rolled_back&cursor=9&since=2026-11-26T13:00:00%2B01:00"
    _, page = await ask("GET", f"/changes?{asked}")
    assert (page["items"][0]["number"], page["next"], page["in_time"]) == (7, "7", True)
    since = "2026-11-26T13:00:00+01:00"
    assert [replace(each, since="") for each in ask.console.searched] == [
        ChangeSearch(text="drop", risk="high", outcome="rolled_back", before="9")
    ]
    assert datetime.fromisoformat(ask.console.searched[0].since) == datetime.fromisoformat(since)


# -- acting ----------------------------------------------------------------------------------------------


async def test_what_people_do_is_done_and_recorded_with_the_person(ask: Caller) -> None:
    status, freeze = await ask("POST", "/freezes", {"reason": "incident 12"}, role="operator")
    assert (status, freeze["reason"], freeze["by"]) == (
        201,
        "incident 12",
        "ada-operator (token, from 127.0.0.1)",
    )
    status, thawed = await ask("POST", "/thaw", {}, role="operator")
    assert (status, [each["reason"] for each in thawed["ended"]]) == (200, ["incident 12"])
    status, loaded = await ask("POST", "/reload", {}, role="operator")
    assert (status, loaded["items"][0]["problem"]) == (200, "")
    assert await ask("POST", f"/sessions/{LINE.id}/end", {"reason": "x"}, role="operator") == (204, None)
    signed = ask.stage.signed()
    grant = {"key": signed.key, "at": signed.at.isoformat(), "signature": signed.signature}
    status, granted = await ask("POST", f"/approvals/{ask.stage.request}/grant", grant, role="approver")
    assert (status, granted["granted_by"]) == (200, ["ada"])
    assert [(kind, by) for kind, by, _, _ in ask.stage.entries()] == [
        *((kind, f"ada-operator ({HERE})") for kind in ("freeze", "thaw", "operated", "operated")),
        ("approval_grant", f"ada-approver ({HERE})"),
    ]


async def test_a_request_is_denied(ask: Caller) -> None:
    path = f"/approvals/{ask.stage.request}/deny"
    assert await ask("POST", path, {"reason": "no"}, role="approver") == (204, None)
    status, why = await ask("POST", path, {}, role="approver")
    assert (status, why) == (409, f"the request {ask.stage.request} was denied already.")


async def test_what_is_pasted_is_explained(ask: Caller) -> None:
    status, said = await ask("POST", "/explain", {"sql": "DROP TABLE a"})
    assert (status, said["allowed"], [told["rule"] for told in said["told"]]) == (200, False, ["no-drop"])


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.id)
async def test_nobody_does_more_than_their_role_allows(ask: Caller, endpoint: Any) -> None:
    path, needed = endpoint.path.replace("{id}", "7"), NEEDED[endpoint.action]
    body: object = None if endpoint.body is None else {}
    if needed is Role.VIEWER:
        assert (await ask(endpoint.method, path, body))[0] not in (401, 403)
        return
    before = ask.stage.entries()
    assert (await ask(endpoint.method, path, body))[0] == 401
    below = Role(needed - 1).word
    assert (await ask(endpoint.method, path, body, role=below))[0] == 403
    assert ask.stage.entries() == before


# -- mistakes --------------------------------------------------------------------------------------------


NO_TOKEN = "this is no token that counts: it may be revoked, expired or mistyped."
QUERY, BODY = "the query will not do:", "the body will not do:"
LONG_AGO = {"body": {"sql": "SELECT 1", "at": "0001-01-01T00:00:00+01:00"}}
NO_CALENDAR = "the moment is none that a calendar has in UTC."
CURSOR = f"{QUERY} Expected `str` matching regex '^[0-9]{{1,17}}-[0-9a-f]{{12}}$' - at `$.cursor`."
ZONE = f"{QUERY} since: Expected `datetime` with a timezone component."
ELSEWHERE = {"body": {"sql": "SELECT 1", "policy": "x"}}


@pytest.mark.parametrize(
    ("method", "path", "given", "told"),
    [
        ("GET", "/nothing", {}, (404, "there is nothing of this name.")),
        ("DELETE", "/status", {}, (405, "this takes GET alone.")),
        ("GET", "/status", {"role": "s3cret"}, (401, NO_TOKEN)),
        ("GET", "/status?x=1", {}, (422, f"{QUERY} Object contains unknown field `x`.")),
        ("GET", "/refusals?limit=0", {}, (422, f"{QUERY} Expected `int` >= 1 - at `$.limit`.")),
        ("GET", "/refusals?limit=1&limit=2", {}, (422, "a parameter of the query is there twice.")),
        ("GET", "/refusals?cursor=x", {}, (422, CURSOR)),
        ("GET", "/changes?since=2026-11-26T12:00:00", {}, (422, ZONE)),
        ("GET", "/refusals/ffffffffffff", {}, (404, "no refusal of the last hour has this decision id.")),
        ("GET", "/changes/8", {}, (404, "there is no change 8.")),
        ("GET", "/changes/x", {}, (404, "there is none of this name; it is of the form ^[1-9][0-9]{0,16}$.")),
        ("POST", "/explain", {"raw": b"sql", "kind": "text/plain"}, (415, "the body is not JSON.")),
        ("POST", "/explain", {"raw": b"{"}, (400, "the body is no JSON in UTF-8.")),
        ("POST", "/explain", {"raw": b'{"sql": "\xff"}'}, (400, "the body is no JSON in UTF-8.")),
        ("POST", "/explain", {}, (415, "the body is not JSON.")),
        ("POST", "/explain", {"body": {}}, (422, f"{BODY} Object missing required field `sql`.")),
        ("POST", "/explain", ELSEWHERE, (409, "no policy 'x' is in force.")),
        ("POST", "/explain", LONG_AGO, (409, NO_CALENDAR)),
        ("POST", "/explain", {"raw": b" " * (MAX_BODY_BYTES + 1)}, (413, "the body is longer than 256 KiB.")),
        ("POST", "/sessions/0-x/end", {"body": {}, "role": "operator"}, (404, "there is no session '0-x'.")),
        ("POST", "/approvals/aa/deny", {"body": {}, "role": "approver"}, (404, "there is no request 'aa'.")),
    ],
)
async def test_mistakes(
    ask: Caller, method: str, path: str, given: dict[str, Any], told: tuple[int, str]
) -> None:
    assert await ask(method, path, **given) == told
    assert ask.said == []


async def test_a_method_that_is_not_there_hears_which_are(ask: Caller) -> None:
    url = f"{ask.base}{PREFIX}/freezes"
    async with aiohttp.ClientSession() as client, client.delete(url) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST")


async def test_a_ledger_that_cannot_be_read_and_a_fault_are_told(
    ask: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask.console.trouble = "the disk is gone"
    for path in ("/freezes", "/backups"):
        assert await ask("GET", path) == (503, "the disk is gone.")
    ask.console.found = ChangesFound(problem="The change log cannot be read: the disk is gone.")
    assert await ask("GET", "/changes") == (503, "The change log cannot be read: the disk is gone.")

    async def fails(number: int) -> None:
        raise ZeroDivisionError("s3cret")

    monkeypatch.setattr(ask.console, "change", fails)
    assert await ask("GET", "/changes/7") == (500, "the gate failed at this request.")
    assert ask.said == [f"the API's {PREFIX}/changes/7 failed: ZeroDivisionError"]
    assert (isinstance(Unavailable(""), CannotBeDone), len(ask.said)) == (True, 1)


async def test_an_address_with_too_many_wrong_tokens_waits(ask: Caller) -> None:
    answers = [(await ask("GET", "/status", role="nobody"))[0] for _ in range(4)]
    assert answers == [401, 401, 401, 429]
    assert (await ask("GET", "/status", role="viewer"))[0] == 429
    assert (await ask("GET", "/status"))[0] == 200


# -- the description -------------------------------------------------------------------------------------


async def test_the_description_is_served_and_is_one(ask: Caller) -> None:
    status, said = await ask("GET", "/openapi.json")
    assert (status, said) == (200, json.loads(json.dumps(document(PREFIX))))
    for schema in said["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    assert {(method.upper(), path) for path, found in said["paths"].items() for method in found} == {
        (endpoint.method, endpoint.path) for endpoint in ENDPOINTS
    }


# -- a real gate -----------------------------------------------------------------------------------------

POLICY = """\
version: 1
name: production
rules:
  - {id: no-drop, match: {effects: [table.drop]}, deny: "not here"}
"""


@pytest.fixture
def gate(tmp_path: Path, database: Database) -> Iterator[Gate]:
    (tmp_path / "policy.yaml").write_text(POLICY)
    tokens = tmp_path / "tokens"
    tokens.write_text(TOKENS["approver"][0].written() + "\n")
    tokens.chmod(0o600)
    flags = (
        *("--listen", "127.0.0.1:0", "--upstream", f"postgresql://127.0.0.1:{database.port}"),
        *("--policy", str(tmp_path / "policy.yaml"), "--console", "127.0.0.1:0"),
        *("--console-auth-file", str(tokens)),
    )
    with running(tmp_path, *flags) as gate:
        with psycopg.connect(gate.url(database.name), autocommit=True) as client:
            client.execute("CREATE TABLE kept (id int)")
            with pytest.raises(psycopg.Error, match="not here"):
                client.execute("DROP TABLE kept")
        yield gate


def asking(base: str, *more: str) -> list[str]:
    """Schemathesis, which asks what the description allows and what it does not, and compares all answers."""
    return [
        *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", "run"),
        *(f"{base}{PREFIX}/openapi.json", "--checks", "all", "--seed", "1", "--no-color"),
        *("--suppress-health-check", "all", "--request-timeout", "30"),
        *("-H", f"Authorization: Bearer {TOKENS['approver'][1]}", *more),
    ]


@pytest.mark.slow
async def test_whatever_is_asked_is_answered_as_it_is_described(ask: Caller, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *asking(ask.base, "--phases", "coverage"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert (process.returncode, ask.said) == (0, []), said.decode()
    assert f"Tested: {len(ENDPOINTS)}" in said.decode()


def test_pages_of_sessions_lose_none_and_repeat_none(gate: Gate, database: Database) -> None:
    def ask(query: str) -> Any:
        url = f"http://{gate.started['console']}{PREFIX}/sessions?limit=2{query}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)

    with ExitStack() as opened:

        def come(name: str) -> None:
            url = f"{gate.url(database.name)}?application_name={name}"
            opened.enter_context(psycopg.connect(url, autocommit=True)).execute("SELECT 1")

        for number in range(5):
            come(f"client{number}")
        seen: list[str] = []
        cursor = ""
        while True:
            page = ask(cursor)
            seen += [each["application"] for each in page["items"]]
            come(f"later{len(seen)}")
            if len(seen) > 5:
                break
            cursor = f"&cursor={page['next']}"
        assert seen == [*(f"client{number}" for number in range(5)), "later2"]
        assert ask("&cursor=99999999999999999-000000000000") == {"items": [], "next": None, "silent": []}


@pytest.mark.slow
def test_a_real_gate_answers_as_it_is_described(gate: Gate, tmp_path: Path) -> None:
    command = asking(f"http://{gate.started['console']}", "--phases", "fuzzing", "--max-examples", "2")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Tested: {len(ENDPOINTS)}" in done.stdout
