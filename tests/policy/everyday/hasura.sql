WITH "public_todos__mutation_result_alias" AS (UPDATE "public"."todos" SET "done" = ('true')::boolean WHERE ((("public"."todos"."id") = (('1')::integer)) AND ('true')) RETURNING *, (('true')) AS "check__constraint") SELECT json_build_object('affected_rows', (SELECT COUNT(*) FROM "public_todos__mutation_result_alias"))
----
WITH "public_todos__mutation_result_alias" AS (DELETE FROM "public"."todos" WHERE (('true') AND (((("public"."todos"."id") = (('1')::integer)) AND ('true')) AND ('true'))) RETURNING *) SELECT count(*) FROM "public_todos__mutation_result_alias"
----
SELECT coalesce(json_agg("root"), '[]') AS "root" FROM (SELECT row_to_json((SELECT "_e" FROM (SELECT "_root.base"."id" AS "id") AS "_e")) AS "root" FROM (SELECT * FROM "public"."todos" WHERE ('true')) AS "_root.base") AS "_root"
----
UPDATE hdb_catalog.event_log SET locked = NOW() WHERE id IN ( SELECT l.id FROM hdb_catalog.event_log l WHERE l.delivered = 'f' and l.error = 'f' and (l.locked IS NULL or l.locked < (NOW() - interval '30 minute')) ORDER BY created_at LIMIT 100 FOR UPDATE SKIP LOCKED ) RETURNING id
----
DELETE FROM hdb_catalog.event_invocation_logs WHERE created_at < NOW() - interval '7 days'
