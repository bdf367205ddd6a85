SELECT "solid_queue_ready_executions"."id", "solid_queue_ready_executions"."job_id" FROM "solid_queue_ready_executions" WHERE "solid_queue_ready_executions"."queue_name" = $1 ORDER BY "solid_queue_ready_executions"."priority" ASC LIMIT $2 FOR UPDATE SKIP LOCKED
----
DELETE FROM "solid_queue_ready_executions" WHERE "solid_queue_ready_executions"."job_id" IN ($1, $2)
----
DELETE FROM "solid_queue_semaphores" WHERE "solid_queue_semaphores"."expires_at" < $1
----
UPDATE "solid_queue_semaphores" SET value = value - 1, expires_at = '2026-01-01 00:00:00' WHERE "solid_queue_semaphores"."key" = $1 AND (value > 0)
----
DELETE FROM "solid_cache_entries" WHERE "solid_cache_entries"."id" IN ($1, $2)
