"""`pgwarden backup`: from the command line to what a policy finds in the ledger."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyrage
import pytest

from proxy.policy.facts import Verification
from proxy.records import open_ledger
from tests.app.commands import Command
from tests.servers.database import Database

_BARMAN = {
    "quagmire": [
        {"backup_id": "1", "status": "DONE", "end_time_timestamp": "1723600692", "size_bytes": 5},
        {"backup_id": "2", "status": "DONE", "end_time_timestamp": "1723700692", "size_bytes": 6},
    ]
}


@pytest.fixture
def shop(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    for name in [
        name for name in os.environ if name.startswith("PG") and not name.startswith("PGWARDEN_LEDGER")
    ]:
        monkeypatch.delenv(name)
    database.execute("CREATE TABLE users (id int); INSERT INTO users SELECT generate_series(1, 10)")
    return database


def backed_up(command: Command, shop: Database, *arguments: str) -> dict[str, list[dict[str, str]]]:
    code, lines, errors = command("backup", "create", "--url", shop.dsn, "--json", *arguments)
    assert (code, errors) == (0, [])
    made: dict[str, list[dict[str, str]]] = json.loads("\n".join(lines))
    return made


def known(command: Command) -> list[tuple[str, str]]:
    rows = json.loads("\n".join(command("backup", "list", "--json")[1]))
    return [(row["location"], row["verified"]) for row in rows]


def test_a_backup_is_a_fact_until_it_is_damaged(command: Command, shop: Database, tmp_path: Path) -> None:
    made = backed_up(command, shop, "--to", "a", "--to", "b", "--schema-file", "schema.sql")
    first, second = (copy["location"] for copy in made["copies"])
    assert "CREATE TABLE public.users" in (tmp_path / "schema.sql").read_text()
    ledger = open_ledger(tmp_path / "ledger")
    (fact,) = ledger.facts(datetime.now(UTC)).backups
    assert (fact.database, fact.verified, fact.copies, fact.source) == (
        shop.name,
        Verification.FULL_READ,
        2,
        "pgwarden",
    )
    assert command("backup", "verify", first, "--level", "restored")[0] == 0
    assert known(command) == [(first, "restored"), (second, "full_read")]

    (archive,) = (tmp_path / "b").rglob("archive.dump")
    archive.write_bytes(archive.read_bytes()[:-100])
    code, lines, errors = command("backup", "verify", "--database", shop.name)
    assert (code, len(lines)) == (1, 1)
    assert re.fullmatch(
        r"pgwarden: .*/archive.dump has \d+ bytes; \d+ were written; it counts no longer", errors[0]
    )
    assert known(command) == [(first, "restored")]
    (fact,) = ledger.facts(datetime.now(UTC)).backups
    assert fact.copies == 1
    ledger.close()


def test_an_unknown_ledger_takes_a_backup_by_its_place(
    command: Command, shop: Database, tmp_path: Path
) -> None:
    (copy,) = backed_up(command, shop, "--to", "a")["copies"]
    again = ("--ledger", str(tmp_path / "other"))
    code, lines, _ = command("backup", "verify", copy["location"], *again)
    assert (code, lines) == (0, [f"entry 1: {copy['location']} verified: full_read"])


def test_a_place_that_is_not_there_takes_nothing_away(
    command: Command, shop: Database, tmp_path: Path
) -> None:
    (copy,) = backed_up(command, shop, "--to", "a")["copies"]
    (tmp_path / "a").rename(tmp_path / "unmounted")
    code, _, errors = command("backup", "verify", copy["location"])
    assert (code, errors) == (
        1,
        [
            f"pgwarden: {copy['location']} could not be verified: {tmp_path}/a is not there: "
            "is its disk mounted?"
        ],
    )
    assert known(command) == [(copy["location"], "full_read")]


def test_it_is_restored_beside_and_over_only_when_told_twice(command: Command, shop: Database) -> None:
    backed_up(command, shop, "--to", "a")
    shop.execute("DELETE FROM users")
    server = ("--database", shop.name, "--url", shop.cluster.dsn)
    code, lines, _ = command("backup", "restore", *server, "--into", f"{shop.name}_back")
    try:
        assert (code, lines[0].startswith(f"restored into {shop.name}_back in ")) == (0, True)
        assert shop.cluster.execute("SELECT count(*) FROM users", f"{shop.name}_back") == "10"
        assert command("backup", "restore", *server, "--into", f"{shop.name}_back")[0] == 3
        for once in (["--over", shop.name], ["--over", shop.name, "--yes-over", "other"]):
            code, _, errors = command("backup", "restore", *server, *once)
            assert (code, errors) == (
                2,
                ["pgwarden: --over: to replace a database, name it twice: --over NAME --yes-over NAME"],
            )
        assert shop.execute("SELECT count(*) FROM users") == "0"
        code, lines, _ = command("backup", "restore", *server, "--over", shop.name, "--yes-over", shop.name)
        kept = lines[1].rpartition(" ")[2]
        assert (code, shop.execute("SELECT count(*) FROM users")) == (0, "10")
        assert shop.cluster.execute("SELECT count(*) FROM users", kept) == "0"
        shop.cluster.execute(f"DROP DATABASE {kept}")
    finally:
        shop.cluster.execute(f"DROP DATABASE IF EXISTS {shop.name}_back")


def test_a_long_name_is_cut_so_that_what_is_told_is_so(command: Command, shop: Database) -> None:
    backed_up(command, shop, "--to", "a")
    name = "s" * 62
    shop.cluster.execute(f"CREATE DATABASE {name}")
    url = ("--database", shop.name, "--url", shop.cluster.dsn)
    assert command("backup", "restore", *url, "--into", "s" * 64) == (
        2, [], ["pgwarden: --into: the name of a database has 63 bytes at most"]
    )  # fmt: skip
    code, lines, errors = command("backup", "restore", *url, "--over", name, "--yes-over", name)
    assert (code, errors) == (0, [])
    kept = lines[1].rpartition(" ")[2]
    assert kept.startswith("s" * 40 + "_before_")
    named = f"SELECT count(*) FROM pg_database WHERE datname IN ('{name}', '{kept}')"
    assert shop.cluster.execute(named) == "2"
    assert shop.cluster.execute("SELECT count(*) FROM users", name) == "10"
    for each in (name, kept):
        shop.cluster.execute(f"DROP DATABASE {each}")


def test_a_damaged_backup_leaves_no_database(command: Command, shop: Database, tmp_path: Path) -> None:
    (copy,) = backed_up(command, shop, "--to", "a")["copies"]
    (archive,) = (tmp_path / "a").rglob("archive.dump")
    body = bytearray(archive.read_bytes())
    body[-1] ^= 1
    archive.write_bytes(body)
    into = f"{shop.name}_damaged"
    code, _, errors = command(
        "backup", "restore", copy["location"], "--url", shop.cluster.dsn, "--into", into
    )
    assert (code, errors[0].endswith("its SHA-256 is another")) == (3, True)
    assert shop.cluster.execute(f"SELECT count(*) FROM pg_database WHERE datname = '{into}'") == "0"


def test_prune_asks_first_keeps_the_last_and_says_so(
    command: Command, shop: Database, tmp_path: Path
) -> None:
    locations = [backed_up(command, shop, "--to", "a")["copies"][0]["location"] for _ in range(3)]
    keep = ("backup", "prune", "--keep-daily", "1")
    would = command(*keep, "--dry-run")[1]
    assert [line.split()[3] for line in would] == locations[:2]
    assert len(known(command)) == 3
    assert [line.split()[1] for line in command(*keep)[1]] == locations[:2]
    assert known(command) == [(locations[2], "full_read")]
    assert len(list((tmp_path / "a").rglob("manifest.json"))) == 1
    assert command(*keep)[1] == ["nothing to remove"]
    assert command("backup", "prune")[0] == 2


def test_an_encrypted_backup_needs_its_key(command: Command, shop: Database, tmp_path: Path) -> None:
    key = pyrage.x25519.Identity.generate()
    (tmp_path / "key").write_text(f"# made today\n{key}\n")
    to = ("--to", "a", "--recipient", str(key.to_public()))
    code, _, errors = command("backup", "create", "--url", shop.dsn, *to)
    assert (code, errors) == (
        2,
        [
            "pgwarden: --verify: full_read has to read the backup, which is encrypted: give --identity, or "
            "--verify checksum"
        ],
    )
    (copy,) = backed_up(command, shop, *to, "--verify", "checksum")["copies"]
    code, _, errors = command("backup", "verify", copy["location"])
    assert (code, "is encrypted" in errors[0]) == (1, True)
    assert command("backup", "verify", copy["location"], "--identity", "key")[0] == 0
    assert known(command) == [(copy["location"], "full_read")]


def test_without_a_verb_the_variables_say_what(
    command: Command, shop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGWARDEN_BACKUP_URL", shop.dsn.replace("postgres@", "postgres:hush@"))
    code, _, errors = command("backup")
    assert (code, errors[0].startswith("pgwarden: --to: where shall the copies go?")) == (2, True)
    monkeypatch.setenv("PGWARDEN_BACKUP_TO", "a b")
    code, lines, errors = command("backup")
    assert (code, len(lines), errors) == (0, 3, [])
    assert len(known(command)) == 2


def test_the_gates_own_server(command: Command, shop: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGWARDEN_UPSTREAM", f"postgresql://127.0.0.1:{shop.port}")
    monkeypatch.setenv("PGWARDEN_POLICY", "policy.yaml")
    monkeypatch.setenv("PGWARDEN_LISTEN", "127.0.0.1:0")
    monkeypatch.setenv("PGUSER", "postgres")
    monkeypatch.setenv("PGDATABASE", shop.name)
    assert command("backup", "create", "--to", "a")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["--url", "postgresql://a:b@h/d", "--to", "a"],
            "--url: must not hold a password, which process lists",
        ),
        (["--to", "a"], "--url: which database? Name it, or set PGWARDEN_BACKUP_URL"),
        (["--to", "ftp://a"], "--to: must be a folder, file:///FOLDER, s3://"),
        (["--to", "s3://key:secret@bucket/x"], "--to: must not hold credentials"),
        (["--to", "a", "--to", "a/"], "--to: names one place twice"),
        (["--to", "a", "--jobs", "2"], "--jobs: several tables at once need --format directory"),
        (
            ["--to", "a", "--verify", "exists"],
            "--verify: what is made here is proved at least by its checksum",
        ),
        (["--to", "a", "--recipient", "x", "--verify", "checksum"], "--recipient: is no public key of age"),
    ],
)
def test_wrong_flags(command: Command, shop: Database, arguments: list[str], line: str) -> None:
    url = [] if "--url" in arguments or "which database" in line else ["--url", shop.dsn]
    code, _, errors = command("backup", "create", *url, *arguments)
    assert (code, errors[0].startswith(f"pgwarden: {line}")) == (2, True), errors


def test_what_others_make_is_imported_and_forgotten_with_them(command: Command, tmp_path: Path) -> None:
    listing = tmp_path / "barman.json"
    listing.write_text(json.dumps(_BARMAN))
    run = ("backup", "import", "barman", "--database", "shop", "--from", "barman.json")
    assert command(*run) == (0, ["barman: 2 known, 2 new, 0 gone"], [])
    assert command(*run) == (0, ["barman: 2 known, 0 new, 0 gone"], [])
    assert known(command) == [("barman://quagmire/2", "exists"), ("barman://quagmire/1", "exists")]
    listing.write_text(json.dumps({"quagmire": _BARMAN["quagmire"][1:]}))
    assert command(*run) == (0, ["barman: 1 known, 0 new, 1 gone"], [])
    assert known(command) == [("barman://quagmire/2", "exists")]
    assert command("backup", "import", "barman", "--from", "barman.json")[0] == 2


def test_a_command_of_ones_own(command: Command, tmp_path: Path) -> None:
    moment = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    said = {
        "source": "nightly",
        "backups": [{"database": "shop", "location": "tape 7", "finished": moment, "verified": "checksum"}],
    }
    (tmp_path / "said.json").write_text(json.dumps(said))
    assert command("backup", "import", "manifest", "--", "cat", "said.json") == (
        0,
        ["nightly: 1 known, 1 new, 0 gone"],
        [],
    )
    assert known(command) == [("tape 7", "checksum")]
    code, _, errors = command("backup", "import", "manifest", "--", "false")
    assert (code, errors) == (3, ["pgwarden: false failed with code 1"])
