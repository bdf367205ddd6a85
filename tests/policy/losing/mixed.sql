BEGIN
-- then
CREATE TEMP TABLE victim (LIKE public.victim)
-- then
ROLLBACK
-- then
DELETE FROM victim
----
SET search_path = pg_temp
-- then
DELETE FROM public.victim
----
PREPARE a (text) AS UPDATE victim SET val = $1
-- then
EXECUTE a('x')
----
CREATE TABLE IF NOT EXISTS victim2 AS TABLE victim; DROP TABLE victim; ALTER TABLE victim2 RENAME TO victim
----
ALTER TABLE victim RENAME TO old_victim; CREATE TABLE victim (LIKE old_victim)
----
CREATE FUNCTION pg_temp.p() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE convert_from('\x44524f50', 'UTF8') || ' TABLE victim'; END $$
-- then
SELECT pg_temp.p()
----
CREATE FUNCTION w(t text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('DELETE FROM %I', t); END $$
-- then
SELECT w('victim')
----
CREATE FUNCTION w() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM victim WHERE id = NEW.id OR true; RETURN NEW; END $$
-- then
CREATE TRIGGER t9 BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION w()
-- then
INSERT INTO notes(body) VALUES ('x')
----
ALTER TABLE child DROP CONSTRAINT child_parent_id_fkey, ADD CONSTRAINT x FOREIGN KEY (parent_id) REFERENCES parent ON DELETE CASCADE
----
ALTER TABLE child DROP CONSTRAINT IF EXISTS child_parent_id_fkey
----
ALTER TABLE parent DROP COLUMN IF EXISTS val CASCADE
----
ALTER TABLE victim ALTER COLUMN val TYPE int USING 0
----
ALTER TABLE victim ALTER COLUMN n TYPE smallint
----
ALTER TABLE victim ALTER COLUMN val TYPE varchar(1) USING substr(val, 1, 1), ALTER COLUMN n TYPE text
----
ALTER TABLE victim ALTER COLUMN val SET DATA TYPE text COLLATE "C" USING ''
----
ALTER TABLE shop.orders SET SCHEMA public
----
ALTER SCHEMA shop RENAME TO gone
----
ALTER SEQUENCE seq1 RESTART 1
----
ALTER SEQUENCE notes_id_seq RESTART WITH 1 INCREMENT 1
----
ALTER TABLE part DETACH PARTITION part_a
----
DROP TABLE part_a, part_b
----
DROP VIEW v_parent CASCADE
----
DROP MATERIALIZED VIEW IF EXISTS mv_parent
----
DROP SEQUENCE seq1, notes_id_seq CASCADE
----
DROP TYPE mood, pair
----
DROP FUNCTION f_benign(int), guard.gone(text)
----
DROP SCHEMA shop, public CASCADE
----
DROP SCHEMA guard CASCADE
----
DROP TABLE shop.orders, victim CASCADE
----
DROP TABLE IF EXISTS nope, victim
----
DROP TABLE IF EXISTS public."victim"
----
DROP TABLE victim, child, parent CASCADE; CREATE TABLE victim (id int)
----
DROP EXTENSION plpgsql CASCADE
----
TRUNCATE parent, child
----
TRUNCATE shop.orders, victim CASCADE
----
TRUNCATE part_a, part_b
----
REFRESH MATERIALIZED VIEW mv_parent WITH NO DATA; REFRESH MATERIALIZED VIEW mv_parent
----
CREATE OR REPLACE VIEW v_parent (id, val) AS SELECT 1, 'x'::text
----
CREATE OR REPLACE FUNCTION public.f_benign(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN 0; END $$
----
CREATE OR REPLACE PROCEDURE p_benign() LANGUAGE sql AS 'SELECT 1'
----
WITH gone AS (DELETE FROM child RETURNING 1), g2 AS (DELETE FROM parent RETURNING 1) SELECT 1
----
WITH a AS (INSERT INTO notes(body) VALUES ('x') RETURNING id) DELETE FROM notes WHERE id <> (SELECT id FROM a)
----
WITH a AS (SELECT 1 LIMIT 1) DELETE FROM victim WHERE EXISTS (SELECT FROM a)
----
WITH t AS (SELECT 'x' AS v) UPDATE victim SET val = t.v FROM t
----
UPDATE child SET parent_id = NULL
----
UPDATE notes SET "drop" = 'x', "delete" = 0
----
UPDATE shop.orders SET total = 0 WHERE total >= 0
----
DELETE FROM shop.orders WHERE total IS NOT NULL
----
DELETE FROM part WHERE id BETWEEN 0 AND 1000000 OR true
----
DELETE FROM child USING parent WHERE child.parent_id = parent.id
----
DELETE FROM child WHERE parent_id IN (SELECT id FROM parent)
----
DELETE FROM parent WHERE id IN (SELECT parent_id FROM child)
----
DELETE FROM notes n USING notes m WHERE n.id = m.id
----
UPDATE v_parent SET val = '' WHERE id = id
----
SELECT lo_unlink(4242) FROM victim LIMIT 1
----
SELECT * FROM victim WHERE id = 1 AND lo_unlink(4242) = 1
----
SELECT lo_put(4242, 0, '\x00')
----
SELECT lo_from_bytea(0, lo_get(4242)), lo_unlink(4242)
----
BEGIN; SELECT lo_open(4242, 131072); SELECT lo_truncate(0, 0); COMMIT
----
DO $$ DECLARE fd int; BEGIN fd := lo_open(4242, 131072); PERFORM lo_truncate(fd, 0); END $$
----
DO $$ DECLARE o oid := 4242; BEGIN PERFORM lo_unlink(o); END $$
----
DO $$ DECLARE t text; BEGIN FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP EXECUTE 'TRUNCATE ' || t || ' CASCADE'; END LOOP; END $$
----
DO $$ BEGIN EXECUTE (SELECT string_agg('DROP TABLE ' || oid::regclass || ' CASCADE', ';') FROM pg_class WHERE relname IN ('victim')); END $$
----
DO $$ BEGIN EXECUTE 'ALTER TABLE victim ' || 'DROP COLUMN val'; END $$
----
DO $$ BEGIN DELETE FROM victim WHERE id IN (SELECT id FROM victim); END $$
----
DO $$ BEGIN UPDATE victim SET val = md5(val); END $$
----
DO $$ DECLARE n int; BEGIN DELETE FROM victim RETURNING count(*) OVER () INTO n; EXCEPTION WHEN OTHERS THEN DELETE FROM victim; END $$
----
DO $x$ BEGIN EXECUTE $y$ DO $z$ BEGIN DROP TABLE victim; END $z$ $y$; END $x$
----
DO LANGUAGE plpgsql 'BEGIN TRUNCATE victim; END'
----
DO $$ BEGIN FOR i IN 1..(SELECT count(*) FROM victim) LOOP DELETE FROM victim WHERE id = i; END LOOP; END $$
