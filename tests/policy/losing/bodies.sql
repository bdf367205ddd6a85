DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN DELETE FROM victim; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN PERFORM 1; DELETE FROM victim; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN LOOP DELETE FROM victim; EXIT; END LOOP; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN FOR i IN 1..1 LOOP DELETE FROM victim; END LOOP; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN FOR r IN DELETE FROM victim RETURNING id LOOP NULL; END LOOP; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN FOR r IN EXECUTE 'DELETE FROM victim RETURNING id' LOOP NULL; END LOOP; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN WHILE true LOOP TRUNCATE victim; EXIT; END LOOP; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN FOREACH n IN ARRAY ARRAY[1] LOOP DELETE FROM victim; END LOOP; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN CASE WHEN true THEN DELETE FROM victim; ELSE NULL; END CASE; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN CASE 1 WHEN 1 THEN DELETE FROM victim; END CASE; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN IF false THEN NULL; ELSIF true THEN DELETE FROM victim; END IF; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN IF false THEN NULL; ELSE DELETE FROM victim; END IF; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN BEGIN RAISE EXCEPTION 'x'; EXCEPTION WHEN OTHERS THEN DELETE FROM victim; END; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN <<l>> BEGIN DELETE FROM victim; END l; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN EXECUTE 'DELETE FROM victim'; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN EXECUTE 'DROP'||' TABLE '||'victim'; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN EXECUTE $q$DROP TABLE victim$q$; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN EXECUTE format('DROP TABLE %I.%I','public','victim'); END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN EXECUTE concat('TRUN','CATE victim'); END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN EXECUTE replace('DROX TABLE victim','X','P'); END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN EXECUTE chr(68)||'ROP TABLE victim'; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN EXECUTE reverse('mitciv ELBAT PORD'); END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN EXECUTE convert_from(decode('44524f50205441424c452076696374696d','hex'),'UTF8'); END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN EXECUTE upper('drop table victim'); END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN EXECUTE (SELECT 'DROP TABLE victim'); END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN EXECUTE 'DELETE FROM victim WHERE id=$1 OR true' USING 1; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN EXECUTE 'DELETE FROM '||quote_ident('victim'); END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN EXECUTE format('DELETE FROM %s', 'victim'::regclass); END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN s := 'DROP TABLE victim'; EXECUTE s; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN s := 'DROP TABLE '; s := s || 'victim'; EXECUTE s; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN SELECT 'DROP TABLE victim' INTO s; EXECUTE s; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN EXECUTE array_to_string(ARRAY['DROP','TABLE','victim'],' '); END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN EXECUTE string_agg(x,' ') FROM unnest(ARRAY['DROP','TABLE','victim']) x; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN EXECUTE E'\x44ROP TABLE victim'; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN EXECUTE U&'\0044ROP TABLE victim'; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN EXECUTE 'SELECT 1; DROP TABLE victim'; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN EXECUTE 'DO $x$BEGIN DELETE FROM victim; END$x$'; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN OPEN c FOR EXECUTE 'SELECT lo_unlink(4242)'; FETCH c INTO r; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN OPEN c FOR SELECT lo_unlink(4242); FETCH c INTO r; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN n := lo_unlink(4242); END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN n := (SELECT lo_unlink(4242)); END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN PERFORM lo_unlink(4242); END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN ASSERT lo_unlink(4242)=1; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN RAISE NOTICE '%', lo_unlink(4242); END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN RETURN; END; $$; DO $$ BEGIN DELETE FROM victim; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN GET DIAGNOSTICS n = ROW_COUNT; DELETE FROM victim; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN IF lo_unlink(4242)=1 THEN NULL; END IF; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN FOR i IN 1..lo_unlink(4242) LOOP NULL; END LOOP; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN WHILE lo_unlink(4242)=5 LOOP NULL; END LOOP; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN CALL p_w(); END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN MERGE INTO victim v USING parent p ON true WHEN MATCHED AND p.id=1 THEN DELETE; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN WITH x AS (DELETE FROM victim RETURNING 1) SELECT count(*) INTO n FROM x; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN UPDATE victim SET val=''; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN COMMIT; DELETE FROM victim; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN ALTER TABLE victim DROP COLUMN val; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN CREATE TABLE victim2 AS SELECT 1 x; DROP TABLE victim2; DROP TABLE victim; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN SET LOCAL search_path=shop; DELETE FROM orders; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN PERFORM set_config('search_path','shop',true); DELETE FROM orders; END $$
----
DO $$ DECLARE r record; n int; s text; c refcursor; BEGIN PERFORM query_to_xml('SELECT lo_unlink(4242)',true,false,''); END $$
----
DO LANGUAGE 'plpgsql' $$BEGIN DELETE FROM victim; END$$
----
DO $$DECLARE n int := lo_unlink(4242); BEGIN END$$
----
DO $$DECLARE n int DEFAULT lo_unlink(4242); BEGIN END$$
----
DO $$DECLARE c CURSOR FOR SELECT lo_unlink(4242); r record; BEGIN OPEN c; FETCH c INTO r; END$$
----
DO $$DECLARE c CURSOR (x int) FOR SELECT lo_unlink(x); BEGIN FOR r IN c(4242) LOOP END LOOP; END$$
----
DO $outer$ BEGIN DO $$BEGIN DELETE FROM victim; END$$; END $outer$
----
DO E'BEGIN\nDELETE FROM victim;\nEND'
----
DO U&'BEGIN \0044ELETE FROM victim; END'
----
DO $a$ BEGIN PERFORM 1; /* */ DELETE -- x
 FROM victim; END $a$
