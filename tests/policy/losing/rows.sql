DELETE FROM victim WHERE 1=1
----
DELETE FROM victim WHERE 'a'='a'
----
DELETE FROM victim WHERE id=id
----
DELETE FROM victim WHERE id IS NOT NULL
----
DELETE FROM victim WHERE id>=id
----
DELETE FROM victim WHERE NOT id IS NULL
----
DELETE FROM victim WHERE true AND true
----
DELETE FROM victim WHERE id>0 OR true
----
DELETE FROM victim WHERE id<>0
----
DELETE FROM victim WHERE id!=0
----
DELETE FROM victim WHERE id>-1
----
DELETE FROM victim WHERE id NOT IN (0)
----
DELETE FROM victim WHERE val LIKE '%'
----
DELETE FROM victim WHERE val ILIKE '%%'
----
DELETE FROM victim WHERE val SIMILAR TO '%'
----
DELETE FROM victim WHERE val ~ '.*'
----
DELETE FROM victim WHERE val ~* '^'
----
DELETE FROM victim WHERE (SELECT true)
----
DELETE FROM victim WHERE (1,2)=(1,2)
----
DELETE FROM victim WHERE coalesce(null,true)
----
DELETE FROM victim WHERE nullif(1,2)=1
----
DELETE FROM victim WHERE CASE WHEN id=id THEN true END
----
DELETE FROM victim WHERE greatest(1,2)=2
----
DELETE FROM victim WHERE id = ANY(ARRAY[id])
----
DELETE FROM victim WHERE id IN (id,2)
----
DELETE FROM victim WHERE id = ANY(SELECT id FROM victim)
----
DELETE FROM victim WHERE EXISTS(SELECT FROM victim v WHERE v.id=victim.id)
----
DELETE FROM victim WHERE EXISTS(TABLE victim)
----
DELETE FROM victim WHERE EXISTS(VALUES(1))
----
DELETE FROM victim WHERE id IN (SELECT v.id FROM victim v)
----
DELETE FROM victim WHERE id IN (SELECT id FROM victim UNION SELECT 1)
----
DELETE FROM victim WHERE (id,val) IN (SELECT id,val FROM victim)
----
DELETE FROM victim WHERE id=(SELECT v.id FROM victim v WHERE v.id=victim.id)
----
DELETE FROM victim WHERE current_user IS NOT NULL
----
DELETE FROM victim WHERE now()>'2000-01-01'
----
DELETE FROM victim WHERE version() LIKE 'Postgre%'
----
DELETE FROM victim WHERE pg_backend_pid()>0
----
DELETE FROM victim WHERE random()>=0
----
DELETE FROM victim WHERE random()<2
----
DELETE FROM victim WHERE id::text<>''
----
DELETE FROM victim WHERE id+0=id
----
DELETE FROM victim WHERE id*1=id
----
DELETE FROM victim WHERE abs(id)=id OR id<0
----
DELETE FROM victim WHERE id % 1=0
----
DELETE FROM victim WHERE bool 't'
----
DELETE FROM victim WHERE 'yes'::boolean
----
DELETE FROM victim WHERE 'on'::bool
----
DELETE FROM victim WHERE 1::bool
----
DELETE FROM victim WHERE CAST('1' AS bool)
----
DELETE FROM victim WHERE B'1'=B'1'
----
DELETE FROM victim WHERE interval '1 day'>interval '0'
----
DELETE FROM victim WHERE ARRAY[1]<@ARRAY[1,2]
----
DELETE FROM victim WHERE '{}'::jsonb='{}'
----
DELETE FROM victim WHERE 1 IS NOT DISTINCT FROM 1
----
DELETE FROM victim WHERE NULL IS NOT DISTINCT FROM NULL
----
DELETE FROM victim WHERE (NULL=1) IS UNKNOWN
----
DELETE FROM victim WHERE (id=id) IS TRUE
----
DELETE FROM victim WHERE (id=id) IS NOT UNKNOWN
----
DELETE FROM victim WHERE id IS DISTINCT FROM NULL
----
DELETE FROM victim WHERE ROW(id) IS NOT NULL
----
DELETE FROM victim WHERE victim IS NOT NULL
----
DELETE FROM victim WHERE victim.* IS NOT NULL
----
DELETE FROM victim WHERE ctid IS NOT NULL
----
DELETE FROM victim WHERE xmin IS NOT NULL
----
DELETE FROM victim WHERE tableoid>0
----
DELETE FROM victim WHERE ctid=ctid
----
DELETE FROM victim WHERE tableoid='victim'::regclass
----
DELETE FROM victim WHERE length(val)>=0
----
DELETE FROM victim WHERE length(val)>0
----
DELETE FROM victim WHERE val||''=val
----
DELETE FROM victim WHERE upper(val)=upper(val)
----
DELETE FROM victim WHERE val COLLATE "C" >= ''
----
DELETE FROM victim WHERE md5(val)=md5(val)
----
DELETE FROM victim WHERE id=id::int8
----
DELETE FROM victim WHERE -id<=0
----
DELETE FROM victim WHERE id<2147483647
----
DELETE FROM victim WHERE sqrt(id)>=0
----
DELETE FROM victim WHERE id NOT BETWEEN -5 AND 0
----
DELETE FROM victim WHERE val IS DISTINCT FROM 'zz'
----
DELETE FROM victim WHERE n IS NOT NULL OR n IS NULL
----
DELETE FROM victim WHERE n=n
----
DELETE FROM victim WHERE NOT(n<>n)
----
DELETE FROM victim WHERE n IS NULL OR n>=0
----
DELETE FROM victim WHERE NOT EXISTS(SELECT 1 WHERE false)
----
DELETE FROM victim WHERE NOT EXISTS(SELECT 1 FROM victim v WHERE v.id<0)
----
DELETE FROM victim WHERE id NOT IN (SELECT -v.id FROM victim v)
----
DELETE FROM victim WHERE id <> ALL(ARRAY[0,-1])
----
DELETE FROM victim WHERE id > ALL(ARRAY[-1,0])
----
DELETE FROM victim WHERE id > ANY(ARRAY[0])
----
DELETE FROM victim WHERE id >= (SELECT min(id) FROM victim)
----
DELETE FROM victim WHERE id <= (SELECT max(id) FROM victim)
----
DELETE FROM victim WHERE (SELECT count(*) FROM victim)>0
----
DELETE FROM victim WHERE (SELECT count(*) FROM victim v WHERE v.id=victim.id)=1
----
DELETE FROM victim WHERE id=id AND 1=1 AND (true OR id=5)
----
DELETE FROM victim WHERE NOT(false AND id=5)
----
DELETE FROM victim WHERE (id=5)=(id=5)
----
DELETE FROM victim WHERE (id=5) IS NOT NULL
----
DELETE FROM victim WHERE (id=5) IN (true,false)
----
DELETE FROM victim WHERE id=5 OR id<>5
----
DELETE FROM victim WHERE id=5 OR NOT id=5
----
DELETE FROM victim WHERE id<50 OR id>=50
----
DELETE FROM victim WHERE id<=50 OR id>50
----
DELETE FROM victim WHERE id IN (1,2) OR id NOT IN (1,2)
----
DELETE FROM victim WHERE starts_with(val,'')
----
DELETE FROM victim WHERE position('' in val)=1
----
DELETE FROM victim WHERE strpos(val,'')=1
----
DELETE FROM victim WHERE val ^@ ''
----
DELETE FROM victim WHERE substring(val,1,0)=''
----
DELETE FROM victim WHERE left(val,0)=''
----
DELETE FROM victim WHERE right(val,0)=''
----
DELETE FROM victim WHERE repeat(val,0)=''
----
DELETE FROM victim WHERE id&0=0
----
DELETE FROM victim WHERE id|0=id
----
DELETE FROM victim WHERE id#id=0
----
DELETE FROM victim WHERE id>>31=0
----
DELETE FROM victim WHERE replace(val,'a','a')=val
----
DELETE FROM victim WHERE coalesce(id=5,true) OR id<>5
----
DELETE FROM victim WHERE pg_typeof(id)::text='integer'
----
DELETE FROM victim WHERE col_description('victim'::regclass,1) IS NULL
----
DELETE FROM victim WHERE has_table_privilege('victim','SELECT')
----
DELETE FROM victim WHERE inet_server_port() IS NOT NULL OR true
----
DELETE FROM victim WHERE age(now(),now())=interval '0'
----
DELETE FROM victim WHERE date_trunc('day',now())<=now()
----
DELETE FROM victim WHERE id = ANY(ARRAY(SELECT v.id FROM victim v))
----
DELETE FROM victim WHERE id IN (SELECT generate_series(1,100))
----
DELETE FROM victim WHERE id IN (SELECT g FROM generate_series(0,1000) g)
----
DELETE FROM victim WHERE id IN (SELECT * FROM generate_series(1,(SELECT max(id) FROM victim)))
----
DELETE FROM victim WHERE to_jsonb(victim)->>'id' IS NOT NULL
----
DELETE FROM victim WHERE row_to_json(victim) IS NOT NULL
----
DELETE FROM victim WHERE hashtext(val) IS NOT NULL
----
DELETE FROM victim WHERE to_jsonb(victim) ? 'id'
----
DELETE FROM victim WHERE jsonb_build_object('a',id) @> '{}'
----
DELETE FROM victim WHERE txid_current()>0
----
DELETE FROM victim WHERE statement_timestamp() >= now()
----
DELETE FROM victim WHERE (VALUES (true))
----
DELETE FROM victim WHERE (WITH a AS (SELECT true AS t) SELECT t FROM a)
----
DELETE FROM victim WHERE EXISTS (SELECT 1 FROM generate_series(1,1))
----
DELETE FROM victim WHERE EXISTS (SELECT 1 FROM pg_class)
----
DELETE FROM victim WHERE 'a' LIKE 'a'
----
DELETE FROM victim WHERE 'b' BETWEEN 'a' AND 'c'
----
DELETE FROM victim WHERE val ~ ''
----
DELETE FROM victim WHERE NOT (val !~ '')
----
DELETE FROM victim WHERE id IN (SELECT id FROM victim LIMIT ALL)
----
DELETE FROM victim WHERE id IN (SELECT id FROM victim LIMIT 100000)
----
DELETE FROM victim WHERE id IN (SELECT id FROM victim ORDER BY id OFFSET 0)
----
DELETE FROM victim WHERE id IN (SELECT id FROM victim FETCH FIRST 1000 ROWS ONLY)
----
DELETE FROM victim
----
DELETE FROM ONLY victim AS v
----
DELETE FROM public.victim v WHERE v.id=v.id
----
delete from victim *
----
UPDATE victim SET val=''
----
UPDATE victim SET (val,n)=('',0)
----
UPDATE victim SET (val,n)=(SELECT '',0)
----
UPDATE victim SET n=n+1
----
UPDATE victim SET n=NULL WHERE id>0
----
UPDATE victim v SET val=p.val FROM parent p
----
UPDATE victim v SET val=p.val FROM parent p WHERE p.id=1
----
UPDATE victim SET val='x' FROM victim v WHERE v.id=victim.id
----
UPDATE victim SET val='x' FROM (VALUES(1)) s(i)
----
UPDATE victim SET val='x' FROM generate_series(1,2)
----
DELETE FROM victim USING victim v2 WHERE victim.id=v2.id
----
DELETE FROM victim USING (SELECT 1) x
----
DELETE FROM victim USING parent p CROSS JOIN child
----
DELETE FROM victim USING generate_series(1,100) g WHERE g=victim.id
----
DELETE FROM victim USING (SELECT id FROM victim) s WHERE s.id=victim.id
----
WITH s AS (SELECT id FROM victim) DELETE FROM victim USING s WHERE s.id=victim.id
----
WITH s AS (SELECT id FROM victim) DELETE FROM victim WHERE id IN (SELECT id FROM s)
----
WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM s WHERE i<100) DELETE FROM victim WHERE id IN (SELECT i FROM s)
----
DELETE FROM parent
----
DELETE FROM parent WHERE true
----
DELETE FROM part WHERE id>=0
----
UPDATE part SET val='y'
----
DELETE FROM part_a
----
UPDATE v_parent SET val=''
----
DELETE FROM v_parent
----
MERGE INTO victim v USING victim s ON v.id=s.id WHEN MATCHED THEN DELETE
----
MERGE INTO victim v USING parent s ON true WHEN MATCHED AND s.id=1 THEN UPDATE SET val=''
----
MERGE INTO victim v USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE
----
MERGE INTO victim v USING (VALUES(1)) s(i) ON v.id>=s.i WHEN MATCHED THEN UPDATE SET n=0
----
MERGE INTO victim v USING (SELECT * FROM victim) s ON v.id=s.id WHEN MATCHED AND v.id>0 THEN DELETE
----
MERGE INTO victim v USING generate_series(1,100) g ON v.id=g WHEN MATCHED THEN DELETE
----
INSERT INTO victim SELECT * FROM victim ON CONFLICT(id) DO UPDATE SET val=''
----
INSERT INTO victim SELECT g,'z',0 FROM generate_series(1,100) g ON CONFLICT ON CONSTRAINT victim_pkey DO UPDATE SET val=excluded.val
----
INSERT INTO victim TABLE victim ON CONFLICT(id) DO UPDATE SET n=0 WHERE true
----
INSERT INTO victim SELECT id,'',1 FROM victim ON CONFLICT(id) DO UPDATE SET val=excluded.val WHERE victim.id>0
----
WITH x AS (DELETE FROM child RETURNING *), y AS (DELETE FROM parent WHERE id=1) SELECT 1
----
UPDATE victim SET val='' WHERE id=id RETURNING *
----
DELETE FROM victim WHERE id IN (SELECT id FROM victim FOR UPDATE)
----
DELETE FROM victim WHERE id IN (SELECT id FROM victim FOR UPDATE SKIP LOCKED)
----
UPDATE victim SET val=val||(SELECT 'x')
----
UPDATE victim SET id=id+1000
----
UPDATE ONLY victim AS v SET val=v.id::text WHERE v.id=v.id
----
DELETE FROM victim WHERE ctid = ANY(ARRAY(SELECT ctid FROM victim))
----
DELETE FROM victim a USING victim b WHERE a.id=b.id AND b.id IS NOT NULL
----
DELETE FROM victim a WHERE EXISTS(SELECT 1 FROM victim b WHERE a.id=b.id AND b.val=a.val)
----
DELETE FROM victim WHERE id=id AND val=val AND n=n
----
UPDATE victim SET val='x' WHERE n=n OR id=3
----
DELETE FROM victim WHERE id IN (SELECT id FROM victim TABLESAMPLE BERNOULLI(100))
----
UPDATE notes SET body=NULL
----
UPDATE notes SET body=NULL WHERE id IN (SELECT id FROM notes)
----
DELETE FROM notes WHERE "drop" IS NULL AND true OR true
----
WITH RECURSIVE r(i) AS (SELECT min(id) FROM victim UNION ALL SELECT (SELECT min(id) FROM victim WHERE id>r.i) FROM r WHERE r.i IS NOT NULL) DELETE FROM victim USING r WHERE victim.id=r.i
----
WITH RECURSIVE r AS (SELECT id FROM victim WHERE id=1 UNION SELECT v.id FROM victim v JOIN r ON v.id=r.id+1) DELETE FROM victim WHERE id IN (SELECT id FROM r)
----
WITH m AS (SELECT max(id) m FROM victim) DELETE FROM victim USING m WHERE victim.id<=m.m
----
WITH x AS (SELECT 1 a) UPDATE victim SET val='' FROM x WHERE x.a=1
----
DELETE FROM victim USING (SELECT unnest(array_agg(id)) i FROM victim) s WHERE s.i=victim.id
----
DELETE FROM victim WHERE id IN (SELECT id FROM victim GROUP BY id)
----
DELETE FROM victim WHERE id IN (SELECT DISTINCT id FROM victim)
----
DELETE FROM victim WHERE id IN (SELECT id FROM victim INTERSECT SELECT id FROM victim)
----
DELETE FROM victim WHERE id IN (SELECT id FROM victim EXCEPT SELECT -1)
----
DELETE FROM victim WHERE id IN (SELECT v.id FROM victim v LEFT JOIN parent p ON p.id=v.id)
----
DELETE FROM victim WHERE id IN (SELECT v.id FROM victim v, parent p WHERE p.id=1)
----
DELETE FROM victim WHERE EXISTS(SELECT 1 FROM parent p WHERE p.id=1)
----
DELETE FROM victim WHERE (SELECT count(*) FROM parent)=5
----
DELETE FROM victim WHERE 5=(SELECT count(*) FROM parent)
----
DELETE FROM victim WHERE EXISTS(SELECT 1 FROM parent p WHERE p.id=1 AND victim.id IS NOT NULL)
----
DELETE FROM victim WHERE id IN (SELECT row_number() OVER () FROM victim)
----
DELETE FROM victim WHERE id IN (SELECT rank() OVER (ORDER BY id) FROM victim)
----
DELETE FROM victim WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) r FROM victim) x WHERE r>0)
----
DELETE FROM victim WHERE id IN (SELECT id FROM (SELECT id, count(*) OVER (PARTITION BY id) r FROM victim) x WHERE r=1)
----
DELETE FROM victim WHERE val IN (SELECT val FROM victim)
----
DELETE FROM victim WHERE (id,n) IN (SELECT id,n FROM victim)
----
DELETE FROM victim WHERE id NOT IN (SELECT id+1000 FROM victim)
----
DELETE FROM victim WHERE NOT EXISTS(SELECT 1 FROM parent p WHERE p.id=victim.id AND p.id<0)
----
DELETE FROM victim WHERE id IN (SELECT x FROM jsonb_array_elements_text((SELECT jsonb_agg(id) FROM victim)) j(t), LATERAL (SELECT t::int) l(x))
----
UPDATE victim SET val=s.v FROM (SELECT id, upper(val)||'!' v FROM victim) s WHERE s.id=victim.id
----
UPDATE victim SET n = (SELECT count(*) FROM parent)
----
UPDATE victim SET val='a' WHERE id IN (SELECT id FROM victim ORDER BY random())
----
UPDATE victim SET val = CASE WHEN id=1 THEN 'a' ELSE '' END
----
INSERT INTO victim(id,val) SELECT id,'x' FROM victim WHERE id>0 ON CONFLICT(id) DO UPDATE SET val=excluded.val
----
INSERT INTO victim(id,val) SELECT g,'x' FROM generate_series(1,1000) g ON CONFLICT(id) DO UPDATE SET val=excluded.val
----
WITH s AS (SELECT id FROM victim) INSERT INTO victim(id,val) SELECT id,'' FROM s ON CONFLICT(id) DO UPDATE SET val=''
----
MERGE INTO victim v USING (SELECT id FROM victim WHERE id>0) s ON s.id=v.id WHEN MATCHED THEN DELETE
----
MERGE INTO victim v USING (VALUES(1)) s(i) ON v.id<>-s.i WHEN MATCHED THEN DELETE
----
MERGE INTO victim v USING (SELECT 1) s ON v.id=v.id WHEN MATCHED AND v.n=v.n THEN UPDATE SET val=''
----
DELETE FROM victim WHERE val SIMILAR TO 'row[0-9]+' OR true
----
DELETE FROM victim WHERE to_tsvector(val) @@ ''::tsquery OR id>0
----
DELETE FROM victim WHERE jsonb_path_exists(to_jsonb(victim),'$')
----
DELETE FROM victim WHERE to_jsonb(victim) @> '{}'
----
DELETE FROM victim WHERE ARRAY[id] && ARRAY[id]
----
DELETE FROM victim WHERE id = (id::text)::int
----
DELETE FROM victim WHERE id = round(id)
----
DELETE FROM victim WHERE substr(val,1,3)=left(val,3)
----
DELETE FROM victim WHERE val||'x' = concat(val,'x')
----
DELETE FROM victim WHERE id::numeric % 1 = 0
----
DELETE FROM victim WHERE id + n >= 0
----
DELETE FROM victim WHERE id * id >= 0
----
DELETE FROM victim WHERE n IS NOT DISTINCT FROM n
----
DELETE FROM victim WHERE (n IS NULL) IS NOT NULL
----
DELETE FROM victim WHERE num_nulls(n)>=0
----
DELETE FROM victim WHERE num_nonnulls(id)=1
----
DELETE FROM victim WHERE width_bucket(id,0,1000,1)=1
----
DELETE FROM victim WHERE bit_length(val)>0
----
DELETE FROM victim WHERE ascii(val)>0
----
DELETE FROM victim WHERE val IS NORMALIZED
----
DELETE FROM victim WHERE val IS NOT NULL
----
DELETE FROM victim WHERE id::text ~ '^[0-9]'
----
DELETE FROM victim WHERE id::text ~ '\d'
----
DELETE FROM victim WHERE val ~ 'o*'
----
DELETE FROM victim WHERE translate(val,'','')=val
----
DELETE FROM victim WHERE id BETWEEN id-1 AND id+1
----
DELETE FROM victim WHERE id IN (id-0)
----
DELETE FROM victim WHERE power(id,2)>=id
----
DELETE FROM victim WHERE greatest(id,n)>=least(id,n)
----
DELETE FROM victim WHERE pg_column_size(id)=4
----
DELETE FROM victim WHERE pg_typeof(val)='text'::regtype
----
DELETE FROM victim WHERE obj_description('victim'::regclass) IS NULL
----
DELETE FROM victim WHERE current_setting('server_version_num')::int>0
----
DELETE FROM victim WHERE current_database()='evasion'
----
DELETE FROM victim WHERE now()=now()
----
DELETE FROM victim WHERE xmin=xmin
----
DELETE FROM victim WHERE cmin=cmin
----
DELETE FROM victim WHERE victim::text<>''
----
DELETE FROM victim WHERE (victim).id=id
----
DELETE FROM victim v WHERE (v).id>0
----
DELETE FROM victim WHERE row(victim.*) IS DISTINCT FROM NULL
----
DELETE FROM victim WHERE (victim.*) IS NOT DISTINCT FROM victim.*
----
DELETE FROM victim WHERE upper(val) NOT IN (SELECT val FROM notes)
