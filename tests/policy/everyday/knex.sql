select version();
----
create table "users" ("id" serial primary key, "email" varchar(255), "age" integer default '0', "data" jsonb, "created_at" timestamptz not null default CURRENT_TIMESTAMP, "updated_at" timestamptz not null default CURRENT_TIMESTAMP, "st" text check ("st" in ('a', 'b')))
----
alter table "users" add constraint "users_email_unique" unique ("email")
----
create index "users_age_index" on "users" ("age")
----
create table "posts" ("id" uuid default gen_random_uuid(), "user_id" integer, constraint "posts_pkey" primary key ("id"))
----
alter table "posts" add constraint "posts_user_id_foreign" foreign key ("user_id") references "users" ("id") on delete CASCADE
----
alter table "users" add column "nick" varchar(255) null
----
create index "users_nick_age_index" on "users" ("nick", "age")
----
select * from information_schema.tables where table_name = $1 and table_schema = current_schema()
----
select * from information_schema.columns where table_name = $1 and column_name = $2 and table_schema = current_schema()
----
insert into "users" ("email") values ($1), ($2) returning "id"
----
insert into "users" ("age", "email") values ($1, $2) on conflict ("email") do update set "age" = excluded."age", "email" = excluded."email"
----
update "users" set "age" = $1 where "id" = $2
----
update "users" set "age" = "age" + $1 where "id" = $2
----
delete from "users" where "id" in ($1, $2)
----
delete from "users" where "created_at" < $1 or "email" is null
----
delete from "users" where not exists (select * from "posts" where posts.user_id = users.id) and "age" > $1
----
BEGIN;
----
select * from "users" where "id" = $1 for update
----
update "users" set "age" = $1 where "email" like $2
----
COMMIT;
----
select * from "users" inner join "posts" on "posts"."user_id" = "users"."id" group by "users"."id", "posts"."id" order by "users"."id" asc limit $1 offset $2
----
select count(*) from "users"
----
select * from information_schema.columns where table_name = $1 and table_catalog = current_database() and table_schema = current_schema()
----
select * from "users" where jsonb_path_query_first("data", $1)::int = $2
----
create table "knex_migrations" ("id" serial primary key, "name" varchar(255), "batch" integer, "migration_time" timestamptz)
----
create table "knex_migrations_lock" ("index" serial primary key, "is_locked" integer)
----
select * from "knex_migrations_lock"
----
insert into "knex_migrations_lock" ("is_locked") values ($1)
----
select "name" from "knex_migrations" order by "id" asc
----
update "knex_migrations_lock" set "is_locked" = $1 where "is_locked" = $2
----
select max("batch") as "max_batch" from "knex_migrations"
----
create table "m" ("id" serial primary key)
----
insert into "knex_migrations" ("batch", "migration_time", "name") values ($1, $2, $3)
----
update "knex_migrations_lock" set "is_locked" = $1
----
select * from "knex_migrations"
----
