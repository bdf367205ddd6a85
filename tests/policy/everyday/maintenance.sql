REFRESH MATERIALIZED VIEW CONCURRENTLY totals
----
ANALYZE
----
ANALYZE VERBOSE public.orders (id, total)
----
VACUUM (ANALYZE, SKIP_LOCKED) orders
----
VACUUM FREEZE orders
----
CREATE INDEX CONCURRENTLY IF NOT EXISTS ix ON orders USING gin (data jsonb_path_ops) WHERE archived IS FALSE
----
CREATE UNIQUE INDEX CONCURRENTLY ux ON orders (lower(email)) INCLUDE (id)
----
REINDEX INDEX CONCURRENTLY ix
----
REINDEX (VERBOSE) TABLE CONCURRENTLY orders
----
CREATE TABLE events_2026_12 PARTITION OF events FOR VALUES FROM ('2026-12-01') TO ('2027-01-01')
----
CREATE TABLE events_2027_01 (LIKE events INCLUDING ALL)
----
ALTER TABLE events ATTACH PARTITION events_2027_01 FOR VALUES FROM ('2027-01-01') TO ('2027-02-01')
----
ALTER TABLE orders ADD COLUMN note text, ADD COLUMN qty int NOT NULL DEFAULT 1
----
ALTER TABLE orders ADD COLUMN total2 numeric GENERATED ALWAYS AS (price * qty) STORED
----
ALTER TABLE orders ADD CONSTRAINT c CHECK (qty > 0) NOT VALID
----
ALTER TABLE orders VALIDATE CONSTRAINT c
----
ALTER TABLE orders ALTER COLUMN qty SET STATISTICS 500
----
ALTER TABLE orders SET (autovacuum_vacuum_scale_factor = 0.01)
----
ALTER TABLE orders ALTER COLUMN qty SET DEFAULT 2
----
COMMENT ON TABLE orders IS 'x'
----
CREATE EXTENSION IF NOT EXISTS "pgcrypto"
----
CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA extensions
----
CREATE TEMP TABLE staging (LIKE orders INCLUDING DEFAULTS) ON COMMIT DROP
----
CREATE TEMPORARY TABLE ids AS SELECT id FROM orders WHERE paid
----
COPY orders (id, total) FROM STDIN WITH (FORMAT csv, HEADER true)
----
COPY (SELECT * FROM orders WHERE paid) TO STDOUT WITH CSV HEADER
----
COPY orders TO STDOUT (FORMAT binary)
----
CREATE STATISTICS st ON a, b FROM orders
----
CREATE POLICY tenant ON orders USING (tenant_id = current_setting('app.tenant', true)::uuid) WITH CHECK (tenant_id = current_setting('app.tenant', true)::uuid)
----
SET app.tenant = '42'
----
SET LOCAL app.current_user_id = '7'
----
SELECT set_config('app.tenant', $1, true)
----
SET LOCAL statement_timeout = '30s'
----
SET LOCAL work_mem = '256MB'
----
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE
----
SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY
----
SET default_transaction_read_only = on
----
SET idle_in_transaction_session_timeout = 60000
----
BEGIN; SAVEPOINT a; INSERT INTO t VALUES (1); ROLLBACK TO a; COMMIT
----
BEGIN; DECLARE c CURSOR FOR SELECT * FROM t; FETCH 100 FROM c; CLOSE c; COMMIT
----
SELECT pg_advisory_xact_lock(hashtext('job'))
----
SELECT pg_try_advisory_lock(1, 2)
----
SELECT pg_export_snapshot()
----
SELECT pg_current_wal_lsn(), pg_last_wal_replay_lsn()
----
SELECT pg_stat_get_activity(NULL)
----
SELECT pg_sleep(0.1)
----
SELECT pg_relation_size('orders'), pg_table_size('orders'), pg_indexes_size('orders')
----
SELECT * FROM pg_stat_user_tables
----
SELECT * FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT granted
----
EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM orders WHERE id = 1
----
EXPLAIN DELETE FROM orders
----
CREATE TRIGGER set_updated BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION set_updated_at()
----
CREATE FUNCTION set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at = now(); RETURN NEW; END $$
----
CREATE FUNCTION notify_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('changes', json_build_object('table', TG_TABLE_NAME, 'op', TG_OP, 'row', row_to_json(NEW))::text); RETURN NEW; END $$
----
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = 'DELETE' THEN INSERT INTO audit(op, old) VALUES (TG_OP, to_jsonb(OLD)); RETURN OLD; END IF; INSERT INTO audit(op, new) VALUES (TG_OP, to_jsonb(NEW)); RETURN NEW; END $$
----
CREATE VIEW recent AS SELECT * FROM orders WHERE created_at > now() - interval '7 days'
----
CREATE TYPE status AS ENUM ('a', 'b')
----
ALTER TYPE status ADD VALUE IF NOT EXISTS 'c' AFTER 'b'
----
CREATE SEQUENCE IF NOT EXISTS s CACHE 10
----
SELECT nextval('s'), currval('s'), lastval()
----
LOCK TABLE orders IN SHARE ROW EXCLUSIVE MODE
----
SELECT bt_index_check('orders_pkey'::regclass), bt_index_parent_check('orders_pkey'::regclass)
----
SELECT * FROM verify_heapam('orders')
----
SELECT * FROM pgrowlocks('orders')
----
SELECT pg_prewarm('orders')
----
SELECT ssl_is_used(), ssl_version(), ssl_cipher(), ssl_client_serial()
