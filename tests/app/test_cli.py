"""The command line: what it prints, on which stream, and with which exit code."""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from proxy import __version__
from proxy.app.cli.exitcodes import MEANINGS, ExitCode
from proxy.app.cli.verbs import VERBS
from proxy.app.compiled import built
from tests.app.commands import Command

POLICY = """\
version: 1
name: production
environment: production
time: {timezone: Europe/Berlin}
rules:
  - id: no-drop
    match: {effects: [table.drop]}
    deny: "{effect} on {targets} would lose data."
    hint: "Ask first: {decision_id}."
  - id: backup-first
    match: {effects: [column.add]}
    require: {backup: {within: 24h}}
"""


@pytest.fixture(autouse=True)
def policy_file(command: Command) -> None:
    (command.folder / "policy.yaml").write_text(POLICY)


def test_version(command: Command) -> None:
    assert command("--version") == (0, [f"pgwarden {__version__} ({built()})"], [])


def test_help_lists_the_exit_codes(command: Command) -> None:
    for arguments in (["--help"], ["serve", "--help"], ["explain", "--help"]):
        code, lines, _ = command(*arguments)
        assert code == 0
        table = [line.strip() for line in lines[lines.index("  Exit codes:") + 1 :]]
        assert [line.split("  ", 1) for line in table if line] == [
            [str(int(code)), meaning] for code, meaning in MEANINGS.items()
        ]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_helps(command: Command, verb: str) -> None:
    code, lines, errors = command(verb, "--help")
    assert (code, lines[0].startswith(f"Usage: pgwarden {verb} "), errors) == (0, True, [])
    assert "  Exit codes:" in lines


def test_help_names_every_verb_in_a_line_and_imports_none() -> None:
    program = "import sys; from proxy.app.cli import main; main(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program, "--help"], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    listed = done.stdout.partition("\nCommands:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split(None, 1) for line in listed] == [[n, summary] for n, (_, summary) in VERBS.items()]
    loaded = {name for name in done.stdout.split() if name.startswith("proxy.")}
    assert loaded == {
        "proxy.app",
        "proxy.app.cli",
        *(f"proxy.app.cli.{name}" for name in ("exitcodes", "output", "verbs")),
    }


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["bogus"], "pgwarden: No such command 'bogus'."),
        (["explain"], "pgwarden: Missing argument 'SQL'."),
        (["explain", "select 1", "--bogus"], "pgwarden: No such option: --bogus"),
        (["serve", "postgres://a:hunter2@b"], "pgwarden: Got unexpected extra argument(s) (postgres://***@b)"),
        (["postgres://a:hunter2/hunter2@hunter2@b/d"], "pgwarden: No such command 'postgres://***@b/d'."),
        (["serve", "--drain-timeout-s", "abc", "--listen", ":0", "--policy", "p", "--upstream",
          "postgresql://127.0.0.1"], 'pgwarden: --drain-timeout-s: "abc" is not a number of seconds'),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_line(command: Command, arguments: list[str], line: str) -> None:
    code, printed, errors = command(*arguments)
    assert (code, printed, errors) == (ExitCode.USAGE, [], [line])


def test_policy_check(command: Command) -> None:
    code, lines, errors = command("policy", "check", "policy.yaml")
    assert (code, errors) == (0, [])
    assert lines[0].rpartition(" ")[0] == (
        "policy.yaml: policy production for production, mode enforce, 2 rules from 1 file, digest"
    )


