// Prisma's client with @prisma/adapter-pg. Its migrations are the command line's, which tests/clients has.
"use strict";

const { PrismaPg } = require("@prisma/adapter-pg");
const { Prisma, PrismaClient } = require(process.env.PRISMA_CLIENT);
const { SCRATCH, LABEL, PRICE, DAY, DOC, RAW, TAGS, say, sayValues, told, failure, version, play } =
  require("./lines.cjs");

// The server's error lies in what the adapter threw.
const ofServer = (error) => error.meta?.driverAdapterError.cause ?? error.cause;
const shown = (error) => {
  const { originalCode, originalMessage, detail, hint } = ofServer(error);
  return told(error, { code: originalCode, message: originalMessage, detail, hint });
};

play(async (url) => {
  const db = new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: 1 }) });
  const ids = async (first, last) =>
    (await db.order.findMany({ where: { id: { gte: first, lte: last } }, orderBy: { id: "asc" } })).map((row) => row.id);
  const item = async (id) => (await db.order.findUnique({ where: { id } }))?.item ?? null;
  const pid = async () => (await db.$queryRaw`SELECT pg_backend_pid() AS pid`)[0].pid;
  const first = await pid();
  say("connect", version("@prisma/client"));

  await db.$executeRawUnsafe(SCRATCH);
  // A model's table is looked for in its schema, public: temporary tables are for raw queries.
  await db.$executeRaw`INSERT INTO scratch VALUES (1, ${LABEL}, ${new Prisma.Decimal(PRICE)}, ${new Date(DAY)},
    ${DOC}, ${RAW}, ${TAGS}, ${null})`;
  const [row] = await db.$queryRaw`SELECT * FROM scratch`;
  sayValues({ ...row, day: row.day.toISOString().slice(0, 10), price: row.price.toFixed(2) });

  await db.$transaction((inside) => inside.order.create({ data: { id: 2, item: "desk" } }));
  await failure(
    db.$transaction(async (inside) => {
      await inside.order.create({ data: { id: 3, item: "chair" } });
      throw new Error("roll back");
    }),
  );
  say("transactions", await ids(1, 9));
  await db.$transaction([
    db.order.create({ data: { id: 10, item: "a" } }),
    db.order.createMany({ data: [{ id: 11, item: "b" }, { id: 12, item: "c" }] }),
  ]);
  say("batch", await ids(10, 19));

  let refused;
  let aborted;
  await failure(
    db.$transaction(async (inside) => {
      await inside.order.create({ data: { id: 30, item: "never" } });
      refused = await failure(inside.order.deleteMany());
      aborted = await failure(inside.$queryRaw`SELECT 1`);
      throw refused;
    }),
  );
  say("refused_delete", shown(refused));
  say("aborted", ofServer(aborted).originalCode);
  say("rolled_back", await ids(30, 39));

  const found = await item(1);
  await db.order.create({ data: { id: 40, item: "vase" } });
  const { count } = await db.order.updateMany({ where: { id: 2 }, data: { item: "table" } });
  const [{ scratch }] = await db.$queryRaw`SELECT count(*)::int AS scratch FROM scratch`;
  const same = (await pid()) === first;
  await db.$executeRaw`DROP TABLE scratch`;
  say("more_work", { item: found, changed: count, scratch, same_connection: same });

  // pg-pool closes a connection after any query that fails outside of a transaction: so this comes last.
  say("refused_drop", shown(await failure(db.$executeRaw`DROP TABLE orders`)));
  await item(1);
  await db.$disconnect();
});
