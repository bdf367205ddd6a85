SELECT pg_catalog.set_config('search_path', '', false);
----
RESET search_path;
----
SELECT c.relname, ns.nspname FROM pg_catalog.pg_class c
 JOIN pg_catalog.pg_namespace ns ON c.relnamespace OPERATOR(pg_catalog.=) ns.oid
 LEFT JOIN pg_catalog.pg_class t ON c.reltoastrelid OPERATOR(pg_catalog.=) t.oid
 WHERE c.relpersistence OPERATOR(pg_catalog.!=) 't'
 AND c.relkind OPERATOR(pg_catalog.=) ANY (array['r', 'm'])
 ORDER BY c.relpages DESC;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_proc;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_attribute;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_description;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_statistic;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_type;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_class;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_operator;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_rewrite;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_depend;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) information_schema.sql_features;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_amop;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_amproc;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_index;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_ts_config_map;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_constraint;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_opclass;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_init_privs;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_opfamily;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_cast;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_aggregate;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_conversion;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_shdescription;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_ts_dict;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_ts_parser;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_ts_template;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_extension;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_am;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_language;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_collation;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_range;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_authid;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) information_schema.sql_parts;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) information_schema.sql_implementation_info;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) information_schema.sql_sizing;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_namespace;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_database;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_tablespace;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_auth_members;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_ts_config;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_publication;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_foreign_table;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_statistic_ext_data;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_user_mapping;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_subscription;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_attrdef;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_inherits;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_largeobject_metadata;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_statistic_ext;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_trigger;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_event_trigger;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_enum;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_db_role_setting;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_shdepend;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_foreign_data_wrapper;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_foreign_server;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_policy;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_replication_origin;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_default_acl;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_seclabel;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_shseclabel;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_parameter_acl;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_partitioned_table;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_transform;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_sequence;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_publication_namespace;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_publication_rel;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_subscription_rel;
----
VACUUM (SKIP_DATABASE_STATS, ANALYZE) pg_catalog.pg_largeobject;
----
VACUUM (ONLY_DATABASE_STATS);
----
REINDEX DATABASE CONCURRENTLY alembic;
----
CLUSTER;
----
BEGIN
----
select pg_catalog.version()
----
select current_schema()
----
show transaction isolation level
----
show standard_conforming_strings
----
SAVEPOINT "_pg3_1"
----
SELECT
    typname AS name, oid, typarray AS array_oid,
    oid::regtype::text AS regtype, typdelim AS delimiter
