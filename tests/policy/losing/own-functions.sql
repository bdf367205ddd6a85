SELECT f_wipe()
----
SELECT public.f_wipe()
----
SELECT "f_wipe"()
----
CALL p_w()
----
SELECT 1 WHERE f_wipe()=1
----
VALUES (f_wipe())
----
SELECT (f_wipe())
----
SELECT coalesce(NULL,f_wipe())
----
SELECT CASE WHEN true THEN f_wipe() END
----
INSERT INTO notes("delete") VALUES (f_wipe())
----
INSERT INTO notes("delete") SELECT f_wipe()
----
UPDATE notes SET "delete"=f_wipe() WHERE id=1
----
DELETE FROM notes WHERE id=-1 OR id=f_wipe()-100
----
SELECT 1 FROM notes GROUP BY f_wipe()
----
SELECT 1 LIMIT f_wipe()
----
SELECT 1 OFFSET f_wipe()
----
SELECT ARRAY[f_wipe()]
----
SELECT ROW(f_wipe())
----
SELECT * FROM ROWS FROM (f_wipe(), generate_series(1,2)) x
----
SELECT (SELECT f_wipe())
----
SELECT EXISTS(SELECT f_wipe() OFFSET 0) FROM parent WHERE f_wipe()>0
----
WITH a AS MATERIALIZED (SELECT f_wipe()) SELECT * FROM a
----
COPY (SELECT f_wipe()) TO STDOUT
----
EXPLAIN ANALYZE SELECT f_wipe()
----
SELECT DISTINCT ON (f_wipe()) id FROM parent
----
SELECT 1 UNION SELECT f_wipe()
----
SELECT 1 FROM parent HAVING f_wipe()>0
----
SELECT f_wipe() INTO TEMP t9
----
SELECT count(*) FILTER (WHERE f_wipe()>0) FROM parent
----
SELECT sum(f_wipe()) FROM parent WHERE id=1
----
SELECT * FROM parent JOIN child ON f_wipe()=1
----
SELECT nullif(f_wipe(),2)
----
SELECT greatest(f_wipe(),2)
----
SELECT f_wipe() IS NULL
----
SELECT f_wipe()::text||'x'
----
SELECT f_wipe() BETWEEN 0 AND 1
----
SELECT f_wipe() IN (1)
----
SELECT 1 = ANY(ARRAY[f_wipe()])
----
SELECT xmlelement(name a, f_wipe())
----
SELECT json_build_object('a',f_wipe())
----
SELECT format('%s',f_wipe())
----
DO $$BEGIN PERFORM f_wipe(); END$$
----
SELECT query_to_xml('SELECT f_wipe()',true,false,'')
----
INSERT INTO notes(id,body) VALUES (1,'x') ON CONFLICT (id) DO UPDATE SET "delete"=f_wipe()
----
MERGE INTO notes n USING (SELECT 1 i) s ON n.id=s.i WHEN MATCHED THEN UPDATE SET "delete"=f_wipe()
----
INSERT INTO notes(body) VALUES('a') RETURNING f_wipe()
----
SELECT * FROM generate_series(1,f_wipe())
----
SELECT * FROM parent WHERE id = (SELECT f_wipe())
----
SELECT lag(f_wipe()) OVER () FROM parent
----
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY f_wipe()) FROM parent
----
SELECT substring('abc' from f_wipe())
----
SELECT ('{1,2}'::int[])[f_wipe()]
----
SELECT * FROM parent TABLESAMPLE BERNOULLI(f_wipe())
----
ALTER TABLE notes ADD COLUMN qq int DEFAULT f_wipe()
----
ALTER TABLE notes ADD CHECK (f_wipe()>0)
----
SELECT setseed(f_wipe()-1)
----
CREATE FUNCTION pg_temp.gone(i int) RETURNS void LANGUAGE sql AS 'DELETE FROM victim WHERE id = i'
-- then
SELECT pg_temp.gone(id) FROM victim
----
CREATE FUNCTION pg_temp.gone(int) RETURNS void LANGUAGE sql AS 'DELETE FROM victim WHERE id = $1'
-- then
SELECT pg_temp.gone(g) FROM generate_series(1, 100) g
----
CREATE FUNCTION pg_temp.gone(i int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN UPDATE victim SET val = '' WHERE id = i; RETURN i; END $$
-- then
CREATE TABLE kept AS SELECT pg_temp.gone(id) FROM victim
----
CREATE FUNCTION pg_temp.gone(i int) RETURNS void BEGIN ATOMIC DELETE FROM victim WHERE id = i; END
-- then
SELECT v.id FROM victim v, pg_temp.gone(v.id)
----
CREATE FUNCTION pg_temp.gone() RETURNS void LANGUAGE sql AS 'DELETE FROM victim WHERE id = (SELECT min(id) FROM victim)'
-- then
SELECT pg_temp.gone() FROM generate_series(1, 100)
----
CREATE FUNCTION pg_temp.gone(i int) RETURNS void LANGUAGE plpgsql AS $$ DECLARE j int := i; BEGIN DELETE FROM victim WHERE id = j; END $$
-- then
DO $$ BEGIN PERFORM pg_temp.gone(id) FROM victim; END $$
----
CREATE FUNCTION pg_temp.gone() RETURNS void LANGUAGE plpgsql AS $$ DECLARE m int; BEGIN SELECT id INTO m FROM victim LIMIT 1; DELETE FROM victim WHERE id = m; END $$
-- then
SELECT pg_temp.gone() FROM generate_series(1, 100)
----
CREATE TABLE asked (id int)
-- then
CREATE RULE r AS ON INSERT TO asked DO ALSO DELETE FROM victim WHERE id = NEW.id
-- then
INSERT INTO asked SELECT id FROM victim
----
CREATE TEMP TABLE asked (id int)
-- then
CREATE RULE r AS ON INSERT TO asked DO ALSO UPDATE victim SET val = '' WHERE id = NEW.id
-- then
INSERT INTO asked SELECT id FROM victim
