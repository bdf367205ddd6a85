SELECT "good_jobs".* FROM "good_jobs" WHERE "good_jobs"."id" IN (WITH "rows" AS MATERIALIZED (SELECT "good_jobs"."id", "good_jobs"."active_job_id" FROM "good_jobs" WHERE "good_jobs"."finished_at" IS NULL AND ("good_jobs"."scheduled_at" <= $1 OR "good_jobs"."scheduled_at" IS NULL) ORDER BY priority ASC NULLS LAST LIMIT 1) SELECT "rows"."id" FROM "rows" WHERE pg_try_advisory_lock(('x' || substr(md5('good_jobs-' || "rows"."active_job_id"::text), 1, 16))::bit(64)::bigint) LIMIT 1)
----
SELECT pg_advisory_unlock(('x' || substr(md5($1::text), 1, 16))::bit(64)::bigint) AS unlocked
----
UPDATE "good_jobs" SET "performed_at" = $1, "executions_count" = COALESCE("good_jobs"."executions_count", 0) + 1 WHERE "good_jobs"."id" = $2
----
DELETE FROM "good_job_processes" WHERE "good_job_processes"."updated_at" < $1
----
DELETE FROM "good_jobs" WHERE "good_jobs"."id" IN (SELECT "good_jobs"."id" FROM "good_jobs" WHERE "good_jobs"."finished_at" <= $1 AND "good_jobs"."error" IS NULL LIMIT $2)
----
NOTIFY good_job, '{"queue_name":"default"}'
