"""`pgwarden recover`: freezes, lists the ways back, and its commands work as they stand."""

from __future__ import annotations

import io
import json
import os
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from proxy.policy.facts import Verification
from proxy.records import Making, NewBackup, open_ledger
from tests.app.commands import Command
from tests.conftest import Programs
from tests.servers.database import Database
from tests.servers.supabase import PROJECT, TOKEN, serving_api

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
REF = PROJECT
NO_SERVER = "which server to restore into nobody has said: --url names it in the commands"


@pytest.fixture
def alone(command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """No variable says where a server or a provider is."""
    for name in ("PGWARDEN_BACKUP_URL", "PGWARDEN_UPSTREAM", "PGWARDEN_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    for name in ("SUPABASE_PROJECT_REF", "SUPABASE_ACCESS_TOKEN", "SUPABASE_API_URL"):
        monkeypatch.delenv(name, raising=False)
    return command


def record(folder: Path, *backups: NewBackup) -> None:
    ledger = open_ledger(folder / "ledger")
    for backup in backups:
        ledger.record_backup(backup)
    ledger.close()


def made(
    hours: float,
    location: str,
    verified: Verification = Verification.FULL_READ,
    source: str = "pgwarden",
    *,
    database: str = "shop",
    tables: tuple[str, ...] | None = None,
    restore_ms: int | None = None,
    encrypted: bool = False,
) -> NewBackup:
    making = Making(source=source, restore_ms=restore_ms, tables=tables, encrypted=encrypted)
    finished = NOON - timedelta(hours=hours)
    return NewBackup(database, finished, location, verified, "ada", 2048, making=making)


def ways(command: Command, *flags: str) -> list[dict[str, object]]:
    _, lines, _ = command("recover", "--no-freeze", "--json", *flags)
    found: list[dict[str, object]] = json.loads("\n".join(lines))["ways"]
    return found


def test_the_ways_back_with_their_commands(alone: Command) -> None:
    record(
        alone.folder,
        made(3, "/b/old", Verification.RESTORED, restore_ms=65_400),
        made(1, "/b/it's new", encrypted=True),
        made(1, "s3://b/new", Verification.CHECKSUM),
        made(0.5, "/b/part", tables=("public.users",)),
    )
    code, lines, errors = alone("recover", "--no-freeze")
    restore = "   pgwarden backup restore --url postgresql://USER@HOST:5432/postgres"
    shown = "2026-11-22T11:00:00Z by pgwarden, /b/it's new: whole, verified: full_read, 2.0 KiB, in 2 places"
    assert (code, errors) == (0, [])
    assert lines == [
        "writes are NOT frozen",
        "",
        "Ways back for shop, the best first:",
        "",
        f"1. {shown}, took 65.4 s to restore last time, of another backup",
        "   # also in s3://b/new",
        "   # into a new database: look at it, or copy rows back",
        f"{restore} --identity AGE_KEY_FILE --into shop_restored '/b/it'\"'\"'s new'",
        "   # in the place of shop, which is renamed and kept",
        f"{restore} --identity AGE_KEY_FILE --over shop --yes-over shop '/b/it'\"'\"'s new'",
        "",
        "2. 2026-11-22T09:00:00Z by pgwarden, /b/old: whole, verified: restored, 2.0 KiB, "
        "took 65.4 s to restore last time",
        "   # into a new database: look at it, or copy rows back",
        f"{restore} --into shop_restored /b/old",
        "   # in the place of shop, which is renamed and kept",
        f"{restore} --over shop --yes-over shop /b/old",
        "",
        "3. 2026-11-22T11:30:00Z by pgwarden, /b/part: only public.users, verified: full_read, 2.0 KiB, "
        "took 65.4 s to restore last time, of another backup",
        "   # into a new database: look at it, or copy rows back",
        f"{restore} --into shop_restored /b/part",
        "",
        "Whether copies are still where they lie was not looked at: pgwarden backup verify LOCATION",
        "",
        "Could not be asked:",
        f"- {NO_SERVER}",
    ]


COMMANDS = [
    (
        made(1, f"supabase://{REF}/point-in-time", source="supabase"),
        [
            f"curl -fsS -X POST https://api.supabase.com/v1/projects/{REF}/database/backups/restore-pitr "
            "-H \"Authorization: Bearer $SUPABASE_ACCESS_TOKEN\" -H 'Content-Type: application/json' "
            "-d '{\"recovery_time_target_unix\": 1795345200}'"
        ],
    ),
    (
        made(1, f"supabase://{REF}/restore-points/before-0042", source="supabase"),
        [
            f"curl -fsS -X POST https://api.supabase.com/v1/projects/{REF}/database/backups/undo "
            "-H \"Authorization: Bearer $SUPABASE_ACCESS_TOKEN\" -H 'Content-Type: application/json' "
            '-d \'{"name": "before-0042"}\''
        ],
    ),
    (made(1, f"supabase://{REF}/backups/7", source="supabase"), []),
    (
        made(1, "pgbackrest://main/repo1/20261122-100000F", source="pgbackrest"),
        [
            "pgbackrest --stanza=main --repo=1 --delta --set=20261122-100000F --type=immediate "
            "--target-action=promote restore",
            "pgbackrest --stanza=main --repo=1 --delta --set=20261122-100000F --type=time "
            "'--target=2026-11-22 11:00:00+00' --target-action=promote restore",
        ],
    ),
    (
        made(1, "walg://default/base_0001", source="walg"),
        ['wal-g backup-fetch "$PGDATA" base_0001', 'touch "$PGDATA/recovery.signal"'],
    ),
    (made(1, "barman://pg/20261122T1000", source="barman"), ['barman recover pg 20261122T1000 "$PGDATA"']),
    (
        made(1, "/b/database_backup_20241215_143022.sql", source=""),
        [
            "createdb --maintenance-db=postgresql://a@h:5432/postgres -- shop_restored",
            "psql -X -1 -v ON_ERROR_STOP=1 -d postgresql://a@h:5432/shop_restored "
            "-f /b/database_backup_20241215_143022.sql",
        ],
    ),
    (
        made(1, "/b/a b.dump.gz", source=""),
        [
            "createdb --maintenance-db=postgresql://a@h:5432/postgres -- shop_restored",
            "gunzip -c '/b/a b.dump.gz' | pg_restore --exit-on-error -d postgresql://a@h:5432/shop_restored",
        ],
    ),
    (made(1, "a tape in the cellar", source=""), []),
    (
        made(1, "-rf", database="-d"),
        [
            "pgwarden backup restore --url postgresql://a@h:5432/postgres --into=-d_restored -- -rf",
            "pgwarden backup restore --url postgresql://a@h:5432/postgres --over=-d --yes-over=-d -- -rf",
        ],
    ),
]


@pytest.mark.parametrize(("backup", "commands"), COMMANDS)
def test_whoever_made_it_has_a_command(alone: Command, backup: NewBackup, commands: list[str]) -> None:
    record(alone.folder, backup)
    (way,) = ways(alone, "--url", "postgresql://a@h:5432/shop")
    assert way["commands"] == commands
    assert way["explained"] != commands


def test_only_what_was_before_the_damage(alone: Command) -> None:
    record(
        alone.folder,
        made(1, f"supabase://{REF}/point-in-time", source="supabase"),
        made(2, "/b/late"),
        made(4, "/b/early"),
        made(4, "/b/other", database="other"),
    )
    found = ways(alone, "--before", "2026-11-22T09:00:00Z", "--database", "shop")
    assert [(way["moment"], way["locations"]) for way in found] == [
        ("2026-11-22T09:00:00Z", [f"supabase://{REF}/point-in-time"]),
        ("2026-11-22T08:00:00Z", ["/b/early"]),
    ]


# -- freezing ----------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    """Somebody sits there."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("flags", "said", "frozen"),
    [
        (("--yes",), None, True),
        ((), None, False),
        ((), "y\n", True),
        ((), "\n", True),
        ((), "n\n", False),
        ((), "", False),
        (("--no-freeze",), "y\n", False),
        (("--yes", "--database", "shop"), None, True),
    ],
)
def test_it_asks_before_it_freezes(
    alone: Command, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], said: str | None, frozen: bool
) -> None:
    record(alone.folder, made(1, "/b/1"))
    monkeypatch.setattr(sys, "stdin", io.StringIO() if said is None else Terminal(said))
    code, lines, errors = alone("recover", *flags)
    assert (code, lines[0] == "writes are NOT frozen") == (0, not frozen)
    ledger = open_ledger(alone.folder / "ledger")
    database = "shop" if "--database" in flags else None
    assert [(f.database, f.reason) for f in ledger.freezes()] == [(database, "recovering")] * frozen
    ledger.close()
    nobody = "pgwarden: not frozen, since nobody is there to ask: --yes freezes"
    assert (nobody in errors) is (said is None and not flags)
    if frozen:
        assert lines[-1] == "Once all is well: pgwarden thaw"


