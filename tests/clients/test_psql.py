"""psql at the gate: what people type, and what they read when it is refused."""

from pathlib import Path

import pytest

from tests.clients.gate import Gate
from tests.clients.programs import Done, Program
from tests.servers.database import Database

DROP = """\
ERROR:  DROP TABLE on users would lose data. [rule no-drop]
DETAIL:  A table is dropped: users (high risk).
HINT:  Keep it, or ask the owners of this database; Prisma: migrate deploy, not migrate reset or db push.
"""
UNSCOPED = """\
ERROR:  DELETE on users has no WHERE that limits it, so every row would go. [rule no-unscoped-delete]
DETAIL:  Rows are removed: users (high risk).
HINT:  Add a WHERE that names the rows, such as WHERE id = ….
"""
UNREADABLE = """\
DETAIL:  pgwarden could not read this statement, so it did not go on to the server.
HINT:  Check its syntax, or write it in a plainer way.
"""


def syntax_error(word: str, line: str) -> str:
    caret = " " * line.index(word) + "^"
    return f'ERROR:  syntax error at or near "{word}"\n{line}\n{caret}\n{UNREADABLE}'


AT = "--tuples-only", "--no-align"


def rows(database: Database) -> str:
    return database.execute("SELECT id, name FROM users ORDER BY id")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT name FROM users", Done(0, "ada\n", "")),
        ("SELECT 1; SELECT 2", Done(0, "1\n2\n", "")),
        ("INSERT INTO users VALUES (2, 'é'); SELECT count(*) FROM users", Done(0, "INSERT 0 1\n2\n", "")),
        ("-- nothing", Done(0, "", "")),
        ("DROP TABLE users", Done(1, "", DROP)),
        # One Query of three statements: nothing of it runs.
        ("INSERT INTO users VALUES (3, 'x'); DROP TABLE users; SELECT 2", Done(1, "", DROP)),
        ("DELETE FROM users", Done(1, "", UNSCOPED)),
        (
            "SELEC 1",
            Done(1, "", syntax_error("SELEC", "LINE 1: SELEC 1")),
        ),
        (
            "SELECT share, 'é',\n  name\nFORM users",
            Done(1, "", syntax_error("users", "LINE 3: FORM users")),
        ),
        (
            "SELECT é FROM users",
            Done(1, "", 'ERROR:  column "é" does not exist\nLINE 1: SELECT é FROM users\n               ^\n'),
        ),
    ],
)  # fmt: skip
def test_one_command(gate: Gate, users: Database, psql: Program, sql: str, expected: Done) -> None:
    before = rows(users)
    assert psql(gate.url(users.name), *AT, "-c", sql) == expected
    if expected.code:
        assert rows(users) == before


SCRIPT = """\
INSERT INTO users VALUES (2, 'grace');
DROP TABLE users;
SELECT count(*) FROM users;
BEGIN;
INSERT INTO users VALUES (3, 'mary');
DELETE FROM users;
INSERT INTO users VALUES (4, 'joan');
COMMIT;
SELECT count(*), share
  FORM users;
BEGIN;
INSERT INTO users VALUES (5, 'rosa');
SAVEPOINT before;
DELETE FROM users;
ROLLBACK TO before;
COMMIT;
SELECT max(id) FROM users;
"""


def prefixed(place: str, text: str) -> str:
    return f"psql:{place}: {text}"


def test_a_script_goes_on_behind_its_errors(
    gate: Gate, users: Database, psql: Program, tmp_path: Path
) -> None:
    (tmp_path / "s.sql").write_text(SCRIPT)
    done = psql(gate.url(users.name), *AT, "-f", str(tmp_path / "s.sql"))
    place = str(tmp_path / "s.sql")
    assert done.err == "".join(
        [
            prefixed(f"{place}:2", DROP),
            prefixed(f"{place}:6", UNSCOPED),
            prefixed(
                f"{place}:7",
                "ERROR:  current transaction is aborted, commands ignored until end of transaction block\n",
            ),
            prefixed(f"{place}:10", syntax_error("users", "LINE 2:   FORM users;")),
            prefixed(f"{place}:14", UNSCOPED),
        ]
    )  # fmt: skip
    assert done.out.splitlines() == [
        "INSERT 0 1", "2", "BEGIN", "INSERT 0 1", "ROLLBACK", "BEGIN", "INSERT 0 1", "SAVEPOINT", "ROLLBACK",
        "COMMIT", "5",
    ]  # fmt: skip
    assert done.code == 0
    assert rows(users) == "1|ada\n2|grace\n5|rosa"


