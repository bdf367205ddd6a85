// Drizzle over node-postgres, with its migrator.
"use strict";

const { mkdirSync, mkdtempSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { Client } = require("pg");
const { asc, between, eq, sql } = require("drizzle-orm");
const { drizzle } = require("drizzle-orm/node-postgres");
const { migrate } = require("drizzle-orm/node-postgres/migrator");
const core = require("drizzle-orm/pg-core");
const { SCRATCH, LABEL, PRICE, DAY, DOC, RAW, TAGS, say, sayValues, told, failure, version, play } =
  require("./lines.cjs");

const bytea = core.customType({ dataType: () => "bytea" });
const orders = core.pgTable("orders", { id: core.integer().primaryKey(), item: core.text().notNull() });
const scratch = core.pgTable("scratch", {
  id: core.integer().primaryKey(),
  label: core.text(),
  price: core.numeric(),
  day: core.date(),
  doc: core.jsonb(),
  raw: bytea(),
  tags: core.integer().array(),
  nothing: core.text(),
});

// A folder of migrations, as drizzle-kit writes it.
const folder = mkdtempSync(join(tmpdir(), "drizzle-"));
const entries = [];
const migration = (tag, text) => {
  mkdirSync(join(folder, "meta"), { recursive: true });
  writeFileSync(join(folder, `${tag}.sql`), text);
  entries.push({ idx: entries.length, version: "7", when: 1700000000000 + entries.length, tag, breakpoints: true });
  writeFileSync(join(folder, "meta", "_journal.json"), JSON.stringify({ version: "7", dialect: "postgresql", entries }));
};

play(async (url) => {
  const client = new Client(url);
  await client.connect();
  const db = drizzle(client);
  const pid = client.processID;
  const ids = async (first, last) =>
    (await db.select().from(orders).where(between(orders.id, first, last)).orderBy(asc(orders.id))).map((row) => row.id);
  const prepared = db.select().from(orders).where(eq(orders.id, sql.placeholder("id"))).prepare("item");
  const item = async (id) => (await prepared.execute({ id }))[0]?.item ?? null;
  const columns = async (name) => (await db.execute(sql`SELECT * FROM ${sql.identifier(name)} LIMIT 0`)).fields;
  say("connect", version("drizzle-orm"));

  await db.execute(SCRATCH);
  await db.insert(scratch).values(
    { id: 1, label: LABEL, price: PRICE, day: DAY, doc: DOC, raw: RAW, tags: TAGS, nothing: null });
  sayValues((await db.select().from(scratch))[0]);

  await db.transaction((inside) => inside.insert(orders).values({ id: 2, item: "desk" }));
  await failure(
    db.transaction(async (inside) => {
      await inside.insert(orders).values({ id: 3, item: "chair" });
      inside.rollback();
    }),
  );
  say("transactions", await ids(1, 9));
  say("prepared", [await item(1), await item(2), await item(9)]);
  await db.insert(orders).values([{ id: 10, item: "a" }, { id: 11, item: "b" }, { id: 12, item: "c" }]);
  say("batch", await ids(10, 19));
  say("columns", (await columns("orders")).map((field) => field.name));

  migration("0000_notes", "CREATE TABLE notes (id integer PRIMARY KEY, body text);");
  await migrate(db, { migrationsFolder: folder });
  say("migrated", (await columns("notes")).map((field) => field.name));
  migration("0001_item", 'ALTER TABLE "orders" DROP COLUMN "item";');
  const drop = await failure(migrate(db, { migrationsFolder: folder }));
  say("refused_migration", told(drop, drop.cause));

  const refused = await failure(db.execute(sql`DROP TABLE ${orders}`));
  say("refused_drop", told(refused, refused.cause));
  let unscoped;
  let aborted;
  await failure(
    db.transaction(async (inside) => {
      await inside.insert(orders).values({ id: 30, item: "never" });
      unscoped = await failure(inside.delete(orders).execute());
      aborted = await failure(inside.execute(sql`SELECT 1`));
      inside.rollback();
    }),
  );
  say("refused_delete", told(unscoped, unscoped.cause));
  say("aborted", aborted.cause.code);
  say("rolled_back", await ids(30, 39));

  const found = await item(1);
  await db.insert(orders).values({ id: 40, item: "vase" });
  const changed = (await db.update(orders).set({ item: "table" }).where(eq(orders.id, 2))).rowCount;
  const count = await db.$count(scratch);
  const { last } = (await db.execute(sql`SELECT pg_backend_pid() AS last`)).rows[0];
  await db.execute(sql`DROP TABLE ${scratch}`);
  say("more_work", { item: found, changed, scratch: count, same_connection: last === pid });
  await client.end();
  rmSync(folder, { recursive: true });
});
