"""`pgwarden ledger`, `freeze`, `thaw` and `status`."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from proxy.app.cli.values import who
from proxy.app.ledger.outlets import StoreOutlet
from proxy.policy.facts import Verification
from proxy.records import NewBackup, Position, open_ledger
from proxy.records.heads import SigningKey, read_key
from tests.app.commands import Command
from tests.records.places import address_of
from tests.servers.database import Database

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BACKUP = NewBackup("shop", NOON, "/b", Verification.RECORDED, "ada")


def filled(folder: Path, entries: int = 4) -> None:
    ledger = open_ledger(folder / "ledger", clock=lambda: NOON)
    for _ in range(entries):
        ledger.record_backup(BACKUP)
    ledger.close()


def publish(command: Command, *numbers: int) -> SigningKey:
    """Write heads of these entries into `heads`, signed by the ledger's own key."""
    command("ledger", "key")
    key = read_key(command.folder / "ledger.key")
    ledger = open_ledger(command.folder / "ledger")
    heads = [key.sign(Position(number, str(ledger.hash_at(number))), NOON) for number in numbers]
    ledger.close()
    (command.folder / "heads").write_text("".join(f"{head.line()}\n" for head in heads))
    return key


def tamper(folder: Path, statement: str) -> None:
    connection = sqlite3.connect(folder / "ledger", isolation_level=None)
    for each in ("DROP TRIGGER entry_no_update", "DROP TRIGGER entry_no_delete", statement):
        connection.execute(each)
    connection.close()


# -- verify ------------------------------------------------------------------------------------------------


def test_a_whole_ledger(command: Command) -> None:
    filled(command.folder)
    no_head = "no head to compare with: what was cut off at the end, or rewritten whole, would not show"
    assert command("ledger", "verify") == (0, ["whole: 4 entries", no_head], [])
    publish(command, 2, 3)
    later = "2 heads fit; what follows entry 3 has no head yet"
    assert command("ledger", "verify", "--heads", "heads") == (0, ["whole: 4 entries", later], [])
    publish(command, 4)
    code, lines, _ = command("ledger", "verify", "--heads", "heads")
    assert (code, lines) == (0, ["whole: 4 entries", "1 head fits, up to the last entry"])


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("UPDATE entry SET payload = '{}' WHERE sequence = 2",
         "entry 2 has been changed, or entry 1 with its hash"),
        ("DELETE FROM entry WHERE sequence = 2", "entry 2 is missing"),
        ("DELETE FROM entry WHERE sequence > 2",
         "entry 3 is missing at the end: a head signed at 2026-11-22T12:00:00.000000+00:00 knows of entry 3"),
    ],
)  # fmt: skip
def test_a_ledger_that_is_not_whole(command: Command, statement: str, finding: str) -> None:
    filled(command.folder)
    publish(command, 3)
    tamper(command.folder, statement)
    code, lines, complaints = command("ledger", "verify", "--heads", "heads")
    assert (code, lines[0].partition(":")[0], lines[1], complaints) == (1, "NOT whole", f"  {finding}", [])
    code, lines, _ = command("ledger", "verify", "--heads", "heads", "--json")
    said = json.loads("\n".join(lines))
    assert (code, said["whole"], said["findings"][0]["text"]) == (1, False, finding)


def test_heads_of_a_store_are_read_where_they_lie(command: Command) -> None:
    filled(command.folder)
    key = publish(command, 2)
    ledger = open_ledger(command.folder / "ledger")
    StoreOutlet(str(command.folder / "store")).put(key.sign(ledger.last(), NOON))
    ledger.close()
    whole = ["whole: 4 entries", "1 head fits, up to the last entry"]
    url = (command.folder / "store").as_uri()
    for place in ("store", url):
        assert command("ledger", "verify", "--heads", place) == (0, whole, [])
    absent = f"pgwarden: --heads: {command.folder / 'absent'} is not there: is its disk mounted?"
    assert command("ledger", "verify", "--heads", (command.folder / "absent").as_uri()) == (2, [], [absent])
    tamper(command.folder, "DELETE FROM entry WHERE sequence = 4")
    assert command("ledger", "verify", "--heads", "store")[0] == 1


