"""node-postgres at the gate: what JavaScript programs, Prisma's adapter among them, send and catch."""

import json

import pytest

from tests.clients.gate import Gate
from tests.servers.database import Database
from tests.servers.node import Node

_BEGIN = """
const { Client, Pool } = require("pg");
const said = [];
const say = (...words) => said.push(words.length === 1 ? words[0] : words);
const told = ({ code, message, detail, hint, position, severity }) =>
  ({ code, message, detail, hint, position, severity });
(async () => {
  const client = new Client(process.argv[2]);
  await client.connect();
  const rows = async (...query) => (await client.query(...query)).rows;
  const fails = async (...query) => client.query(...query).then(() => "passed", told);
"""
_END = """
  await client.end();
})().then(
  () => console.log(JSON.stringify(said)),
  (error) => { console.error(error); process.exitCode = 1; },
);
"""
REFUSED = {
    "code": "42501",
    "message": "DROP TABLE on users would lose data. [rule no-drop]",
    "detail": "A table is dropped: users (high risk).",
    "hint": "Keep it, or ask the owners of this database; Prisma: migrate deploy, "
    "not migrate reset or db push.",
    "severity": "ERROR",
}
UNREADABLE = {
    "code": "42601",
    "message": 'syntax error at or near "FORM"',
    "detail": "pgwarden could not read this statement, so it did not go on to the server.",
    "hint": "Check its syntax, or write it in a plainer way.",
    "position": "10",
    "severity": "ERROR",
}


def run(node: Node, gate: Gate, database: Database, script: str) -> object:
    done = node.run(_BEGIN + script + _END, gate.url(database.name))
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("dangerous", "unreadable"),
    [
        ('"DROP TABLE users"', '"SELECT * FORM users FOR UPDATE"'),
        ('"DROP TABLE users", []', '"SELECT * FORM users FOR UPDATE", []'),
        (
            '{name: "drop", text: "DROP TABLE users"}',
            '{name: "form", text: "SELECT * FORM users FOR UPDATE"}',
        ),
    ],
    ids=["simple", "parameterised", "named"],
)
def test_a_refusal_is_an_error_and_the_connection_lives_on(
    node: Node, gate: Gate, users: Database, dangerous: str, unreadable: str
) -> None:
    script = f"""
  say(await fails({dangerous}));
  say(await fails({unreadable}));
  say(await fails({dangerous}));
  say(await rows("SELECT name FROM users WHERE id = $1", [1]));
"""
    assert run(node, gate, users, script) == [REFUSED, UNREADABLE, REFUSED, [{"name": "ada"}]]


def test_ordinary_work(node: Node, gate: Gate, users: Database) -> None:
    script = """
  say(await rows("SELECT 1 AS one; SELECT 2").catch((e) => e.message));
  say((await client.query("SELECT 1 AS one; SELECT 2 AS two")).map((r) => r.rows));
  say(await rows("SELECT $1::int + 1 AS sum, $2::text AS text, $3::jsonb AS j", [41, "déjà", {a: [1]}]));
  for (const id of [2, 3, 4]) {
    await client.query({name: "add", text: "INSERT INTO users VALUES ($1, $2)", values: [id, `n${id}`]});
  }
  say(await rows({name: "get", text: "SELECT name FROM users WHERE id > $1 ORDER BY id", values: [1]}));
  say(await rows({text: "SELECT id FROM users ORDER BY id", rowMode: "array"}));
  say(await fails("INSERT INTO users VALUES (1, 'again')"));
"""
    (_, several, values, named, arrays, duplicate) = json.loads(json.dumps(run(node, gate, users, script)))
    assert several == [[{"one": 1}], [{"two": 2}]]
    assert values == [{"sum": 42, "text": "déjà", "j": {"a": [1]}}]
    assert named == [{"name": "n2"}, {"name": "n3"}, {"name": "n4"}]
    assert arrays == [[1], [2], [3], [4]]
    assert duplicate == {
        "code": "23505",
        "message": 'duplicate key value violates unique constraint "users_pkey"',
        "detail": "Key (id)=(1) already exists.",
        "severity": "ERROR",
    }


def test_a_transaction(node: Node, gate: Gate, users: Database) -> None:
    script = """
  await client.query("BEGIN");
  await client.query("INSERT INTO users VALUES ($1, $2)", [2, "x"]);
  say((await fails("DELETE FROM users", [])).message);
  say((await fails("SELECT 1")).code);
  say((await client.query("COMMIT")).command);
  say(await rows("SELECT count(*)::int AS n FROM users"));
  await client.query("BEGIN");
  await client.query("INSERT INTO users VALUES ($1, $2)", [3, "x"]);
  await client.query("SAVEPOINT s");
  say((await fails({name: "t", text: "TRUNCATE users"})).code);
  await client.query("ROLLBACK TO s");
  await client.query("COMMIT");
  say(await rows("SELECT id FROM users ORDER BY id"));
"""
    assert run(node, gate, users, script) == [
        "DELETE on users has no WHERE that limits it, so every row would go. [rule no-unscoped-delete]",
        "25P02",
        "ROLLBACK",
        [{"n": 1}],
        "42501",
        [{"id": 1}, {"id": 3}],
    ]


def test_a_pool_and_queued_queries(node: Node, gate: Gate, users: Database) -> None:
    script = """
  process.noDeprecation = true;  // queued queries end with pg 9
  const queued = [1, 2, 3].map((n) => client.query("SELECT $1::int AS n", [n]));
  queued.splice(1, 0, client.query("DROP TABLE users").then(() => "passed", told));
  say((await Promise.all(queued)).map((r) => r.rows ? r.rows[0].n : r.code));
  const pool = new Pool({connectionString: process.argv[2], max: 4});
  const answers = await Promise.all([...Array(40).keys()].map((n) => n % 5
    ? pool.query("SELECT $1::int AS n", [n]).then((r) => r.rows[0].n)
    : pool.query("DROP TABLE users").catch((e) => e.code)));
  await pool.end();
  say(answers);
"""
    wanted = [n if n % 5 else "42501" for n in range(40)]
    assert run(node, gate, users, script) == [[1, "42501", 2, 3], wanted]