def test_what_is_frozen_already_is_not_frozen_again(alone: Command) -> None:
    record(alone.folder, made(1, "/b/1"))
    alone("freeze", "--reason", "incident 12")
    code, lines, _ = alone("recover", "--yes")
    assert (code, lines[0].endswith(": incident 12"), lines[1]) == (0, True, "")


def test_without_a_ledger_it_says_so_and_that_nothing_is_frozen(alone: Command) -> None:
    code, lines, errors = alone("recover", "--yes")
    assert (code, errors) == (3, ["pgwarden: NOT frozen: writes go on; stop the gates if they must not"])
    assert lines[0] == "writes are NOT frozen"
    assert f"- there is no ledger at {alone.folder / 'ledger'}" in lines
    assert not (alone.folder / "ledger").exists()
    (alone.folder / "ledger").write_bytes(b"garbage " * 1000)
    assert alone("recover", "--yes")[0] == 3
    assert alone("recover", "--no-freeze")[2] == [
        "pgwarden: no way back is known; ask whoever runs the server, or its provider"
    ]
    assert alone("recover", "--no-freeze", "--yes")[0] == 2


# -- providers and servers ---------------------------------------------------------------------------------


def test_a_provider_that_cannot_be_asked_is_told_of(alone: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    record(alone.folder, made(1, f"supabase://{REF}/backups/7", source="supabase"))
    code, lines, _ = alone("recover", "--no-freeze")
    assert (code, "- Supabase was not asked, since SUPABASE_ACCESS_TOKEN is not set" in lines) == (0, True)
    monkeypatch.setenv("SUPABASE_ACCESS_TOKEN", "sbp_secret")
    monkeypatch.setenv("SUPABASE_API_URL", "http://127.0.0.1:1")
    code, lines, _ = alone("recover", "--no-freeze")
    reached = "Supabase's API cannot be reached: ClientConnectorError"
    assert (code, f"- Supabase, of the project {REF}: {reached}" in lines) == (0, True)
    assert "sbp_secret" not in "\n".join(lines)


def test_what_supabase_lists_now_stands_among_the_ways_back(
    alone: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its backups come from the Management API, in place of what the ledger had of them."""
    record(
        alone.folder,
        made(1, f"supabase://{REF}/backups/7", source="supabase"),
        made(2, "/b/own", Verification.FULL_READ),
    )
    monkeypatch.setenv("SUPABASE_ACCESS_TOKEN", TOKEN)
    with serving_api() as api:
        monkeypatch.setenv("SUPABASE_API_URL", api.url)
        _, lines, _ = alone("recover", "--no-freeze", "--json")
        found = json.loads("\n".join(lines))
        ways = [(way["source"], way["locations"][0], way["listed_now"]) for way in found["ways"]]
        assert ways == [
            ("supabase", f"supabase://{REF}/backups/7", True),
            ("pgwarden", "/b/own", False),
            ("supabase", f"supabase://{REF}/point-in-time", True),
        ]
        assert api.asked == [("GET", f"/v1/projects/{REF}/database/backups")]
        _, lines, _ = alone("recover", "--no-freeze")
        assert not any(line.startswith("- Supabase") for line in lines)
        monkeypatch.setenv("SUPABASE_ACCESS_TOKEN", "sbp_wrong")
        _, lines, _ = alone("recover", "--no-freeze")
    told = "Supabase's API answered 401: SUPABASE_ACCESS_TOKEN is not valid (Unauthorized)"
    assert f"- Supabase, of the project {REF}: {told}" in lines


def test_the_commands_work_as_they_are_printed(alone: Command, database: Database) -> None:
    """A backup, the data lost, and each printed command run by a shell."""
    database.execute("CREATE TABLE users AS SELECT generate_series(1, 10) AS id")
    create = ("backup", "create", "--url", database.dsn, "--to", "it's a place", "--verify", "restored")
    assert alone(*create)[0] == 0
    database.execute("DROP TABLE users")
    _, lines, _ = alone("recover", "--no-freeze", "--json", "--url", database.dsn)
    found = json.loads("\n".join(lines))
    (way,) = found["ways"]
    assert (way["verified"], found["unasked"], way["restore_measured_on_this_backup"]) == (
        "restored",
        [],
        True,
    )
    assert way["restore_ms"] > 0
    beside = f"{database.name}_restored"
    kept = ""
    try:
        for command in way["commands"]:
            run = command.replace("pgwarden", f"{shlex.quote(sys.executable)} -m proxy", 1)
            done = subprocess.run(["sh", "-c", run], capture_output=True, text=True, check=True)
            kept = done.stdout.split()[-1]
        assert database.cluster.execute("SELECT count(*) FROM users", beside) == "10"
        assert database.execute("SELECT count(*) FROM users") == "10"
    finally:
        for name in (beside, kept):
            if name.startswith(database.name):
                database.cluster.execute(f'DROP DATABASE IF EXISTS "{name}"')


def test_supabase_understands_the_commands_for_its_backups(
    alone: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To a moment of the window, and to a restore point, by curl as it is printed."""
    if shutil.which("curl") is None:
        pytest.skip("there is no curl here")
    record(alone.folder, made(1, f"supabase://{REF}/restore-points/before it", source="supabase"))
    monkeypatch.setenv("SUPABASE_ACCESS_TOKEN", TOKEN)
    with serving_api() as api:
        monkeypatch.setenv("SUPABASE_API_URL", api.url)
        printed = [str(line) for way in ways(alone) for line in cast(list[str], way["commands"])]
        api.asked.clear()
        for command in printed:
            subprocess.run(["sh", "-ec", command], check=True)
        root = f"/v1/projects/{REF}/database/backups"
        assert sorted(api.asked) == [("POST", f"{root}/restore-pitr"), ("POST", f"{root}/undo")]
        assert sorted(map(str, api.restored)) == [
            "{'name': 'before it'}", "{'recovery_time_target_unix': 1756700000}"
        ]  # fmt: skip


DUMPS = {
    "shop.dump": "-Fc",
    "shop.tar": "-Ft",
    "shop.sql": "-Fp",
    "shop.sql.gz": "-Fp",
    "shop.dump.gz": "-Fc",
}


@pytest.mark.parametrize(("file", "form"), DUMPS.items())
def test_the_commands_for_a_dump_of_ones_own_work(
    alone: Command, database: Database, programs: Programs, file: str, form: str
) -> None:
    """What pg_dump has written, recorded by hand; and each printed command run by a shell."""
    database.execute("CREATE TABLE users AS SELECT generate_series(1, 10) AS id")
    path = f"{programs()}{os.pathsep}{os.environ['PATH']}"
    dump = alone.folder / file.removesuffix(".gz")
    subprocess.run([programs() / "pg_dump", form, "-f", dump, "-d", database.url()], check=True)
    if file.endswith(".gz"):
        subprocess.run(["gzip", dump], check=True)
    location = str(alone.folder / file)
    record(alone.folder, made(1, location, source="a script", database=database.name))
    (way,) = ways(alone, "--url", database.dsn)
    commands = way["commands"]
    assert isinstance(commands, list)
    beside = f"{database.name}_restored"
    try:
        for command in commands:
            subprocess.run(["sh", "-ec", command], env=os.environ | {"PATH": path}, check=True)
        assert database.cluster.execute("SELECT count(*) FROM users", beside) == "10"
    finally:
        database.cluster.execute(f'DROP DATABASE IF EXISTS "{beside}"')


def test_the_name_beside_a_long_one_is_one_that_the_server_keeps(alone: Command) -> None:
    name = "s" * 60
    record(
        alone.folder, made(1, "/b/long", database=name), made(2, "/b/long.dump", source="x", database=name)
    )
    ours, theirs = ways(alone)
    beside = "s" * 54 + "_restored"
    assert f"--into {beside} /b/long" in str(ours["commands"])
    assert f"-- {beside}" in str(theirs["commands"])
