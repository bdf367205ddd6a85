SELECT pg_notify($1, payload) FROM json_array_elements_text($2::json) AS payload
----
WITH "subset" AS MATERIALIZED (SELECT so0."id" AS "id" FROM "public"."oban_jobs" AS so0 WHERE (((so0."state" = 'available') AND (so0."queue" = $3)) AND (so0."attempt" < so0."max_attempts")) ORDER BY so0."priority", so0."scheduled_at", so0."id" LIMIT $4 FOR UPDATE SKIP LOCKED) UPDATE "public"."oban_jobs" AS o0 SET "state" = $1, "attempted_at" = $2, "attempt" = o0."attempt" + 1 FROM "subset" AS f1 WHERE (o0."id" = f1."id") RETURNING o0."id"
----
UPDATE "public"."oban_jobs" AS o0 SET "state" = $1, "completed_at" = $2 WHERE (o0."id" = $3)
----
UPDATE "public"."oban_jobs" AS o0 SET "state" = 'available' FROM (SELECT so0."id" AS "id" FROM "public"."oban_jobs" AS so0 WHERE (so0."state" = ANY($1)) AND (so0."scheduled_at" <= $2) AND (NOT (so0."queue" IS NULL)) ORDER BY so0."id" LIMIT $3 FOR UPDATE SKIP LOCKED) AS s1 WHERE (o0."id" = s1."id")
----
DELETE FROM "public"."oban_jobs" AS o0 USING (SELECT so0."id" AS "id" FROM "public"."oban_jobs" AS so0 WHERE ((so0."state" IN ('completed','cancelled','discarded')) AND (so0."scheduled_at" < $1)) LIMIT $2) AS s1 WHERE (o0."id" = s1."id")
----
DELETE FROM "public"."oban_peers" AS o0 WHERE ((o0."name" = $1) AND (o0."expires_at" < $2))
----
INSERT INTO "public"."oban_peers" AS o0 ("name","node","started_at","expires_at") VALUES ($1,$2,$3,$4) ON CONFLICT ("name") DO UPDATE SET "expires_at" = $5
----
SELECT pg_try_advisory_xact_lock($1::bigint)
----
SELECT o0."queue", o0."state", count(o0."id") FROM "public"."oban_jobs" AS o0 GROUP BY o0."queue", o0."state"
----
LISTEN "public.oban_insert"
----
UNLISTEN *
