DROP TABLE victim, notes
----
DROP TABLE public . victim
----
DROP TABLE "victim" RESTRICT
----
drop/**/table/**/victim
----
DROP TABLE U&"\0076ictim"
----
DROP TABLE U&"v!0069ctim" UESCAPE '!'
----
DROP TABLE VICTIM
----
DROP TABLE IF EXISTS pg_temp.nothing, public.victim
----
DROP TABLE evasion.public.victim
----
DROP TABLE parent CASCADE
----
DROP TABLE part_a
----
DROP TABLE part
----
DROP VIEW v_parent
----
DROP MATERIALIZED VIEW mv_parent
----
DROP SEQUENCE seq1
----
DROP SEQUENCE notes_id_seq CASCADE
----
DROP TYPE mood
----
DROP TYPE pair CASCADE
----
DROP SCHEMA shop CASCADE
----
DROP SCHEMA IF EXISTS public CASCADE
----
DROP PROCEDURE p_benign
----
DROP ROUTINE f_benign(int)
----
DROP ROUTINE IF EXISTS p_benign()
----
DROP OWNED BY app
----
DROP OWNED BY CURRENT_USER CASCADE
----
DROP OWNED BY SESSION_USER, app
----
BEGIN; DROP TABLE victim; COMMIT
----
DROP TABLE victim;;;;
----
--x
DROP TABLE victim--
----
SELECT 1;DROP TABLE victim
----
START TRANSACTION; SAVEPOINT a; DROP TABLE victim; RELEASE a; COMMIT AND CHAIN; COMMIT
----
ALTER TABLE victim DROP CONSTRAINT victim_pkey
----
ALTER TABLE IF EXISTS ONLY victim DROP CONSTRAINT IF EXISTS victim_pkey RESTRICT
----
CREATE SCHEMA x CREATE TABLE t(i int); DROP TABLE victim
----
DROP TABLE t1
----
DROP INDEX CONCURRENTLY ix1
----
DROP INDEX IF EXISTS ix1
----
DROP TRIGGER t ON victim
----
DROP RULE r ON victim
----
DROP STATISTICS st1
----
DROP DOMAIN d1
----
DROP OPERATOR ###(int,int)
----
DROP CAST (pair AS text)
----
DROP CONVERSION c1
----
DROP TEXT SEARCH CONFIGURATION tsc
----
DROP TEXT SEARCH DICTIONARY tsd
----
DROP TEXT SEARCH PARSER tsp
----
DROP OPERATOR CLASS oc USING btree
----
DROP OPERATOR FAMILY of1 USING btree
----
DROP PUBLICATION p1
----
ALTER PUBLICATION p1 DROP TABLE victim
----
ALTER PUBLICATION p1 SET TABLE notes
----
DROP EXTENSION citext
----
DROP FOREIGN TABLE ft
----
DROP SERVER s1
----
DROP USER MAPPING FOR app SERVER s1
----
DROP FOREIGN DATA WRAPPER w1
----
DROP LANGUAGE plpgsql2
----
DROP ACCESS METHOD am1
----
DROP TABLE Ω
----
DROP TABLE "my table""x"
----
BEGIN
-- then
CREATE TEMP TABLE victim(id int) ON COMMIT DROP
-- then
COMMIT
-- then
DROP TABLE victim
----
BEGIN
-- then
CREATE TEMP TABLE victim(id int)
-- then
ROLLBACK
-- then
DROP TABLE victim
----
BEGIN
-- then
SAVEPOINT a
-- then
CREATE TEMP TABLE victim(id int)
-- then
ROLLBACK TO a
-- then
DROP TABLE victim
-- then
COMMIT
