// postgres.js: it prepares and pipelines by itself.
"use strict";

const { pipeline } = require("node:stream/promises");
const { Readable } = require("node:stream");
const { text } = require("node:stream/consumers");
const postgres = require("postgres");
const { SCRATCH, LABEL, PRICE, DAY, DOC, RAW, TAGS, say, sayValues, told, failure, version, play } =
  require("./lines.cjs");

play(async (url) => {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  const ids = async (first, last) =>
    (await sql`SELECT id FROM orders WHERE id BETWEEN ${first} AND ${last} ORDER BY id`).map((row) => row.id);
  const item = async (id) => (await sql`SELECT item FROM orders WHERE id = ${id}`)[0]?.item ?? null;
  const [{ pid }] = await sql`SELECT pg_backend_pid() AS pid`;
  say("connect", version("postgres"));

  await sql.unsafe(SCRATCH);
  await sql`INSERT INTO scratch
    VALUES (1, ${LABEL}, ${PRICE}, ${DAY}, ${sql.json(DOC)}, ${RAW}, ${TAGS}, ${null})`;
  sayValues((await sql`SELECT * FROM scratch`)[0]);

  await sql.begin((inside) => inside`INSERT INTO orders ${inside({ id: 2, item: "desk" })}`);
  await failure(
    sql.begin(async (inside) => {
      await inside`INSERT INTO orders ${inside({ id: 3, item: "chair" })}`;
      throw new Error("roll back");
    }),
  );
  say("transactions", await ids(1, 9));
  say("prepared", [await item(1), await item(2), await item(9)]);
  await sql.begin((inside) =>
    [[10, "a"], [11, "b"], [12, "c"]].map(([id, name]) => inside`INSERT INTO orders VALUES (${id}, ${name})`),
  );
  say("batch", await ids(10, 19));

  await pipeline(Readable.from(["20\tpen\n21", "\tink\n"]), await sql`COPY orders FROM STDIN`.writable());
  const out = await sql`COPY (SELECT * FROM orders WHERE id IN (20, 21) ORDER BY id) TO STDOUT`.readable();
  say("copy", await text(out));

  // It listens on a connection of its own.
  let hear;
  const heard = new Promise((resolve) => (hear = resolve));
  const { unlisten } = await sql.listen("news", (payload) => hear(["news", payload]));
  await sql.notify("news", "hello");
  say("notify", await heard);
  await unlisten();
  say("columns", (await sql`SELECT * FROM orders`.describe()).columns.map((column) => column.name));

  say("refused_drop", told(await failure(sql`DROP TABLE orders`)));
  let refused;
  let aborted;
  await failure(
    sql.begin(async (inside) => {
      await inside`INSERT INTO orders ${inside({ id: 30, item: "never" })}`;
      refused = await failure(inside`DELETE FROM orders`);
      aborted = await failure(inside`SELECT 1`);
      throw refused;
    }),
  );
  say("refused_delete", told(refused));
  say("aborted", aborted.code);
  say("rolled_back", await ids(30, 39));

  const found = await item(1);
  await sql`INSERT INTO orders ${sql({ id: 40, item: "vase" })}`;
  const changed = (await sql`UPDATE orders SET ${sql({ item: "table" })} WHERE id = ${2}`).count;
  const [{ scratch }] = await sql`SELECT count(*)::int AS scratch FROM scratch`;
  const [{ last }] = await sql`SELECT pg_backend_pid() AS last`;
  await sql`DROP TABLE scratch`;
  say("more_work", { item: found, changed, scratch, same_connection: last === pid });
  await sql.end();
});
