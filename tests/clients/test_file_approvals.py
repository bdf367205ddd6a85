"""A migration file that was approved, sent one statement after the other by psql, in a run and beside it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.app.commands import Done, pgwarden
from tests.clients.conftest import Serve
from tests.clients.programs import Program
from tests.clients.test_approvals import Desk
from tests.servers.database import Database

_POLICY = """\
version: 1
name: production
environment: production
approvals: {by: 1, within: 2h}
rules:
  - {id: no-drop, match: {effects: [table.drop, column.drop]}, deny: "{effect} would lose data."}
"""
_FILE = Path("migrations", "1_drop.sql")
_SQL = "ALTER TABLE users ADD email text;\n-- gone for good\nALTER TABLE users DROP name;\nDROP TABLE gone;\n"


class Stage:
    """A gate, a database, and who migrates it."""

    def __init__(self, desk: Desk, users: Database, psql: Program, url: str) -> None:
        self.desk = desk
        self.users = users
        self._psql = psql
        self.url = url

    def approve(self, sql: str, *flags: str) -> str:
        """The id of a request for the file with this text, which Ada has granted."""
        _FILE.write_text(sql)
        given = ("--migration", str(_FILE), "--policy", os.environ["PGWARDEN_POLICY"], "--as", "postgres")
        asked = self.desk("eve", "request", *given, *flags).splitlines()[0].split()[1].rstrip(":")
        self.desk("ada", "grant", asked)
        return asked

    def migrate(self, first: str = "") -> Done:
        """Run the file, one statement after the other; before that some Python."""
        code = (
            f"import os, subprocess, sys\n{first}\n"
            f"sys.exit(subprocess.call([{str(self._psql.path)!r}, '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f',"
            f" {str(_FILE)!r}, os.environ['DATABASE_URL']]))"
        )
        return pgwarden("migrate", "--", sys.executable, "-c", code)

    def is_there(self, table: str) -> bool:
        return self.users.execute(f"SELECT to_regclass('{table}') IS NOT NULL") == "t"

    def uses(self) -> list[str]:
        return [entry.about for entry in self.desk.book.entries(kinds=("approval_use",))]


@pytest.fixture
def stage(
    serve: Serve, users: Database, psql: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    gate = serve(_POLICY)
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    desk = Desk(tmp_path, monkeypatch)
    monkeypatch.setenv("PGWARDEN_POLICY", str(tmp_path / "policy.yaml"))
    monkeypatch.setenv("DATABASE_URL", gate.url(users.name))
    (tmp_path / "work" / "migrations").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    desk.enrol()
    users.execute("CREATE TABLE gone (id int)")
    yield Stage(desk, users, psql, gate.url(users.name))
    desk.book.close()


def test_an_approved_file_passes_one_by_one_in_its_run_and_once(stage: Stage, tmp_path: Path) -> None:
    asked = stage.approve(_SQL)
    assert "whole, and in a run of pgwarden migrate for its 3 statements" in stage.desk("ada", "show", asked)
    beside = (
        "import psycopg\n"
        "token = os.environ['DATABASE_URL']\n"
        f"with psycopg.connect({stage.url!r}, autocommit=True) as other:\n"
        "    try: other.execute('DROP TABLE gone')\n"
        "    except psycopg.errors.InsufficientPrivilege: pass\n"
        "    else: raise SystemExit('passed beside the run')\n"
        "with psycopg.connect(token, autocommit=True) as own:\n"
        "    for sql in 'DROP TABLE users', 'DROP TABLE gone; SELECT 1', 'DROP TABLE gone CASCADE':\n"
        "        try: own.execute(sql)\n"
        "        except psycopg.errors.InsufficientPrivilege: pass\n"
        "        else: raise SystemExit('passed: ' + sql)\n"
        f"open({str(tmp_path / 'kept')!r}, 'w').write(token)\n"
    )
    done = stage.migrate(beside)
    assert (done.code, done.err) == (0, ""), done.out
    assert not stage.is_there("gone")
    assert stage.users.execute("SELECT count(email) FROM users") == "0"
    assert stage.uses() == [asked]
    changes = [json.loads(entry.payload) for entry in stage.desk.book.entries(kinds=("change",))]
    assert [change["approval"] for change in changes] == ["", asked, asked]
    stage.users.execute("CREATE TABLE gone (id int); ALTER TABLE users ADD name text, DROP email")
    again = stage.migrate()
    assert again.code == 1
    assert "1 of 1 pending migrations would not pass, so nothing was run" in again.err
    assert stage.is_there("gone")
    with pytest.raises(psycopg.OperationalError, match="is not under way"):
        psycopg.connect((tmp_path / "kept").read_text())


def test_what_the_file_did_not_say_when_it_was_judged_is_refused(stage: Stage) -> None:
    stage.approve(_SQL)
    changed = _SQL.replace("DROP TABLE gone", "DROP TABLE users")
    done = stage.migrate(f"open({str(_FILE)!r}, 'w').write({changed!r})")
    assert done.code == 3
    assert stage.is_there("users")
    assert stage.users.execute("SELECT email FROM users") == ""  # the others are as they were approved


def test_what_is_revoked_while_its_run_is_under_way_covers_nothing_more(stage: Stage) -> None:
    asked = stage.approve(_SQL)
    revoke = (
        f"subprocess.check_call([sys.executable, '-m', 'proxy', 'approve', 'revoke', {asked!r}])\n"
        "import psycopg, time\n"
        "for _ in range(600):\n"
        "    with psycopg.connect(os.environ['DATABASE_URL']) as own:\n"
        "        try: own.execute('DROP TABLE gone')\n"
        "        except psycopg.errors.InsufficientPrivilege: break\n"
        "        own.rollback()\n"
        "    time.sleep(0.05)\n"
    )
    assert stage.migrate(revoke).code == 3
    assert stage.is_there("gone")


def test_a_file_that_has_to_come_whole_says_why_and_is_refused_one_by_one(stage: Stage) -> None:
    asked = stage.approve("SET search_path = public;\nDROP TABLE gone;\n")
    why = "whole alone: its SET changes what other statements of it come to"
    assert why in stage.desk("ada", "show", asked)
    done = stage.migrate()
    assert done.code == 3
    assert f"the approval {asked} of {_FILE.stem} counts only where the file is sent as one text" in done.err
    assert (stage.is_there("gone"), stage.uses()) == (True, [])
    whole = (
        "import os, psycopg\n"
        "with psycopg.connect(os.environ['DATABASE_URL'], autocommit=True) as own:\n"
        f"    own.execute(open({str(_FILE)!r}).read())"
    )
    assert pgwarden("migrate", "--", sys.executable, "-c", whole).code == 0
    assert (stage.is_there("gone"), stage.uses()) == (False, [asked])
