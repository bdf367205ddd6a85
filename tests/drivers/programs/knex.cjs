// Knex over node-postgres, with its migrations.
"use strict";

const knex = require("knex");
const { LABEL, PRICE, DAY, DOC, RAW, TAGS, say, sayValues, told, failure, version, play } = require("./lines.cjs");

// A migration that fails is also logged.
const quiet = { warn() {}, error() {} };

play(async (url) => {
  const db = knex({ client: "pg", connection: url, pool: { min: 1, max: 1 }, log: quiet });
  const ids = (first, last) => db("orders").whereBetween("id", [first, last]).orderBy("id").pluck("id");
  const item = async (id) => (await db("orders").where({ id }).first())?.item ?? null;
  const pid = async () => (await db.select(db.raw("pg_backend_pid() AS pid")).first()).pid;
  const columns = async (table) => Object.keys(await db(table).columnInfo());
  const migrations = {};
  const migrate = () =>
    db.migrate.latest({
      migrationSource: {
        getMigrations: async () => Object.keys(migrations),
        getMigrationName: (name) => name,
        getMigration: async (name) => ({ up: migrations[name], down: async () => {} }),
      },
    });
  const first = await pid();
  say("connect", version("knex"));

  await db.raw("CREATE TEMP TABLE scratch (id int PRIMARY KEY, label text, price numeric(10, 2), day date, doc jsonb,"
    + " raw bytea, tags int[], nothing text)");
  await db("scratch").insert(
    { id: 1, label: LABEL, price: PRICE, day: DAY, doc: DOC, raw: RAW, tags: TAGS, nothing: null });
  sayValues(await db("scratch").first());

  await db.transaction((inside) => inside("orders").insert({ id: 2, item: "desk" }));
  await failure(
    db.transaction(async (inside) => {
      await inside("orders").insert({ id: 3, item: "chair" });
      throw new Error("roll back");
    }),
  );
  say("transactions", await ids(1, 9));
  await db.batchInsert("orders", [{ id: 10, item: "a" }, { id: 11, item: "b" }, { id: 12, item: "c" }], 2);
  say("batch", await ids(10, 19));
  say("columns", await columns("orders"));

  migrations["1_notes"] = (schema) =>
    schema.schema.createTable("notes", (table) => {
      table.integer("id").primary();
      table.text("body");
    });
  await migrate();
  say("migrated", await columns("notes"));
  migrations["2_item"] = (schema) => schema.schema.alterTable("orders", (table) => table.dropColumn("item"));
  say("refused_migration", told(await failure(migrate())));

  say("refused_drop", told(await failure(db.schema.dropTable("orders"))));
  let refused;
  let aborted;
  await failure(
    db.transaction(async (inside) => {
      await inside("orders").insert({ id: 30, item: "never" });
      refused = await failure(inside("orders").delete());
      aborted = await failure(inside.raw("SELECT 1"));
      throw refused;
    }),
  );
  say("refused_delete", told(refused));
  say("aborted", aborted.code);
  say("rolled_back", await ids(30, 39));

  const found = await item(1);
  await db("orders").insert({ id: 40, item: "vase" });
  const changed = await db("orders").where({ id: 2 }).update({ item: "table" });
  const [{ count }] = await db("scratch").count();
  const same = (await pid()) === first;
  await db.schema.dropTable("scratch");
  say("more_work", { item: found, changed, scratch: Number(count), same_connection: same });
  await db.destroy();
});
