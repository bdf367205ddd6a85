select to_regclass('graphile_worker.migrations') is not null
----
with j as ( select jobs.job_queue_id, jobs.priority, jobs.run_at, jobs.id from "graphile_worker"._private_jobs as jobs where jobs.is_available = true and run_at <= now() and task_id = any($1::int[]) order by priority asc, run_at asc limit 1 for update skip locked ) update "graphile_worker"._private_jobs as jobs set attempts = jobs.attempts + 1, locked_by = $2::text, locked_at = now() from j where jobs.id = j.id returning *
----
with j as ( delete from "graphile_worker"._private_jobs as jobs where id = $1::bigint returning * ) update "graphile_worker"._private_job_queues as job_queues set locked_by = null, locked_at = null from j where job_queues.id = j.job_queue_id and job_queues.locked_by = $2::text
----
delete from "graphile_worker"._private_job_queues job_queues where locked_at is null and not exists (select 1 from "graphile_worker"._private_jobs jobs where jobs.job_queue_id = job_queues.id)
----
update "graphile_worker"._private_jobs as jobs set locked_by = null, locked_at = null, run_at = greatest(run_at, now()) + $3::interval where id = $1::bigint and locked_by = $2::text
----
delete from "graphile_worker"._private_jobs where attempts = max_attempts and locked_at is null
----
delete from "graphile_worker"._private_tasks tasks where tasks.id not in (select jobs.task_id from "graphile_worker"._private_jobs jobs) and tasks.identifier <> all($1::text[])
----
LISTEN "jobs:insert"; LISTEN "worker:migrate"
----
insert into "graphile_worker"._private_known_crontabs (identifier, known_since, last_execution) select key, value::timestamptz, now() from json_each_text($1::json) on conflict (identifier) do nothing