----
CREATE FUNCTION pg_temp.w() RETURNS void LANGUAGE sql AS 'DELETE FROM victim'
-- then
SELECT pg_temp.w()
----
CREATE FUNCTION pg_temp.w(s text) RETURNS void LANGUAGE plpgsql AS $$BEGIN EXECUTE s; END$$
-- then
SELECT pg_temp.w('DELETE FROM victim')
----
CREATE FUNCTION pg_temp.w() RETURNS int LANGUAGE plpgsql AS $$BEGIN DELETE FROM victim; RETURN 1; END$$
-- then
CREATE TEMP TABLE tt(a int DEFAULT pg_temp.w())
-- then
INSERT INTO tt DEFAULT VALUES
----
CREATE FUNCTION w(t regclass) RETURNS void LANGUAGE plpgsql AS $$BEGIN EXECUTE 'TRUNCATE '||t; END$$
-- then
SELECT w('victim')
----
CREATE FUNCTION w() RETURNS void LANGUAGE sql AS $$ SELECT 1; DELETE FROM victim; $$; SELECT w();
----
CREATE EVENT TRIGGER et ON ddl_command_start EXECUTE FUNCTION ev()
-- then
CREATE TABLE q(i int)
----
DO $$ DECLARE r record; n int; ids int[]; s text; c refcursor; BEGIN FOR r IN SELECT id FROM victim LOOP DELETE FROM victim WHERE id=r.id; END LOOP; END $$
----
DO $$ DECLARE r record; n int; ids int[]; s text; c refcursor; BEGIN SELECT array_agg(id) INTO ids FROM victim; DELETE FROM victim WHERE id=ANY(ids); END $$
----
DO $$ DECLARE r record; n int; ids int[]; s text; c refcursor; BEGIN ids := ARRAY(SELECT id FROM victim); DELETE FROM victim WHERE id=ANY(ids); END $$
----
DO $$ DECLARE r record; n int; ids int[]; s text; c refcursor; BEGIN LOOP DELETE FROM victim WHERE id=(SELECT min(id) FROM victim); EXIT WHEN NOT FOUND; END LOOP; END $$
----
DO $$ DECLARE r record; n int; ids int[]; s text; c refcursor; BEGIN LOOP DELETE FROM victim WHERE id IN (SELECT id FROM victim LIMIT 10); EXIT WHEN NOT FOUND; END LOOP; END $$
----
DO $$ DECLARE r record; n int; ids int[]; s text; c refcursor; BEGIN WHILE EXISTS(SELECT 1 FROM victim) LOOP DELETE FROM victim WHERE ctid IN (SELECT ctid FROM victim LIMIT 5); END LOOP; END $$
----
DO $$ DECLARE r record; n int; ids int[]; s text; c refcursor; BEGIN FOR r IN SELECT * FROM victim FOR UPDATE LOOP UPDATE victim SET val='' WHERE id=r.id; END LOOP; END $$
----
DO $$ DECLARE r record; n int; ids int[]; s text; c refcursor; BEGIN OPEN c FOR SELECT id FROM victim; LOOP FETCH c INTO n; EXIT WHEN NOT FOUND; DELETE FROM victim WHERE CURRENT OF c; END LOOP; END $$
----
DO $$ DECLARE r record; n int; ids int[]; s text; c refcursor; BEGIN FOR r IN SELECT format('DELETE FROM victim WHERE id=%s',id) q FROM victim LOOP EXECUTE r.q; END LOOP; END $$
----
DO $$ DECLARE r record; n int; ids int[]; s text; c refcursor; BEGIN SELECT string_agg('DELETE FROM victim WHERE id='||id,';') INTO s FROM victim; EXECUTE s; END $$
----
DO $$ DECLARE r record; n int; ids int[]; s text; c refcursor; BEGIN FOR r IN SELECT tablename t FROM pg_tables WHERE tablename='victim' LOOP EXECUTE 'TRUNCATE '||quote_ident(r.t); END LOOP; END $$
----
DO $$ DECLARE r record; n int; ids int[]; s text; c refcursor; BEGIN FOR r IN SELECT tablename t FROM pg_tables WHERE tablename='victim' LOOP EXECUTE format('DROP TABLE %I CASCADE', r.t); END LOOP; END $$
