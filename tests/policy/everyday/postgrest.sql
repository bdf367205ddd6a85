BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE
----
SELECT set_config('search_path', '"public", "extensions"', true), set_config('request.jwt.claims', '{"role":"anon"}', true), set_config('request.method', 'GET', true), set_config('request.path', '/todos', true)
----
WITH pgrst_source AS (DELETE FROM "public"."todos" WHERE "public"."todos"."id" = $1 RETURNING 1) SELECT '' AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total FROM (SELECT * FROM pgrst_source) _postgrest_t
----
WITH pgrst_source AS (SELECT pgrst_call.pgrst_scalar FROM (SELECT $1 AS json_data) pgrst_payload, LATERAL (SELECT 1 AS pgrst_scalar) pgrst_call) SELECT count(*) FROM pgrst_source
----
LISTEN "pgrst"
----
NOTIFY pgrst, 'reload schema'
----
WITH pgrst_source AS (INSERT INTO "public"."todos"("id", "title") SELECT "pgrst_body"."id", "pgrst_body"."title" FROM (SELECT $1 AS json_data) pgrst_payload, LATERAL (SELECT "id", "title" FROM json_to_recordset (pgrst_payload.json_data) AS _("id" int, "title" text) ) pgrst_body ON CONFLICT("id") DO UPDATE SET "id" = EXCLUDED."id", "title" = EXCLUDED."title" RETURNING 1) SELECT '' AS total_result_set
