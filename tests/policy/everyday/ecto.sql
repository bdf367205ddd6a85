SELECT u0."id", u0."email", u0."inserted_at" FROM "users" AS u0 WHERE (u0."id" = $1)
----
UPDATE "users" AS u0 SET "confirmed_at" = $1 WHERE (u0."id" = $2)
----
UPDATE "accounts" AS a0 SET "balance" = a0."balance" + $1 WHERE (a0."id" = $2) RETURNING a0."balance"
----
DELETE FROM "users_tokens" AS u0 WHERE ((u0."user_id" = $1) AND u0."context" = ANY($2))
----
DELETE FROM "users_tokens" AS u0 WHERE (u0."inserted_at" < $1::timestamp + (-60)::bigint * interval '1 day')
----
DELETE FROM "users_tokens" AS u0 USING "users" AS u1 WHERE (u1."id" = u0."user_id") AND (u1."email" = $1)
----
INSERT INTO "users" ("email","inserted_at","updated_at") VALUES ($1,$2,$3) ON CONFLICT ("email") DO UPDATE SET "updated_at" = EXCLUDED."updated_at" RETURNING "id"
----
INSERT INTO "schema_migrations" ("version","inserted_at") VALUES ($1,$2)
----
LOCK TABLE "schema_migrations" IN SHARE UPDATE EXCLUSIVE MODE
----
CREATE TABLE IF NOT EXISTS "schema_migrations" ("version" bigint, "inserted_at" timestamp(0), PRIMARY KEY ("version"))
----
SELECT true FROM "users" AS u0 WHERE (u0."email" = $1) LIMIT 1
----
WITH RECURSIVE "tree" AS (SELECT sc0."id", sc0."parent_id" FROM "categories" AS sc0 WHERE (sc0."parent_id" IS NULL) UNION ALL (SELECT sc0."id", sc0."parent_id" FROM "categories" AS sc0 INNER JOIN "tree" AS st1 ON st1."id" = sc0."parent_id")) SELECT s0."id" FROM "tree" AS s0
