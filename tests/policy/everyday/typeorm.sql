SELECT version()
----
SELECT * FROM current_schema()
----
CREATE EXTENSION IF NOT EXISTS "uuid-ossp"
----
START TRANSACTION
----
SELECT * FROM current_database()
----
SELECT "table_schema", "table_name", obj_description((quote_ident("table_schema") || '.' || quote_ident("table_name"))::regclass, 'pg_class') AS table_comment FROM "information_schema"."tables" WHERE ("table_schema" = 'public' AND "table_name" = 'user') OR ("table_schema" = 'public' AND "table_name" = 'post')
----
SELECT * FROM "information_schema"."tables" WHERE "table_schema" = $1 AND "table_name" = $2
----
SELECT "n"."nspname", "t"."typname" FROM "pg_type" "t" INNER JOIN "pg_namespace" "n" ON "n"."oid" = "t"."typnamespace" WHERE "n"."nspname" = 'public' AND "t"."typname" = 'user_kind_enum'
----
CREATE TYPE "public"."user_kind_enum" AS ENUM('a', 'b')
----
CREATE TABLE "user" ("id" SERIAL NOT NULL, "name" character varying, "v" integer NOT NULL, "del" TIMESTAMP WITH TIME ZONE, "cr" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(), "kind" "public"."user_kind_enum" NOT NULL DEFAULT 'a', CONSTRAINT "PK_cace4a159ff9f2512dd42373760" PRIMARY KEY ("id"))
----
CREATE TABLE "post" ("id" uuid NOT NULL DEFAULT uuid_generate_v4(), "t" text, "userId" integer, CONSTRAINT "PK_be5fda3aac270b134ff9c21cdee" PRIMARY KEY ("id"))
----
ROLLBACK
----
CREATE EXTENSION IF NOT EXISTS "pgcrypto"
----
CREATE TABLE "post" ("id" uuid NOT NULL DEFAULT gen_random_uuid(), "t" text, "userId" integer, CONSTRAINT "PK_be5fda3aac270b134ff9c21cdee" PRIMARY KEY ("id"))
----
ALTER TABLE "post" ADD CONSTRAINT "FK_5c1cf55c308037b5aca1038a131" FOREIGN KEY ("userId") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE NO ACTION
----
COMMIT
----
INSERT INTO "user"("name", "v", "del", "cr", "kind") VALUES ($1, 1, DEFAULT, DEFAULT, DEFAULT) RETURNING "id", "v", "del", "cr", "kind"
----
SELECT "user"."id" AS "user_id", "user"."name" AS "user_name", "user"."v" AS "user_v", "user"."del" AS "user_del", "user"."cr" AS "user_cr", "user"."kind" AS "user_kind" FROM "user" "user" WHERE "user"."id" = $1
----
UPDATE "user" SET "name" = $1, "v" = "v" + 1 WHERE "id" = $2 RETURNING "v"
----
INSERT INTO "post"("id", "t", "userId") VALUES (DEFAULT, $1, $2) RETURNING "id"
----
INSERT INTO "user"("name", "v", "del", "cr", "kind") VALUES ($1, 1, DEFAULT, DEFAULT, DEFAULT), ($2, 1, DEFAULT, DEFAULT, DEFAULT) RETURNING "id", "v", "del", "cr", "kind"
----
UPDATE "user" SET "name" = $1, "v" = "v" + 1 WHERE "id" = $2
----
UPDATE "user" SET "name" = $1, "v" = "v" + 1 WHERE "name" LIKE $2
----
UPDATE "user" SET "v" = "v" + 1 WHERE "id" = $1
----
SELECT DISTINCT "distinctAlias"."user_id" AS "ids_user_id", "distinctAlias"."user_id" FROM (SELECT "user"."id" AS "user_id", "user"."name" AS "user_name", "user"."v" AS "user_v", "user"."del" AS "user_del", "user"."cr" AS "user_cr", "user"."kind" AS "user_kind", "user__user_posts"."id" AS "user__user_posts_id", "user__user_posts"."t" AS "user__user_posts_t", "user__user_posts"."userId" AS "user__user_posts_userId" FROM "user" "user" LEFT JOIN "post" "user__user_posts" ON "user__user_posts"."userId"="user"."id" WHERE ( (("user"."id" IN ($1, $2)) AND ("user"."del" IS NULL)) ) AND ( "user"."del" IS NULL )) "distinctAlias" ORDER BY "distinctAlias"."user_id" DESC, "user_id" ASC LIMIT 2
----
SELECT "user"."id" AS "user_id", "user"."name" AS "user_name", "user"."v" AS "user_v", "user"."del" AS "user_del", "user"."cr" AS "user_cr", "user"."kind" AS "user_kind", "user__user_posts"."id" AS "user__user_posts_id", "user__user_posts"."t" AS "user__user_posts_t", "user__user_posts"."userId" AS "user__user_posts_userId" FROM "user" "user" LEFT JOIN "post" "user__user_posts" ON "user__user_posts"."userId"="user"."id" WHERE ( (("user"."id" IN ($1, $2)) AND ("user"."del" IS NULL)) ) AND ( "user"."del" IS NULL ) AND ( "user"."id" IN (2, 1) ) ORDER BY "user"."id" DESC
----
SELECT "user"."id" AS "user_id", "user"."name" AS "user_name", "user"."v" AS "user_v", "user"."del" AS "user_del", "user"."cr" AS "user_cr", "user"."kind" AS "user_kind" FROM "user" "user" WHERE ( (("user"."name" != $1)) ) AND ( "user"."del" IS NULL )
----
UPDATE "user" SET "del" = CURRENT_TIMESTAMP, "v" = "v" + 1 WHERE "id" = $1 AND "del" IS NULL
----
UPDATE "user" SET "del" = NULL, "v" = "v" + 1 WHERE "id" = $1 AND "del" IS NOT NULL
----
DELETE FROM "user" WHERE "cr" < $1
----
DELETE FROM "user" WHERE "id" IN ($1, $2)
----
INSERT INTO "user"("name", "v", "del", "cr", "kind") VALUES ($1, 1, DEFAULT, DEFAULT, DEFAULT) ON CONFLICT ( "id" ) DO UPDATE SET "id" = EXCLUDED."id", "name" = EXCLUDED."name" RETURNING "id", "v", "del", "cr", "kind"
----
DELETE FROM "user" WHERE "id" = $1
----
SELECT "user"."id" AS "user_id", "user"."name" AS "user_name", "user"."v" AS "user_v", "user"."del" AS "user_del", "user"."cr" AS "user_cr", "user"."kind" AS "user_kind" FROM "user" "user" WHERE ( (("user"."id" = $1)) ) AND ( "user"."del" IS NULL ) LIMIT 1 FOR UPDATE
----
SELECT "u"."id" AS "u_id", "u"."name" AS "u_name", "u"."v" AS "u_v", "u"."del" AS "u_del", "u"."cr" AS "u_cr", "u"."kind" AS "u_kind", "p"."id" AS "p_id", "p"."t" AS "p_t", "p"."userId" AS "p_userId" FROM "user" "u" LEFT JOIN "post" "p" ON "p"."userId"="u"."id" WHERE ( "u"."name" = $1 ) AND ( "u"."del" IS NULL )
----
SELECT TRUE FROM information_schema.columns WHERE table_name = 'pg_class' and column_name = 'relispartition'
----
SELECT columns.*, pg_catalog.col_description((quote_ident(table_catalog) || '.' || quote_ident(table_schema) || '.' || quote_ident(table_name))::regclass::oid, ordinal_position) AS description, ('"' || "udt_schema" || '"."' || "udt_name" || '"')::"regtype"::text AS "regtype", pg_catalog.format_type("col_attr"."atttypid", "col_attr"."atttypmod") AS "format_type" FROM "information_schema"."columns" LEFT JOIN "pg_catalog"."pg_attribute" AS "col_attr" ON "col_attr"."attname" = "columns"."column_name" AND "col_attr"."attrelid" = ( SELECT "cls"."oid" FROM "pg_catalog"."pg_class" AS "cls" LEFT JOIN "pg_catalog"."pg_namespace" AS "ns" ON "ns"."oid" = "cls"."relnamespace" WHERE "cls"."relname" = "columns"."table_name" AND "ns"."nspname" = "columns"."table_schema" ) WHERE ("table_schema" = 'public' AND "table_name" = 'user') OR ("table_schema" = 'public' AND "table_name" = 'post')
----
SELECT "ns"."nspname" AS "table_schema", "t"."relname" AS "table_name", "cnst"."conname" AS "constraint_name", pg_get_constraintdef("cnst"."oid") AS "expression", CASE "cnst"."contype" WHEN 'p' THEN 'PRIMARY' WHEN 'u' THEN 'UNIQUE' WHEN 'c' THEN 'CHECK' WHEN 'x' THEN 'EXCLUDE' END AS "constraint_type", "a"."attname" AS "column_name" FROM "pg_constraint" "cnst" INNER JOIN "pg_class" "t" ON "t"."oid" = "cnst"."conrelid" INNER JOIN "pg_namespace" "ns" ON "ns"."oid" = "cnst"."connamespace" LEFT JOIN "pg_attribute" "a" ON "a"."attrelid" = "cnst"."conrelid" AND "a"."attnum" = ANY ("cnst"."conkey") WHERE "t"."relkind" IN ('r', 'p') AND (("ns"."nspname" = 'public' AND "t"."relname" = 'user') OR ("ns"."nspname" = 'public' AND "t"."relname" = 'post'))
----
SELECT "ns"."nspname" AS "table_schema", "t"."relname" AS "table_name", "i"."relname" AS "constraint_name", "a"."attname" AS "column_name", CASE "ix"."indisunique" WHEN 't' THEN 'TRUE' ELSE'FALSE' END AS "is_unique", pg_get_expr("ix"."indpred", "ix"."indrelid") AS "condition", "types"."typname" AS "type_name", "am"."amname" AS "index_type" FROM "pg_class" "t" INNER JOIN "pg_index" "ix" ON "ix"."indrelid" = "t"."oid" INNER JOIN "pg_attribute" "a" ON "a"."attrelid" = "t"."oid"  AND "a"."attnum" = ANY ("ix"."indkey") INNER JOIN "pg_namespace" "ns" ON "ns"."oid" = "t"."relnamespace" INNER JOIN "pg_class" "i" ON "i"."oid" = "ix"."indexrelid" INNER JOIN "pg_type" "types" ON "types"."oid" = "a"."atttypid" INNER JOIN "pg_am" "am" ON "i"."relam" = "am"."oid" LEFT JOIN "pg_constraint" "cnst" ON "cnst"."conname" = "i"."relname" WHERE "t"."relkind" IN ('r', 'p') AND "cnst"."contype" IS NULL AND (("ns"."nspname" = 'public' AND "t"."relname" = 'user') OR ("ns"."nspname" = 'public' AND "t"."relname" = 'post'))
----
SELECT "con"."conname" AS "constraint_name", "con"."nspname" AS "table_schema", "con"."relname" AS "table_name", "att2"."attname" AS "column_name", "ns"."nspname" AS "referenced_table_schema", "cl"."relname" AS "referenced_table_name", "att"."attname" AS "referenced_column_name", "con"."confdeltype" AS "on_delete", "con"."confupdtype" AS "on_update", "con"."condeferrable" AS "deferrable", "con"."condeferred" AS "deferred" FROM ( SELECT UNNEST ("con1"."conkey") AS "parent", UNNEST ("con1"."confkey") AS "child", "con1"."confrelid", "con1"."conrelid", "con1"."conname", "con1"."contype", "ns"."nspname", "cl"."relname", "con1"."condeferrable", CASE WHEN "con1"."condeferred" THEN 'INITIALLY DEFERRED' ELSE 'INITIALLY IMMEDIATE' END as condeferred, CASE "con1"."confdeltype" WHEN 'a' THEN 'NO ACTION' WHEN 'r' THEN 'RESTRICT' WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' END as "confdeltype", CASE "con1"."confupdtype" WHEN 'a' THEN 'NO ACTION' WHEN 'r' THEN 'RESTRICT' WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' END as "confupdtype" FROM "pg_class" "cl" INNER JOIN "pg_namespace" "ns" ON "cl"."relnamespace" = "ns"."oid" INNER JOIN "pg_constraint" "con1" ON "con1"."conrelid" = "cl"."oid" WHERE "con1"."contype" = 'f' AND (("ns"."nspname" = 'public' AND "cl"."relname" = 'user') OR ("ns"."nspname" = 'public' AND "cl"."relname" = 'post')) ) "con" INNER JOIN "pg_attribute" "att" ON "att"."attrelid" = "con"."confrelid" AND "att"."attnum" = "con"."child" INNER JOIN "pg_class" "cl" ON "cl"."oid" = "con"."confrelid"  AND "cl"."relispartition" = 'f'INNER JOIN "pg_namespace" "ns" ON "cl"."relnamespace" = "ns"."oid" INNER JOIN "pg_attribute" "att2" ON "att2"."attrelid" = "con"."conrelid" AND "att2"."attnum" = "con"."parent"
----
SELECT "udt_schema", "udt_name" FROM "information_schema"."columns" WHERE "table_schema" = 'public' AND "table_name" = 'user' AND "column_name"='kind'
----
SELECT "e"."enumlabel" AS "value" FROM "pg_enum" "e" INNER JOIN "pg_type" "t" ON "t"."oid" = "e"."enumtypid" INNER JOIN "pg_namespace" "n" ON "n"."oid" = "t"."typnamespace" WHERE "n"."nspname" = 'public' AND "t"."typname" = 'user_kind_enum' ORDER BY "e"."enumsortorder"
----
SELECT "table_schema", "table_name", obj_description((quote_ident("table_schema") || '.' || quote_ident("table_name"))::regclass, 'pg_class') AS table_comment FROM "information_schema"."tables"
----
CREATE TABLE "migrations" ("id" SERIAL NOT NULL, "timestamp" bigint NOT NULL, "name" character varying NOT NULL, CONSTRAINT "PK_8c82d7f526340ab734260ea46be" PRIMARY KEY ("id"))
----
SELECT * FROM "migrations" "migrations" ORDER BY "id" DESC
----
