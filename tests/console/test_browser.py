"""The pages in a browser: whole, readable, usable without a mouse, without scripts, and whatever is sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from proxy.app.operating.tokens import make_token
from proxy.backup.cluster import Cluster
from proxy.console.people import Role
from tests.app.running import running
from tests.conftest import Obtain
from tests.console.scene import POLICY, working_day
from tests.relay.certificates import Authority
from tests.servers.browser import axe

FOLLOWS = re.compile(r"follows what happens|show as they come")
VIEWS = (
    "/", "/refusals", "/policy", "/calendar", "/backups", "/changes", "/changes/5",
    "/sessions", "/approvals", "/freezes", "/explain",
)  # fmt: skip
# Of the rules of axe-core: WCAG 2.2, A and AA, and what its makers hold to be good practice.
RULES = {
    "light": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "dark": ["color-contrast"],
}
PHONE, DESK = (390, 844), (1280, 900)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, server: Cluster) -> Iterator[str]:
    """The address of the pages of a gate where everything that can be named is named in markup."""
    with working_day(tmp_path_factory.mktemp("day"), server, "shop", hostile=True) as address:
        yield address


@contextmanager
def visiting(
    browser: Browser, size: tuple[int, int] = DESK, scheme: str = "light", *, scripts: bool = True
) -> Iterator[Page]:
    """A window in which nothing may go wrong."""
    faults: list[str] = []
    with browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if scheme == "dark" else "light",
        java_script_enabled=scripts,
        bypass_csp=False,
    ) as context:
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda said: faults.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: faults.append(f"dialog: {dialog.message}"))
        yield page
        page.close()
    assert faults == []


@pytest.mark.timeout(400)  # eleven pages, each looked through by every rule
@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "light"), (DESK, "dark")])
def test_each_page_is_for_everybody(
    browser: Browser, pages: str, obtain: Obtain, size: tuple[int, int], scheme: str
) -> None:
    rules, told = obtain(axe), list[tuple[str, str, str]]()
    with visiting(browser, size, scheme) as page:
        for view in VIEWS:
            page.goto(pages + view)
            page.locator("#live", has_text=FOLLOWS).wait_for()
            for rule in page.locator("details").all():
                rule.evaluate("rule => { rule.open = true }")
            page.evaluate(rules)
            found = page.evaluate("rules => axe.run({runOnly: rules})", RULES[scheme])
            told += [(view, v["id"], n["html"]) for v in found["violations"] for n in v["nodes"]]
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                told.append((view, "wider than the window", ""))
            assert page.evaluate("window.broken") is None
    assert told == []


def test_what_is_refused_shows_without_a_reload(browser: Browser, pages: str, server: Cluster) -> None:
    with visiting(browser) as page:
        page.goto(f"{pages}/refusals")
        articles = page.locator("article")
        articles.first.wait_for()
        assert articles.first.locator("pre").inner_text().startswith("DROP TABLE users CASCADE")


def test_a_search_narrows_the_change_log(browser: Browser, pages: str) -> None:
    with visiting(browser, PHONE) as page:
        page.goto(f"{pages}/changes")
        page.get_by_label("Text").fill("orders_by_buyer")
        page.locator(".log li").nth(1).wait_for(state="detached")
        assert page.locator(".log li pre").all_inner_texts() == [
            "CREATE INDEX orders_by_buyer ON orders (buyer)"
        ]
        assert "text=orders_by_buyer" in page.url
        page.get_by_label("From").fill("yesterday")
        page.get_by_role("alert").wait_for()
        assert 'From: "yesterday" is not a time such as' in page.get_by_role("alert").inner_text()


def test_without_scripts_all_of_it_is_there(browser: Browser, pages: str) -> None:
    with visiting(browser, PHONE, scripts=False) as page:
        page.goto(pages)
        assert page.get_by_role("navigation", name="Pages").get_by_role("link").count() == 10
        page.get_by_role("link", name="Changes").click()
        page.get_by_label("Risk at least").select_option("high")
        page.get_by_role("button", name="Search").click()
        assert "risk=high" in page.url
        page.get_by_role("link", name="Refusals").click()
        page.get_by_role("link", name="no-drop").click()
        assert page.locator("article").count() == 2


def test_the_keyboard_reaches_what_a_page_shows(browser: Browser, pages: str) -> None:
    with visiting(browser) as page:
        page.goto(f"{pages}/policy")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
        page.keyboard.press("Enter")
        assert page.locator("details[open] code").all_inner_texts()[1:] == [
            "DROP TABLE users", "TRUNCATE users", "CREATE TABLE users (id int)"
        ]  # fmt: skip


@pytest.mark.parametrize("scripts", [True, False])
def test_a_pasted_statement_is_explained(browser: Browser, pages: str, scripts: bool) -> None:
    with visiting(browser, PHONE, scripts=scripts) as page:
        page.goto(f"{pages}/explain")
        page.get_by_label("Statement").fill("DROP TABLE users -- <img src=x onerror='window.broken=1'>")
        page.get_by_role("button", name="Explain").click()
        answer = page.locator("#answer")
        answer.get_by_role("heading", name="It is refused").wait_for()
        text = answer.inner_text()
        assert "ERROR 42501: DROP TABLE on users would lose data. [rule no-drop]" in text
        assert "table.drop on table users" in text
        assert "no-drop: refuses" in text
        assert page.get_by_label("Statement").input_value().startswith("DROP TABLE users")
        assert page.url == f"{pages}/explain"


def test_pages_that_nobody_sees_hold_no_connection(browser: Browser, pages: str) -> None:
    """A browser opens six to a host: the seventh tab would load for ever."""
    with ExitStack() as opened, browser.new_context() as context:
        for _ in range(7):
            page = context.new_page()
            opened.callback(page.close)
            page.set_default_timeout(60_000)
            page.goto(f"{pages}/policy")
            page.locator("#live", has_text=FOLLOWS).wait_for()
            page.evaluate(
                """() => {
                  Object.defineProperty(document, "hidden", { configurable: true, get: () => window.away });
                  window.away = true;
                  document.dispatchEvent(new Event("visibilitychange"));
                }"""
            )
        page.evaluate("document.getElementById('live').textContent = ''")
        page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
        page.locator("#live", has_text=FOLLOWS).wait_for()
        assert page.locator("#live", has_text=FOLLOWS).count() == 1


def test_what_stands_there_stays_when_the_login_is_over(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    certificate, key = Authority(tmp_path, "ours").certify("127.0.0.1")
    token, text = make_token("ada", Role.VIEWER, None)
    tokens = tmp_path / "tokens"
    tokens.touch(0o600)
    tokens.write_text(f"{token.written()}\n")
    flags = (
        *("--listen", "127.0.0.1:0", "--upstream", "postgresql://127.0.0.1:1"),
        *("--policy", str(tmp_path / "policy.yaml"), "--console", "0.0.0.0:0"),
        *("--console-tls-cert-file", str(certificate), "--console-tls-key-file", str(key)),
        *("--console-auth-file", str(tokens)),
    )
    with running(tmp_path, *flags) as gate, browser.new_context(ignore_https_errors=True) as context:
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(f"https://127.0.0.1:{str(gate.started['console']).rpartition(':')[2]}/")
        page.get_by_label("Token").fill(text)
        page.get_by_role("button", name="Log in").click()
        page.locator("#live", has_text="follows what happens").wait_for()
        tokens.write_text("")
        gate.says("the console's tokens are loaded")
        page.evaluate("document.body.dispatchEvent(new Event('refused'))")
        page.locator("#live", has_text="Your login is over: load the page again.").wait_for()
        assert page.locator(".tiles li").count() > 3
        page.reload()
        page.get_by_label("Token").wait_for()
