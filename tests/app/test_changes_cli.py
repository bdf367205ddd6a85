"""`pgwarden changes`: list, show, export."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from proxy.policy.facts import Verification
from proxy.policy.recording import Ending
from proxy.records import ChangeBegun, ChangeEnded, Draft, Ledger, NewBackup, open_ledger
from proxy.records.entry import canonical
from proxy.records.kinds.change import Part
from tests.app.commands import Command
from tests.servers.database import Database

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Book:
    """A ledger whose clock is a minute later with each entry."""

    def __init__(self, folder: Path) -> None:
        self._now = NOON
        self.ledger: Ledger = open_ledger(folder / "ledger", clock=self._later)

    def _later(self) -> datetime:
        self._now += timedelta(seconds=30)  # a draft looks at it, and an entry
        return self._now

    def change(
        self,
        statement: str | None,
        effect: str = "column.add",
        on: str = "public.users",
        detail: str = "",
        *,
        risk: str = "low",
        role: str = "app",
        database: str = "shop",
        backup: str = "",
        parts: bool = True,
    ) -> int:
        begun = ChangeBegun(
            statement=statement,
            effects=(effect,),
            targets=(on,),
            risk=risk,
            role=role,
            database=database,
            client_address="10.0.0.1",
            application="psql",
            listener="127.0.0.1:6432",
            transaction="none",
            policy="ab" * 32,
            parts=(Part(effect=effect, on=on, detail=detail),) if parts else (),
            backup=backup,
        )
        return self.ledger.record(begun, "pgwarden@gate").sequence

    def ends(self, number: int, ending: Ending, *tags: str, rows: int | None = None, code: str = "") -> None:
        ended = ChangeEnded(ending=str(ending), tags=tags, rows=rows, sqlstate=code, duration_ms=12)
        self.ledger.record(ended, "pgwarden@gate", about=str(number))


@pytest.fixture
def book(command: Command) -> Book:
    """Five changes: committed, rolled back, failed, of another database, and one under way."""
    book = Book(command.folder)
    book.ledger.record_backup(
        NewBackup("shop", NOON - timedelta(hours=1), "s3://b/1", Verification.FULL_READ, "ada")
    )
    added = book.change("ALTER TABLE users ADD COLUMN email text", detail="email", backup="s3://b/1")
    book.ends(added, Ending.COMMITTED, "ALTER TABLE")
    deleted = book.change("DELETE FROM mail", "row.delete", "mail", risk="high", role="ada")
    book.ends(deleted, Ending.ROLLED_BACK, "DELETE 3", rows=3)
    dropped = book.change("DROP TABLE nowhere", "table.drop", "nowhere", risk="high")
    book.ends(dropped, Ending.FAILED, code="42P01")
    other = book.change("CREATE INDEX ON t (v)", "index.create", "", database="other", risk="medium")
    book.ends(other, Ending.COMMITTED, "CREATE INDEX")
    book.change("TRUNCATE mail", "table.truncate", "mail", risk="high", parts=False)
    return book


def numbers(command: Command, *flags: str) -> list[int]:
    code, lines, errors = command("changes", "list", "--json", *flags)
    assert (code, errors) == (0, [])
    return [row["change"] for row in json.loads("\n".join(lines))]


def test_the_list(command: Command, book: Book) -> None:
    assert command("changes", "list") == (
        0,
        [
            "change\ttime\tdatabase\trole\trisk\toutcome\trows\tstatement",
            "10\t2026-11-22T12:10:00Z\tshop\tapp\thigh\tnot known\t\tTRUNCATE mail",
            "8\t2026-11-22T12:08:00Z\tother\tapp\tmedium\tcommitted\t\tCREATE INDEX ON t (v)",
            "6\t2026-11-22T12:06:00Z\tshop\tapp\thigh\tfailed\t\tDROP TABLE nowhere",
            "4\t2026-11-22T12:04:00Z\tshop\tada\thigh\trolled back\t3\tDELETE FROM mail",
            "2\t2026-11-22T12:02:00Z\tshop\tapp\tlow\tcommitted\t\tALTER TABLE users ADD COLUMN email text",
        ],
        [],
    )


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ((), [10, 8, 6, 4, 2]),
        (("--limit", "2"), [10, 8]),
        (("--database", "other"), [8]),
        (("--role", "ada"), [4]),
        (("--risk", "high"), [10, 6, 4]),
        (("--risk", "medium"), [10, 8, 6, 4]),
        (("--outcome", "rolled-back"), [4]),
        (("--outcome", "unknown"), [10]),
        (("--since", "2026-11-22T12:06:00Z"), [10, 8, 6]),
        (("--until", "2026-11-22T12:06:00Z"), [4, 2]),
        (("--since", "36500d"), [10, 8, 6, 4, 2]),
        (("--until", "36500d"), []),
        (("MAIL",), [10, 4, 2]),
        (("table.drop", "--role", "ada"), []),
    ],
)
def test_what_is_listed(command: Command, book: Book, flags: tuple[str, ...], expected: list[int]) -> None:
    assert numbers(command, *flags) == expected


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (("list", "--risk", "huge"), '--risk: "huge" is none of low, medium, high'),
        (("list", "--since", "tomorrow"), '--since: "tomorrow" is not a time such as 2026-11-22T14:30:22Z'),
        (("show", "3"), "entry 3 of {ledger} is no change: see `pgwarden changes list`"),
        (("show", "99"), "entry 99 of {ledger} is no change: see `pgwarden changes list`"),
        (("export", "--format", "pdf"), "--format: must be markdown or json"),
        (("export", "--change", "3"), "--change: {ledger} has no such change: 3"),
        (("export", "--table", "file"), "--table: must be postgresql://***@HOST:PORT/DATABASE"),
        (
            ("export", "--table", "postgresql://u:p@h/d"),
            "--table: must not hold a password: put it into a file, and name that in --password-file",
        ),
        (("export", "--table-name", "t"), "--table-name: must be SCHEMA.TABLE"),
    ],
)
def test_mistakes(command: Command, book: Book, flags: tuple[str, ...], complaint: str) -> None:
    code, lines, errors = command("changes", *flags)
    assert (code, lines) == (2, [])
    assert errors == [f"pgwarden: {complaint.format(ledger=command.folder / 'ledger')}"]


def test_all_of_one(command: Command, book: Book) -> None:
    assert command("changes", "show", "2") == (
        0,
        [
            "change       2",
            "time         2026-11-22T12:02:00Z",
            "outcome      committed (ALTER TABLE; 12 ms)",
            "risk         Low (additive only)",
            "database     shop",
            "by           app from 10.0.0.1 with psql",
            "through      127.0.0.1:6432, recorded by pgwarden@gate",
            "transaction  none begun before it",
            "effects      column.add",
            "targets      public.users",
            "migration    none known",
            "backup       s3://b/1",
            "approval     none asked for",
            "staging      none asked for",
            f"policy       {'ab' * 32}",
            "rollback plan",
            "  1. Drop the column email of public.users; what was written to it is lost with it.",
            "statement",
            "  ALTER TABLE users ADD COLUMN email text",
        ],
        [],
    )
    _, lines, _ = command("changes", "show", "4")
    undone = "rolled back: it completed, and was undone with its transaction"
    assert lines[2] == f"outcome      {undone} (DELETE 3; 3 rows; 12 ms)"
    assert lines[-3:] == [
        "  1. Nothing to undo: nothing of it stays.",
        "statement",
        "  DELETE FROM mail",
    ]
    _, lines, _ = command("changes", "show", "10", "--json")
    shown = json.loads("\n".join(lines))
    assert (shown["outcome"], shown["backup"], shown["newest_backup"]) == (None, None, "s3://b/1")
    assert shown["rollback_plan"] == ["Restore the rows of mail from the backup s3://b/1."]


def test_an_entry_of_the_first_version_is_read(command: Command, book: Book) -> None:
    """It has none of the later fields."""
    book.change("DROP TABLE old", "table.drop", "old", parts=False)
    (*_, newest) = book.ledger.entries(kinds=("change",))
    later = ("parts", "migration", "backup", "approval", "staging")
    fields = {name: value for name, value in json.loads(newest.payload).items() if name not in later}
    (entry,) = book.ledger.append([Draft("change", "pgwarden@gate", canonical(fields))])
    assert entry is not None
    assert numbers(command)[0] == entry.sequence


def test_as_markdown_in_the_teams_template(command: Command, book: Book) -> None:
    by = "in shop by app from 10.0.0.1 with psql"
    code, lines, _ = command("changes", "export", "--change", "2", "--change", "6")
    assert code == 0
    assert lines == [
        "## Schema Change: 2026-11-22 12:02 UTC",
        "",
        f"**Description**: ADD COLUMN email on public.users, {by} (change 2)  ",
        "**Migration**: none known  ",
        "**Backup**: s3://b/1  ",
        "**Risk Level**: Low (additive only)  ",
        "**Outcome**: committed (ALTER TABLE; 12 ms)  ",
        "**Rollback Plan**: Drop the column email of public.users; what was written to it is lost with it.",
        "",
        "```sql",
        "ALTER TABLE users ADD COLUMN email text",
        "```",
        "",
        "",
        "## Schema Change: 2026-11-22 12:06 UTC",
        "",
        "**Description**: DROP TABLE on nowhere, in shop by app from 10.0.0.1 with psql (change 6)  ",
        "**Migration**: none known  ",
        "**Backup**: s3://b/1 (the newest then; none was asked for)  ",
        "**Risk Level**: High (may lose data or protection)  ",
        "**Outcome**: failed: nothing of it stays (SQLSTATE 42P01; 12 ms)  ",
        "**Rollback Plan**: Nothing to undo: nothing of it stays.",
        "",
        "```sql",
        "DROP TABLE nowhere",
        "```",
        "",
        "",
    ]


def test_nothing_that_a_client_says_is_markup(command: Command, book: Book) -> None:
    number = book.change("SELECT '```'\n-- ~~~", "table.drop", "a`b<i>\n# c", role="*x*_y_")
    _, lines, _ = command("changes", "export", "--change", str(number))
    assert r"**Description**: DROP TABLE on a\`b\<i> # c, in shop by \*x\*\_y\_ from 10.0.0.1" in lines[2]
    assert lines[-6:-2] == ["````sql", "SELECT '```'", "-- ~~~", "````"]


def test_as_json_the_oldest_first(command: Command, book: Book) -> None:
    _, lines, _ = command("changes", "export", "--format", "json", "--risk", "high")
    assert [row["change"] for row in json.loads("\n".join(lines))] == [4, 6, 10]


def test_into_a_table(command: Command, book: Book, database: Database) -> None:
    where = f"postgresql://postgres@127.0.0.1:{database.port}/{database.name}"
    assert command("changes", "export", "--table", where) == (
        0,
        [f"5 changes in public.pgwarden_changes of {where}"],
        [],
    )
    book.ends(10, Ending.COMMITTED, "TRUNCATE TABLE")
    assert command("changes", "export", "--table", where)[0] == 0
    rows = database.execute(
        "SELECT change, time AT TIME ZONE 'UTC', outcome, tags, rows FROM pgwarden_changes"
    )
    assert sorted(rows.splitlines()) == [
        '10|2026-11-22 12:10:00|committed|{"TRUNCATE TABLE"}|',
        '2|2026-11-22 12:02:00|committed|{"ALTER TABLE"}|',
        '4|2026-11-22 12:04:00|rolled_back|{"DELETE 3"}|3',
        "6|2026-11-22 12:06:00|failed|{}|",
        '8|2026-11-22 12:08:00|committed|{"CREATE INDEX"}|',
    ]
    assert command("changes", "export", "--table", where, "--table-name", 'au"dit.Log', "shop")[0] == 0
    assert database.execute('SELECT count(*) FROM "au""dit"."Log"') == "0"
    gone = where.replace(database.name, "nowhere")
    shown = gone.replace("postgres@", "***@")
    assert command("changes", "export", "--table", gone) == (
        3,
        [],
        [f"pgwarden: the database {shown} cannot be used: there is no such database; create it first"],
    )
