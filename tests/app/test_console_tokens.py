"""Tokens of the console: made, listed, revoked; and who gets in with them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from proxy.app.log import logger
from proxy.app.operating.logins import TokenLogins
from proxy.app.operating.tokens import Token, make_token, parse_tokens, read_tokens
from proxy.app.users.userlist import UserListError
from proxy.console.logins import LoginFailed
from proxy.console.people import Person, Role, Way
from proxy.wire.scram import Verifier, make_verifier
from tests.app.commands import Command

NOW = datetime.now(UTC)
VERIFIER = make_verifier(b"ada~secret", b"salt", 2).written()
FILE = ("--console-auth-file", "tokens.txt")


def test_a_token_is_shown_once_and_kept_as_a_verifier(command: Command) -> None:
    code, (token,), told = command("console", "token", "create", "ada", "--role", "operator", *FILE)
    assert token.startswith("ada~") and len(token) > 40
    assert (code, told) == (0, ["pgwarden: made ada, operator, in tokens.txt"])
    path = Path("tokens.txt")
    assert token.partition("~")[2] not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    listed = json.loads("\n".join(command("console", "token", "list", "--json", *FILE)[1]))
    assert listed == [{"name": "ada", "role": "operator", "expires": "never", "state": "stands"}]
    _, (another,), told = command("console", "token", "create", "ada", "--role", "viewer", *FILE)
    assert another != token
    assert told == ["pgwarden: changed ada, viewer, in tokens.txt"]
    assert command("console", "token", "revoke", "ada", *FILE) == (0, ["revoked ada in tokens.txt"], [])
    assert command("console", "token", "revoke", "ada", *FILE)[0] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ada", "--role", "root", *FILE), "--role: 'root' is no role: there are viewer, operator, approver"),
        (("a~b", "--role", "viewer", *FILE), "NAME: a token's name has 1 to 63 letters"),
        (("ada", "--role", "viewer"), "--console-auth-file: is missing"),
        (
            ("ada", "--role", "viewer", "--expires", "2026-01-01T00:00:00Z", *FILE),
            "--expires: has passed already",
        ),
        (("ada", "--role", "viewer", "--console-auth-file", "none/tokens"), "none/tokens cannot be written"),
    ],
)
def test_what_makes_no_token(command: Command, arguments: tuple[str, ...], said: str) -> None:
    code, out, told = command("console", "token", "create", *arguments)
    assert (code, out) == (2, [])
    assert said in told[0]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f'"ada" "{VERIFIER}"', "has no role="),
        (f'"ada" "{VERIFIER}" role="root"', "'root' is no role"),
        (f'"ada" "{VERIFIER}" role="viewer" expires="tomorrow"', "no time in ISO 8601"),
        (f'"ada" "{VERIFIER}" role="viewer" expires="2027-01-01T00:00:00"', "without a time zone"),
        (f'"ada" "{VERIFIER}" role="viewer" password_env="X"', "has an unknown password_env="),
        (f'"a b" "{VERIFIER}" role="viewer"', "a token's name has"),
        ('"ada" "ada~secret" role="viewer"', "has no verifier"),
        ('"ada" "md5' + "0" * 32 + '" role="viewer"', "has an md5 hash"),
        ("ada", "each in double quotes"),
    ],
)
def test_lines_that_are_no_token(line: str, said: str) -> None:
    with pytest.raises(UserListError, match=f"tokens:1: .*{said}") as caught:
        parse_tokens(line, "tokens")
    assert "secret" not in str(caught.value)


def test_a_file_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text("")
    path.chmod(0o644)
    with pytest.raises(UserListError, match="may be read or written by others"):
        read_tokens(str(path))


# -- logins ------------------------------------------------------------------------------------------------


class Door:
    """A file of tokens, and logins by it."""

    def __init__(self, folder: Path, failures: int = 0) -> None:
        self.path = folder / "tokens"
        self.texts: dict[str, str] = {}
        tokens = [self.make("ada", Role.OPERATOR), self.make("bob", Role.VIEWER, NOW - timedelta(hours=1))]
        self.write(*tokens)
        self.logins = TokenLogins(str(self.path), read_tokens(str(self.path)), failures, logger())

    def make(self, name: str, role: Role, expires: datetime | None = None) -> Token:
        token, self.texts[name] = make_token(name, role, expires)
        return token

    def write(self, *tokens: Token) -> None:
        self.path.write_text("".join(f"{token.written()}\n" for token in tokens))
        self.path.chmod(0o600)


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


async def test_a_token_opens(door: Door) -> None:
    person = await door.logins.check(door.texts["ada"], "192.0.2.7")
    assert person == Person("ada", Role.OPERATOR, Way.TOKEN, "192.0.2.7")
    assert door.logins.proved("ada", "192.0.2.7") == person
    assert door.logins.counts == {("done",): 2, ("failed",): 0, ("limited",): 0}


async def test_what_opens_nothing_is_told_alike(door: Door) -> None:
    said = set()
    ada = door.texts["ada"]
    for token in (
        "",
        "ada",
        "ada~",
        ada[:-1],
        ada + "x",
        f"eve~{ada[4:]}",
        door.texts["bob"],
        "x" * 10_000,
        "\ud800",
    ):
        with pytest.raises(LoginFailed) as caught:
            await door.logins.check(token, "192.0.2.7")
        said.add(str(caught.value))
    assert len(said) == 1
    for name in ("bob", "eve"):
        with pytest.raises(LoginFailed):
            door.logins.proved(name, "192.0.2.7")


def test_an_unknown_name_has_a_verifier_that_stays(door: Door) -> None:
    made_up: Verifier = door.logins.verifier("eve")
    assert made_up == door.logins.verifier("eve") != door.logins.verifier("mallory")
    assert made_up.iterations == door.logins.verifier("ada").iterations
    assert len(made_up.salt) == len(door.logins.verifier("ada").salt)


async def test_an_address_with_too_many_failures_waits(tmp_path: Path) -> None:
    door = Door(tmp_path, failures=2)
    with capture_logs() as logs:
        for _ in range(2):
            with pytest.raises(LoginFailed, match="no token that counts"):
                await door.logins.check("ada~guess\n", "192.0.2.7")
    assert [(line["event"], line["name"]) for line in logs] == [("a login at the console failed", "ada")] * 2
    with pytest.raises(LoginFailed, match="too many logins failed") as caught:
        await door.logins.check(door.texts["ada"], "192.0.2.7")
    assert 0 < caught.value.wait_s <= 60
    assert (await door.logins.check(door.texts["ada"], "192.0.2.8")).name == "ada"
    assert door.logins.counts["limited",] == 1


async def test_changes_of_the_file_count_for_who_is_in(door: Door) -> None:
    logins = door.logins
    person = await logins.check(door.texts["ada"], "192.0.2.7")
    token = read_tokens(str(door.path))["ada"]
    door.write(Token("ada", token.verifier, Role.VIEWER))
    await logins.reload(only_changed=True)
    assert logins.role(person) is Role.VIEWER
    door.path.write_text("garbage\n")
    await logins.reload(only_changed=True)
    assert logins.role(person) is Role.VIEWER
    door.write()
    await logins.reload(only_changed=True)
    assert logins.role(person) is None