def test_a_script_that_stops_at_an_error(gate: Gate, users: Database, psql: Program) -> None:
    done = psql(gate.url(users.name), *AT, "-v", "ON_ERROR_STOP=1", "-f", "-", script=SCRIPT)
    assert done == Done(3, "INSERT 0 1\n", prefixed("<stdin>:2", DROP))


def test_a_script_in_one_transaction_leaves_nothing(gate: Gate, users: Database, psql: Program) -> None:
    done = psql(gate.url(users.name), *AT, "-1", "-v", "ON_ERROR_STOP=1", "-f", "-", script=SCRIPT)
    assert (done.code, done.err) == (3, prefixed("<stdin>:2", DROP))
    assert rows(users) == "1|ada"


def test_verbose_errors_name_the_sqlstate(gate: Gate, users: Database, psql: Program) -> None:
    script = "\\set VERBOSITY verbose\nDROP TABLE users;\n\\echo :SQLSTATE\nSELEC 1;\n\\echo :SQLSTATE\n"
    done = psql(gate.url(users.name), *AT, script=script)
    assert done.out == "42501\n42601\n"
    assert done.err.splitlines()[0] == ("ERROR:  42501: DROP TABLE on users would lose data. [rule no-drop]")


CATALOGUE = """\\d
\\d users
\\d+ users
\\dt+
\\di
\\df
\\dv
\\dT
\\du
\\dn+
\\l
\\dx
\\dp
\\ddp
\\dD
\\des
\\dF
\\dO
\\dRp
\\dy
\\sf now
\\dconfig work_mem
\\da count
\\do =
\\dc
\\db
"""


def test_what_psql_asks_of_the_catalogue_passes(gate: Gate, users: Database, psql: Program) -> None:
    through = psql(gate.url(users.name), "-e", script=CATALOGUE)
    assert through == psql(users.url(), "-e", script=CATALOGUE)
    assert (through.code, through.err) == (0, "Did not find any relations.\n")


def test_copy_both_ways(gate: Gate, users: Database, psql: Program, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('2,grace\n3,"a, b"\n4,\\.x\n')
    url = gate.url(users.name)
    done = psql(url, "-c", f"\\copy users FROM '{tmp_path}/in.csv' CSV", "-c", "SELECT 1")
    assert (done.code, done.err, done.out.splitlines()[0]) == (0, "", "COPY 3")
    done = psql(url, "-c", f"\\copy (SELECT * FROM users ORDER BY id) TO '{tmp_path}/out.csv' CSV")
    assert done == Done(0, "COPY 4\n", "")
    assert (tmp_path / "out.csv").read_text() == '1,ada\n2,grace\n3,"a, b"\n4,\\.x\n'
    script = "COPY users FROM STDIN;\n5\tfive\n\\.\nSELECT count(*) FROM users;\nCOPY users TO STDOUT;\n"
    done = psql(url, *AT, script=script)
    assert done == Done(0, "COPY 1\n5\n1\tada\n2\tgrace\n3\ta, b\n4\t\\\\.x\n5\tfive\n", "")


def test_copy_of_bad_data_then_more_work(gate: Gate, users: Database, psql: Program) -> None:
    script = "COPY users FROM STDIN;\n6\tx\nseven\tx\n\\.\nSELECT count(*) FROM users;\n"
    done = psql(gate.url(users.name), *AT, script=script)
    assert (done.code, done.out) == (0, "1\n")
    assert done.err == (
        'ERROR:  invalid input syntax for type integer: "seven"\n'
        'CONTEXT:  COPY users, line 2, column id: "seven"\n'
    )


def test_a_refused_copy_takes_no_data_and_the_connection_lives(
    gate: Gate, users: Database, psql: Program, tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_text("2,grace\n")
    done = psql(gate.url(users.name), *AT, "-c", "COPY users TO PROGRAM 'cat > /dev/null'", "-c", "SELECT 1")
    assert (done.code, done.out) == (0, "1\n")
    assert done.err.splitlines()[0].endswith("[rule no-server-access]")


def test_the_extended_protocol(gate: Gate, users: Database, psql: Program) -> None:
    script = """\
SELECT name FROM users WHERE id = $1 \\bind 1 \\g
DELETE FROM users \\bind \\g
SELECT $1::int + $2::int \\bind 2 3 \\g
SELECT 'DELETE FROM users' \\gexec
SELECT 1 AS one \\gset
\\echo :one
"""
    done = psql(gate.url(users.name), *AT, script=script)
    assert (done.out, done.err) == ("ada\n5\n1\n", UNSCOPED + UNSCOPED)
    assert rows(users) == "1|ada"