def test_whose_heads_they_are_is_checked(command: Command) -> None:
    filled(command.folder)
    key = publish(command, 3)
    (command.folder / "theirs.pem").write_text(key.public.pem())
    check = ("ledger", "verify", "--heads", "heads")
    assert command(*check, "--public-key", "theirs.pem")[0] == 0
    (command.folder / "ledger.key").unlink()
    assert command(*check, "--public-key", "theirs.pem")[0] == 0
    place = command.folder / "ledger.key"
    assert command(*check) == (
        2, [], [f"pgwarden: --heads: say whose they are with --public-key: there is no key at {place}"]
    )  # fmt: skip
    command("ledger", "key")  # another one
    code, lines, _ = command(*check)
    assert (code, lines[1]) == (
        1, f"  the head of entry 3 is signed by the key {key.public.id}, which was not given"
    )  # fmt: skip
    text = (command.folder / "heads").read_text()
    (command.folder / "heads").write_text(text.replace('"sequence":3', '"sequence":4'))
    code, lines, _ = command(*check, "--public-key", "theirs.pem")
    assert (code, lines[1]) == (1, "  the head of entry 4 has a signature that is not the key's")


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("--heads", "absent"), 2, "--heads: absent cannot be read: No such file or directory"),
        (("--heads", "empty"), 2, "--heads: empty holds no head of a ledger"),
        (("--from", "absent"), 2, "--from: absent cannot be read: No such file or directory"),
        (
            ("--heads", "heads", "--public-key", "empty"),
            2,
            "--public-key: empty holds no Ed25519 public key in PEM",
        ),
        (
            ("--ledger", "postgresql://k:hunter2@h/e"),
            2,
            "--ledger: must not hold a password: put it into a file, and name that in ledger_password_file",
        ),
        (("--ledger", "absent"), 3, "there is no ledger at {}/absent"),
    ],
)
def test_what_cannot_be_checked(
    command: Command, arguments: tuple[str, ...], code: int, complaint: str
) -> None:
    filled(command.folder)
    publish(command, 1)
    (command.folder / "empty").write_text("")
    said = [f"pgwarden: {complaint.format(command.folder)}"]
    assert command("ledger", "verify", *arguments) == (code, [], said)


# -- export ------------------------------------------------------------------------------------------------


def test_an_export_is_checked_without_the_ledger(command: Command) -> None:
    filled(command.folder)
    publish(command, 3)
    code, lines, _ = command("ledger", "export")
    assert (code, [json.loads(line)["sequence"] for line in lines]) == (0, [1, 2, 3, 4])
    (command.folder / "ledger").unlink()
    check = ("ledger", "verify", "--from", "export", "--heads", "heads")

    def checked(*kept: str) -> tuple[int, list[str]]:
        (command.folder / "export").write_text("".join(f"{line}\n" for line in kept))
        code, said, _ = command(*check)
        return code, said

    assert checked(*lines) == (0, ["whole: 4 entries", "1 head fits; what follows entry 3 has no head yet"])
    assert checked(*lines[:2])[1][1].startswith("  entry 3 is missing at the end: ")
    assert checked(lines[0], lines[2], lines[1], lines[3])[1][1] == "  entry 2 is missing"
    changed = lines[1].replace('"location":"/b"', '"location":"/c"')
    assert checked(lines[0], changed, *lines[2:]) == (
        1, ["NOT whole: 4 entries", "  entry 2 has been changed, or entry 1 with its hash"]
    )  # fmt: skip
    assert checked(lines[0], "garbage", *lines[1:])[1][1] == "  line 2 holds no entry of a ledger"
    assert checked()[1][1].startswith("  entries 1 to 3 are missing at the end: ")


# -- key ---------------------------------------------------------------------------------------------------


