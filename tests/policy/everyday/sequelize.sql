SET client_min_messages TO warning;SET TIME ZONE INTERVAL '+00:00' HOUR TO MINUTE;
----
WITH ranges AS (  SELECT pg_range.rngtypid, pg_type.typname AS rngtypname,         pg_type.typarray AS rngtyparray, pg_range.rngsubtype    FROM pg_range LEFT OUTER JOIN pg_type ON pg_type.oid = pg_range.rngtypid)SELECT pg_type.typname, pg_type.typtype, pg_type.oid, pg_type.typarray,       ranges.rngtypname, ranges.rngtypid, ranges.rngtyparray  FROM pg_type LEFT OUTER JOIN ranges ON pg_type.oid = ranges.rngsubtype WHERE (pg_type.typtype IN('b', 'e'));
----
SELECT 1+1 AS result
----
SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_name = 'Users'
----
SELECT t.typname enum_name, array_agg(e.enumlabel ORDER BY enumsortorder) enum_value FROM pg_type t JOIN pg_enum e ON t.oid = e.enumtypid JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = 'public' AND t.typname='enum_Users_e' GROUP BY 1
----
DO 'BEGIN CREATE TYPE "public"."enum_Users_e" AS ENUM(''a'', ''b''); EXCEPTION WHEN duplicate_object THEN null; END';
----
CREATE TABLE IF NOT EXISTS "Users" ("id"   SERIAL , "name" VARCHAR(255), "age" INTEGER DEFAULT 1, "d" JSONB, "e" "public"."enum_Users_e", "t" VARCHAR(255)[], "createdAt" TIMESTAMP WITH TIME ZONE NOT NULL, "updatedAt" TIMESTAMP WITH TIME ZONE NOT NULL, "deletedAt" TIMESTAMP WITH TIME ZONE, PRIMARY KEY ("id"));
----
SELECT i.relname AS name, ix.indisprimary AS primary, ix.indisunique AS unique, ix.indkey AS indkey, array_agg(a.attnum) as column_indexes, array_agg(a.attname) AS column_names, pg_get_indexdef(ix.indexrelid) AS definition FROM pg_class t, pg_class i, pg_index ix, pg_attribute a WHERE t.oid = ix.indrelid AND i.oid = ix.indexrelid AND a.attrelid = t.oid AND t.relkind = 'r' and t.relname = 'Users' GROUP BY i.relname, ix.indexrelid, ix.indisprimary, ix.indisunique, ix.indkey ORDER BY i.relname;
----
CREATE INDEX "users_name" ON "Users" ("name")
----
CREATE TABLE IF NOT EXISTS "Posts" ("id"   SERIAL , "t" VARCHAR(255), "createdAt" TIMESTAMP WITH TIME ZONE NOT NULL, "updatedAt" TIMESTAMP WITH TIME ZONE NOT NULL, "UserId" INTEGER REFERENCES "Users" ("id") ON DELETE SET NULL ON UPDATE CASCADE, PRIMARY KEY ("id"));
----
INSERT INTO "Users" ("id","name","age","d","e","t","createdAt","updatedAt") VALUES (DEFAULT,$1,$2,$3,$4,$5,$6,$7) RETURNING "id","name","age","d","e","t","createdAt","updatedAt","deletedAt";
----
UPDATE "Users" SET "name"=$1,"updatedAt"=$2 WHERE "id" = $3
----
INSERT INTO "Posts" ("id","t","createdAt","updatedAt","UserId") VALUES (DEFAULT,$1,$2,$3,$4) RETURNING "id","t","createdAt","updatedAt","UserId";
----
INSERT INTO "Users" ("id","name","age","createdAt","updatedAt") VALUES (DEFAULT,'a',1,'2026-11-25 23:30:20.524 +00:00','2026-11-25 23:30:20.524 +00:00'),(DEFAULT,'b',1,'2026-11-25 23:30:20.524 +00:00','2026-11-25 23:30:20.524 +00:00') RETURNING "id","name","age","d","e","t","createdAt","updatedAt","deletedAt";
----
INSERT INTO "Users" ("id","name","age","createdAt","updatedAt") VALUES ($1,$2,$3,$4,$5) ON CONFLICT ("id") DO UPDATE SET "id"=EXCLUDED."id","name"=EXCLUDED."name","updatedAt"=EXCLUDED."updatedAt" RETURNING "id","name","age","d","e","t","createdAt","updatedAt","deletedAt";
----
UPDATE "Users" SET "age"=$1,"updatedAt"=$2 WHERE ("deletedAt" IS NULL AND "name" = $3)
----
UPDATE "Users" SET "age"="age"+ 1,"updatedAt"='2026-11-25 23:30:20.560 +00:00' WHERE "id" = 1 RETURNING *
----
SELECT "User".*, "Posts"."id" AS "Posts.id", "Posts"."t" AS "Posts.t", "Posts"."createdAt" AS "Posts.createdAt", "Posts"."updatedAt" AS "Posts.updatedAt", "Posts"."UserId" AS "Posts.UserId" FROM (SELECT "User"."id", "User"."name", "User"."age", "User"."d", "User"."e", "User"."t", "User"."createdAt", "User"."updatedAt", "User"."deletedAt" FROM "Users" AS "User" WHERE ("User"."deletedAt" IS NULL AND ("User"."name" ILIKE '%y%' OR CAST(("User"."d"#>>'{a}') AS DOUBLE PRECISION) = 1)) ORDER BY "User"."id" DESC LIMIT 2) AS "User" LEFT OUTER JOIN "Posts" AS "Posts" ON "User"."id" = "Posts"."UserId" ORDER BY "User"."id" DESC;
----
SELECT count(*) AS "count" FROM "Users" AS "User" WHERE ("User"."deletedAt" IS NULL AND "User"."age" BETWEEN 1 AND 9);
----
SELECT "id", "name", "age", "d", "e", "t", "createdAt", "updatedAt", "deletedAt" FROM "Users" AS "User" WHERE ("User"."deletedAt" IS NULL AND "User"."age" BETWEEN 1 AND 9);
----
UPDATE "Users" SET "deletedAt"=$1 WHERE "deletedAt" IS NULL AND "name" = $2
----
UPDATE "Users" SET "deletedAt"=$1 WHERE "name" = $2
----
DELETE FROM "Users" WHERE "id" IN (7, 8)
----
START TRANSACTION;
----
SELECT "id", "name", "age", "d", "e", "t", "createdAt", "updatedAt", "deletedAt" FROM "Users" AS "User" WHERE ("User"."deletedAt" IS NULL AND "User"."id" = 1) FOR UPDATE;
----
SAVEPOINT "46fed7aa-f054-4f9a-9417-e0b0b87fefda-sp-1";
----
SELECT "id", "name", "age", "d", "e", "t", "createdAt", "updatedAt", "deletedAt" FROM "Users" AS "User" WHERE ("User"."deletedAt" IS NULL AND "User"."name" = 'n') LIMIT 1;
----
CREATE OR REPLACE FUNCTION pg_temp.testfunc(OUT response "Users", OUT sequelize_caught_exception text) RETURNS RECORD AS $func_27b018824949414982588deae4a7f2c3$ BEGIN INSERT INTO "Users" ("id","name","age","createdAt","updatedAt") VALUES (DEFAULT,'n',1,'2026-11-25 23:30:20.633 +00:00','2026-11-25 23:30:20.633 +00:00') RETURNING * INTO response; EXCEPTION WHEN unique_violation THEN GET STACKED DIAGNOSTICS sequelize_caught_exception = PG_EXCEPTION_DETAIL; END $func_27b018824949414982588deae4a7f2c3$ LANGUAGE plpgsql; SELECT (testfunc.response)."id", (testfunc.response)."name", (testfunc.response)."age", (testfunc.response)."d", (testfunc.response)."e", (testfunc.response)."t", (testfunc.response)."createdAt", (testfunc.response)."updatedAt", (testfunc.response)."deletedAt", testfunc.sequelize_caught_exception FROM pg_temp.testfunc(); DROP FUNCTION IF EXISTS pg_temp.testfunc();
----
COMMIT;
----
SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type LIKE '%TABLE' AND table_name != 'spatial_ref_sys';
----
SELECT pk.constraint_type as "Constraint",c.column_name as "Field", c.column_default as "Default",c.is_nullable as "Null", (CASE WHEN c.udt_name = 'hstore' THEN c.udt_name ELSE c.data_type END) || (CASE WHEN c.character_maximum_length IS NOT NULL THEN '(' || c.character_maximum_length || ')' ELSE '' END) as "Type", (SELECT array_agg(e.enumlabel) FROM pg_catalog.pg_type t JOIN pg_catalog.pg_enum e ON t.oid=e.enumtypid WHERE t.typname=c.udt_name) AS "special", (SELECT pgd.description FROM pg_catalog.pg_statio_all_tables AS st INNER JOIN pg_catalog.pg_description pgd on (pgd.objoid=st.relid) WHERE c.ordinal_position=pgd.objsubid AND c.table_name=st.relname) AS "Comment" FROM information_schema.columns c LEFT JOIN (SELECT tc.table_schema, tc.table_name, cu.column_name, tc.constraint_type FROM information_schema.TABLE_CONSTRAINTS tc JOIN information_schema.KEY_COLUMN_USAGE  cu ON tc.table_schema=cu.table_schema and tc.table_name=cu.table_name and tc.constraint_name=cu.constraint_name and tc.constraint_type='PRIMARY KEY') pk ON pk.table_schema=c.table_schema AND pk.table_name=c.table_name AND pk.column_name=c.column_name WHERE c.table_name = 'Users' AND c.table_schema = 'public'
----
ALTER TABLE "public"."Users" ADD COLUMN "nn" VARCHAR(255);
----
CREATE INDEX "users_age" ON "Users" ("age")
----
SELECT DISTINCT tc.constraint_name as constraint_name, tc.constraint_schema as constraint_schema, tc.constraint_catalog as constraint_catalog, tc.table_name as table_name,tc.table_schema as table_schema,tc.table_catalog as table_catalog,tc.initially_deferred as initially_deferred,tc.is_deferrable as is_deferrable,kcu.column_name as column_name,ccu.table_schema  AS referenced_table_schema,ccu.table_catalog  AS referenced_table_catalog,ccu.table_name  AS referenced_table_name,ccu.column_name AS referenced_column_name FROM information_schema.table_constraints AS tc JOIN information_schema.key_column_usage AS kcu ON tc.constraint_name = kcu.constraint_name JOIN information_schema.constraint_column_usage AS ccu ON ccu.constraint_name = tc.constraint_name WHERE constraint_type = 'FOREIGN KEY' AND tc.table_name = 'Posts' AND tc.table_catalog = 'sequelize'
----
DELETE FROM "Posts" WHERE "createdAt" < '1970-01-01 00:00:00.000 +00:00'
----
CREATE OR REPLACE FUNCTION pg_temp.sequelize_upsert(OUT created boolean, OUT primary_key text) AS $func$ BEGIN INSERT INTO "Users" ("id","name","createdAt","updatedAt") VALUES (42,'Ada','2026-11-24 10:00:00.000 +00:00','2026-11-24 10:00:00.000 +00:00') RETURNING "id" INTO primary_key; created := true; EXCEPTION WHEN unique_violation THEN UPDATE "Users" SET "id"=42,"name"='Ada',"updatedAt"='2026-11-24 10:00:00.000 +00:00' WHERE ("id" = 42) RETURNING "id" INTO primary_key; created := false; END; $func$ LANGUAGE plpgsql; SELECT * FROM pg_temp.sequelize_upsert();
----
