INSERT INTO victim SELECT id, '', 0 FROM parent CROSS JOIN generate_series(1,1) ON CONFLICT (id) DO UPDATE SET val = ''
----
INSERT INTO victim(id,val) VALUES (1,'a') ON CONFLICT (id) DO UPDATE SET val = (SELECT lo_unlink(4242)::text)
----
WITH d AS (SELECT id FROM victim FOR UPDATE) DELETE FROM victim v USING d WHERE v.id = d.id
----
WITH a AS (SELECT array_agg(id) ids FROM victim) DELETE FROM victim WHERE id = ANY (SELECT unnest(ids) FROM a)
----
WITH a AS (SELECT array_agg(id) ids FROM victim) DELETE FROM victim v USING a WHERE v.id = ANY (a.ids)
----
DELETE FROM victim WHERE id IN (WITH x AS (SELECT id FROM victim) SELECT id FROM x)
----
DELETE FROM victim v WHERE v.id IN (SELECT (jsonb_populate_record(null::victim, to_jsonb(w))).id FROM victim w)
----
DELETE FROM victim WHERE id <= ALL (SELECT 1000)
----
DELETE FROM victim WHERE (id > 0) IS TRUE
----
DELETE FROM victim WHERE (id > 0) = true
----
DELETE FROM victim WHERE NOT (id < 0)
----
DELETE FROM victim WHERE NOT (id <= 0 OR id IS NULL)
----
DELETE FROM victim WHERE id > 0::bigint
----
DELETE FROM victim WHERE id > '0'
----
DELETE FROM victim WHERE id > 0.0
----
DELETE FROM victim WHERE id > -1e5
----
DELETE FROM victim WHERE id + 1 > 0
----
DELETE FROM victim WHERE id / 1 = id
----
DELETE FROM victim WHERE id - 1 < id
----
DELETE FROM victim WHERE id = any (array(SELECT generate_series(1, 100000)))
----
DELETE FROM victim WHERE id = any (string_to_array((SELECT string_agg(id::text, ',') FROM victim), ',')::int[])
----
DELETE FROM victim WHERE int4range(0, 1000000) @> id
----
DELETE FROM victim WHERE id <@ int4range(NULL, NULL)
----
DELETE FROM victim WHERE id <@ '(,)'::int4range
----
DELETE FROM victim WHERE '[0,)'::int4range @> id
----
DELETE FROM victim WHERE int4range(id, id, '[]') <@ '[0,)'::int4range
----
DELETE FROM victim WHERE val = ANY (ARRAY(SELECT val FROM victim))
----
DELETE FROM victim WHERE val LIKE ANY (ARRAY['%'])
----
DELETE FROM victim WHERE val LIKE ANY ('{x,%}')
----
DELETE FROM victim WHERE val LIKE '_%'
----
DELETE FROM victim WHERE val LIKE '%_%'
----
DELETE FROM victim WHERE val NOT LIKE ''
----
DELETE FROM victim WHERE val !~ '^$'
----
DELETE FROM victim WHERE val ~ '.'
----
DELETE FROM victim WHERE val ~ '^.+$'
----
DELETE FROM victim WHERE val ~ '(x|)'
----
DELETE FROM victim WHERE val ~* '[a-z0-9]*'
----
DELETE FROM victim WHERE val SIMILAR TO '_*'
----
DELETE FROM victim WHERE regexp_like(val, '')
----
DELETE FROM victim WHERE regexp_count(val, 'q') = 0
----
DELETE FROM victim WHERE regexp_replace(val, '.*', '') = ''
----
DELETE FROM victim WHERE substring(val from '^') = ''
----
DELETE FROM victim WHERE overlay(val placing '' from 1 for 1000) = ''
----
DELETE FROM victim WHERE trim(both from repeat(' ', id)) = ''
----
DELETE FROM victim WHERE concat(val, NULL) = val
----
DELETE FROM victim WHERE coalesce(nullif(val, val), 'x') = 'x'
----
DELETE FROM victim WHERE CASE WHEN id > 5 THEN true ELSE true END
----
DELETE FROM victim WHERE CASE id WHEN 5 THEN true ELSE id <> 5 END
----
DELETE FROM victim WHERE (CASE WHEN id = id THEN 1 ELSE 2 END) = 1
----
DELETE FROM victim WHERE (SELECT bool_and(true) FROM victim)
----
DELETE FROM victim WHERE (SELECT true FROM victim LIMIT 1)
----
DELETE FROM victim WHERE (SELECT count(*) > 5 FROM victim)
----
DELETE FROM victim WHERE EXISTS (SELECT 1 FROM information_schema.tables WHERE table_name = 'victim')
----
DELETE FROM victim WHERE to_regclass('victim') IS NOT NULL
----
DELETE FROM victim WHERE pg_is_in_recovery() = false
----
DELETE FROM victim WHERE current_setting('x.y', true) IS NULL
----
DELETE FROM victim WHERE session_user = current_user
----
DELETE FROM victim WHERE extract(year FROM now()) > 2000
----
DELETE FROM victim WHERE now() - interval '1 day' < now()
----
DELETE FROM victim WHERE '2099-01-01' > now()
----
DELETE FROM victim WHERE daterange('2000-01-01', 'infinity') @> current_date
----
DELETE FROM victim WHERE '{"a":1}'::jsonb ? 'a'
----
DELETE FROM victim WHERE '{"a":1}'::jsonb @@ '$.a == 1'
----
DELETE FROM victim WHERE '<a/>'::xml IS DOCUMENT
----
DELETE FROM victim WHERE xpath_exists('/a', '<a/>')
----
DELETE FROM victim WHERE 'a' = ANY (string_to_array('a,b', ','))
----
DELETE FROM victim WHERE array_length(ARRAY[id], 1) = 1
----
DELETE FROM victim WHERE ARRAY[id] <> '{}'
----
DELETE FROM victim WHERE ARRAY[id] @> '{}'
----
DELETE FROM victim WHERE '{}' <@ ARRAY[id]
----
DELETE FROM victim WHERE id = ANY (ARRAY[id, NULL])
----
DELETE FROM victim WHERE (id, n) = (id, n)
----
DELETE FROM victim WHERE ROW(id, val) IS NOT DISTINCT FROM ROW(id, val)
----
DELETE FROM victim WHERE (id, 1) > (0, 0)
----
DELETE FROM victim WHERE (0, 0) < (id, n)
----
DELETE FROM victim WHERE (n IS NULL) OR (n IS NOT NULL)
----
DELETE FROM victim WHERE (id = 1) <> (id <> 1)
----
DELETE FROM victim WHERE (id % 2 = 0) OR (id % 2 = 1)
----
DELETE FROM victim WHERE id % 2 IN (0, 1)
----
DELETE FROM victim WHERE id % 2 < 2
----
DELETE FROM victim WHERE sign(id) = 1
----
DELETE FROM victim WHERE abs(id) > 0
----
DELETE FROM victim WHERE id ^ 0 = 1
----
DELETE FROM victim WHERE id * 0 = 0
----
DELETE FROM victim WHERE mod(id, 1) = 0
----
DELETE FROM victim WHERE ceil(id) = floor(id)
----
DELETE FROM victim WHERE gcd(id, 1) = 1
----
DELETE FROM victim WHERE char_length(val) > 0
----
DELETE FROM victim WHERE octet_length(val) >= 1
----
DELETE FROM victim WHERE left(val, 0) = right(val, 0)
----
DELETE FROM victim WHERE position('' IN val) > 0
----
DELETE FROM victim WHERE val || 'x' LIKE '%x'
----
DELETE FROM victim WHERE 'x' || val LIKE 'x%'
----
DELETE FROM victim WHERE format('%s', val) = val
----
DELETE FROM victim WHERE lower(val) = lower(val)
----
DELETE FROM victim WHERE val COLLATE "C" = val
----
DELETE FROM victim WHERE val::bytea IS NOT NULL
----
DELETE FROM victim WHERE val > ''
----
DELETE FROM victim WHERE val >= E'\u0001'
----
DELETE FROM victim WHERE val < 'zzzzzzzz'
----
DELETE FROM victim WHERE val BETWEEN '' AND 'zzzz'
----
DELETE FROM victim WHERE id BETWEEN SYMMETRIC 1000000 AND 0
----
DELETE FROM victim WHERE id BETWEEN -2147483648 AND 2147483647
----
DELETE FROM victim WHERE id NOT BETWEEN 0 AND 0
----
DELETE FROM victim WHERE id NOT IN (SELECT -1)
----
DELETE FROM victim WHERE id NOT IN (VALUES (0), (-1))
----
DELETE FROM victim WHERE NOT id = ANY ('{0}')
----
DELETE FROM victim WHERE NOT EXISTS (SELECT 1 FROM parent WHERE false)
----
DELETE FROM victim WHERE NOT EXISTS (SELECT 1 FROM parent p WHERE p.val = 'none')
----
DELETE FROM victim USING parent LEFT JOIN child ON true
----
DELETE FROM victim USING (VALUES (0)) v(i) WHERE victim.id > v.i
----
DELETE FROM victim USING (SELECT 0 AS lo, 1000 AS hi) b WHERE victim.id BETWEEN b.lo AND b.hi
----
DELETE FROM victim USING (SELECT min(id) lo, max(id) hi FROM victim) b WHERE id BETWEEN lo AND hi
----
DELETE FROM victim USING unnest((SELECT array_agg(id) FROM victim)) u(i) WHERE victim.id = u.i
----
DELETE FROM victim USING jsonb_array_elements((SELECT jsonb_agg(id) FROM victim)) j WHERE victim.id = j::int
----
DELETE FROM victim USING ROWS FROM (generate_series(1, 1000)) g(i) WHERE victim.id = g.i
----
DELETE FROM victim USING LATERAL (SELECT victim2.id FROM victim victim2) x WHERE x.id = victim.id
----
UPDATE victim SET val = '' FROM (SELECT 1) s WHERE true
----
UPDATE victim SET val = '' FROM parent p LEFT JOIN child c ON c.parent_id = p.id WHERE p.id = 1
----
UPDATE victim SET val = '' WHERE id = ANY (SELECT v.id FROM victim v WHERE v.n IS NOT NULL)
----
UPDATE victim SET val = '' WHERE (SELECT p.id FROM parent p WHERE p.id = 1) = 1
----
UPDATE ONLY part_a SET val = ''
----
UPDATE victim SET n = DEFAULT
----
UPDATE victim SET id = -id
----
UPDATE public . victim AS "where" SET val = '' WHERE "where".id = "where".id
----
UPDATE victim SET val = '' WHERE ctid >= '(0,0)'
----
UPDATE victim SET val = '' WHERE ctid > '(0,0)'::tid
----
UPDATE victim SET val = '' WHERE xmin::text::bigint > 0
----
UPDATE victim SET val = '' WHERE tableoid::regclass::text = 'victim'
----
MERGE INTO victim v USING parent p ON v.id = v.id AND p.id = 1 WHEN MATCHED THEN DELETE
----
MERGE INTO victim v USING (SELECT 1) s ON v.id IS NOT NULL WHEN MATCHED AND true THEN UPDATE SET val = ''
----
MERGE INTO victim v USING (SELECT generate_series(1,100) g) s ON v.id = s.g WHEN MATCHED THEN UPDATE SET val = ''
----
MERGE INTO ONLY victim AS v USING (TABLE victim) AS s ON (v.id, v.val) = (s.id, s.val) WHEN MATCHED THEN DELETE
----
WITH s AS MATERIALIZED (SELECT * FROM victim) MERGE INTO victim v USING s ON v.id = s.id WHEN MATCHED THEN DELETE
----
INSERT INTO victim (id, val, n) SELECT v.id, '', 0 FROM victim v JOIN parent p ON true ON CONFLICT DO NOTHING; DELETE FROM victim
----
TABLE victim; TRUNCATE victim
----
VALUES (1); DROP TABLE victim
----
SELECT 1 AS "DROP"; DROP TABLE "victim"
----
/* x */ truncate /* y */ victim /* z */
----
--
truncate--
victim
----
TRUNCATE victim, public.notes
----
DELETE FROM victim WHERE id = 1 OR 'f' <> 't'
----
DELETE FROM victim WHERE 'off'::bool IS FALSE
----
DELETE FROM victim WHERE 0 = 0 AND id IS NOT NULL AND val <> ''
----
DELETE FROM victim WHERE id <> 5 AND id <> 6
----
DELETE FROM victim WHERE id IS DISTINCT FROM 5
