BEGIN;
----
select pg_catalog.version()
----
select current_schema()
----
show transaction isolation level
----
show standard_conforming_strings
----
ROLLBACK;
----
SELECT pg_catalog.pg_class.relname
FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace
WHERE pg_catalog.pg_class.relname IN ($7::VARCHAR, $8::VARCHAR) AND pg_catalog.pg_class.relkind = ANY (ARRAY[$1::VARCHAR, $2::VARCHAR, $3::VARCHAR, $4::VARCHAR, $5::VARCHAR]) AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid) AND pg_catalog.pg_namespace.nspname != $6::VARCHAR
----
SELECT pg_catalog.pg_type.typname
FROM pg_catalog.pg_type JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_type.typnamespace
WHERE pg_catalog.pg_type.typname = $1::VARCHAR AND pg_catalog.pg_type_is_visible(pg_catalog.pg_type.oid) AND pg_catalog.pg_namespace.nspname != $2::VARCHAR
----
CREATE TYPE st AS ENUM ('a', 'b')
----
CREATE TABLE parent (
	id SERIAL NOT NULL,
	name VARCHAR,
	at TIMESTAMP WITHOUT TIME ZONE DEFAULT now() NOT NULL,
	data JSONB,
	tags TEXT[],
	st st,
	ver INTEGER DEFAULT '1' NOT NULL,
	PRIMARY KEY (id)
)
----
CREATE TABLE child (
	id SERIAL NOT NULL,
	pid INTEGER NOT NULL,
	v VARCHAR,
	PRIMARY KEY (id),
	FOREIGN KEY(pid) REFERENCES parent (id)
)
----
INSERT INTO parent (name, ver) VALUES ($1::VARCHAR, $2::INTEGER) RETURNING parent.id
----
select 1
----
UPDATE parent SET name=$1::VARCHAR WHERE parent.id = $2::INTEGER
----
COMMIT;
----
create type pt as (a int, b text)
----
SELECT
                        current_setting('jit') AS cur,
                        set_config('jit', 'off', false) AS new
----
SELECT
                    set_config('jit', $1, false)
----
select row(1,'x')::pt, array['a'::st]
----
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY;
----
select count(*) from parent
----
insert into child(id,pid,v) values($1,$2,$3)
----
COPY "child" FROM STDIN (FORMAT binary)
----
select * from child
----
LISTEN "ch"
----
SELECT pg_advisory_unlock_all();
CLOSE ALL;
UNLISTEN *;
RESET ALL;
----
