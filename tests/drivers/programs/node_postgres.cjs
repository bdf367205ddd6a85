// node-postgres, with pg-copy-streams.
"use strict";

const { pipeline } = require("node:stream/promises");
const { Readable } = require("node:stream");
const { text } = require("node:stream/consumers");
const { Client } = require("pg");
const copy = require("pg-copy-streams");
const { SCRATCH, LABEL, PRICE, DAY, DOC, RAW, TAGS, say, sayValues, told, failure, version, play } =
  require("./lines.cjs");

play(async (url) => {
  const client = new Client(url);
  await client.connect();
  const rows = async (...query) => (await client.query(...query)).rows;
  const run = (...query) => client.query(...query);
  const INSERT = "INSERT INTO orders VALUES ($1, $2)";
  const ids = async (first, last) =>
    (await rows("SELECT id FROM orders WHERE id BETWEEN $1 AND $2 ORDER BY id", [first, last])).map((row) => row.id);
  const item = async (id) =>
    (await rows({ name: "item", text: "SELECT item FROM orders WHERE id = $1", values: [id] }))[0]?.item ?? null;
  const pid = client.processID;
  say("connect", version("pg"));

  await run(SCRATCH);
  await run("INSERT INTO scratch VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", [
    1, LABEL, PRICE, DAY, DOC, RAW, TAGS, null,
  ]);
  sayValues((await rows("SELECT * FROM scratch"))[0]);

  await run("BEGIN");
  await run(INSERT, [2, "desk"]);
  await run("COMMIT");
  await run("BEGIN");
  await run(INSERT, [3, "chair"]);
  await run("ROLLBACK");
  say("transactions", await ids(1, 9));
  say("prepared", [await item(1), await item(2), await item(9)]);

  await pipeline(Readable.from(["20\tpen\n21", "\tink\n"]), client.query(copy.from("COPY orders FROM STDIN")));
  const out = client.query(copy.to("COPY (SELECT * FROM orders WHERE id IN (20, 21) ORDER BY id) TO STDOUT"));
  say("copy", await text(out));

  const heard = new Promise((resolve) => client.on("notification", resolve));
  await run("LISTEN news");
  await run("NOTIFY news, 'hello'");
  const { channel, payload } = await heard;
  say("notify", [channel, payload]);
  say("columns", (await run("SELECT * FROM orders LIMIT 0")).fields.map((field) => field.name));

  say("refused_drop", told(await failure(run("DROP TABLE orders"))));
  await run("BEGIN");
  await run(INSERT, [30, "never"]);
  say("refused_delete", told(await failure(run("DELETE FROM orders"))));
  say("aborted", (await failure(run("SELECT 1"))).code);
  await run("ROLLBACK");
  say("rolled_back", await ids(30, 39));

  const found = await item(1);
  await run(INSERT, [40, "vase"]);
  const changed = (await run("UPDATE orders SET item = $1 WHERE id = $2", ["table", 2])).rowCount;
  const [{ scratch }] = await rows("SELECT count(*)::int AS scratch FROM scratch");
  const [{ last }] = await rows("SELECT pg_backend_pid() AS last");
  await run("DROP TABLE scratch");
  say("more_work", { item: found, changed, scratch, same_connection: last === pid });
  await client.end();
});
