SELECT current_database()
----
SET application_name = 'svc'
----
SELECT exists(SELECT 1 from pg_database WHERE datname = $1)
----
CREATE TABLE IF NOT EXISTS _sqlx_migrations ( version BIGINT PRIMARY KEY, description TEXT NOT NULL, installed_on TIMESTAMPTZ NOT NULL DEFAULT now(), success BOOLEAN NOT NULL, checksum BYTEA NOT NULL, execution_time BIGINT NOT NULL )
----
SELECT version FROM _sqlx_migrations WHERE success = false ORDER BY version LIMIT 1
----
UPDATE _sqlx_migrations SET success = TRUE WHERE version = $1
----
UPDATE _sqlx_migrations SET execution_time = $1 WHERE version = $2
----
DELETE FROM _sqlx_migrations WHERE version = $1
----
SELECT pg_advisory_lock($1)
----
SELECT oid FROM pg_catalog.pg_type WHERE typname ILIKE $1
----
INSERT INTO items (id, name) SELECT * FROM UNNEST($1::int8[], $2::text[]) RETURNING id
----
UPDATE items SET name = u.name FROM (SELECT UNNEST($1::int8[]) AS id, UNNEST($2::text[]) AS name) AS u WHERE items.id = u.id
----
DELETE FROM items WHERE (a, b) IN (SELECT * FROM UNNEST($1::int8[], $2::text[]))
----
DELETE FROM items USING UNNEST($1::int8[], $2::text[]) AS d(a, b) WHERE items.a = d.a AND items.b = d.b
----
DELETE FROM items WHERE id = ANY($1)