def test_the_key_is_made_once_and_printed(command: Command) -> None:
    code, lines, _ = command("ledger", "key")
    assert (code, lines[0], lines[2]) == (0, "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----")
    assert command("ledger", "key") == (0, lines, [])
    other = command("ledger", "key", "--key", "other")[1]
    assert other != lines
    (command.folder / "other").write_text("nothing")
    complaint = "pgwarden: other holds no Ed25519 key in PEM without a password"
    assert command("ledger", "key", "--key", "other") == (3, [], [complaint])


# -- freeze ------------------------------------------------------------------------------------------------


def test_freeze_status_thaw(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert command("status") == (3, [], [f"pgwarden: there is no ledger at {command.folder / 'ledger'}"])
    code, (line,), _ = command("freeze", "--reason", "incident 12")
    assert (code, line.partition(" since ")[0]) == (0, "entry 1: writes to all databases are frozen")
    assert line.endswith(f" by {who()}: incident 12")
    until = ("--until", "2126-01-01T00:00:00Z")
    code, (other,), _ = command("freeze", "--database", "shop", *until)
    assert other.startswith("entry 2: writes to shop are frozen since ")
    assert other.endswith(f" until 2126-01-01T00:00:00Z by {who()}")
    assert command("status") == (0, [line, other], [])
    said = json.loads("\n".join(command("status", "--json")[1]))
    assert said["frozen"] is True
    assert [(each["entry"], each["database"], each["reason"], each["until"]) for each in said["freezes"]] == [
        (1, None, "incident 12", None),
        (2, "shop", "", "2126-01-01T00:00:00Z"),
    ]
    nothing = "no freeze was declared for blog alone"
    left = [f"pgwarden: still standing: {each}" for each in (line, other)]
    assert command("thaw", "--database", "blog") == (0, [nothing], left)
    assert command("thaw", "--database", "shop") == (0, [f"ended: {other}"], left[:1])
    assert command("thaw") == (0, [f"ended: {line}"], [])
    assert command("thaw") == (0, ["nothing was frozen"], [])
    assert command("status") == (0, ["writes are not frozen"], [])
    assert json.loads("\n".join(command("thaw", "--json")[1])) == {"ended": [], "left": []}
    _, (line,), _ = command("freeze", "--kill")
    assert line.endswith(f", sessions with writes ended by {who()}")
    assert json.loads("\n".join(command("status", "--json")[1]))["freezes"][0]["kill"] is True


def test_a_ledger_in_a_database(
    command: Command, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGWARDEN_LEDGER", str(address_of(database)))
    assert command("status")[0] == 3
    assert command("freeze", "--reason", "incident 12")[0] == 0
    code, (line,), _ = command("thaw")
    assert (code, line.rpartition(": ")[2]) == (0, "incident 12")
    assert command("ledger", "verify")[1][0] == "whole: 2 entries"
    assert command("ledger", "export", "--ledger", str(address_of(database)))[0] == 0
    monkeypatch.setenv("PGWARDEN_LEDGER_PASSWORD_FILE", "absent")
    assert command("status") == (
        2, [], ["pgwarden: PGWARDEN_LEDGER_PASSWORD_FILE: absent cannot be read: No such file or directory"]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--until", "2020-01-01T00:00Z"), "not frozen: a freeze cannot have ended already (2020-01-01T"),
        (("--until", "tomorrow"), '--until: "tomorrow" is not a time such as 2026-11-22T14:30:22Z'),
        (("--until", "2126-01-01"), '--until: "2126-01-01" has no time zone: '),
        (("--reason", "a\nb"), "not frozen: the reason holds a control character"),
    ],
)
def test_a_freeze_that_makes_no_sense(command: Command, arguments: tuple[str, ...], complaint: str) -> None:
    code, printed, (said,) = command("freeze", *arguments)
    assert (code, printed, said.startswith(f"pgwarden: {complaint}")) == (2, [], True), said
    assert not (command.folder / "ledger").exists()
