SELECT count(*) FROM river_job WHERE state = 'running'
----
WITH locked_jobs AS ( SELECT id FROM river_job WHERE state = 'available' AND queue = $1::text AND scheduled_at <= coalesce($2::timestamptz, now()) ORDER BY priority ASC, scheduled_at ASC, id ASC LIMIT $3::integer FOR UPDATE SKIP LOCKED ) UPDATE river_job SET state = 'running', attempt = river_job.attempt + 1, attempted_at = now(), attempted_by = array_append(river_job.attempted_by, $4::text) FROM locked_jobs WHERE river_job.id = locked_jobs.id RETURNING river_job.id
----
DELETE FROM river_job WHERE id IN ( SELECT id FROM river_job WHERE (state = 'cancelled' AND finalized_at < $1::timestamptz) OR (state = 'completed' AND finalized_at < $2::timestamptz) OR (state = 'discarded' AND finalized_at < $3::timestamptz) ORDER BY id LIMIT $4::bigint )
----
WITH job_input AS ( SELECT unnest($1::bigint[]) AS id, unnest($2::text[]) AS state, unnest($3::timestamptz[]) AS finalized_at ), job_to_update AS ( SELECT river_job.id, job_input.state FROM river_job JOIN job_input ON river_job.id = job_input.id WHERE river_job.state = 'running' FOR UPDATE ) UPDATE river_job SET state = job_to_update.state::river_job_state, finalized_at = now() FROM job_to_update WHERE river_job.id = job_to_update.id RETURNING river_job.id
----
UPDATE river_job SET metadata = jsonb_set(metadata, '{cancel_attempted_at}'::text[], $1::jsonb, true) WHERE id = $2
----
DELETE FROM river_leader WHERE expires_at < coalesce($1::timestamptz, now())
----
DELETE FROM river_leader WHERE leader_id = $1 AND name = 'default'
----
INSERT INTO river_queue (name, created_at, updated_at, metadata) VALUES ($1, now(), now(), coalesce($2::jsonb, '{}'::jsonb)) ON CONFLICT (name) DO UPDATE SET updated_at = coalesce($3::timestamptz, now()) RETURNING *
----
SELECT pg_notify(concat(current_schema(), '.', $1::text), payload) FROM unnest($2::text[]) AS payload
