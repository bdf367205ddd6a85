SELECT que_jobs.id FROM public.que_jobs WHERE queue = $1::text AND finished_at IS NULL AND expired_at IS NULL ORDER BY priority, run_at, id LIMIT 5
----
UPDATE public.que_jobs SET error_count = error_count + 1, run_at = now() + $1::float * '1 second'::interval, last_error_message = left($2::text, 500) WHERE id = $4::bigint
----
DELETE FROM public.que_lockers WHERE pid = pg_backend_pid() OR NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = public.que_lockers.pid)
----
DELETE FROM public.que_lockers WHERE pid = $1
----
INSERT INTO public.que_lockers (pid, worker_count, worker_priorities, ruby_pid, ruby_hostname, listening, queues) VALUES (pg_backend_pid(), $1::integer, $2::integer[], $3::integer, $4::text, $5::boolean, $6::text[])
