DO $$ DECLARE m int := 0; BEGIN DELETE FROM victim WHERE id>m; END $$
----
DO $$ DECLARE m text := '%'; BEGIN DELETE FROM victim WHERE val LIKE m; END $$
----
DO $$ DECLARE m CONSTANT text DEFAULT '%'; BEGIN UPDATE victim SET val = '' WHERE val LIKE m; END $$
----
DO $$ <<b>> DECLARE m numeric = 0; BEGIN DELETE FROM victim WHERE id >= b.m; END $$
----
ALTER PUBLICATION p1 SET (publish = 'insert')
----
DO $$ DECLARE s text := 'DROP'; BEGIN s := s || ' TABLE victim'; EXECUTE s; END $$
----
DO $$ BEGIN EXECUTE 'TRUNC'
'ATE victim'; END $$
----
DO $$ BEGIN EXECUTE E'\124RUNCATE victim'; END $$
----
DO $$ BEGIN EXECUTE E'\u0054RUNCATE victim'; END $$
----
DO $$ BEGIN EXECUTE U&'!0054RUNCATE victim' UESCAPE '!'; END $$
----
DO $$ BEGIN EXECUTE $a$TRUNCATE $a$ || $b$victim$b$; END $$
----
DO $$ BEGIN EXECUTE overlay('xxxxx TABLE victim' placing 'DROP' from 1 for 5); END $$
----
DO $$ BEGIN EXECUTE substring('aTRUNCATE victim' from 2); END $$
----
DO $$ BEGIN EXECUTE trim('  TRUNCATE victim  '); END $$
----
DO $$ BEGIN EXECUTE regexp_replace('TRUNC victim','C','CATE'); END $$
----
DO $$ BEGIN EXECUTE split_part('a|TRUNCATE victim','|',2); END $$
----
DO $$ BEGIN EXECUTE (ARRAY['TRUNCATE victim'])[1]; END $$
----
DO $$ BEGIN EXECUTE ('{"q":"TRUNCATE victim"}'::json)->>'q'; END $$
----
DO $$ BEGIN EXECUTE format('%2$s %1$s','victim','TRUNCATE'); END $$
----
DO $$ BEGIN EXECUTE format('TRUNCATE %s', VARIADIC ARRAY['victim']); END $$
----
DO $$ BEGIN EXECUTE initcap('truncate') || ' victim'; END $$
----
DO $$ BEGIN EXECUTE lpad('RUNCATE victim',15,'T'); END $$
----
DO $$ BEGIN EXECUTE to_char(now(),'"TRUNCATE victim"'); END $$
----
DO $$ BEGIN EXECUTE CASE WHEN true THEN 'TRUNCATE victim' ELSE 'SELECT 1' END; END $$
----
DO $$ BEGIN EXECUTE coalesce(NULL,'TRUNCATE victim'); END $$
----
DO $$ BEGIN EXECUTE 'SELECT 1' INTO STRICT found; EXECUTE 'UPDATE victim SET val=$1' USING ''; END $$
----
DO $$ DECLARE t text; BEGIN FOR t IN VALUES ('victim'),('notes') LOOP EXECUTE 'TRUNCATE ' || t; END LOOP; END $$
----
DO $$ DECLARE t text; BEGIN FOREACH t IN ARRAY ARRAY['victim'] LOOP EXECUTE format('TRUNCATE %I', t); END LOOP; END $$
----
DO $$ DECLARE t text := (SELECT relname FROM pg_class WHERE relname='victim'); BEGIN EXECUTE 'TRUNCATE ' || t; END $$
----
DO $$ DECLARE a CONSTANT text := 'victim'; BEGIN EXECUTE 'TRUNCATE ' || a; END $$
----
DO $$ DECLARE a text; BEGIN a = 'TRUNCATE victim'; EXECUTE a; END $$
----
DO $$ DECLARE a text[]; BEGIN a[1] := 'TRUNCATE victim'; EXECUTE a[1]; END $$
----
DO $$ DECLARE r victim%ROWTYPE; BEGIN r.val := 'TRUNCATE victim'; EXECUTE r.val; END $$
----
DO $$ DECLARE a text; BEGIN GET STACKED DIAGNOSTICS a = MESSAGE_TEXT; EXCEPTION WHEN OTHERS THEN TRUNCATE victim; END $$
----
DO $$ BEGIN RAISE EXCEPTION 'TRUNCATE victim'; EXCEPTION WHEN OTHERS THEN EXECUTE SQLERRM; END $$
----
DO $$ DECLARE c CURSOR FOR SELECT * FROM victim FOR UPDATE; r record; BEGIN OPEN c; LOOP FETCH c INTO r; EXIT WHEN NOT FOUND; UPDATE victim SET val='' WHERE CURRENT OF c; END LOOP; END $$
----
DO $$ DECLARE c CURSOR FOR SELECT * FROM victim; BEGIN FOR r IN c LOOP DELETE FROM victim WHERE CURRENT OF c; END LOOP; END $$
----
DO $$ DECLARE c refcursor := 'cc'; r record; BEGIN OPEN c SCROLL FOR SELECT ctid FROM victim; MOVE LAST FROM c; LOOP FETCH PRIOR FROM c INTO r; EXIT WHEN NOT FOUND; DELETE FROM victim WHERE ctid = r.ctid; END LOOP; END $$
----
DO $$ BEGIN FOR i IN REVERSE 100..1 LOOP DELETE FROM victim WHERE id >= i; END LOOP; END $$
----
DO $$ DECLARE i int := 0; BEGIN WHILE i < 1000 LOOP i := i + 1; DELETE FROM victim WHERE id = i; END LOOP; END $$
----
DO $$ DECLARE i int := 0; BEGIN LOOP i := i + 1; UPDATE victim SET val = '' WHERE id = i; EXIT WHEN i > 1000; END LOOP; END $$
----
DO $$ DECLARE r record; BEGIN FOR r IN SELECT * FROM generate_series(1,100) g LOOP DELETE FROM victim WHERE id=r.g; END LOOP; END $$
----
DO $$ DECLARE r record; BEGIN FOR r IN SELECT id FROM victim WHERE val IS NOT NULL LOOP PERFORM 1; DELETE FROM victim v WHERE v.id=r.id; END LOOP; END $$
----
DO $$ DECLARE m int; BEGIN SELECT max(id) INTO m FROM victim; DELETE FROM victim WHERE id<=m; END $$
----
DO $$ DECLARE m bool := true; BEGIN DELETE FROM victim WHERE m; END $$
----
DO $$ #variable_conflict use_variable
DECLARE id int := 5; BEGIN DELETE FROM victim WHERE id = 5; END $$
----
DO $$ #variable_conflict use_variable
DECLARE val text := 'x'; BEGIN UPDATE victim SET n = 0 WHERE val = 'x'; END $$
----
DO $$ <<b>> DECLARE id int := 5; BEGIN DELETE FROM victim WHERE b.id = 5; END $$
----
DO $$ BEGIN CREATE TEMP TABLE s AS SELECT id FROM victim; DELETE FROM victim WHERE id IN (SELECT id FROM s); END $$
----
DO $$ BEGIN PERFORM setval('seq1', 1); END $$
----
DO $$ BEGIN PERFORM set_config('session_replication_role','replica',true); DELETE FROM parent WHERE id=1; END $$
----
DO $$ BEGIN SET LOCAL session_replication_role = replica; DELETE FROM parent WHERE id=1; END $$
----
DO $$ BEGIN EXECUTE 'SET session_replication_role = replica'; DELETE FROM parent WHERE id=1; END $$
----
DO $$ BEGIN REFRESH MATERIALIZED VIEW mv_parent WITH NO DATA; END $$
----
DO $$ BEGIN DROP SCHEMA shop CASCADE; EXCEPTION WHEN undefined_table THEN NULL; END $$
----
DO $$ BEGIN ALTER TABLE victim ALTER COLUMN n DROP DEFAULT; END $$
----
DO $$ BEGIN ALTER TABLE victim ALTER COLUMN n SET DEFAULT NULL; END $$
----
DO $$ DECLARE n int; BEGIN n := count(*) FROM lo_unlink(4242); END $$
----
DO $$ BEGIN RAISE NOTICE USING MESSAGE = lo_unlink(4242)::text; END $$
----
DO $$ BEGIN PERFORM pg_sleep(lo_unlink(4242)); END $$
----
DO $$ BEGIN CASE lo_unlink(4242) WHEN 1 THEN NULL; ELSE NULL; END CASE; END $$
----
DO $$ DECLARE c CURSOR(a int) FOR SELECT a; r int; BEGIN OPEN c(lo_unlink(4242)); FETCH c INTO r; END $$
----
DO $$ DECLARE c CURSOR(a int) FOR SELECT a; r int; BEGIN OPEN c(a := lo_unlink(4242)); FETCH c INTO r; END $$
----
DO $$ DECLARE x int NOT NULL := lo_unlink(4242); BEGIN NULL; END $$
----
DO $$ DECLARE a int[] := ARRAY[1]; BEGIN a[lo_unlink(4242)] := 2; END $$
----
DO $$ DECLARE r record; BEGIN FOR r IN EXECUTE 'SELECT lo_unlink($1)' USING 4242 LOOP END LOOP; END $$
----
DO $$ DECLARE s int; BEGIN EXECUTE 'SELECT $1' INTO s USING lo_unlink(4242); END $$
----
DO $$ DECLARE c refcursor; r int; BEGIN OPEN c FOR EXECUTE 'SELECT $1' USING lo_unlink(4242); FETCH c INTO r; END $$
----
CREATE FUNCTION w() RETURNS SETOF int LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY DELETE FROM victim RETURNING id; END $$
-- then
SELECT * FROM w()
----
CREATE FUNCTION w() RETURNS SETOF int LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'DELETE FROM victim RETURNING id'; END $$
-- then
SELECT * FROM w()
----
CREATE FUNCTION w() RETURNS SETOF int LANGUAGE plpgsql AS $$ BEGIN RETURN NEXT lo_unlink(4242); END $$
-- then
SELECT * FROM w()
----
CREATE FUNCTION w(OUT a int) LANGUAGE plpgsql AS $$ BEGIN a := lo_unlink(4242); END $$
-- then
SELECT w()
----
CREATE FUNCTION w() RETURNS int LANGUAGE sql AS $$ WITH d AS (DELETE FROM victim RETURNING 1) SELECT count(*)::int FROM d $$
-- then
SELECT w()
----
CREATE FUNCTION w() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT lo_unlink(4242); END
-- then
SELECT w()
----
CREATE FUNCTION w() RETURNS int RETURN lo_unlink(4242)
-- then
SELECT w()
----
CREATE FUNCTION w(oid) RETURNS int LANGUAGE internal AS 'be_lo_unlink'
-- then
SELECT w(4242)
----
CREATE OPERATOR !! (RIGHTARG = oid, FUNCTION = lo_unlink)
-- then
SELECT !! 4242::oid
----
CREATE VIEW vv AS SELECT lo_unlink(4242)
-- then
TABLE vv
----
CREATE MATERIALIZED VIEW mm AS SELECT lo_unlink(4242)
----
CREATE TABLE tt AS SELECT lo_unlink(4242)
----
CREATE TABLE tt (a int DEFAULT lo_unlink(4242))
-- then
INSERT INTO tt DEFAULT VALUES
----
CREATE TABLE tt (a int CHECK (lo_unlink(4242) = 1))
-- then
INSERT INTO tt VALUES (1)
----
CREATE DOMAIN dd AS int DEFAULT lo_unlink(4242)
-- then
CREATE TABLE tt (a dd)
-- then
INSERT INTO tt DEFAULT VALUES
----
ALTER TABLE notes ALTER COLUMN body SET DEFAULT lo_unlink(4242)
-- then
INSERT INTO notes DEFAULT VALUES
----
CREATE RULE rr AS ON UPDATE TO notes DO ALSO SELECT lo_unlink(4242)
-- then
UPDATE notes SET body = 'x' WHERE id = 1
----
CREATE TRIGGER tt AFTER INSERT ON notes FOR EACH ROW EXECUTE FUNCTION lo_manage('body')
-- then
DELETE FROM notes WHERE id = 1
----
CREATE TRIGGER tt BEFORE UPDATE ON victim FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()
-- then
ALTER TABLE victim DISABLE TRIGGER ALL
----
DO $$ BEGIN EXECUTE 'DELETE FROM victim WHERE id > $1' USING 0; END $$
----
DO $$ BEGIN EXECUTE 'UPDATE victim SET val = '''' WHERE val LIKE $1' USING '%'; END $$
----
DO $$ BEGIN FOR i IN 1..1000000 LOOP DELETE FROM victim WHERE id = i; END LOOP; END $$
----
DO $$ BEGIN FOR i IN REVERSE 9999999..1 LOOP UPDATE victim SET val = '' WHERE id = i; END LOOP; END $$
----
DO $$ BEGIN FOR i IN 1..100 LOOP DELETE FROM victim WHERE id = i; END LOOP; END $$
----
DO $$ BEGIN FOR i IN 1..100 BY 1 LOOP UPDATE victim SET val = '' WHERE id = i; END LOOP; END $$
----
DO $$ BEGIN FOR i IN 0..9 LOOP FOR j IN 1..10 LOOP DELETE FROM victim WHERE id = i * 10 + j; END LOOP; END LOOP; END $$
----
CREATE FUNCTION pg_temp.x() RETURNS void LANGUAGE plpgsql AS $$ BEGIN FOR i IN REVERSE 100..1 LOOP DELETE FROM victim WHERE id = i; END LOOP; END $$
-- then
SELECT pg_temp.x()
