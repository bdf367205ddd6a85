"""The page for those on call, asked over HTTP."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import aiohttp
import pytest
from jinja2 import PackageLoader

from proxy.console import (
    BackupCopy,
    BackupsKnown,
    ChangeMade,
    ChangeSearch,
    ChangesFound,
    ChangeWhole,
    FreezeNow,
    LedgerNow,
    Overview,
    PageServer,
    PolicyInForce,
    Rate,
    Rates,
    Refusal,
    Refusals,
    RuleExample,
    RuleInForce,
    WindowNow,
)
from proxy.console.doorway import Place
from proxy.console.rendering import Pages
from tests.console.hands import NotedOperations, logins

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
EVIL = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>"
PAGES = (
    "/",
    "/refusals",
    "/policy",
    "/calendar",
    "/backups",
    "/changes",
    "/changes/3",
    "/sessions",
    "/approvals",
    "/freezes",
)
OTHERS = ("/live", "/rates.json", "/assets/console.css", "/assets/live.js", "/assets/vendor/htmx.min.js")
SCRIPTS = {
    f"/assets/{name}"
    for name in ("vendor/htmx.min.js", "live.js", "vendor/uPlot.iife.min.js", "charts.js", "approve.js")
}


def evil_refusal() -> Refusal:
    return Refusal(
        NOW,
        EVIL,
        True,
        EVIL,
        (EVIL, EVIL),
        EVIL,
        (EVIL,),
        (EVIL,),
        (EVIL,),
        EVIL,
        EVIL,
        EVIL,
        EVIL,
        EVIL,
        EVIL,
    )


def evil_overview() -> Overview:
    rule = RuleInForce(
        EVIL, EVIL, EVIL, 7, 2, EVIL, (RuleExample(True, EVIL, EVIL, EVIL), RuleExample(False, EVIL, "", ""))
    )
    policy = PolicyInForce(EVIL, EVIL, EVIL, EVIL, EVIL, (rule,), (WindowNow(EVIL, EVIL, False, NOW + HOUR),))
    ledger = LedgerNow(
        trouble=EVIL,
        freezes=(FreezeNow(EVIL, EVIL, NOW, None, EVIL),),
        backups=(BackupCopy(EVIL, NOW - 47 * HOUR, EVIL, EVIL, EVIL),),
    )
    return Overview(NOW, EVIL, (EVIL,), Refusals((evil_refusal(),), NOW - HOUR, 2), (policy,), ledger)


def quiet_overview() -> Overview:
    policy = PolicyInForce("p.yaml", "production", "production", "enforce", "d" * 64, (), ())
    return Overview(NOW, "1", (), Refusals((), NOW - HOUR, 0), (policy,), LedgerNow())


class Source:
    """A gate that says what a test has it say."""

    def __init__(self, overview: Overview | None) -> None:
        self._overview = overview
        self.arrived = asyncio.Event()
        self.watching = 0
        self.searched: ChangeSearch | None = None
        self.nobody = asyncio.Event()
        self.copies: tuple[BackupCopy, ...] = ()

    async def overview(self) -> Overview:
        if self._overview is None:
            raise ZeroDivisionError("hunter2")
        return self._overview

    def refusals(self) -> Refusals:
        return Refusals((evil_refusal(),), NOW - HOUR, 0)

    def rates(self) -> Rates:
        rate = Rate(NOW, 12.345, 0.0, 0.0, 3, 0.25, None, 8)
        return Rates((rate,), (("the last minute", rate),))

    async def backups(self) -> BackupsKnown:
        ledger = (await self.overview()).ledger
        return BackupsKnown(self.copies or ledger.backups, "" if self.copies else ledger.trouble)

    async def changes(self, search: ChangeSearch) -> ChangesFound:
        self.searched = search
        change = ChangeMade(3, NOW, EVIL, EVIL, EVIL, EVIL, EVIL)
        return ChangesFound((change,), older="3") if search.text != "bad" else ChangesFound(problem=EVIL)

    async def change(self, number: int) -> ChangeWhole | None:
        return ChangeWhole(3, ((EVIL, EVIL),), (EVIL,), EVIL) if number == 3 else None

    @contextmanager
    def arrivals(self) -> Iterator[asyncio.Event]:
        self.watching += 1
        try:
            yield self.arrived
        finally:
            self.watching -= 1
            self.nobody.set()


@asynccontextmanager
async def serving(source: Source, said: list[str] | None = None) -> AsyncIterator[str]:
    server = PageServer(
        source, NotedOperations(), logins(), ([] if said is None else said).append, place=Place(True, False)
    )
    host, port = await server.start("127.0.0.1", 0)
    try:
        yield f"http://{host}:{port}"
    finally:
        await server.stop()


class Tags(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@asynccontextmanager
async def asking(
    path: str, source: Source, said: list[str] | None = None, method: str = "GET", host: str | None = None
) -> AsyncIterator[aiohttp.ClientResponse]:
    headers = {} if host is None else {"Host": host}
    async with (
        serving(source, said) as base,
        aiohttp.ClientSession() as client,
        client.request(method, base + path, headers=headers) as answer,
    ):
        yield answer


@pytest.mark.parametrize(
    "path", [*PAGES, "/changes?text=%3Cscript%3E&since=%22%3E%3Cimg%3E", "/changes?text=bad"]
)
async def test_whatever_anybody_has_sent_is_text(path: str) -> None:
    async with asking(path, Source(evil_overview())) as answer:
        text = await answer.text()
    tags = Tags(text).found
    sources = [attributes.get("src") for tag, attributes in tags if tag == "script"]
    assert set(sources) <= SCRIPTS
    assert len(sources) == {"/": 4, "/approvals": 3}.get(path, 2)
    assert not [tag for tag, _ in tags if tag in {"img", "style", "iframe"}]
    assert not [
        name for _, attributes in tags for name in attributes if name.startswith(("on", "style", "hx-on"))
    ]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&#34;&#39;&amp;&lt;img" in text


async def text_of(path: str, source: Source) -> str:
    async with asking(path, source) as answer:
        return " ".join((await answer.text()).split())


async def test_what_it_shows() -> None:
    shown = {path: await text_of(path, Source(evil_overview())) for path in PAGES}
    assert "since the newest backup" not in shown["/"]  # nothing is believed of a ledger in trouble
    assert '<b class="bad">1</b> refused in the last hour' in shown["/"]
    assert "<td>12.3</td><td>0</td><td>0.25 ms</td><td>none</td>" in shown["/"]
    assert "Complete since 2026-11-26 11:00:00, but for 2 that" in shown["/refusals"]
    assert "7 refused, 2 watched" in shown["/policy"]
    assert "<p>opens <time" in shown["/calendar"]
    assert ">2026-11-26 13:00:00</time>, in 60 min</p>" in shown["/calendar"]
    assert "Nothing is known of backups while the ledger cannot be read." in shown["/backups"]
    assert all("Writes are frozen" in text and "until somebody ends it" in text for text in shown.values())


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/", "Nothing was refused in the last hour."),
        ("/refusals", "Nothing was refused in the last hour."),
        ("/refusals?rule=no-drop", "Nothing was refused in the last hour by no-drop."),
        ("/calendar", "No rule of this policy asks for a window."),
        ("/backups", "The ledger knows of no backup."),
        ("/changes/4", "Entry 4 of the ledger is no change."),
    ],
)
async def test_where_there_is_nothing_it_says_so(path: str, said: str) -> None:
    assert said in await text_of(path, Source(quiet_overview()))


async def test_a_search_is_asked_as_it_was_written() -> None:
    source = Source(quiet_overview())
    text = await text_of(
        "/changes?text=drop&role=ada&risk=high&outcome=failed&since=7d&before=9&more=x", source
    )
    assert source.searched == ChangeSearch("drop", "", "ada", "high", "failed", "7d", "", "9")
    assert 'value="drop"' in text
    assert "<option selected>high</option>" in text
    assert 'href="?text=drop&amp;role=ada&amp;risk=high&amp;outcome=failed&amp;since=7d&amp;before=3"' in text


async def test_refusals_are_shown_by_rule_and_in_pages() -> None:
    many = tuple(
        replace(evil_refusal(), rule="odd" if number % 2 else "even", sql=f"number {number}.")
        for number in range(201)
    )
    source = Source(replace(quiet_overview(), refusals=Refusals(many, NOW - HOUR, 0)))
    text = await text_of("/refusals?rule=odd&page=2", source)
    assert "even <small>101 refused</small>" in text
    assert [f"number {n}." in text for n in (99, 100, 101, 199)] == [False, False, True, True]
    assert "page=1" in text
    assert "page=3" not in text


async def test_an_open_window_says_when_it_opens_again() -> None:
    overview = quiet_overview()
    windows = (
        WindowNow("evenings", "daily", True, NOW + HOUR, NOW + 24 * HOUR),
        WindowNow("always", "daily", True, NOW + HOUR),
        WindowNow("closed", "daily", False, NOW + HOUR, NOW + HOUR),
    )
    policy = replace(overview.policies[0], windows=windows)
    async with asking("/calendar", Source(replace(overview, policies=(policy,)))) as answer:
        text = await answer.text()
    assert text.count("opens again") == 1
    assert "2026-11-27 12:00:00</time>, in 24 h</p>" in text


@pytest.mark.parametrize(("waiting", "said"), [(0, ""), (1, "approval waits"), (2, "approvals wait")])
async def test_the_first_page_says_that_approvals_wait(waiting: int, said: str) -> None:
    overview = replace(quiet_overview(), ledger=LedgerNow(waiting=waiting))
    async with asking("/", Source(overview)) as answer:
        text = await answer.text()
    assert f">{waiting}</b> {said} for somebody</a>" in text if waiting else "for somebody" not in text


async def test_backups_of_years_come_in_pages() -> None:
    source = Source(quiet_overview())
    source.copies = tuple(BackupCopy("shop", NOW, f"/b/{n}.", "restored", "") for n in range(101))
    for path, shown, links in (
        ("/backups", (0, 49), ["?page=2"]),
        ("/backups?page=2", (50, 99), ["?page=1", "?page=3"]),
        ("/backups?page=9", (100, 100), ["?page=2"]),
        ("/backups?page=x", (0, 49), ["?page=2"]),
    ):
        async with asking(path, source) as answer:
            text = await answer.text()
        assert [int(n) for n in re.findall(r"/b/(\d+)\.", text)] == list(range(shown[0], shown[1] + 1))
        assert [
            attrs["href"] for tag, attrs in Tags(text).found if tag == "a" and "?" in str(attrs["href"])
        ] == links


@pytest.mark.parametrize("path", [*PAGES, *OTHERS])
async def test_each_answer_is_locked_down(path: str) -> None:
    async with asking(path, Source(evil_overview())) as answer:
        assert answer.status == 200
        policy = answer.headers["Content-Security-Policy"].split("; ")
        assert policy[:4] == [
            "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"
        ]  # fmt: skip
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8432", 200),
        ("127.0.0.1", 200),
        ("127.9.9.9:1", 200),
        ("[::1]:8432", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example:8432", 421),
        ("192.0.2.1", 421),
        ("[::1", 421),
        ("localhost:x", 421),
        ("evil@localhost", 421),
        ("", 421),
    ],
)
async def test_a_name_that_is_made_to_point_here_shows_nothing(host: str, status: int) -> None:
    async with asking("/", Source(evil_overview()), host=host) as answer:
        assert answer.status == status
        assert ("alert" in await answer.text()) is (status == 200)


@pytest.mark.parametrize("path", [*PAGES, *OTHERS, "/freeze"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_nothing_can_be_changed(method: str, path: str) -> None:
    async with asking(path, Source(evil_overview()), method=method) as answer:
        assert answer.status in {403, 404, 405}


@pytest.mark.parametrize("path", ["/nothing", "/changes/x", "/assets/../page.py", f"/{EVIL}"])
async def test_where_there_is_no_page(path: str) -> None:
    async with asking(path, Source(quiet_overview())) as answer:
        text = await answer.text()
        assert (answer.status, answer.content_type) == (404, "text/html")
    assert "There is no such page" in text
    assert "<img" not in text


async def test_a_fault_stays_in_the_page_and_tells_nothing() -> None:
    said: list[str] = []
    async with asking("/", Source(None), said) as answer:
        text = await answer.text()
        assert answer.status == 500
    assert "This page failed" in text
    assert "hunter2" not in text
    assert said == ["the console page / failed: ZeroDivisionError"]


async def test_a_stream_tells_of_refusals_and_ends_with_its_reader() -> None:
    source = Source(evil_overview())
    async with serving(source) as base, aiohttp.ClientSession() as client:
        async with client.get(f"{base}/live") as answer:
            assert answer.content_type == "text/event-stream"
            assert await answer.content.readuntil(b"\n\n") == b": open\n\n"
            for _ in range(2):
                source.arrived.set()
                assert await answer.content.readuntil(b"\n\n") == b"event: refused\ndata: \n\n"
            assert source.watching == 1
        await asyncio.wait_for(source.nobody.wait(), 10)


async def test_so_many_streams_and_no_more() -> None:
    source = Source(evil_overview())
    async with serving(source) as base, aiohttp.ClientSession() as client:
        open_ = [await client.get(f"{base}/live") for _ in range(32)]
        async with client.get(f"{base}/live") as answer:
            assert (answer.status, await answer.text()) == (503, "too many pages are open\n")
        for each in open_:
            each.close()


async def test_no_other_address_is_listened_at() -> None:
    said: list[str] = []
    server = PageServer(Source(None), NotedOperations(), logins(), said.append, place=Place(True, False))
    with pytest.raises(OSError, match=r"0\.0\.0\.0 is no loopback address"):
        await server.start("0.0.0.0", 0)


async def explaining(form: dict[str, str], origin: str | None = None) -> tuple[int, str]:
    async with serving(Source(evil_overview())) as base, aiohttp.ClientSession() as client:
        headers = {"Origin": base if origin is None else origin}
        async with client.post(f"{base}/explain", data=form, headers=headers) as answer:
            return answer.status, await answer.text()


async def test_a_statement_is_explained_and_all_of_the_answer_is_text() -> None:
    status, text = await explaining({"sql": EVIL, "role": EVIL, "at": "2026-11-22T14:30", "policy": EVIL})
    assert status == 200
    assert not [tag for tag, _ in Tags(text).found if tag in {"img", "style", "iframe"}]
    assert text.count("&lt;img src=x onerror=alert(2)&gt;") > 10
    assert "It is refused" in text


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({}, "There is no statement. Paste one."),
        ({"sql": "SELECT 1", "at": "noon"}, "The moment is none. Write it as 2026-11-22T14:30"),
        ({"sql": "SELECT 1", "role": "r" * 201}, "The role is too long. Write a shorter one."),
    ],
)
async def test_what_is_wrong_with_a_question_is_told(form: dict[str, str], said: str) -> None:
    status, text = await explaining(form)
    assert (status, said in text) == (400, True)


async def test_another_sites_page_has_nothing_explained() -> None:
    assert (await explaining({"sql": "SELECT 1"}, "https://evil.example"))[0] == 403


async def test_an_upgrade_below_a_running_gate_changes_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source(quiet_overview())
    async with serving(source) as base, aiohttp.ClientSession() as client:
        monkeypatch.setattr(PackageLoader, "get_source", None)  # nothing is read any more
        for path in (*PAGES, "/explain", "/login", "/nothing"):
            async with client.get(base + path) as answer:
                assert answer.status == (404 if path == "/nothing" else 200), path


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "none"), (0.0, "0 ms"), (0.000875, "under 0.01 ms"), (0.0124, "0.0124 ms"), (12.41, "12.4 ms"),
        (1240.2, "1240 ms"),
    ],
)  # fmt: skip
def test_figures(value: float | None, shown: str) -> None:
    template = Pages()._templates.from_string("{{ value|figure('ms') }}")
    assert template.render(value=value) == shown