def test_policy_check_with_mistakes(command: Command, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("version: 1\nnam: x\nrules: []\n")
    code, lines, errors = command("policy", "check", "policy.yaml", "bad.yaml")
    assert code == ExitCode.NO
    assert len(lines) == 1
    assert errors == [
        'bad.yaml:2:1: unknown key "nam"', "    nam: x", "    ^^^", '    did you mean "name"?',
    ]  # fmt: skip


def test_policy_check_as_json(command: Command, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("version: 1\nrules: [{id: a, match: {classes: dll}, mod: off}]\n")
    (tmp_path / "none.yaml").write_text("version: 1\n")
    code, lines, errors = command("policy", "check", "bad.yaml", "none.yaml", "--json")
    bad, none = json.loads("\n".join(lines))
    assert (code, errors) == (1, [])
    assert (bad["loads"], none["loads"], bad["warnings"], none["mistakes"]) == (False, True, [], [])
    assert bad["mistakes"] == [
        {"file": "bad.yaml", "line": 2, "column": 34, "message": 'unknown class "dll"', "suggestion": "ddl"},
        {"file": "bad.yaml", "line": 2, "column": 40, "message": 'unknown key "mod"', "suggestion": "mode"},
    ]
    message = "no rule: all that can be read passes"
    assert none["warnings"] == [
        {"file": "none.yaml", "line": 1, "column": 1, "message": message, "suggestion": None}
    ]


@pytest.mark.parametrize("files", [["absent.yaml"], ["absent.yaml", "bad.yaml"], ["bad.yaml", "absent.yaml"]])
def test_policy_check_of_what_cannot_be_read(command: Command, tmp_path: Path, files: list[str]) -> None:
    """Whoever asked for a file that is not there has no answer, whatever the other files hold."""
    (tmp_path / "bad.yaml").write_text("version: 1\nnam: x\nrules: []\n")
    code, lines, errors = command("policy", "check", *files)
    assert (code, lines) == (ExitCode.FAILED, [])
    assert "absent.yaml:1:1: cannot be read: no such file or directory" in errors


def test_policy_check_of_what_includes_an_absent_file(command: Command, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "version: 1\nname: x\nenvironment: x\ninclude: [absent.yaml]\nrules: []\n"
    )
    code, lines, errors = command("policy", "check", "p.yaml")
    assert (code, lines) == (ExitCode.NO, [])
    assert errors[0].startswith("p.yaml:4:11: ")


def test_a_flag_given_twice(command: Command) -> None:
    code, lines, errors = command(
        "serve", "--listen", ":1", "--listen", ":2", "--upstream", "x", "--policy", "p"
    )
    assert (code, lines) == (ExitCode.USAGE, [])
    assert errors == ["pgwarden: --listen: given 2 times: several listeners go into a --config file"]


@pytest.mark.parametrize(
    "given",
    [
        ("--at", "bogus"),
        ("--as", "dba"),
        ("--database", "shop"),
        ("--from", "10.0.0.1"),
        ("--in-transaction",),
        ("--ledger", "absent"),
    ],
)
def test_a_circumstance_without_a_policy(command: Command, given: tuple[str, ...]) -> None:
    code, lines, errors = command("explain", "SELECT 1", *given)
    assert (code, lines) == (ExitCode.USAGE, [])
    assert errors == [f"pgwarden: {given[0]}: means something to a policy alone; give --policy too"]


@pytest.mark.parametrize("verb", [("explain", "SELECT 1"), ("lint", "a.sql")])
def test_an_address_that_is_none(command: Command, verb: tuple[str, ...]) -> None:
    code, lines, errors = command(*verb, "--policy", "policy.yaml", "--from", "10.0.0.0/8")
    assert (code, lines) == (ExitCode.USAGE, [])
    assert errors == ['pgwarden: --from: "10.0.0.0/8" is no IP address']


def test_explain_shows_what_a_client_reads_of_a_text_that_cannot_be_read(command: Command) -> None:
    policy = str(Path(__file__).parents[2] / "policies" / "production.yaml")
    code, lines, _ = command("explain", "SELEC 1", "--policy", policy)
    assert code == ExitCode.NO
    assert lines[-3:-1] == [
        '  ERROR 42601: syntax error at or near "SELEC"',
        "  DETAIL: pgwarden could not read this statement, so it did not go on to the server.",
    ]


def test_backup_record_and_list(command: Command, tmp_path: Path) -> None:
    assert command(
        "backup", "record", "--database", "shop", "--finished", "2026-11-20T10:00:00+02:00",
        "--location", "s3://b/x", "--location", "/backups/x", "--verified", "full_read", "--size", "1MiB",
    ) == (0, [f"recorded as entry {number} of {tmp_path}/ledger" for number in (1, 2)], [])  # fmt: skip
    code, lines, errors = command("backup", "list")
    assert (code, errors) == (0, [])
    rows = [line.split("\t") for line in lines]
    assert rows[0] == [
        "entry",
        "database",
        "finished",
        "verified",
        "size",
        "location",
        "recorded by",
        "notes",
    ]
    assert [row[:6] for row in rows[1:]] == [
        ["2", "shop", "2026-11-20T08:00:00Z", "full_read", "1048576", "/backups/x"],
        ["1", "shop", "2026-11-20T08:00:00Z", "full_read", "1048576", "s3://b/x"],
    ]
    code, lines, _ = command("backup", "list", "--json", "--database", "shop")
    assert [row["location"] for row in json.loads("\n".join(lines))] == ["/backups/x", "s3://b/x"]
    assert command("backup", "list", "--json", "--database", "other")[1] == ["[]"]


@pytest.mark.parametrize(
    ("changed", "code", "line"),
    [
        ({"--finished": "today"}, 2, '--finished: "today" is not a time such as 2026-11-22T14:30:22Z'),
        (
            {"--finished": "2026-11-20T10:00"},
            2,
            '--finished: "2026-11-20T10:00" has no time zone: end it with Z for UTC, '
            "or with +02:00 and the like",
        ),
        (
            {"--verified": "very"},
            2,
            '--verified: "very" is none of recorded, exists, checksum, toc, full_read, restored',
        ),
        ({"--size": "big"}, 2, '--size: "big" is not a size (say 16MiB, or a number of bytes)'),
        ({"--database": ""}, 2, "not recorded: the database has no name"),
        (
            {"--location": "https://me:hunter2@h/x"},
            2,
            "not recorded: the location holds a password or a token; "
            "record where the backup lies, without it",
        ),
        ({"--ledger": "policy.yaml"}, 3, "the ledger {}/policy.yaml is damaged (file is not a database); "
         "put back a copy of it"),
    ],
)  # fmt: skip
def test_backup_record_refuses(
    command: Command, tmp_path: Path, changed: dict[str, str], code: int, line: str
) -> None:
    flags = {"--database": "shop", "--finished": "2026-11-20T10:00Z", "--location": "/x", **changed}
    arguments = [part for flag in flags.items() for part in flag]
    assert command("backup", "record", *arguments) == (code, [], [f"pgwarden: {line.format(tmp_path)}"])
    assert not (tmp_path / "ledger").exists()


def test_backup_record_by_whom_no_account_knows(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_000)
    given = ["--database", "shop", "--finished", "2026-11-21T20:05:00Z", "--location", "tape 7"]
    assert command("backup", "record", *given)[0] == 0
    (row,) = json.loads("\n".join(command("backup", "list", "--json")[1]))
    assert row["recorded_by"] == f"uid 4000000000@{socket.gethostname()}"


def test_backup_list_without_a_ledger(command: Command, tmp_path: Path) -> None:
    assert command("backup", "list") == (3, [], [f"pgwarden: there is no ledger at {tmp_path}/ledger"])


def test_explain_without_a_policy(command: Command) -> None:
    code, lines, errors = command("explain", "DROP TABLE public.users")
    wanted = [
        "table.drop on table public.users (risk high)",
        "  1:1: DROP TABLE public.users",
        "       ^",
        "the screen does not pass it: it begins with the word drop",
    ]
    assert (code, lines, errors) == (0, wanted, [])


def test_explain_shows_the_place_of_each_effect(command: Command) -> None:
    text = "SELECT 'é';\r\n\tDELETE FROM users -- \x1b[2J\r\n"
    assert command("explain", text)[1] == [
        "row.delete on table users (risk high, unscoped)",
        "  2:14: \tDELETE FROM users -- �[2J",
        "        \t            ^",
        "the screen does not pass it: it has the word delete",
    ]
    _, lines, _ = command("explain", text, "--json")
    (effect,) = json.loads("\n".join(lines))["effects"]
    assert (effect["line"], effect["column"]) == (2, 14)


def test_explain_shows_where_a_text_cannot_be_read(command: Command) -> None:
    assert command("explain", "SELECT 1,\n  FROM t")[1] == [
        'This text cannot be read: syntax error at or near "FROM"',
        "  2:3:   FROM t",
        "         ^",
        "statement.unparsed (risk high)",
        "the screen passes it",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("SELECT 1", None),
        ("INSERT INTO t (a) VALUES (lower('A'))", None),
        ("DROP TABLE x", "it begins with the word drop"),
        ("/* x", "it begins with the word x"),
        ("SELECT purge()", "it may call purge"),
        ("SELECT a <~> b", "it has the operator <~>"),
        ("SELECT 1; DROP TABLE t", "it has the word drop"),
        ("SELECT (4242::oid).lo_unlink", "it has the word lo_unlink"),
        ('SELECT U&"a"', 'it has an escaped name (U&"…")'),
        ("INSERT INTO pg_class VALUES (1)", "adding rows to pg_class may do more"),
        ("SELECT 'a", "it is too long, or not certain where its parts end"),
    ],
)
def test_explain_says_why_the_screen_does_not_pass(command: Command, text: str, why: str | None) -> None:
    line = "the screen passes it" if why is None else f"the screen does not pass it: {why}"
    assert command("explain", text)[1][-1] == line
    screen = json.loads("\n".join(command("explain", text, "--json")[1]))["screen"]
    assert screen == {"passes": why is None, "why": why}


def test_explain_a_refusal(command: Command) -> None:
    code, lines, errors = command("explain", "DROP TABLE public.users", "--policy", "policy.yaml")
    assert (code, errors) == (ExitCode.NO, [])
    assert lines[0] == "refused by no-drop [policy production]"
    assert lines[lines.index("the client reads:") + 1].strip() == (
        "ERROR 42501: DROP TABLE on public.users would lose data. [rule no-drop]"
    )
    assert lines[-1] == "  HINT: Ask first: DECISION-ID."


def test_explain_shows_one_refusal_as_the_client_does(command: Command) -> None:
    both = "DROP TABLE users; ALTER TABLE users ADD x int"
    _, lines, _ = command("explain", both, "--policy", "policy.yaml", "--at", "2026-11-20T12:00Z")
    assert lines[0] == "refused by no-drop, backup-first [policy production]"
    told = lines[lines.index("the client reads:") + 1 :]
    assert [line.strip().partition(":")[0] for line in told] == ["ERROR 42501", "DETAIL", "HINT"]
    assert told[1].endswith("Also refused by: backup-first.")


def test_explain_what_is_allowed(command: Command) -> None:
    code, lines, errors = command("explain", "SELECT 1", "--policy", "policy.yaml")
    assert (code, lines[0], errors) == (0, "allowed [policy production]", [])


def test_explain_finds_evidence_in_the_ledger(command: Command) -> None:
    alter = ("explain", "ALTER TABLE users ADD x int", "--policy", "policy.yaml", "--database", "shop")
    assert command(*alter, "--at", "2026-11-20T12:00Z")[0] == ExitCode.NO
    recorded = ("--database", "shop", "--finished", "2026-11-20T10:00Z", "--location", "/x")
    assert command("backup", "record", *recorded)[0] == 0
    assert command(*alter, "--at", "2026-11-20T12:00Z")[0] == 0
    assert (
        command(*alter, "--at", "2026-11-21 11:00:01")[0] == ExitCode.NO
    )  # Berlin's time, a second too late
    assert command(*alter, "--at", "2026-11-21 10:59:59")[0] == 0


def test_explain_as_json(command: Command) -> None:
    code, lines, _ = command("explain", "DROP TABLE users", "--policy", "policy.yaml", "--json")
    answer = json.loads("\n".join(lines))
    assert code == ExitCode.NO
    assert answer["effects"] == [
        {
            "name": "table.drop",
            "target": {"kind": "table", "schema": None, "name": "users"},
            "traits": [],
            "risk": "high",
            "detail": "",
            "through": "",
            "line": 1,
            "column": 1,
        }
    ]
    assert (answer["allowed"], [firing["rule"] for firing in answer["enforced"]]) == (False, ["no-drop"])
    assert (answer["policy"]["name"], answer["policy"]["mode"]) == ("production", "enforce")


def test_explain_a_text_that_cannot_be_read(command: Command) -> None:
    code, lines, errors = command("explain", "DORP TABLE users", "--policy", "policy.yaml")
    assert (code, errors) == (ExitCode.NO, [])
    assert lines[:4] == [
        'This text cannot be read: syntax error at or near "DORP"',
        "  1:1: DORP TABLE users",
        "       ^",
        "refused by unparsed [policy production]",
    ]


def test_explain_by_a_policy_that_does_not_load(command: Command) -> None:
    code, lines, errors = command("explain", "SELECT 1", "--policy", "absent.yaml")
    assert (code, lines) == (ExitCode.USAGE, [])
    assert errors[0] == "pgwarden: --policy: the policy absent.yaml does not load"


def test_health_of_nobody_knows_what(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (None, ""):
        if value is not None:
            monkeypatch.setenv("PGWARDEN_ADMIN", value)
        assert command("health") == (
            ExitCode.USAGE,
            [],
            ["pgwarden: --admin: say where the gate's admin server listens, or set PGWARDEN_ADMIN"],
        )


def test_health_without_a_gate(command: Command) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        assert command("health", "--admin", f"127.0.0.1:{port}") == (
            ExitCode.NO,
            [],
            [f"pgwarden: no gate answers at 127.0.0.1:{port}: Connection refused"],
        )
    assert command("health") == (
        ExitCode.USAGE,
        [],
        ["pgwarden: --admin: say where the gate's admin server listens, or set PGWARDEN_ADMIN"],
    )


def test_a_reader_that_has_seen_enough() -> None:
    command = f"{shlex.quote(sys.executable)} -m proxy explain 'select 1' --json | head -c 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "{", "")


def test_a_fault_of_the_program_shows_no_traceback(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(text: str, held: object) -> None:
        raise ZeroDivisionError("hunter2")

    monkeypatch.setattr(sys.modules["proxy.app.cli.explain"], "read_sql", faulty)
    code, lines, (error,) = command("explain", "SELECT 1")
    assert (code, lines) == (ExitCode.FAILED, [])
    assert error.startswith("pgwarden: internal error: ZeroDivisionError at test_cli.py:")
