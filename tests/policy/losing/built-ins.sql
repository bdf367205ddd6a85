SELECT lo_unlink(4242)
----
SELECT lo_unlink('4242')
----
SELECT count(lo_unlink(4242))
----
SELECT lo_put(4242,0,'x')
----
BEGIN; SELECT lo_truncate(lo_open(4242,131072),0); COMMIT
----
BEGIN; SELECT lowrite(lo_open(4242,131072),'xx'); COMMIT
----
SELECT query_to_xml('SELECT lo_unlink(4242)',true,false,'')
----
SELECT query_to_xmlschema('SELECT 1',true,false,''), query_to_xml_and_xmlschema('SELECT lo_unlink(4242)',true,false,'')
----
SELECT database_to_xml(true,false,''), lo_unlink(4242)
----
SELECT ts_stat('SELECT to_tsvector(lo_unlink(4242)::text)')
----
SELECT * FROM ts_stat($$SELECT to_tsvector('x') FROM lo_unlink(4242)$$)
----
SELECT ts_rewrite('a'::tsquery,'SELECT ''a''::tsquery, lo_unlink(4242)::text::tsquery')
----
SELECT pg_catalog.query_to_xml('SELECT '||'lo_unlink(4242)',true,false,'')
----
SELECT * FROM xmltable('/table/row' PASSING query_to_xml('SELECT lo_unlink(4242) a',false,false,'') COLUMNS a int)
----
SELECT loid FROM (SELECT lo_unlink(4242)) x(loid)
----
SELECT 1 FROM parent WHERE id=1 AND lo_unlink(4242)=1
----
SELECT (xpath('/x',query_to_xml('SELECT lo_unlink(4242)',false,false,'')))[1]
----
SELECT * FROM lo_unlink(4242)
----
SELECT nextval('seq1'), setval('seq1',500,false), lo_unlink(4242)
----
DO $$BEGIN PERFORM lo_from_bytea(4243,''); PERFORM lo_unlink(4242); END$$
----
PREPARE p AS SELECT lo_unlink($1); EXECUTE p(4242)
----
SELECT lo_unlink(l.oid) FROM pg_largeobject_metadata l
----
UPDATE pg_largeobject SET data='' WHERE loid=4242
----
DELETE FROM pg_class WHERE relname='notes'
----
UPDATE pg_class SET relname='zz' WHERE relname='notes'
----
SELECT pg_drop_replication_slot('sl')
----
SELECT pg_logical_slot_get_changes('sl',NULL,NULL)
----
SELECT pg_stat_reset()
----
SELECT * FROM crosstab('SELECT 1,2,lo_unlink(4242)') AS t(a int,b int)
----
SELECT * FROM xpath_table('id','body','(SELECT lo_unlink(4242) AS id, ''<a/>'' AS body) x','/a','true') AS t(id int, v text)
----
SELECT * FROM connectby('victim','id','id','1',0) AS t(a int,b int,c int); SELECT lo_unlink(4242)
----
SELECT pg_catalog.set_config('session_replication_role','replica',false); DELETE FROM parent WHERE id=1
----
SET session_replication_role=replica; DELETE FROM parent WHERE id=1
----
SELECT setval(pg_get_serial_sequence('notes','id'), max(id)) FROM notes WHERE id < 5
----
WITH notes AS (SELECT 1 AS id) SELECT setval(pg_get_serial_sequence('notes','id'), max(id)) FROM notes
----
SELECT setval('notes_id_seq', (SELECT max(id) FROM parent))
----
SELECT setval('notes_id_seq', EXISTS(SELECT max(id) FROM notes)::int)
