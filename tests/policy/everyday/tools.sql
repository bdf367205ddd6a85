SELECT version()
----
SET DateStyle=ISO; SET client_min_messages=notice; SELECT set_config('bytea_output','hex',false) FROM pg_show_all_settings() WHERE name = 'bytea_output'; SET client_encoding='utf-8';
----
SELECT db.oid as did, db.datname, db.datallowconn, pg_encoding_to_char(db.encoding) AS serverencoding, has_database_privilege(db.oid, 'CREATE') as cancreate, datistemplate FROM pg_catalog.pg_database db WHERE db.datname = current_database()
----
SELECT roles.oid as id, roles.rolname as name, roles.rolsuper as is_superuser, CASE WHEN roles.rolsuper THEN true ELSE roles.rolcreaterole END as can_create_role, CASE WHEN pg_catalog.pg_has_role(roles.oid, 'pg_signal_backend', 'MEMBER') THEN true ELSE false END as can_signal_backend FROM pg_catalog.pg_roles as roles WHERE rolname = current_user
----
SELECT rel.oid, rel.relname AS name, (SELECT count(*) FROM pg_catalog.pg_trigger WHERE tgrelid=rel.oid AND tgisinternal = FALSE) AS triggercount, (SELECT count(1) FROM pg_catalog.pg_inherits WHERE inhrelid=rel.oid LIMIT 1) as is_inherits FROM pg_catalog.pg_class rel WHERE rel.relkind IN ('r','s','t','p') AND rel.relnamespace = 2200::oid AND NOT rel.relispartition ORDER BY rel.relname
----
/*pga4dash*/ SELECT 'session_stats' AS chart_name, pg_catalog.row_to_json(t) AS chart_data FROM (SELECT (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE datname = (SELECT datname FROM pg_catalog.pg_database WHERE oid = 5)) AS "Total") t
----
SET extra_float_digits = 3
----
SET application_name = 'DBeaver 24.3.0 - Main <shop>'
----
SELECT db.oid,db.* FROM pg_catalog.pg_database db WHERE datname=$1
----
SELECT n.oid,n.*,d.description FROM pg_catalog.pg_namespace n LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=n.oid AND d.objsubid=0 AND d.classoid='pg_namespace'::regclass ORDER BY nspname
----
SELECT c.oid,c.*,d.description,pg_catalog.pg_get_expr(c.relpartbound, c.oid) as partition_expr,  pg_catalog.pg_get_partkeydef(c.oid) as partition_key FROM pg_catalog.pg_class c LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=c.oid AND d.objsubid=0 AND d.classoid='pg_class'::regclass WHERE c.relnamespace=$1 AND c.relkind not in ('i','I','c')
----
SELECT e.typelem FROM pg_catalog.pg_type e WHERE e.oid = $1
----
select T.oid as object_id, T.relname as table_name, case when T.relpersistence = 'p' then 'p' end, age(T.relfrozenxid) from pg_catalog.pg_class T where relnamespace = $1::oid and relkind in ('r', 'm', 'v', 'f', 'p') and pg_catalog.age(T.xmin) <= coalesce(nullif(greatest(pg_catalog.age($2::varchar::xid), -1), -1), 2147483647) order by table_name
----
select txid_current()::varchar::bigint as current_txid
----
select case when pg_catalog.pg_is_in_recovery() then null else (pg_catalog.txid_current() % (2^32)::bigint)::varchar::bigint end as current_txid
----
SELECT n.nspname AS "schema", c.relname AS "name", CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'v' THEN 'VIEW' END AS "type", d.description AS "description", stat.n_live_tup AS "estimated_row_count" FROM pg_catalog.pg_class AS c INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid LEFT JOIN pg_catalog.pg_description AS d ON (c.oid = d.objoid AND d.objsubid = 0) LEFT JOIN pg_stat_user_tables AS stat ON (n.nspname = stat.schemaname AND c.relname = stat.relname) WHERE n.nspname !~ '^pg_' ORDER BY "type" ASC
----
-- Metabase:: userID: 1 queryType: MBQL queryHash: 1f
SELECT DATE_TRUNC('month', "public"."orders"."created_at") AS "created_at", COUNT(*) AS "count" FROM "public"."orders" WHERE ("public"."orders"."created_at" >= DATE_TRUNC('month', (NOW() + INTERVAL '-12 month'))) AND (LOWER("public"."orders"."status") LIKE '%paid%') GROUP BY DATE_TRUNC('month', "public"."orders"."created_at") ORDER BY 1 ASC
----
SELECT substring("source"."name", 1, 1234) AS "substring1" FROM (SELECT "public"."people"."name" AS "name" FROM "public"."people" LIMIT 10000) AS "source"
----
SELECT floor(extract(epoch from "created_at")/300)*300 AS "time", avg(value) AS "value" FROM metrics WHERE "created_at" BETWEEN '2026-11-24T00:00:00Z' AND '2026-11-25T00:00:00Z' GROUP BY 1 ORDER BY 1
----
SELECT quote_ident(table_name) as "table" FROM information_schema.tables WHERE quote_ident(table_schema) NOT IN ('information_schema', 'pg_catalog', '_timescaledb_cache') ORDER BY 1
----
SELECT DATE_TRUNC('day', ds) AS __timestamp, SUM(num) AS "sum__num" FROM (SELECT * FROM public.birth_names) AS virtual_table WHERE ds >= TO_TIMESTAMP('2026-01-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US') GROUP BY DATE_TRUNC('day', ds) ORDER BY "sum__num" DESC LIMIT 10000
----
BEGIN;declare "SQL_CUR0x7f" cursor with hold for SELECT "orders"."status" AS "status", SUM(CAST("orders"."total" AS DOUBLE PRECISION)) AS "sum:total:ok" FROM "public"."orders" "orders" GROUP BY 1;fetch 10000 in "SQL_CUR0x7f"
----
close "SQL_CUR0x7f"
----
CREATE LOCAL TEMPORARY TABLE "#Tableau_sid_1_Connect" ("COL" INTEGER) ON COMMIT PRESERVE ROWS
----
SELECT pg_database.datname, pg_database_size(pg_database.datname) FROM pg_database
----
SELECT current_database() datname, schemaname, relname, seq_scan, n_live_tup, n_dead_tup, COALESCE(last_vacuum, '1970-01-01Z') as last_vacuum, pg_total_relation_size(relid) FROM pg_stat_user_tables
----
SELECT slot_name, slot_type, (case pg_is_in_recovery() when 't' then pg_wal_lsn_diff(pg_last_wal_receive_lsn(), restart_lsn) else pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) end) FROM pg_replication_slots
----
SELECT CASE WHEN NOT pg_is_in_recovery() THEN 0 WHEN pg_last_wal_receive_lsn () = pg_last_wal_replay_lsn () THEN 0 ELSE GREATEST (0, EXTRACT(EPOCH FROM (now() - pg_last_xact_replay_timestamp()))) END AS lag
----
SELECT name, setting, COALESCE(unit, ''), short_desc, vartype FROM pg_settings WHERE vartype IN ('bool', 'integer', 'real') AND name != 'sync_commit_cancel_wait'
----
SELECT queryid, query, calls, total_exec_time FROM pg_stat_statements(true) LEFT JOIN pg_roles ON userid = pg_roles.oid LEFT JOIN pg_database ON dbid = pg_database.oid LIMIT 100
----
/* service='datadog-agent' */ SELECT clock_timestamp() as now, to_jsonb(pg_stat_activity.*) - 'query', pg_blocking_pids(pid) as blocking_pids FROM pg_stat_activity WHERE state != 'idle' AND wait_event_type = 'Lock'
----
EXPLAIN (FORMAT JSON) SELECT 1
----
SELECT relname, age(relfrozenxid), 2147483647 - age(relfrozenxid) FROM pg_class WHERE relkind = 'r' ORDER BY 2 DESC LIMIT 10
----
VACUUM (VERBOSE, ANALYZE) orders
----
-- refused: no-server-access
SELECT pg_terminate_backend(4711)
----
-- refused: no-server-access, no-unknown-functions
SELECT pg_stat_statements_reset()
----
----
SELECT cron_x.jobid FROM cron.job cron_x
----
SELECT * FROM cron.job_run_details ORDER BY start_time DESC LIMIT 10
----
DELETE FROM cron.job_run_details WHERE end_time < now() - interval '7 days'
----
SELECT 1;
----
SELECT usename, passwd FROM pg_shadow WHERE usename=$1
----
;
----
SELECT pg_is_in_recovery()
----
SELECT DATE_TRUNC('week', o.created_at)::date AS w, COUNT(DISTINCT o.user_id), PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY o.total) FROM orders o GROUP BY 1 ORDER BY 1
----
WITH RECURSIVE d AS (SELECT current_date - 30 AS d UNION ALL SELECT d + 1 FROM d WHERE d < current_date) SELECT d.d, count(o.id) FROM d LEFT JOIN orders o ON o.created_at::date = d.d GROUP BY 1
----
SELECT generate_series('2026-01-01'::date, '2026-02-01', '1 day')
----
SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY created_at DESC) AS rn FROM orders) x WHERE rn = 1
----
SELECT time_bucket('5 minutes', "time") AS t, avg(v) FROM metrics GROUP BY 1
----
SELECT * FROM information_schema.columns WHERE table_schema NOT IN ('pg_catalog', 'information_schema')
----
SELECT TRUE AS "_" FROM "public"."orders" WHERE 1 <> 1 LIMIT 0
----
SELECT CAST("source"."created_at" AS date) AS d, SUM("source"."total") AS s FROM (SELECT "public"."orders".* FROM "public"."orders") "source" GROUP BY CAST("source"."created_at" AS date)
----
SHOW TRANSACTION ISOLATION LEVEL
----
SHOW search_path
----
SHOW ALL
----
SELECT current_setting('server_version_num')::int / 10000
----
SELECT version(), current_user, session_user, inet_server_addr()
----
SELECT grouping(a), a, b, sum(c) FROM t GROUP BY ROLLUP (a, b)
----
TABLE orders
----
VALUES (1, 'a'), (2, 'b')
----
SELECT xmlagg(xmlelement(name r, xmlattributes(id AS id), body)) FROM notes
----
SELECT * FROM json_to_recordset('[{"a":1}]') AS x(a int)
----
SELECT unnest(string_to_array('a,b', ','))
----
SELECT regexp_matches('ab', '(a)(b)'), regexp_replace('a', 'a', 'b'), format('%I', 'x'), quote_literal('y')
----
SELECT convert_from(decode('YQ==', 'base64'), 'UTF8'), encode(sha256('x'), 'hex')
----
SELECT uuid_generate_v5(uuid_ns_url(), 'x'), hstore_to_json(attributes), cube_distance(b, c) FROM places
----
SELECT icount(tags), sort_asc(tags), subarray(tags, 1, 2) FROM posts WHERE tags && ARRAY[1, 2] AND code = isbn13(code)
