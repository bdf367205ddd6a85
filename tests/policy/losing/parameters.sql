DELETE FROM victim WHERE $1
----
DELETE FROM victim WHERE id=$1 OR $2
----
DELETE FROM victim WHERE ($1::int IS NULL OR id=$1)
----
DELETE FROM victim WHERE id=coalesce($1,id)
----
DELETE FROM victim WHERE id=coalesce($1::int,victim.id)
----
DELETE FROM victim WHERE val LIKE coalesce($1,'%')
----
DELETE FROM victim WHERE val LIKE '%'||coalesce($1,'')||'%'
----
UPDATE victim SET val=$1 WHERE $2::text IS NULL
----
DELETE FROM victim WHERE CASE WHEN $1::int IS NULL THEN true ELSE id=$1 END
----
DELETE FROM victim WHERE id=$1 OR $1=0
----
DELETE FROM victim WHERE id=ANY($1::int[]) OR $2::bool
----
DELETE FROM victim WHERE $1::int=1
----
DELETE FROM victim WHERE $1=$2
----
DELETE FROM victim WHERE $1 IS NOT DISTINCT FROM $2
----
DELETE FROM victim WHERE NOT $1
----
DELETE FROM victim WHERE ($1)::boolean
----
DELETE FROM victim WHERE id>=coalesce($1,0)
----
DELETE FROM victim WHERE (id=$1) IS NOT FALSE
----
DELETE FROM victim WHERE (id=$1) IS NULL
----
DELETE FROM victim WHERE id IS DISTINCT FROM $1
----
DELETE FROM victim WHERE nullif($1,'') IS NULL OR val=$1
----
DELETE FROM victim WHERE id = CASE WHEN $1 THEN id ELSE 0 END
----
DELETE FROM victim USING (SELECT $1::int AS i) s WHERE victim.id=s.i OR s.i IS NULL
----
DELETE FROM victim WHERE EXISTS(SELECT 1 WHERE $1)
----
DELETE FROM victim WHERE id IN (SELECT id FROM victim WHERE $1)
----
UPDATE victim SET n=0 FROM (SELECT $1::bool b) s WHERE s.b
----
MERGE INTO victim v USING (SELECT $1::bool b) s ON s.b WHEN MATCHED THEN DELETE
----
DELETE FROM victim WHERE val ~ coalesce($1,'')
----
DELETE FROM victim WHERE length($1)=0 OR val=$1
----
DELETE FROM victim WHERE n IS NOT DISTINCT FROM coalesce($1,n)
----
DELETE FROM victim WHERE id<>ALL($1::int[])
----
DELETE FROM victim WHERE NOT (id=ANY($1::int[]))
----
DELETE FROM victim WHERE cardinality($1::int[])=0 OR id=ANY($1)
