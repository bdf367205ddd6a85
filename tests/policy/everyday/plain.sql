INSERT INTO notes(body) VALUES ($1) ON CONFLICT DO NOTHING
----
INSERT INTO victim AS v (id, val) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET val = excluded.val, n = v.n + 1 WHERE v.val <> excluded.val
----
INSERT INTO victim (id,val) SELECT x.id, x.val FROM jsonb_to_recordset($1::jsonb) AS x(id int, val text) ON CONFLICT (id) DO UPDATE SET val = EXCLUDED.val
----
INSERT INTO victim (id,val) SELECT * FROM unnest($1::int[], $2::text[]) ON CONFLICT (id) DO UPDATE SET val = EXCLUDED.val RETURNING *
----
INSERT INTO t (a) VALUES (1), (2) ON CONFLICT (a) WHERE deleted_at IS NULL DO UPDATE SET a = excluded.a
----
INSERT INTO orders DEFAULT VALUES RETURNING id
----
INSERT INTO t OVERRIDING USER VALUE VALUES (1, 'a')
----
DELETE FROM victim WHERE id = ANY('{1,2,3}')
----
DELETE FROM victim WHERE id = ANY(ARRAY[1,2])
----
DELETE FROM victim WHERE (id, val) = (1, 'x')
----
DELETE FROM victim WHERE id BETWEEN 5 AND 10
----
DELETE FROM victim WHERE id IN (SELECT id FROM parent WHERE val = 'p1')
----
DELETE FROM victim USING parent p WHERE victim.id = p.id AND p.val = 'p1'
----
DELETE FROM child WHERE parent_id = 1 AND id NOT IN (5, 6)
----
DELETE FROM child c USING (VALUES (1),(2)) v(i) WHERE c.id = v.i
----
DELETE FROM notes WHERE body ILIKE '%spam%'
----
DELETE FROM notes WHERE body ~ '^spam'
----
DELETE FROM notes WHERE body IS NULL
----
DELETE FROM notes WHERE id < 5 AND body = 'x'
----
DELETE FROM notes WHERE created_at < now() - '30 days'::interval
----
DELETE FROM notes WHERE created_at < CURRENT_DATE - 30
----
DELETE FROM sessions WHERE expire < to_timestamp($1)
----
DELETE FROM "session" WHERE "sid" = $1
----
DELETE FROM jobs WHERE status = 'done' AND finished_at < NOW() - INTERVAL '7 DAYS'
----
DELETE FROM cache WHERE expiration <= extract(epoch from now())
----
DELETE FROM django_session WHERE expire_date < '2026-11-01T00:00:00+00:00'::timestamptz
----
DELETE FROM password_reset_tokens WHERE email = 'a@b.c'
----
DELETE FROM failed_jobs WHERE uuid = $1
----
DELETE FROM personal_access_tokens WHERE tokenable_type = 'User' AND tokenable_id = 1
----
DELETE FROM model_has_roles WHERE model_id = 1 AND model_type = 'App\User'
----
DELETE FROM oauth_access_tokens WHERE revoked OR expires_at < now() - interval '1 week'
----
UPDATE victim SET val = 'x' WHERE id = 1
----
UPDATE victim SET val = val || 'x', n = DEFAULT WHERE id IN (1,2)
----
UPDATE victim v SET val = p.val FROM parent p WHERE p.id = v.id AND p.id = 3
----
UPDATE victim SET (val, n) = ROW('x', 1) WHERE id = 1
----
UPDATE victim SET (val, n) = (SELECT val, 1 FROM parent WHERE id = 1) WHERE id = 2
----
UPDATE victim SET n = n + 1 WHERE id = 1 AND n < 100 RETURNING n
----
UPDATE victim SET val = CASE id WHEN 1 THEN 'a' WHEN 2 THEN 'b' ELSE val END WHERE id IN (1,2)
----
UPDATE users SET login_count = coalesce(login_count, 0) + 1, last_login = now() WHERE id = $1
----
UPDATE users SET deleted_at = NULL WHERE id = $1
----
UPDATE orders SET status = 'shipped' WHERE status = 'packed' AND warehouse_id = 3
----
UPDATE jobs SET locked_by = $1, locked_at = now() WHERE id = (SELECT id FROM jobs WHERE locked_at IS NULL AND run_at <= now() ORDER BY priority, run_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING *
----
UPDATE "ar_internal_metadata" SET "value" = 'production' WHERE "ar_internal_metadata"."key" = 'environment'
----
UPDATE settings SET value = '"x"'::jsonb WHERE key = 'theme' AND user_id = $1
----
UPDATE notes SET body = replace(body, 'http:', 'https:') WHERE body LIKE '%http:%'
----
UPDATE products SET search = setweight(to_tsvector(name), 'A') WHERE id = ANY($1)
----
UPDATE items SET position = position + 1 WHERE list_id = 1 AND position >= 5
----
UPDATE t SET data = jsonb_set(data, '{a}', '1') WHERE data ->> 'b' = 'x'
----
UPDATE t SET tags = array_remove(tags, 'x') WHERE tags @> '{x}'
----
UPDATE t SET geom = ST_Transform(geom, 3857) WHERE id = 5
----
UPDATE messages SET read = true WHERE conversation_id = $1 AND sender_id <> $2 AND NOT read
----
UPDATE a SET b_id = b.id FROM b WHERE a.code = b.code AND b.code = ANY($1::text[])
----
MERGE INTO victim v USING (SELECT $1::int AS id, $2::text AS val) s ON v.id = s.id WHEN MATCHED THEN UPDATE SET val = s.val WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.val)
----
MERGE INTO victim v USING (VALUES (1,'a')) s(id,val) ON v.id = s.id WHEN MATCHED THEN DELETE
----
WITH d AS (DELETE FROM notes WHERE id = 1 RETURNING *) INSERT INTO archive SELECT * FROM d
----
WITH u AS (UPDATE victim SET n = 1 WHERE id = 1 RETURNING id) SELECT * FROM u
----
WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 100) SELECT sum(n) FROM t
----
SELECT id FROM victim WHERE id = 1 FOR UPDATE
----
SELECT id FROM victim FOR SHARE OF victim NOWAIT
----
SELECT * FROM victim TABLESAMPLE SYSTEM (10)
----
SELECT DISTINCT ON (val) val, id FROM victim ORDER BY val, id DESC
----
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY n) FROM victim
----
SELECT string_agg(val, ',' ORDER BY id) FILTER (WHERE n > 1) FROM victim
----
SELECT jsonb_agg(row_to_json(v)) FROM victim v
----
SELECT * FROM json_to_record('{"a":1}') AS x(a int)
----
SELECT regexp_split_to_table('a b', ' ')
----
SELECT xpath('/a/text()', '<a>x</a>'::xml)
----
SELECT table_to_xml('victim'::regclass, true, false, '')
----
SELECT ts_headline('x', to_tsquery('x')), ts_rank(to_tsvector('x'), to_tsquery('x'))
----
SELECT date_bin('15 minutes', now(), '2020-01-01'), make_date(2020,1,1), age(now(), '2020-01-01')
----
SELECT inet '10.0.0.1' << '10.0.0.0/8', cidr '10/8', macaddr '08:00:2b:01:02:03'
----
SELECT int4range(1,5) && int4range(3,8), lower(int4range(1,5)), isempty(int4range(1,1))
----
SELECT point(1,2) <-> point(3,4), box(point(0,0), point(1,1)) @> point(0.5,0.5)
----
SELECT encode(digest('x', 'sha256'), 'hex'), gen_random_uuid(), md5('x'), sha256('x')
----
SELECT 'a' < 'b' COLLATE "C"
----
SELECT $1::uuid, $2::jsonb, $3::timestamptz, $4::text[], $5::inet
----
SELECT '2020-01-01'::date + 1, now() AT TIME ZONE 'UTC', timezone('UTC', now())
----
SELECT current_setting('app.user', true), set_config('app.user', '5', true)
----
SELECT nextval('seq1'), currval('seq1')
----
SELECT pg_get_serial_sequence('notes', 'id')
----
SELECT has_table_privilege('victim', 'SELECT'), pg_has_role('app', 'USAGE')
----
SELECT txid_current(), pg_current_xact_id(), pg_backend_pid(), pg_postmaster_start_time()
----
SELECT col_description('victim'::regclass, 1), obj_description('victim'::regclass, 'pg_class')
----
SELECT pg_typeof(1), pg_column_size('x'), pg_relation_size('victim'), pg_indexes_size('victim')
----
SELECT generate_subscripts(ARRAY[1,2], 1), array_position(ARRAY[1,2], 2), cardinality(ARRAY[1])
----
SELECT to_char(now(), 'YYYY-MM-DD'), to_date('2020', 'YYYY'), to_number('1', '9')
----
SELECT uuid_generate_v4()
----
SELECT similarity('a', 'b'), 'a' % 'b', unaccent('é'), soundex('x'), levenshtein('a','b')
----
SELECT hstore('a', 'b') -> 'a', 'a=>1'::hstore ? 'a'
----
SELECT nlevel('a.b'::ltree), 'a.b'::ltree ~ 'a.*'
----
SELECT * FROM pg_stat_statements LIMIT 1
----
SELECT random(), setseed(0.5)
----
SELECT pg_sleep(0)
----
SELECT mode() WITHIN GROUP (ORDER BY n), corr(n, id), regr_slope(n, id), stddev(n) FROM victim
----
SELECT row_number() OVER (PARTITION BY n ORDER BY id), ntile(4) OVER (), first_value(id) OVER w FROM victim WINDOW w AS (ORDER BY id)
----
SELECT count(*) FROM victim, LATERAL (SELECT 1 WHERE victim.id > 5) x
----
SELECT * FROM victim v FULL JOIN parent p USING (id)
----
SELECT (v).id FROM victim v
----
SELECT victim FROM victim
----
SELECT ROW(1,2)::pair, (ROW(1,2)::pair).a
----
SELECT 'sad'::mood, 'sad'::mood::text, enum_range(NULL::mood)
----
SELECT lo_get(4242)
----
SELECT loread(lo_open(4242, 262144), 10)
----
SELECT EXISTS (SELECT 1 FROM victim WHERE id = 1)
----
SELECT CASE WHEN EXISTS (SELECT FROM victim) THEN 1 END
----
SELECT 1 WHERE 'drop table' LIKE 'drop%'
----
SELECT U&'\0041', E'\n', $tag$DROP TABLE x$tag$, B'101', X'1F', 1e10, .5, 1_000
----
SELECT 'delete from victim' AS "truncate", 'x' AS "drop table victim"
----
SELECT * FROM notes WHERE "drop" = 'x' AND "delete" > 0
----
SELECT 1 /* DELETE FROM victim; */ -- DROP TABLE victim
----
COPY notes (body) FROM STDIN WITH (FORMAT csv, HEADER true, NULL 'x', DELIMITER ';')
----
COPY victim TO STDOUT WITH CSV HEADER
----
COPY (SELECT * FROM victim ORDER BY id) TO STDOUT (FORMAT text)
----
COPY notes(body) FROM STDIN WITH (ON_ERROR ignore)
----
CREATE TABLE IF NOT EXISTS logs (id bigserial PRIMARY KEY, at timestamptz DEFAULT now(), body jsonb NOT NULL DEFAULT '{}', CHECK (body <> 'null'), UNIQUE (at, id))
----
CREATE TABLE x (LIKE victim INCLUDING ALL)
----
CREATE TABLE x AS SELECT * FROM victim WITH NO DATA
----
CREATE UNLOGGED TABLE cache (k text PRIMARY KEY, v text)
----
CREATE TABLE x (a int REFERENCES parent(id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED)
----
CREATE TABLE x (r tsrange, EXCLUDE USING gist (r WITH &&))
----
CREATE TABLE x (id uuid DEFAULT gen_random_uuid(), tsv tsvector GENERATED ALWAYS AS (to_tsvector('english', id::text)) STORED)
----
CREATE TEMP TABLE tmp (id int) ON COMMIT DELETE ROWS
----
CREATE INDEX CONCURRENTLY ON victim (n) INCLUDE (val) WHERE n > 0
----
CREATE INDEX ON notes USING gin (body gin_trgm_ops)
----
CREATE INDEX ON victim USING brin (id) WITH (pages_per_range = 32)
----
CREATE VIEW vx AS SELECT id FROM victim WITH LOCAL CHECK OPTION
----
CREATE VIEW vx WITH (security_invoker = true) AS SELECT 1
----
CREATE RECURSIVE VIEW vx (n) AS SELECT 1 UNION ALL SELECT n + 1 FROM vx WHERE n < 5
----
CREATE MATERIALIZED VIEW mx AS SELECT count(*) FROM victim
----
CREATE SEQUENCE sx INCREMENT 10 MINVALUE 1 CACHE 5 OWNED BY victim.id
----
CREATE TYPE tx AS (a int, b text)
----
CREATE TYPE rx AS RANGE (subtype = float8)
----
CREATE FUNCTION add(a int, b int) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT a + b'
----
CREATE FUNCTION upd() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.n = NEW.n + 1; RETURN NEW; END $$
----
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO notes(body) VALUES (TG_OP || ' ' || OLD.id); RETURN OLD; END $$
----
CREATE FUNCTION soft() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE victim SET n = 0 WHERE id = OLD.id; RETURN NULL; END $$
----
CREATE FUNCTION get_user(uid int) RETURNS SETOF victim LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN QUERY SELECT * FROM victim WHERE id = uid; END $$
----
CREATE FUNCTION notify_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('c', row_to_json(NEW)::text); RETURN NEW; END $$
----
CREATE FUNCTION cnt(t text) RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM pg_class WHERE relname = t $$
----
CREATE PROCEDURE add_note(b text) LANGUAGE sql AS $$ INSERT INTO notes(body) VALUES (b) $$
----
CREATE TRIGGER tx BEFORE UPDATE OF val ON victim FOR EACH ROW WHEN (OLD.val IS DISTINCT FROM NEW.val) EXECUTE FUNCTION upd()
----
CREATE POLICY px ON notes FOR DELETE TO app USING (id = current_setting('app.id')::int)
----
CREATE EXTENSION IF NOT EXISTS pg_trgm
----
CREATE COLLATION IF NOT EXISTS nd (provider = icu, locale = 'und', deterministic = false)
----
CREATE STATISTICS sx (ndistinct) ON id, n FROM victim
----
CREATE SCHEMA IF NOT EXISTS reporting
----
ALTER TABLE victim ADD COLUMN IF NOT EXISTS extra jsonb DEFAULT '{}' NOT NULL
----
ALTER TABLE victim ADD CONSTRAINT pos CHECK (n > 0) NOT VALID
----
ALTER TABLE victim ALTER COLUMN n SET NOT NULL
----
ALTER TABLE victim ALTER COLUMN val DROP NOT NULL
----
ALTER TABLE victim ALTER COLUMN n SET DEFAULT 8
----
ALTER TABLE victim ALTER COLUMN n SET STATISTICS 500
----
ALTER TABLE victim SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01)
----
ALTER TABLE child ADD FOREIGN KEY (parent_id) REFERENCES parent (id) NOT VALID
----
ALTER TABLE victim ENABLE ROW LEVEL SECURITY
----
ALTER TABLE victim ENABLE TRIGGER ALL
----
ALTER TABLE part ADD PRIMARY KEY (id)
----
ALTER TABLE victim ADD COLUMN gid uuid DEFAULT gen_random_uuid()
----
ALTER TABLE victim ALTER id ADD GENERATED BY DEFAULT AS IDENTITY
----
ALTER TABLE victim REPLICA IDENTITY FULL
----
ALTER INDEX victim_pkey SET (fillfactor = 90)
----
ALTER SEQUENCE seq1 CACHE 20
----
ALTER TYPE mood ADD VALUE 'angry'
----
ALTER FUNCTION f_benign(int) STABLE
----
ALTER FUNCTION public.handle_new_user() SET search_path = ''
----
ALTER VIEW v_parent SET (security_invoker = on)
----
ALTER EXTENSION vector UPDATE
----
ALTER PUBLICATION supabase_realtime ADD TABLE messages, rooms
----
ALTER DOMAIN d1 ADD CONSTRAINT c2 CHECK (VALUE < 100) NOT VALID
----
COMMENT ON FUNCTION f_benign(int) IS 'x'
----
DO $$ BEGIN RAISE NOTICE 'hello'; END $$
----
DO $$ DECLARE n int; BEGIN SELECT count(*) INTO n FROM victim; RAISE NOTICE '%', n; END $$
----
DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_type WHERE typname = 'color') THEN CREATE TYPE color AS ENUM ('r'); END IF; END $$
----
DO $$ BEGIN ALTER TABLE victim ADD COLUMN zz int; EXCEPTION WHEN duplicate_column THEN NULL; END $$
----
DO $$ BEGIN FOR i IN 1..10 LOOP INSERT INTO notes(body) VALUES (i::text); END LOOP; END $$
----
DO $$ DECLARE r record; BEGIN FOR r IN SELECT id FROM victim WHERE n < 5 LOOP INSERT INTO notes(body) VALUES (r.id::text); END LOOP; END $$
----
DO $$ BEGIN ALTER TABLE "Account" ADD CONSTRAINT "Account_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE cascade ON UPDATE no action; EXCEPTION WHEN duplicate_object THEN null; END $$;
----
DO $$ BEGIN UPDATE victim SET n = 1 WHERE id = 5; IF NOT FOUND THEN INSERT INTO victim(id, val) VALUES (5, 'x'); END IF; END $$
----
DO $$ BEGIN EXECUTE 'CREATE INDEX IF NOT EXISTS ix_' || 'a' || ' ON victim (n)'; END $$
----
DO $$ BEGIN PERFORM pg_advisory_xact_lock(1); PERFORM set_config('app.x', '1', true); END $$
----
BEGIN; INSERT INTO notes(body) VALUES ('x'); SAVEPOINT a; INSERT INTO notes(body) VALUES ('y'); ROLLBACK TO a; COMMIT
----
BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1; END
----
START TRANSACTION READ ONLY; SELECT * FROM victim; COMMIT
----
SET LOCAL lock_timeout = '2s'
----
SET SESSION work_mem = '64MB'
----
SET TIME ZONE 'Europe/Berlin'
----
SET search_path TO tenant_42, public
----
SET search_path = "$user", public, extensions
----
SET NAMES 'UTF8'
----
SET bytea_output TO hex
----
SET application_name = 'x'
----
SET ROLE NONE
----
RESET search_path
----
SET plan_cache_mode = force_generic_plan
----
SET jit = off
----
SET max_parallel_workers_per_gather = 0
----
SET xmloption TO content
----
SET synchronous_commit TO off
----
SET idle_in_transaction_session_timeout = '1min'
----
SET enable_seqscan = off
----
SET pg_trgm.similarity_threshold = 0.4
----
SET statement_timeout TO DEFAULT
----
SHOW server_version
----
SHOW transaction_read_only
----
SHOW all
----
VACUUM
----
VACUUM (VERBOSE, ANALYZE) victim
----
REINDEX TABLE CONCURRENTLY victim
----
REFRESH MATERIALIZED VIEW mv_parent
----
CHECKPOINT
----
CLUSTER victim USING victim_pkey
----
LOCK TABLE victim IN SHARE MODE
----
EXPLAIN SELECT * FROM victim
----
EXPLAIN DELETE FROM victim
----
EXPLAIN (VERBOSE, COSTS OFF) UPDATE victim SET n = 0
----
EXPLAIN (ANALYZE, BUFFERS) UPDATE victim SET n = 0 WHERE id = 1
----
CREATE FUNCTION pg_temp.shown(price numeric) RETURNS text LANGUAGE sql AS $$ SELECT to_char(price, 'FM999990.00') $$
----
SELECT id, pg_temp.shown(price) FROM orders
----
CREATE FUNCTION pg_temp.told(i int) RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log (order_id) SELECT id FROM orders WHERE id = i; END $$
----
CREATE RULE told AS ON UPDATE TO orders DO ALSO INSERT INTO log (order_id) VALUES (NEW.id)
