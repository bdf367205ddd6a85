ALTER TABLE victim OWNER TO evil
----
GRANT ALL ON victim TO PUBLIC
----
GRANT app TO evil
----
REVOKE ALL ON victim FROM app
----
CREATE ROLE x_r SUPERUSER LOGIN
----
CREATE USER x_r
----
ALTER ROLE evil SUPERUSER
----
ALTER DATABASE evasion SET search_path=shop
----
ALTER DATABASE evasion CONNECTION LIMIT 0
----
ALTER SYSTEM SET work_mem='5MB'
----
ALTER FUNCTION f_benign(int) SECURITY DEFINER
----
ALTER FUNCTION f_benign(int) LEAKPROOF
----
ALTER ROUTINE f_benign(int) IMMUTABLE LEAKPROOF COST 0.0001
----
CREATE SERVER s9 FOREIGN DATA WRAPPER postgres_fdw
----
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT DELETE ON TABLES TO PUBLIC
----
SET ROLE app; DELETE FROM victim
----
SET SESSION AUTHORIZATION app
-- then
TRUNCATE victim
----
REASSIGN OWNED BY app TO evil
----
SET session_replication_role=replica
-- then
DELETE FROM parent WHERE id=1
----
UPDATE pg_settings SET setting='replica' WHERE name='session_replication_role'
-- then
DELETE FROM parent WHERE id=1
----
SELECT pg_stat_reset_shared('bgwriter'); SELECT pg_stat_reset()
