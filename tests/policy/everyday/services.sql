SELECT * FROM pg_catalog.pg_stat_activity WHERE pid <> pg_backend_pid()
----
select pg_try_advisory_lock($1)
----
select pg_advisory_unlock_all()
----
CREATE SCHEMA IF NOT EXISTS "auth" AUTHORIZATION "supabase_auth_admin"
----
create table if not exists "auth"."schema_migration" ("version" VARCHAR (14) NOT NULL)
----
create unique index if not exists "schema_migration_version_idx" on "auth"."schema_migration" (version)
----
insert into auth.schema_migrations (version) values ('20240427152123')
----
SELECT count(*) as row_count FROM schema_migrations WHERE version = $1
----
alter table auth.users add column if not exists is_anonymous boolean not null default false
----
create index if not exists users_is_anonymous_idx on auth.users using btree (is_anonymous)
----
do $$ begin if not exists(select * from information_schema.columns where table_schema = 'auth' and table_name = 'users' and column_name='email_confirmed_at') then alter table auth.users add column email_confirmed_at timestamptz; end if; end $$
----
DO $$ BEGIN IF NOT EXISTS(SELECT FROM pg_type WHERE typname = 'factor_type') THEN CREATE TYPE factor_type AS ENUM('totp', 'webauthn'); END IF; END $$
----
do $$ begin create type factor_status as enum('unverified', 'verified'); exception when duplicate_object then null; end $$
----
comment on column auth.users.is_sso_user is 'Auth: Set this column to true when the account comes from SSO.'
----
update auth.users set email_change_confirm_status = 0 where id = $1 and email_change_confirm_status is null
----
SELECT identities.id, identities.user_id FROM identities AS identities WHERE user_id = $1 AND provider = ANY(ARRAY['google'])
----
INSERT INTO "audit_log_entries" ("created_at", "id", "instance_id", "ip_address", "payload") VALUES ($1, $2, $3, $4, $5)
----
select "id", "name", "owner", "public", "file_size_limit", "allowed_mime_types" from "storage"."buckets" where "id" = $1 limit $2
----
update "storage"."buckets" set "public" = $1, "file_size_limit" = $2, "allowed_mime_types" = $3 where "id" = $4
----
delete from "storage"."buckets" where "id" = $1
----
select exists(select 1 from "storage"."migrations" where "name" = $1)
----
insert into "storage"."migrations" ("id", "name", "hash") values ($1, $2, $3)
----
select storage.foldername(name) from storage.objects where bucket_id = $1
----
select * from storage.search($1, $2, $3, $4, $5)
----
select count(1) from storage.objects where bucket_id = 'avatars' and (storage.foldername(name))[1] = 'x'
----
create policy "Avatar images are publicly accessible." on storage.objects for select using (bucket_id = 'avatars')
----
create policy "own folder" on storage.objects for insert to authenticated with check (bucket_id = 'avatars' and (storage.foldername(name))[1] = (select auth.uid()::text))
----
insert into storage.buckets (id, name, public) values ('avatars', 'avatars', true) on conflict (id) do nothing
----
create function public.handle_new_user() returns trigger language plpgsql security definer set search_path = '' as $$ begin insert into public.profiles (id, full_name) values (new.id, new.raw_user_meta_data->>'full_name'); return new; end; $$
----
create trigger on_auth_user_created after insert on auth.users for each row execute procedure public.handle_new_user()
----
alter publication supabase_realtime add table public.messages
----
alter table public.messages replica identity full
----
create extension if not exists pg_net with schema extensions
----
create extension if not exists "pg_graphql" with schema "graphql"
----
create extension if not exists vector with schema extensions
----
create extension if not exists pg_cron
----
create extension if not exists "supabase_vault" with schema "vault"
----
create index on documents using hnsw (embedding vector_cosine_ops)
----
create index on documents using ivfflat (embedding vector_l2_ops) with (lists = 100)
----
set hnsw.ef_search = 100
----
set local ivfflat.probes = 10
----
begin; set local statement_timeout = '15s'; select 1; commit
----
select set_config('search_path', '', false)
----
select set_config('request.jwt.claims', '{"role":"anon"}', true)
----
select current_setting('request.jwt.claims', true)::json->>'sub'
----
select coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''), (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'))::uuid
----
SELECT slot_name, plugin, active FROM pg_replication_slots WHERE slot_name = $1
----
SELECT pg_current_wal_lsn()
----
SHOW wal_level
----
SELECT COUNT(1) FROM pg_publication WHERE pubname = 'dbz_publication'
----
CREATE PUBLICATION dbz_publication FOR TABLE "public"."orders" WITH (publish = 'insert, update')
----
SELECT schemaname, tablename FROM pg_publication_tables WHERE pubname = 'p'
----
ALTER TABLE orders REPLICA IDENTITY USING INDEX orders_pkey
----
ALTER TABLE orders REPLICA IDENTITY DEFAULT
----
select xmin, xmax, * from public.orders where xmin::text::bigint > 5
----
SELECT relname, n_live_tup FROM pg_stat_user_tables
----
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED
----
BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY DEFERRABLE
----
SET TRANSACTION SNAPSHOT '00000003-0000001B-1'
----
LOCK TABLE "public"."orders" IN ACCESS SHARE MODE
----
COPY (SELECT "id", "name" FROM "public"."orders") TO STDOUT WITH (FORMAT CSV, HEADER)
----
COPY orders (id, name) FROM STDIN WITH (FORMAT binary)
----
CREATE TABLE "_airbyte_raw_orders" ( "_airbyte_ab_id" VARCHAR PRIMARY KEY, "_airbyte_data" JSONB, "_airbyte_emitted_at" TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP )
----
CREATE TABLE IF NOT EXISTS "airbyte_internal"."raw" (id int)
----
DELETE FROM "fivetran"."orders" WHERE "_fivetran_synced" < $1
----
CREATE TEMPORARY TABLE "orders_tmp" (LIKE "public"."orders" INCLUDING ALL) ON COMMIT DROP
----
CREATE TEMP TABLE t1 AS SELECT * FROM orders WHERE false
----
SELECT hdb_catalog.check_violation('x')
----
select hdb_catalog.gen_hasura_uuid()
----
INSERT INTO "hdb_catalog"."hdb_metadata" (id, metadata, resource_version) VALUES (1, $1::json, 1) ON CONFLICT (id) DO UPDATE SET metadata = $1::json, resource_version = hdb_catalog.hdb_metadata.resource_version + 1
----
UPDATE hdb_catalog.event_log SET locked = NULL WHERE id = ANY($1::text[])
----
UPDATE hdb_catalog.event_log SET locked = NOW() WHERE id IN ( SELECT l.id FROM hdb_catalog.event_log l WHERE l.delivered = 'f' and l.error = 'f' and (l.locked IS NULL or l.locked < (NOW() - interval '30 minute')) and (l.next_retry_at is NULL or l.next_retry_at <= now()) and l.archived = 'f' ORDER BY locked NULLS FIRST, next_retry_at NULLS FIRST, created_at LIMIT $1 FOR UPDATE SKIP LOCKED ) RETURNING id, schema_name
----
SELECT coalesce(json_agg("root"), '[]') AS "root" FROM ( SELECT row_to_json((SELECT "_e" FROM (SELECT "_root.base"."id" AS "id") AS "_e")) AS "root" FROM (SELECT * FROM "public"."todos" WHERE ('true')) AS "_root.base" ) AS "_root"
----
WITH "x" AS (UPDATE "public"."todos" SET "done" = ('true')::boolean WHERE ((("public"."todos"."id") = (('1')::integer))) RETURNING *) SELECT count(*) FROM "x"
----
WITH "x" AS (DELETE FROM "public"."todos" WHERE (("public"."todos"."id") = (('1')::integer)) AND ('true') RETURNING *) SELECT count(*) FROM "x"
----
SELECT 1 AS one
----
SELECT 'DBD::Pg ping test'
----
/* ping */ SELECT 1
----
SELECT NULL WHERE 1=0
----
SET application_name TO 'psqlODBC'
----
SELECT typname, typarray FROM pg_type
----
SET timezone TO 'UTC'
----
SET intervalstyle = iso_8601
----
SET default_transaction_isolation TO 'read committed'
----
SHOW max_identifier_length
----
SELECT t.oid, t.typname FROM pg_type as t WHERE t.typname IN ('int2', 'int4')
----
SELECT pg_get_keywords()
----
SELECT * FROM pg_get_keywords()
----
SELECT set_config('statement_timeout','0',false)
----
select current_schema(), current_schemas(true)
----
RESET ALL
----
DEALLOCATE ALL
----
CLOSE ALL
----
SELECT pg_advisory_lock(5, 8)
----
SELECT pg_advisory_xact_lock(hashtext('x'))
----
CREATE TABLE IF NOT EXISTS "__EFMigrationsHistory" ( "MigrationId" character varying(150) NOT NULL, "ProductVersion" character varying(32) NOT NULL, CONSTRAINT "PK___EFMigrationsHistory" PRIMARY KEY ("MigrationId") );
----
DO $EF$ BEGIN IF NOT EXISTS(SELECT 1 FROM "__EFMigrationsHistory" WHERE "MigrationId" = '2024_Initial') THEN CREATE TABLE "Blogs" ("BlogId" integer GENERATED BY DEFAULT AS IDENTITY, "Url" text); END IF; END $EF$;
----
CREATE TABLE IF NOT EXISTS "schema_migrations" (version bigint not null primary key, dirty boolean not null)
----
INSERT INTO "public"."schema_migrations" (version, dirty) VALUES ($1, $2)
----
SELECT version, dirty FROM "public"."schema_migrations" LIMIT 1
----
CREATE TABLE goose_db_version ( id integer PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp timestamp NOT NULL DEFAULT now() )
----
CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY)
----
UPDATE DATABASECHANGELOGLOCK SET LOCKED = TRUE, LOCKEDBY = 'h', LOCKGRANTED = NOW() WHERE ID = 1 AND LOCKED = FALSE
----
SELECT COUNT(*) FROM public.databasechangeloglock
----
INSERT INTO public.databasechangeloglock (ID, LOCKED) VALUES (1, FALSE)
----
INSERT INTO "flyway_schema_history" ("installed_rank","version","description","type","script","checksum","installed_by","execution_time","success") VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)
----
SELECT pg_try_advisory_xact_lock(77431708279161)
----
INSERT INTO "SequelizeMeta" ("name") VALUES ('20200101-x.js')
----
DELETE FROM "SequelizeMeta" WHERE "name" = '20200101-x.js'
----
ALTER TABLE "users" ADD COLUMN "age" INTEGER NOT NULL DEFAULT 0
----
ALTER TABLE "users" ADD CONSTRAINT "users_org_fk" FOREIGN KEY ("org_id") REFERENCES "orgs"("id") ON DELETE CASCADE ON UPDATE CASCADE
----
ALTER TABLE "users" ADD CONSTRAINT c UNIQUE USING INDEX idx
----
ALTER TABLE "users" VALIDATE CONSTRAINT "users_org_fk"
----
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON users (lower(email)) WHERE deleted_at IS NULL
----
CREATE INDEX ON users USING gin (to_tsvector('english', name))
----
REINDEX INDEX CONCURRENTLY users_email_idx
----
COMMENT ON TABLE users IS 'x'
----
CREATE SEQUENCE IF NOT EXISTS order_no START 1000
----
ALTER SEQUENCE users_id_seq OWNED BY users.id
----
CREATE TYPE "Role" AS ENUM ('USER', 'ADMIN')
----
ALTER TYPE "Role" ADD VALUE IF NOT EXISTS 'SUPER' AFTER 'ADMIN'
----
CREATE MATERIALIZED VIEW IF NOT EXISTS mv AS SELECT 1 WITH NO DATA
----
REFRESH MATERIALIZED VIEW CONCURRENTLY mv
----
CREATE DOMAIN email AS citext CHECK (value ~ '^[^@]+@[^@]+$')
----
CREATE TABLE p (id bigint, ts timestamptz) PARTITION BY RANGE (ts)
----
CREATE TABLE p_2026_11 PARTITION OF p FOR VALUES FROM ('2026-11-01') TO ('2026-12-01')
----
CREATE TABLE p_default PARTITION OF p DEFAULT
----
ALTER TABLE p ATTACH PARTITION q FOR VALUES IN ('a')
----
CREATE STATISTICS st (dependencies) ON a, b FROM t
----
ANALYZE VERBOSE users (name)
----
VACUUM (ANALYZE, PARALLEL 0) users
----
VACUUM FULL users
----
CLUSTER users USING users_pkey
----
EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM users
----
EXPLAIN (ANALYZE, WAL) INSERT INTO t VALUES (1)
----
EXPLAIN (GENERIC_PLAN) SELECT * FROM t WHERE a = $1
----
PREPARE x (int) AS SELECT $1
----
EXECUTE x(1)
----
DEALLOCATE x
----
DECLARE c NO SCROLL CURSOR WITH HOLD FOR SELECT * FROM users
----
FETCH FORWARD 100 FROM c
----
MOVE FORWARD ALL FROM c
----
CLOSE c
----
LISTEN chan
----
NOTIFY chan, 'payload'
----
SELECT pg_notify('chan', 'x')
----
SET CONSTRAINTS ALL DEFERRED
----
SET CONSTRAINTS ALL IMMEDIATE
----
SELECT lo_create(0)
----
SELECT lo_open(1, 131072)
----
SELECT pg_size_pretty(pg_database_size(current_database()))
----
SELECT * FROM pg_stat_statements ORDER BY total_exec_time DESC LIMIT 20
----
SELECT * FROM pg_locks l JOIN pg_stat_activity a USING (pid)
----
SELECT schemaname, tablename, attname, null_frac FROM pg_stats WHERE schemaname = 'public'
----
SELECT pg_get_viewdef('v'::regclass, true), pg_get_functiondef('f'::regproc), pg_get_indexdef(1)
----
SELECT to_regclass('public.users'), 'users'::regclass::oid
----
SELECT * FROM crosstab('select a, b, c from t order by 1,2') AS ct(a text, x int, y int)
----
SELECT ST_AsGeoJSON(geom) FROM places WHERE ST_DWithin(geom::geography, ST_MakePoint(1,2)::geography, 1000)
----
SELECT ST_Distance(a.geom, b.geom) FROM a, b WHERE ST_Intersects(a.geom, b.geom)
----
INSERT INTO places (geom) VALUES (ST_SetSRID(ST_MakePoint(1,2), 4326))
----
SELECT postgis_version(), PostGIS_Full_Version()
----
SELECT * FROM geometry_columns
----
SELECT pgmq.send('q', '{"a":1}')
----
SELECT * FROM pgmq.read('q', 30, 10)
----
SELECT pgmq.create('q')
----
SELECT add_continuous_aggregate_policy('m', start_offset => INTERVAL '1 day', end_offset => INTERVAL '1 hour', schedule_interval => INTERVAL '1 hour')
----
SELECT create_hypertable('m', 'time')
----
SELECT approximate_row_count('m')
----
SELECT hypertable_size('m')
