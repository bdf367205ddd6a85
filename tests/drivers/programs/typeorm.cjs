// TypeORM over node-postgres, with its migrations.
"use strict";

require("reflect-metadata");
const { Between, DataSource, EntitySchema, Table } = require("typeorm");
const { SCRATCH, LABEL, PRICE, DAY, DOC, RAW, TAGS, say, sayValues, told, failure, version, play } =
  require("./lines.cjs");

const Order = new EntitySchema({
  name: "Order",
  tableName: "orders",
  columns: { id: { type: "int", primary: true }, item: { type: "text" } },
});
const Scratch = new EntitySchema({
  name: "Scratch",
  tableName: "scratch",
  columns: {
    id: { type: "int", primary: true },
    label: { type: "text" },
    price: { type: "numeric" },
    day: { type: "date" },
    doc: { type: "jsonb" },
    raw: { type: "bytea" },
    tags: { type: "int", array: true },
    nothing: { type: "text", nullable: true },
  },
});

class Notes1700000000001 {
  async up(runner) {
    const columns = [{ name: "id", type: "int", isPrimary: true }, { name: "body", type: "text" }];
    await runner.createTable(new Table({ name: "notes", columns }));
  }

  async down() {}
}

class Item1700000000002 {
  async up(runner) {
    await runner.dropColumn("orders", "item");
  }

  async down() {}
}

// A migration that fails is also logged.
const silent = () => {};
const logger = Object.fromEntries(
  ["log", "logMigration", "logQuery", "logQueryError", "logQuerySlow", "logSchemaBuild"].map((name) => [name, silent]),
);

play(async (url) => {
  const entities = [Order, Scratch];
  const connect = (migrations) =>
    new DataSource({ type: "postgres", url, entities, migrations, logger, extra: { max: 1 } }).initialize();
  let source = await connect([Notes1700000000001]);
  await source.runMigrations();
  const first = source.createQueryRunner();
  const names = async (runner, table) => (await runner.getTable(table)).columns.map((column) => column.name);
  const migrated = await names(first, "notes");
  await first.release();
  await source.destroy();

  source = await connect([Notes1700000000001, Item1700000000002]);
  const db = source.manager;
  const runner = source.createQueryRunner();
  const pid = async () => (await db.query("SELECT pg_backend_pid() AS pid"))[0].pid;
  const ids = async (from, to) =>
    (await db.find(Order, { where: { id: Between(from, to) }, order: { id: "ASC" } })).map((order) => order.id);
  const item = async (id) => (await db.findOneBy(Order, { id }))?.item ?? null;
  const before = await pid();
  say("connect", version("typeorm"));

  await db.query(SCRATCH);
  await db.insert(Scratch, { id: 1, label: LABEL, price: PRICE, day: DAY, doc: DOC, raw: RAW, tags: TAGS });
  sayValues(await db.findOneBy(Scratch, { id: 1 }));

  await db.transaction((inside) => inside.insert(Order, { id: 2, item: "desk" }));
  await failure(
    db.transaction(async (inside) => {
      await inside.insert(Order, { id: 3, item: "chair" });
      throw new Error("roll back");
    }),
  );
  say("transactions", await ids(1, 9));
  await db.save(Order, [{ id: 10, item: "a" }, { id: 11, item: "b" }, { id: 12, item: "c" }]);
  say("batch", await ids(10, 19));
  say("columns", await names(runner, "orders"));
  say("migrated", migrated);
  await runner.release();
  say("refused_migration", told(await failure(source.runMigrations())));

  const dropping = source.createQueryRunner();
  say("refused_drop", told(await failure(dropping.dropTable("orders"))));
  await dropping.release();
  let refused;
  let aborted;
  await failure(
    db.transaction(async (inside) => {
      await inside.insert(Order, { id: 30, item: "never" });
      refused = await failure(inside.createQueryBuilder().delete().from(Order).execute());
      aborted = await failure(inside.query("SELECT 1"));
      throw refused;
    }),
  );
  say("refused_delete", told(refused));
  say("aborted", aborted.code);
  say("rolled_back", await ids(30, 39));

  const found = await item(1);
  await db.insert(Order, { id: 40, item: "vase" });
  const { affected } = await db.update(Order, { id: 2 }, { item: "table" });
  const scratch = await db.count(Scratch);
  const same = (await pid()) === before;
  await db.query("DROP TABLE scratch");
  say("more_work", { item: found, changed: affected, scratch, same_connection: same });
  await source.destroy();
});
