"""`pgwarden migrate` with a real gate: what is let through for one run alone, and what is told of its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import psycopg
import pytest

from proxy.records import open_ledger
from tests.app.commands import Done, pgwarden
from tests.clients.conftest import Serve
from tests.clients.gate import Gate, until
from tests.clients.programs import Program
from tests.servers.database import Database

_POLICY = """\
version: 1
name: prod
environment: production
rules:
  - id: migrations-only
    match: {classes: [ddl], not: {traits: [temporary]}}
    require: {migration: run}
    deny: "{effect} comes through a migration."
  - id: backup-first
    match: {effects: [column.drop]}
    require: {backup: {within: 1h, verified: full_read}}
    deny: "{effect} needs {missing}."
  - id: never
    match: {effects: [table.drop]}
    approval: never
    deny: "No."
"""
_REFUSED = "comes through a migration. [rule migrations-only]"


class Migrate(Protocol):
    def __call__(self, *arguments: str) -> Done: ...


@pytest.fixture
def gate(serve: Serve) -> Gate:
    return serve(_POLICY)


@pytest.fixture
def shop(users: Database) -> Database:
    return users


@pytest.fixture
def url(gate: Gate, shop: Database) -> str:
    return gate.url(shop.name)


@pytest.fixture
def migrate(gate: Gate, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Migrate:
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PGWARDEN_LEDGER", str(tmp_path / "ledger"))
    monkeypatch.setenv("PGWARDEN_POLICY", str(tmp_path / "policy.yaml"))
    monkeypatch.setenv("DATABASE_URL", url)
    (tmp_path / "work" / "migrations").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    return lambda *arguments: pgwarden("migrate", *arguments)


def script(name: str, sql: str) -> Path:
    file = Path("migrations", name)
    file.write_text(sql)
    return file


def runs(tmp_path: Path) -> list[Mapping[str, object]]:
    ledger = open_ledger(tmp_path / "ledger")
    entries = [json.loads(e.payload) for e in ledger.entries(kinds=("run", "run_ended"))]
    ledger.close()
    return entries


def beats(tmp_path: Path) -> list[str]:
    ledger = open_ledger(tmp_path / "ledger")
    entries = [entry.about for entry in ledger.entries(kinds=("run_beat",))]
    ledger.close()
    return entries


def by_psql(psql: Program, *files: Path) -> list[str]:
    """A migration tool as simple as there is."""
    code = (
        "import os, subprocess, sys\n"
        "assert os.environ['DATABASE_URL'] == os.environ['DIRECT_URL']\n"
        f"sys.exit(subprocess.call([{str(psql.path)!r}, '-X', '-q', '-v', 'ON_ERROR_STOP=1',"
        " os.environ['DATABASE_URL'], *sys.argv[1:]]))"
    )
    return ["--", sys.executable, "-c", code, *(f"--file={file}" for file in files)]


def test_a_run_is_let_through_and_nothing_beside_it(
    migrate: Migrate, url: str, shop: Database, psql: Program, tmp_path: Path
) -> None:
    with psycopg.connect(url, autocommit=True) as other:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="comes through a migration"):
            other.execute("ALTER TABLE users ADD COLUMN age int")
        file = script("1_email.sql", "ALTER TABLE users ADD COLUMN email text;")
        done = migrate(*by_psql(psql, file))
        assert (done.code, done.err) == (0, "")
        assert "committed: ALTER TABLE users ADD COLUMN email text;" in done.out
        assert shop.execute("SELECT email FROM users") == ""
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="comes through a migration"):
            other.execute("ALTER TABLE users ADD COLUMN age int")
    begun, ended = runs(tmp_path)
    assert begun["migrations"] == ["1_email"]
    assert (begun["role"], begun["database"], begun["environment"]) == ("postgres", shop.name, "production")
    assert ended["exit_code"] == 0


def test_what_would_not_pass_stops_all_before_the_first(
    migrate: Migrate, shop: Database, psql: Program, tmp_path: Path
) -> None:
    first = script("1_email.sql", "ALTER TABLE users ADD COLUMN email text;")
    second = script("2_drop.sql", "DROP TABLE users;")
    done = migrate(*by_psql(psql, first, second))
    assert done.code == 1
    assert done.err == "pgwarden: 1 of 2 pending migrations would not pass, so nothing was run\n"
    assert "migrations/2_drop.sql:1: No. [rule never]" in done.out
    assert shop.execute("SELECT count(*) FROM information_schema.columns WHERE table_name = 'users'") == "2"
    assert runs(tmp_path) == []


def test_what_cannot_be_judged_stops_all_unless_the_gate_is_to_judge_alone(
    migrate: Migrate, shop: Database, tmp_path: Path
) -> None:
    script("1_email.sql", "ALTER TABLE users ADD COLUMN email text;")
    script("2_more.ts", "export class More {}")
    script("1_email.down.sql", "ALTER TABLE users DROP COLUMN email;")
    touch = ("--", "touch", str(tmp_path / "ran"))
    done = migrate(*touch)
    assert (done.code, runs(tmp_path), (tmp_path / "ran").exists()) == (1, [], False)
    at = f"pgwarden: not judged: {Path('migrations').absolute()}"
    assert done.err.splitlines() == [
        f"{at}/1_email.down.sql: it undoes a migration; it does not run on the way up",
        f"{at}/2_more.ts: it is TypeScript, whose SQL does not exist before it runs",
        "pgwarden: whether 1 of the pending migrations would pass is not known, so nothing was run",
        "pgwarden: name files with their SQL (--migrations), or leave all to the gate, which judges each "
        "statement as it comes (--no-check)",
    ]
    assert migrate("--no-check", *touch).code == 0
    script("0_old.js", "module.exports = {}")
    Path("migrations", "2_more.ts").unlink()
    assert migrate("--after", "1_email", *touch).code == 0  # what runs before it is not pending


def test_a_backup_is_made_proved_and_then_counts(
    migrate: Migrate, shop: Database, psql: Program, tmp_path: Path
) -> None:
    file = script("1_name.sql", "ALTER TABLE users DROP COLUMN name;")
    assert migrate(*by_psql(psql, file)).code == 1
    done = migrate("--backup", "--to", str(tmp_path / "copies"), *by_psql(psql, file))
    assert done.code == 0, done.err
    assert "full_read" in done.out
    assert shop.execute("SELECT * FROM users") == "1"
    assert len(runs(tmp_path)[0]["backups"]) == 1  # type: ignore[arg-type]


def test_a_failure_half_way_is_told_with_what_stays(migrate: Migrate, psql: Program, tmp_path: Path) -> None:
    first = script("1_email.sql", "ALTER TABLE users ADD COLUMN email text;")
    second = script("2_age.sql", "ALTER TABLE users ADD COLUMN age nothing;")
    done = migrate(*by_psql(psql, first, second))
    assert done.code == 3
    assert done.err.splitlines() == [
        "pgwarden: the command ended with 3",
        "pgwarden: what was committed stays: entries 2",
        "pgwarden: pgwarden changes show NUMBER tells how to undo one of them",
    ]
    assert done.out.splitlines()[1:] == [
        "entry 2: committed: ALTER TABLE users ADD COLUMN email text;",
        "entry 4: failed: ALTER TABLE users ADD COLUMN age nothing;",
    ]
    assert runs(tmp_path)[1]["exit_code"] == 3


def test_a_token_opens_nothing_once_the_run_is_over(migrate: Migrate, tmp_path: Path) -> None:
    keep = f"import os; open({str(tmp_path / 'kept')!r}, 'w').write(os.environ['DATABASE_URL'])"
    assert migrate("--no-check", "--", sys.executable, "-c", keep).code == 0
    kept = (tmp_path / "kept").read_text()

    def refused() -> str:
        try:
            psycopg.connect(kept).close()
        except psycopg.OperationalError as error:
            return str(error)
        return ""

    # The gate learns of the end as of any entry: at once, yet not in the same moment.
    assert "is not under way" in until(refused, "the end of the run")


def test_a_run_whose_pgwarden_was_killed_is_over_soon(
    migrate: Migrate, url: str, shop: Database, tmp_path: Path
) -> None:
    """Its command goes on, with a token that opens nothing any more; the next run writes its end down."""
    kept, go = tmp_path / "kept", tmp_path / "go"
    code = (
        "import os, pathlib, time, psycopg\n"
        "session = psycopg.connect(os.environ['DATABASE_URL'], autocommit=True)\n"
        "session.execute('ALTER TABLE users ADD COLUMN first int')\n"
        f"pathlib.Path({str(kept)!r}).write_text(os.environ['DATABASE_URL'])\n"
        f"while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.05)\n"
        "try: session.execute('ALTER TABLE users ADD COLUMN second int')\n"
        f"except psycopg.Error as error: pathlib.Path({str(go)!r}).write_text(str(error))\n"
    )
    flags = ("--no-check", "--lapse", "2s", "--", sys.executable, "-c", code)
    killed = subprocess.Popen([sys.executable, "-m", "proxy", "migrate", *flags])
    until(kept.exists, "the first change")
    begun = runs(tmp_path)
    until(lambda: len(beats(tmp_path)) > 2, "beats, over which the run lives on")
    psycopg.connect(kept.read_text()).close()
    killed.kill()
    killed.wait()

    def refused() -> bool:
        try:
            psycopg.connect(kept.read_text()).close()
        except psycopg.OperationalError as error:
            return "is not under way" in str(error)
        return False

    until(refused, "the end of the run")
    go.touch()
    assert "its migration run is over" in until(go.read_text, "what its command is told")
    assert shop.execute("SELECT count(first) FROM users") == "0"
    assert runs(tmp_path) == begun
    never = "run 1 was never ended: nobody saw its command end"
    until(lambda: never in migrate("--no-check", "--", "true").out, "the next run to write its end down")
    assert never not in migrate("--no-check", "--", "true").out
    assert [entry["exit_code"] for entry in runs(tmp_path) if "exit_code" in entry].count(None) == 1


def test_a_token_is_for_its_role_and_database_alone(migrate: Migrate, shop: Database) -> None:
    shop.execute("CREATE ROLE clerk LOGIN SUPERUSER")
    code = (
        "import os, psycopg\n"
        "url = os.environ['DATABASE_URL']\n"
        f"for other in url.replace('postgres@', 'clerk@'), url.replace('/{shop.name}?', '/postgres?'):\n"
        "    assert other != url\n"
        "    try:\n        psycopg.connect(other)\n"
        "    except psycopg.OperationalError as error:\n        assert 'is not under way' in str(error)\n"
        "    else:\n        raise SystemExit('let in')\n"
    )
    try:
        done = migrate("--no-check", "--", sys.executable, "-c", code)
    finally:
        shop.execute("DROP ROLE clerk")
    assert done.code == 0, done.err


def test_where_no_gate_stands_nothing_is_run(migrate: Migrate, shop: Database, tmp_path: Path) -> None:
    done = migrate("--no-check", "--gate", shop.url(), "--", "touch", str(tmp_path / "ran"))
    assert done.code == 3
    assert "there is no gate at" in done.err
    assert not (tmp_path / "ran").exists()


def test_a_gate_on_another_ledger_knows_no_run(migrate: Migrate, tmp_path: Path) -> None:
    done = migrate("--no-check", "--ledger", str(tmp_path / "other"), "--", "touch", str(tmp_path / "ran"))
    assert done.code == 3
    assert "does not know this run: does it keep its records in this ledger?" in done.err
    assert not (tmp_path / "ran").exists()


def test_the_token_reaches_neither_the_server_nor_the_ledger(
    migrate: Migrate, psql: Program, tmp_path: Path
) -> None:
    script("1.sql", "SELECT 1")
    code = (
        "import os, psycopg\n"
        "with psycopg.connect(os.environ['DATABASE_URL']) as c:\n"
        "    print('seen', c.execute(\"SELECT current_setting('pgwarden.run', true)\").fetchone())\n"
        f"open({str(tmp_path / 'kept')!r}, 'w').write(os.environ['DATABASE_URL'])"
    )
    assert migrate("--", sys.executable, "-c", code).code == 0
    token = (tmp_path / "kept").read_text().rpartition("pgwarden.run%3D")[2]
    assert token.startswith("pgwrun_")
    assert token.encode() not in (tmp_path / "ledger").read_bytes()