FROM pg_type t
WHERE t.oid = to_regtype($1)
ORDER BY t.oid
----
RELEASE "_pg3_1"
----
ROLLBACK
----
SELECT pg_catalog.pg_class.relname
FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace
WHERE pg_catalog.pg_class.relname IN ($1::VARCHAR) AND pg_catalog.pg_class.relkind = ANY (ARRAY[$2::VARCHAR, $3::VARCHAR, $4::VARCHAR, $5::VARCHAR, $6::VARCHAR]) AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid) AND pg_catalog.pg_namespace.nspname != $7::VARCHAR
----
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)
----
CREATE TABLE acc (
	id SERIAL NOT NULL,
	name VARCHAR(50) NOT NULL,
	PRIMARY KEY (id)
)
----
ALTER TABLE acc ADD COLUMN last TIMESTAMP WITHOUT TIME ZONE DEFAULT now()
----
CREATE UNIQUE INDEX ix ON acc (name)
----
CREATE TABLE b (
	id SERIAL NOT NULL,
	aid INTEGER,
	PRIMARY KEY (id)
)
----
ALTER TABLE b ADD CONSTRAINT fk FOREIGN KEY(aid) REFERENCES acc (id)
----
ALTER TABLE acc ADD CONSTRAINT ck CHECK (id>0)
----
ALTER TABLE b ADD CONSTRAINT uq UNIQUE (aid)
----
ALTER TABLE acc ALTER COLUMN name DROP NOT NULL
----
ALTER TABLE acc ALTER COLUMN name SET DEFAULT 'x'
----
INSERT INTO acc (id, name) VALUES ($1, $2)
----
COMMENT ON TABLE acc IS 'hi'
----
UPDATE acc SET name='b' WHERE id=1
----
INSERT INTO alembic_version(version_num) VALUES ('1')
----
UPDATE alembic_version SET version_num='2' WHERE alembic_version.version_num = '1'
----
SELECT pg_catalog.pg_class.relname
FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace
WHERE pg_catalog.pg_class.relkind = ANY (ARRAY[$1::VARCHAR, $2::VARCHAR]) AND pg_catalog.pg_class.relpersistence != $3::VARCHAR AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid) AND pg_catalog.pg_namespace.nspname != $4::VARCHAR
----
SELECT pg_catalog.pg_class.oid, pg_catalog.pg_class.relname
FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace
WHERE pg_catalog.pg_class.relkind = ANY (ARRAY[$1::VARCHAR, $2::VARCHAR, $3::VARCHAR]) AND pg_catalog.pg_class.relpersistence != $4::VARCHAR AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid) AND pg_catalog.pg_namespace.nspname != $5::VARCHAR AND pg_catalog.pg_class.relname IN ($6::VARCHAR, $7::VARCHAR)
----
SELECT attr.conrelid, array_agg(CAST(attr.attname AS TEXT) ORDER BY attr.ord) AS cols, attr.conname, min(attr.description) AS description, min(attr.indnkeyatts) AS indnkeyatts, bool_and(attr.indnullsnotdistinct) AS indnullsnotdistinct
FROM (SELECT con.conrelid AS conrelid, con.conname AS conname, con.description AS description, con.ord AS ord, con.indnkeyatts AS indnkeyatts, con.indnullsnotdistinct AS indnullsnotdistinct, pg_catalog.pg_attribute.attname AS attname
FROM pg_catalog.pg_attribute JOIN (SELECT pg_catalog.pg_constraint.conrelid AS conrelid, pg_catalog.pg_constraint.conname AS conname, unnest(pg_catalog.pg_index.indkey) AS attnum, generate_subscripts(pg_catalog.pg_index.indkey, $1::INTEGER) AS ord, pg_catalog.pg_index.indnkeyatts AS indnkeyatts, pg_catalog.pg_index.indnullsnotdistinct AS indnullsnotdistinct, pg_catalog.pg_description.description AS description
FROM pg_catalog.pg_constraint JOIN pg_catalog.pg_index ON pg_catalog.pg_constraint.conindid = pg_catalog.pg_index.indexrelid LEFT OUTER JOIN pg_catalog.pg_description ON pg_catalog.pg_description.objoid = pg_catalog.pg_constraint.oid AND pg_catalog.pg_description.classoid = CAST($2 AS REGCLASS)
WHERE pg_catalog.pg_constraint.contype = $3::VARCHAR AND pg_catalog.pg_constraint.conrelid IN ($4, $5)) AS con ON pg_catalog.pg_attribute.attnum = con.attnum AND pg_catalog.pg_attribute.attrelid = con.conrelid
WHERE con.conrelid IN ($4, $5)) AS attr GROUP BY attr.conrelid, attr.conname ORDER BY attr.conrelid, attr.conname
----
SELECT pg_catalog.pg_class.relname, pg_catalog.pg_constraint.conname, CASE WHEN (pg_catalog.pg_constraint.oid IS NOT NULL) THEN pg_catalog.pg_get_constraintdef(pg_catalog.pg_constraint.oid, $1) END AS anon_1, nsp_ref.nspname, pg_catalog.pg_description.description
FROM pg_catalog.pg_class LEFT OUTER JOIN pg_catalog.pg_constraint ON pg_catalog.pg_class.oid = pg_catalog.pg_constraint.conrelid AND pg_catalog.pg_constraint.contype = $2::VARCHAR LEFT OUTER JOIN pg_catalog.pg_class AS cls_ref ON cls_ref.oid = pg_catalog.pg_constraint.confrelid LEFT OUTER JOIN pg_catalog.pg_namespace AS nsp_ref ON cls_ref.relnamespace = nsp_ref.oid LEFT OUTER JOIN pg_catalog.pg_description ON pg_catalog.pg_description.objoid = pg_catalog.pg_constraint.oid AND pg_catalog.pg_description.classoid = CAST($3 AS REGCLASS) JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace
WHERE pg_catalog.pg_class.relkind = ANY (ARRAY[$4::VARCHAR, $5::VARCHAR, $6::VARCHAR]) AND pg_catalog.pg_class.relpersistence != $7::VARCHAR AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid) AND pg_catalog.pg_namespace.nspname != $8::VARCHAR AND pg_catalog.pg_class.relname IN ($9::VARCHAR, $10::VARCHAR) ORDER BY pg_catalog.pg_class.relname, pg_catalog.pg_constraint.conname
----
SELECT pg_catalog.pg_am.oid, pg_catalog.pg_am.amname
FROM pg_catalog.pg_am
WHERE pg_catalog.pg_am.amname = $1::VARCHAR
----
SELECT pg_catalog.pg_opclass.oid, pg_catalog.pg_opclass.opcname
FROM pg_catalog.pg_opclass
WHERE NOT pg_catalog.pg_opclass.opcdefault
----
SELECT pg_catalog.pg_index.indrelid, pg_catalog.pg_class.relname, pg_catalog.pg_index.indisunique, pg_catalog.pg_index.indisvalid, pg_catalog.pg_constraint.conrelid IS NOT NULL AS has_constraint, pg_catalog.pg_index.indoption, pg_catalog.pg_class.reloptions, pg_catalog.pg_class.relam, CASE WHEN (pg_catalog.pg_index.indpred IS NOT NULL) THEN pg_catalog.pg_get_expr(pg_catalog.pg_index.indpred, pg_catalog.pg_index.indrelid) END AS filter_definition, pg_catalog.pg_index.indnkeyatts, pg_catalog.pg_index.indnullsnotdistinct, idx_cols.elements, idx_cols.elements_is_expr, idx_cols.elements_opclass
FROM pg_catalog.pg_index JOIN pg_catalog.pg_class ON pg_catalog.pg_index.indexrelid = pg_catalog.pg_class.oid LEFT OUTER JOIN (SELECT idx_attr.indexrelid AS indexrelid, min(idx_attr.indrelid) AS min_1, array_agg(idx_attr.element ORDER BY idx_attr.ord) AS elements, array_agg(idx_attr.is_expr ORDER BY idx_attr.ord) AS elements_is_expr, array_agg(idx_attr.att_opclass ORDER BY idx_attr.ord) AS elements_opclass
FROM (SELECT idx.indexrelid AS indexrelid, idx.indrelid AS indrelid, idx.ord AS ord, CASE WHEN (idx.attnum = $1::INTEGER) THEN pg_catalog.pg_get_indexdef(idx.indexrelid, idx.ord + $2::INTEGER, $3) ELSE CAST(pg_catalog.pg_attribute.attname AS TEXT) END AS element, idx.attnum = $4::INTEGER AS is_expr, CAST(idx.att_opclass AS BIGINT) AS att_opclass
FROM (SELECT pg_catalog.pg_index.indexrelid AS indexrelid, pg_catalog.pg_index.indrelid AS indrelid, unnest(pg_catalog.pg_index.indkey) AS attnum, unnest(pg_catalog.pg_index.indclass) AS att_opclass, generate_subscripts(pg_catalog.pg_index.indkey, $5::INTEGER) AS ord
FROM pg_catalog.pg_index
WHERE NOT pg_catalog.pg_index.indisprimary AND pg_catalog.pg_index.indrelid IN ($6, $7)) AS idx LEFT OUTER JOIN pg_catalog.pg_attribute ON pg_catalog.pg_attribute.attnum = idx.attnum AND pg_catalog.pg_attribute.attrelid = idx.indrelid
WHERE idx.indrelid IN ($6, $7)) AS idx_attr GROUP BY idx_attr.indexrelid) AS idx_cols ON pg_catalog.pg_index.indexrelid = idx_cols.indexrelid LEFT OUTER JOIN pg_catalog.pg_constraint ON pg_catalog.pg_index.indrelid = pg_catalog.pg_constraint.conrelid AND pg_catalog.pg_index.indexrelid = pg_catalog.pg_constraint.conindid AND pg_catalog.pg_constraint.contype = ANY (ARRAY[$8::VARCHAR, $9::VARCHAR, $10::VARCHAR])
WHERE pg_catalog.pg_index.indrelid IN ($6, $7) AND NOT pg_catalog.pg_index.indisprimary ORDER BY pg_catalog.pg_index.indrelid, pg_catalog.pg_class.relname
----
SELECT pg_catalog.pg_class.relname, pg_catalog.pg_description.description
FROM pg_catalog.pg_class LEFT OUTER JOIN pg_catalog.pg_description ON pg_catalog.pg_class.oid = pg_catalog.pg_description.objoid AND pg_catalog.pg_description.objsubid = $1::INTEGER AND pg_catalog.pg_description.classoid = CAST($2 AS REGCLASS) JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace
WHERE pg_catalog.pg_class.relkind = ANY (ARRAY[$3::VARCHAR, $4::VARCHAR, $5::VARCHAR]) AND pg_catalog.pg_class.relpersistence != $6::VARCHAR AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid) AND pg_catalog.pg_namespace.nspname != $7::VARCHAR AND pg_catalog.pg_class.relname IN ($8::VARCHAR, $9::VARCHAR)
----
SELECT pg_catalog.pg_class.relname, pg_catalog.pg_constraint.conname, CASE WHEN (pg_catalog.pg_constraint.oid IS NOT NULL) THEN pg_catalog.pg_get_constraintdef(pg_catalog.pg_constraint.oid, $1) END AS anon_1, pg_catalog.pg_description.description
FROM pg_catalog.pg_class LEFT OUTER JOIN pg_catalog.pg_constraint ON pg_catalog.pg_class.oid = pg_catalog.pg_constraint.conrelid AND pg_catalog.pg_constraint.contype = $2::VARCHAR LEFT OUTER JOIN pg_catalog.pg_description ON pg_catalog.pg_description.objoid = pg_catalog.pg_constraint.oid AND pg_catalog.pg_description.classoid = CAST($3 AS REGCLASS) JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace
WHERE pg_catalog.pg_class.relkind = ANY (ARRAY[$4::VARCHAR, $5::VARCHAR, $6::VARCHAR]) AND pg_catalog.pg_class.relpersistence != $7::VARCHAR AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid) AND pg_catalog.pg_namespace.nspname != $8::VARCHAR AND pg_catalog.pg_class.relname IN ($9::VARCHAR, $10::VARCHAR) ORDER BY pg_catalog.pg_class.relname, pg_catalog.pg_constraint.conname
----
SELECT pg_catalog.pg_class.oid, pg_catalog.pg_class.relname, pg_catalog.pg_class.reloptions, NULL AS relhasoids, CASE WHEN (pg_catalog.pg_am.amname IS NOT NULL AND pg_catalog.pg_am.amname != current_setting($1::VARCHAR)) THEN pg_catalog.pg_am.amname ELSE NULL END AS access_method_name, pg_catalog.pg_tablespace.spcname AS tablespace_name, inherits.parent_table_names
FROM pg_catalog.pg_class LEFT OUTER JOIN pg_catalog.pg_am ON pg_catalog.pg_class.relam = pg_catalog.pg_am.oid LEFT OUTER JOIN (SELECT pg_catalog.pg_inherits.inhrelid AS inhrelid, array_agg(pg_catalog.pg_class.relname ORDER BY pg_catalog.pg_inherits.inhseqno) AS parent_table_names
FROM pg_catalog.pg_inherits JOIN pg_catalog.pg_class ON pg_catalog.pg_inherits.inhparent = pg_catalog.pg_class.oid GROUP BY pg_catalog.pg_inherits.inhrelid) AS inherits ON pg_catalog.pg_class.oid = inherits.inhrelid LEFT OUTER JOIN pg_catalog.pg_tablespace ON pg_catalog.pg_tablespace.oid = pg_catalog.pg_class.reltablespace JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace
WHERE pg_catalog.pg_class.relkind = ANY (ARRAY[$2::VARCHAR, $3::VARCHAR, $4::VARCHAR]) AND pg_catalog.pg_class.relpersistence != $5::VARCHAR AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid) AND pg_catalog.pg_namespace.nspname != $6::VARCHAR AND pg_catalog.pg_class.relname IN ($7::VARCHAR, $8::VARCHAR)
----
select c.relname, a.attname from pg_class as c join pg_depend d on d.objid=c.oid and d.classid='pg_class'::regclass and d.refclassid='pg_class'::regclass join pg_class t on t.oid=d.refobjid join pg_attribute a on a.attrelid=t.oid and a.attnum=d.refobjsubid where c.relkind='S' and c.oid=cast($1 as regclass)
----
COMMIT
----
