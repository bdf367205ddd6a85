SET client_min_messages TO 'warning'
----
SET standard_conforming_strings = on
----
SET SESSION timezone TO 'UTC'
----
SET SESSION intervalstyle TO iso_8601
----
SELECT t.oid, t.typname, t.typelem, t.typdelim, t.typinput, r.rngsubtype, t.typtype, t.typbasetype
FROM pg_type as t
LEFT JOIN pg_range as r ON oid = rngtypid
WHERE t.typname IN ('int2', 'int4', 'int8', 'oid', 'float4', 'float8', 'numeric', 'bool', 'timestamp', 'timestamptz')
----
SELECT a.attname, format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid), a.attnotnull, a.atttypid, a.atttypmod, c.collname, col_description(a.attrelid, a.attnum) AS comment, attidentity AS identity, attgenerated as attgenerated
  FROM pg_attribute a
  LEFT JOIN pg_attrdef d ON a.attrelid = d.adrelid AND a.attnum = d.adnum
  LEFT JOIN pg_type t ON a.atttypid = t.oid
  LEFT JOIN pg_collation c ON a.attcollation = c.oid AND a.attcollation <> t.typcollation
 WHERE a.attrelid = '"users"'::regclass AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum
----
SELECT a.attname FROM (SELECT indrelid, indkey, generate_subscripts(indkey, 1) idx FROM pg_index WHERE indrelid = '"users"'::regclass AND indisprimary) i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[i.idx] ORDER BY i.idx
----
SELECT pg_try_advisory_lock(4156161)
----
SELECT pg_advisory_unlock(4156161)
----
SELECT "schema_migrations"."version" FROM "schema_migrations" ORDER BY "schema_migrations"."version" ASC
----
CREATE TABLE "schema_migrations" ("version" character varying NOT NULL PRIMARY KEY)
----
INSERT INTO "schema_migrations" ("version") VALUES ('20261125000000') RETURNING "version"
----
CREATE TABLE "ar_internal_metadata" ("key" character varying NOT NULL PRIMARY KEY, "value" character varying, "created_at" timestamp(6) NOT NULL, "updated_at" timestamp(6) NOT NULL)
----
CREATE TABLE "users" ("id" bigserial primary key, "name" character varying, "email" character varying DEFAULT '' NOT NULL, "created_at" timestamp(6) NOT NULL, "updated_at" timestamp(6) NOT NULL)
----
CREATE UNIQUE INDEX CONCURRENTLY "index_users_on_email" ON "users" ("email")
----
ALTER TABLE "users" ADD "age" integer DEFAULT 0 NOT NULL
----
ALTER TABLE "posts" ADD CONSTRAINT "fk_rails_5b5ddfd518" FOREIGN KEY ("user_id") REFERENCES "users" ("id") NOT VALID
----
ALTER TABLE "posts" VALIDATE CONSTRAINT "fk_rails_5b5ddfd518"
----
INSERT INTO "users" ("name", "created_at", "updated_at") VALUES ($1, $2, $3) RETURNING "id"
----
UPDATE "users" SET "name" = $1, "updated_at" = $2 WHERE "users"."id" = $3
----
UPDATE "users" SET "posts_count" = COALESCE("posts_count", 0) + 1 WHERE "users"."id" = $1
----
UPDATE "users" SET "lock_version" = 2 WHERE "users"."id" = $1 AND "users"."lock_version" = $2
----
DELETE FROM "users" WHERE "users"."id" = $1
----
DELETE FROM "posts" WHERE "posts"."user_id" = $1 AND "posts"."id" IN ($2, $3)
----
DELETE FROM "posts" WHERE "posts"."id" IN (SELECT "posts"."id" FROM "posts" INNER JOIN "users" ON "users"."id" = "posts"."user_id" WHERE "users"."name" = $1)
----
DELETE FROM "sessions" WHERE (updated_at < '2026-10-26 00:00:00')
----
SELECT 1 AS one FROM "users" WHERE "users"."email" = $1 LIMIT $2
----
SELECT "users".* FROM "users" WHERE "users"."id" >= $1 ORDER BY "users"."id" ASC LIMIT $2
----
SELECT "users".* FROM "users" WHERE "users"."id" = $1 LIMIT $2 FOR UPDATE
----
SAVEPOINT active_record_1
----
ROLLBACK TO SAVEPOINT active_record_1
----
RELEASE SAVEPOINT active_record_1
----
INSERT INTO "users" ("id","name") VALUES (1, 'a'), (2, 'b') ON CONFLICT ("id") DO UPDATE SET updated_at=(CASE WHEN ("users"."name" IS NOT DISTINCT FROM excluded."name") THEN "users".updated_at ELSE CURRENT_TIMESTAMP END),"name"=excluded."name" RETURNING "id"
----
SELECT "solid_queue_ready_executions"."job_id" FROM "solid_queue_ready_executions" ORDER BY "solid_queue_ready_executions"."priority" ASC, "solid_queue_ready_executions"."job_id" ASC LIMIT 3 FOR UPDATE SKIP LOCKED
----
DELETE FROM "solid_queue_ready_executions" WHERE "solid_queue_ready_executions"."job_id" IN (1, 2)
----
UPDATE "good_jobs" SET "locked_by_id" = $1, "locked_at" = $2 WHERE "good_jobs"."id" = $3
----
UPDATE delayed_jobs SET locked_at = '2026-11-25', locked_by = 'host' WHERE id IN (SELECT id FROM "delayed_jobs" WHERE ((run_at <= '2026-11-25' AND (locked_at IS NULL OR locked_at < '2026-11-24') OR locked_by = 'host') AND failed_at IS NULL) ORDER BY priority ASC, run_at ASC LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING *
----
SELECT setval('"public"."users_id_seq"', COALESCE((SELECT MAX("id") FROM "public"."users"), 1), true)
----
-- refused: no-unscoped-update
UPDATE "users" SET "active" = TRUE
----
