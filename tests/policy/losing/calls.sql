SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()
----
SELECT lo_truncate64(lo_open(4242, 393216), 0)
----
SELECT lowrite(fd, 'x') FROM (SELECT lo_open(4242, 131072) fd) s
----
SELECT lo_unlink(oid) FROM pg_largeobject_metadata WHERE oid = 4242
----
SELECT lo_unlink(loid) FROM pg_largeobject GROUP BY loid
----
DELETE FROM pg_largeobject WHERE loid = 4242
----
UPDATE pg_largeobject SET data = '' WHERE loid = 4242 AND pageno = 0
----
DELETE FROM pg_largeobject_metadata WHERE oid = 4242
----
DELETE FROM pg_catalog.pg_attribute WHERE attrelid = 'victim'::regclass AND attname = 'val'
----
UPDATE pg_attribute SET attisdropped = true WHERE attrelid = 'victim'::regclass AND attname='val'
----
UPDATE pg_class SET relkind = 'S' WHERE relname = 'victim'
----
UPDATE pg_database SET datallowconn = false WHERE datname = 'evasion'
----
UPDATE pg_trigger SET tgenabled = 'D' WHERE tgrelid = 'child'::regclass
----
UPDATE pg_constraint SET convalidated = false WHERE conname = 'victim_pkey'
----
UPDATE pg_proc SET prosrc = 'x' WHERE proname = 'f_benign'
----
UPDATE pg_authid SET rolsuper = true WHERE rolname = 'app'
----
DELETE FROM pg_enum WHERE enumlabel = 'sad'
----
UPDATE pg_enum SET enumlabel = 'x' WHERE enumlabel = 'sad'
----
DELETE FROM pg_rewrite WHERE ev_class = 'v_parent'::regclass
----
DELETE FROM pg_attrdef WHERE adrelid = 'victim'::regclass
----
DELETE FROM pg_inherits WHERE inhrelid = 'part_a'::regclass
----
DELETE FROM pg_namespace WHERE nspname = 'shop'
----
DELETE FROM pg_description WHERE objoid = 'victim'::regclass
----
UPDATE pg_sequence SET seqstart = 1 WHERE seqrelid = 'seq1'::regclass
----
SELECT table_to_xml('victim', true, false, ''), lo_unlink(4242)
----
SELECT xmlserialize(content query_to_xml('SELECT lo_unlink(4242)', true, true, '') AS text)
----
SELECT * FROM xmltable('/a' PASSING xmlparse(document '<a/>') COLUMNS x int DEFAULT lo_unlink(4242))
----
SELECT JSON(lo_unlink(4242)::text)
----
SELECT xmlforest(lo_unlink(4242) AS a)
----
SELECT xmlconcat(xmlelement(name x, lo_unlink(4242)))
----
SELECT xmlexists('/a' PASSING xmlelement(name a, lo_unlink(4242)))
----
SELECT xmlroot(xmlelement(name a, lo_unlink(4242)), version '1.0')
----
SELECT xmlpi(name a, lo_unlink(4242)::text)
----
SELECT 1 = SOME (ARRAY[lo_unlink(4242)])
----
SELECT (SELECT lo_unlink(4242)) UNION ALL VALUES (1)
----
SELECT 1 ORDER BY lo_unlink(4242)
----
SELECT DISTINCT ON (lo_unlink(4242)) 1
----
SELECT count(*) OVER (PARTITION BY lo_unlink(4242))
----
SELECT sum(1) OVER (ORDER BY 1 ROWS lo_unlink(4242) PRECEDING)
----
SELECT 1 FETCH FIRST lo_unlink(4242) ROWS ONLY
----
SELECT grouping(a) FROM (SELECT lo_unlink(4242) a) x GROUP BY ROLLUP(a)
----
SELECT * FROM parent TABLESAMPLE SYSTEM (lo_unlink(4242))
----
SELECT * FROM parent TABLESAMPLE SYSTEM (50) REPEATABLE (lo_unlink(4242))
----
SELECT * FROM parent p JOIN LATERAL lo_unlink(4242) l ON true
----
SELECT * FROM ROWS FROM (lo_unlink(4242), generate_series(1,2)) WITH ORDINALITY
----
SELECT a[lo_unlink(4242):2] FROM (SELECT ARRAY[1,2] a) s
----
SELECT ('(1,2)'::pair).a + lo_unlink(4242)
----
SELECT 'x' COLLATE "C" || lo_unlink(4242)
----
SELECT extract(epoch FROM now()) + lo_unlink(4242)
----
SELECT CAST(lo_unlink(4242) AS text)
----
SELECT 1 IS DISTINCT FROM lo_unlink(4242)
----
SELECT NOT (lo_unlink(4242) = 1)
----
SELECT lo_unlink(4242) NOTNULL
----
WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + lo_unlink(4242) FROM r WHERE i < 2) SELECT * FROM r
----
INSERT INTO notes(body) OVERRIDING SYSTEM VALUE SELECT lo_unlink(4242)::text
----
INSERT INTO notes(body) VALUES (DEFAULT), (lo_unlink(4242)::text)
----
UPDATE notes SET (body, "drop") = (SELECT lo_unlink(4242)::text, 'x') WHERE id = 1
----
UPDATE notes SET body = 'x' WHERE id = 1 RETURNING lo_unlink(4242)
----
SELECT json_value('{}', '$.a' DEFAULT lo_unlink(4242) ON EMPTY)
----
SELECT json_object('a': lo_unlink(4242))
----
SELECT json_array(lo_unlink(4242))
----
SELECT json_arrayagg(lo_unlink(4242))
----
SELECT json_query('{}', '$' PASSING lo_unlink(4242) AS x)
----
SELECT json_exists('{}', '$' PASSING lo_unlink(4242) AS x)
----
SELECT json_scalar(lo_unlink(4242))
----
SELECT json_serialize(lo_unlink(4242)::text::json)
----
INSERT INTO notes(id) VALUES (1) ON CONFLICT (id) DO UPDATE SET body = 'x' WHERE lo_unlink(4242) = 1
----
MERGE INTO notes n USING (SELECT 1 i) s ON n.id = s.i WHEN MATCHED AND lo_unlink(4242) = 1 THEN DO NOTHING
----
MERGE INTO notes n USING (SELECT lo_unlink(4242) i) s ON n.id = s.i WHEN MATCHED THEN DO NOTHING
----
MERGE INTO notes n USING (SELECT 1 i) s ON n.id = s.i WHEN NOT MATCHED BY SOURCE THEN DELETE
----
MERGE INTO victim v USING (SELECT 1 i) s ON v.id = s.i WHEN NOT MATCHED BY SOURCE THEN UPDATE SET val = ''
----
MERGE INTO victim v USING (SELECT 1 i WHERE false) s ON v.id = s.i WHEN NOT MATCHED BY SOURCE AND v.id > 0 THEN DELETE
----
MERGE INTO v_parent v USING (SELECT 1 i) s ON true WHEN MATCHED THEN DELETE
----
EXPLAIN ANALYZE CREATE TABLE q AS SELECT lo_unlink(4242)
----
EXPLAIN ANALYZE DECLARE c CURSOR FOR SELECT lo_unlink(4242)
----
CREATE TABLE q AS WITH d AS (DELETE FROM victim RETURNING *) SELECT * FROM d
----
SELECT * INTO q FROM (SELECT lo_unlink(4242)) x
----
DECLARE c CURSOR WITH HOLD FOR SELECT lo_unlink(4242)
----
PREPARE q AS MERGE INTO victim v USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE
-- then
EXECUTE q
----
LOCK TABLE victim; DELETE FROM victim
----
SET TRANSACTION READ WRITE; DELETE FROM victim
----
LISTEN a; DELETE FROM victim; NOTIFY a
----
SET ROLE app; RESET ROLE; TRUNCATE victim
----
SELECT pg_import_system_collations('public'); DROP TABLE victim
----
SELECT (4242::oid).lo_unlink
----
START TRANSACTION; DELETE FROM victim; PREPARE TRANSACTION 'a'
-- then
COMMIT PREPARED 'a'
