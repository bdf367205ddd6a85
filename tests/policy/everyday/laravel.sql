select * from "users" where "email" = $1 and "users"."deleted_at" is null limit 1
----
update "users" set "remember_token" = $1, "updated_at" = $2 where "id" = $3
----
update "posts" set "deleted_at" = $1, "updated_at" = $2 where "posts"."user_id" = $3 and "posts"."user_id" is not null and "posts"."deleted_at" is null
----
delete from "sessions" where "last_activity" <= $1
----
delete from "cache" where "expiration" <= $1
----
delete from "cache" where "key" in ($1, $2)
----
insert into "cache" ("expiration", "key", "value") values ($1, $2, $3) on conflict ("key") do update set "expiration" = "excluded"."expiration", "key" = "excluded"."key", "value" = "excluded"."value"
----
update "cache_locks" set "owner" = $1, "expiration" = $2 where "key" = $3 and ("owner" = $4 or "expiration" <= $5)
----
select * from "jobs" where "queue" = $1 and (("reserved_at" is null and "available_at" <= $2) or ("reserved_at" <= $3)) order by "id" asc limit 1 for update SKIP LOCKED
----
update "jobs" set "reserved_at" = $1, "attempts" = $2 where "id" = $3
----
delete from "jobs" where "id" = $1
----
delete from "failed_jobs" where "failed_at" <= $1
----
update "products" set "stock" = "stock" - 1 where "id" = $1 and "stock" >= $2
----
update "users" set "settings" = jsonb_set("settings"::jsonb, '{"theme"}', $1) where "id" = $2
----
update "users" set "votes" = $1 where ctid in (select "users"."ctid" from "users" inner join "posts" on "posts"."user_id" = "users"."id" where "posts"."id" = $2)
----
select c.relname as name, n.nspname as schema, pg_total_relation_size(c.oid) as size, obj_description(c.oid, 'pg_class') as comment from pg_class c, pg_namespace n where c.relkind in ('r', 'p') and n.oid = c.relnamespace and n.nspname not in ('pg_catalog', 'information_schema') order by c.relname
----
select exists (select 1 from pg_class c, pg_namespace n where n.nspname = 'public' and c.relname = 'migrations' and c.relkind in ('r', 'p') and n.oid = c.relnamespace)
----
create table "migrations" ("id" serial not null primary key, "migration" varchar(255) not null, "batch" integer not null)
----
alter table "users" add column "phone" varchar(255) null, add column "active" boolean not null default '1'
----
alter table "posts" add constraint "posts_user_id_foreign" foreign key ("user_id") references "users" ("id") on delete cascade
----
set names 'utf8'
----
set search_path to "public"
----
set time zone 'UTC'
----
set session characteristics as transaction isolation level read committed
