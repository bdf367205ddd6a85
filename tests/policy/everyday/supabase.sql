-- refused: no-weaker-settings
select set_config('search_path', $1, true), set_config('request.jwt.claims', $2, true), set_config('request.method', $3, true), set_config('request.path', $4, true), set_config('request.headers', $5, true), set_config('request.cookies', $6, true)
----
-- refused: no-role-changes
select set_config('role', $1, true)
----
WITH pgrst_source AS ( SELECT "public"."todos".* FROM "public"."todos"  WHERE  "public"."todos"."done" = $1   LIMIT $2 OFFSET $3 )  SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), '[]') AS body, nullif(current_setting('response.headers', true), '') AS response_headers, nullif(current_setting('response.status', true), '') AS response_status, '' AS response_inserted FROM ( SELECT * FROM pgrst_source ) _postgrest_t
----
WITH pgrst_source AS (INSERT INTO "public"."todos"("title") SELECT "pgrst_body"."title" FROM (SELECT $1 AS json_data) pgrst_payload, LATERAL (SELECT "title" FROM json_to_record(pgrst_payload.json_data) AS _("title" text) ) pgrst_body  RETURNING 1) SELECT '' AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total FROM (SELECT * FROM pgrst_source) _postgrest_t
----
WITH pgrst_source AS (UPDATE "public"."todos" SET "done" = "pgrst_body"."done" FROM (SELECT $1 AS json_data) pgrst_payload, LATERAL (SELECT "done" FROM json_to_record(pgrst_payload.json_data) AS _("done" boolean) ) pgrst_body  WHERE  "public"."todos"."id" = $2 RETURNING 1) SELECT '' AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total FROM (SELECT * FROM pgrst_source) _postgrest_t
----
WITH pgrst_source AS (DELETE FROM "public"."todos"  WHERE  "public"."todos"."id" = $1 AND  "public"."todos"."owner" = ANY ($2) RETURNING "public"."todos".*) SELECT '' AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total FROM (SELECT * FROM pgrst_source) _postgrest_t
----
SELECT users.aud, users.banned_until, users.id FROM users AS users WHERE instance_id = $1 and LOWER(email) = $2 and aud = $3 and is_sso_user = false LIMIT 1
----
UPDATE "users" AS users SET "last_sign_in_at" = $1, "updated_at" = $2 WHERE users.id = $3
----
INSERT INTO "refresh_tokens" ("created_at", "instance_id", "parent", "revoked", "session_id", "token", "updated_at", "user_id") VALUES ($1, $2, $3, $4, $5, $6, $7, $8) returning id
----
update "refresh_tokens" set revoked = true, updated_at = now() where revoked = false and session_id = $1 and token <> $2
----
DELETE FROM "sessions" WHERE user_id = $1 AND id != $2
----
DELETE FROM "one_time_tokens" WHERE user_id = $1
----
delete from "mfa_challenges" where id in (select id from "mfa_challenges" where created_at < now() - interval '24 hours' limit 100 for update skip locked)
----
delete from "flow_state" where id in (select id from "flow_state" where created_at < now() - interval '24 hours' limit 100 for update skip locked)
----
select "id", "name" from "storage"."objects" where "bucket_id" = $1 and "name" = any($2)
----
insert into "storage"."objects" ("bucket_id", "metadata", "name", "owner", "version") values ($1, $2, $3, $4, $5) on conflict ("name", "bucket_id") do update set "metadata" = $2, "owner" = $4, "version" = $5 returning *
----
delete from "storage"."objects" where "bucket_id" = $1 and "name" in ($2, $3) returning *
----
update "storage"."objects" set "name" = $1 where "bucket_id" = $2 and "name" = $3
----
create policy "Own rows" on todos for select using ( (select auth.uid()) = user_id )
----
alter table todos enable row level security
----
create publication supabase_realtime for table todos
----
----
UPDATE auth.users SET last_sign_in_at = $1, raw_app_meta_data = $2 WHERE id = $3
----
delete from auth.refresh_tokens where id in (select id from auth.refresh_tokens where revoked and updated_at < now() - interval '30 days' limit 100 for update skip locked)
----
UPDATE "sessions" AS sessions SET "refreshed_at" = $1, "updated_at" = $2, "user_agent" = $3 WHERE sessions.id = $4
----
DELETE FROM auth.audit_log_entries WHERE created_at < now() - interval '90 days'
----
select wal->>'type' as type, wal->>'schema' as schema from (select '{}'::jsonb as wal) w
----
select * from storage.buckets where id = $1 limit 1
----
with files as (select * from storage.objects where bucket_id = $1 and name > $2 order by name limit $3) select name from files
----
insert into "storage"."s3_multipart_uploads" ("id", "bucket_id", "key", "version", "upload_signature", "owner_id") values ($1, $2, $3, $4, $5, $6) returning *
----
delete from "storage"."s3_multipart_uploads" where "id" = $1
----
select set_config('storage.operation', $1, true)
----
select set_config('request.jwt.claim.sub', $1, true), set_config('request.jwt', $2, true), set_config('request.method', $3, true), set_config('request.headers', $4, true), set_config('request.path', $5, true)
----
delete from realtime.subscription where subscription_id = $1
----
insert into realtime.subscription as x( subscription_id, entity, filters, claims ) select $1, 'public.t'::regclass, '{}', '{}'::jsonb on conflict (subscription_id, entity, filters) do update set claims = excluded.claims, created_at = now() returning id
----
delete from net._http_response where created < now() - interval '6 hours'
