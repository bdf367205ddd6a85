SET extra_float_digits = 3
----
SET application_name = 'PostgreSQL JDBC Driver'
----
SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY
----
SHOW TRANSACTION ISOLATION LEVEL
----
select string_agg(word, ',') from pg_catalog.pg_get_keywords() where word <> ALL ('{a,abs,absolute,action}'::text[])
----
SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM, c.relname AS TABLE_NAME, CASE n.nspname ~ '^pg_' OR n.nspname = 'information_schema' WHEN true THEN CASE WHEN n.nspname = 'pg_catalog' OR n.nspname = 'information_schema' THEN CASE c.relkind WHEN 'r' THEN 'SYSTEM TABLE' WHEN 'v' THEN 'SYSTEM VIEW' ELSE NULL END ELSE NULL END WHEN false THEN CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'v' THEN 'VIEW' ELSE NULL END ELSE NULL END AS TABLE_TYPE, d.description AS REMARKS FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_description d ON (c.oid = d.objoid AND d.objsubid = 0 and d.classoid = 'pg_class'::regclass) WHERE c.relnamespace = n.oid AND c.relname LIKE 'users' ORDER BY TABLE_TYPE,TABLE_SCHEM,TABLE_NAME
----
SELECT * FROM (SELECT n.nspname,c.relname,a.attname,a.atttypid,a.attnotnull OR (t.typtype = 'd' AND t.typnotnull) AS attnotnull,a.atttypmod,a.attlen,t.typtypmod,row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS attnum, nullif(a.attidentity, '') as attidentity,nullif(a.attgenerated, '') as attgenerated,pg_catalog.pg_get_expr(def.adbin, def.adrelid) AS adsrc,dsc.description,t.typbasetype,t.typtype FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON (c.relnamespace = n.oid) JOIN pg_catalog.pg_attribute a ON (a.attrelid=c.oid) JOIN pg_catalog.pg_type t ON (a.atttypid = t.oid) LEFT JOIN pg_catalog.pg_attrdef def ON (a.attrelid=def.adrelid AND a.attnum = def.adnum) LEFT JOIN pg_catalog.pg_description dsc ON (c.oid=dsc.objoid AND a.attnum = dsc.objsubid) WHERE c.relkind in ('r','p','v','f','m') and a.attnum > 0 AND NOT a.attisdropped) c WHERE true ORDER BY nspname,c.relname,attnum
----
select u1_0.id,u1_0.name from users u1_0 where u1_0.id=$1 for no key update
----
insert into users (name,version,id) values ($1,$2,default) returning id
----
select nextval('users_seq')
----
create sequence users_seq start with 1 increment by 50
----
update users set name=$1,version=$2 where id=$3 and version=$4
----
delete from users where id=$1 and version=$2
----
update users u1_0 set name=$1 where u1_0.email like $2 escape ''
----
delete from posts p1_0 where p1_0.user_id=$1
----
alter table if exists posts add constraint FK5lidm6cqbc7u4xhqpxm898qme foreign key (user_id) references users
----
create table posts (id bigint not null, body oid, user_id bigint, primary key (id))
----
SELECT EXISTS(SELECT 1 FROM   pg_catalog.pg_class c JOIN   pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE  n.nspname = 'public' AND    c.relname = 'flyway_schema_history' AND    c.relkind = 'r')
----
CREATE TABLE "public"."flyway_schema_history" ("installed_rank" INT NOT NULL, "version" VARCHAR(50), "description" VARCHAR(200) NOT NULL, "type" VARCHAR(20) NOT NULL, "script" VARCHAR(1000) NOT NULL, "checksum" INTEGER, "installed_by" VARCHAR(100) NOT NULL, "installed_on" TIMESTAMP NOT NULL DEFAULT now(), "execution_time" INTEGER NOT NULL, "success" BOOLEAN NOT NULL)
----
SELECT pg_try_advisory_lock(77431708279161)
----
INSERT INTO "public"."flyway_schema_history" ("installed_rank", "version", "description", "type", "script", "checksum", "installed_by", "execution_time", "success") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
----
UPDATE public.databasechangeloglock SET LOCKED = TRUE, LOCKEDBY = 'host', LOCKGRANTED = NOW() WHERE ID = 1 AND LOCKED = FALSE
----
DELETE FROM public.databasechangeloglock
----
CREATE TABLE BATCH_JOB_INSTANCE (JOB_INSTANCE_ID BIGINT NOT NULL PRIMARY KEY, VERSION BIGINT)
----
UPDATE shedlock SET lock_until = timezone('utc', CURRENT_TIMESTAMP) + cast($1 as interval), locked_at = timezone('utc', CURRENT_TIMESTAMP), locked_by = $2 WHERE name = $3 AND lock_until <= timezone('utc', CURRENT_TIMESTAMP)
----
UPDATE QRTZ_TRIGGERS SET TRIGGER_STATE = $1 WHERE SCHED_NAME = 'x' AND TRIGGER_NAME = $2 AND TRIGGER_GROUP = $3 AND TRIGGER_STATE = $4
----
DELETE FROM SPRING_SESSION WHERE EXPIRY_TIME < $1
----
----
select e1_0.id,e1_0.name,e1_0.version from employee e1_0 where e1_0.id=$1
----
update employee set name=$1,version=$2 where id=$3 and version=$4
----
delete from employee where id=$1 and version=$2
----
select nextval('employee_seq')
----
select next_val as id_val from hibernate_sequences
----
insert into employee (name,version,id) values ($1,$2,$3)
----
update employee e1_0 set salary=(e1_0.salary*1.1) where e1_0.department_id=$1
----
delete from employee e1_0 where e1_0.department_id in (select d1_0.id from department d1_0 where d1_0.closed=true)
----
select e1_0.id from employee e1_0 where e1_0.id=$1 for no key update
----
create temporary table HT_employee (id bigint not null, rn_ integer not null, primary key (id)) on commit drop
----
select tc.constraint_name from information_schema.table_constraints tc where tc.table_name=$1
----
alter table if exists employee add constraint FKabc foreign key (department_id) references department
----
create table employee (version integer, id bigint not null, name varchar(255), primary key (id))
----
create sequence employee_seq start with 1 increment by 50
