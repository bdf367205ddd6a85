CREATE SCHEMA IF NOT EXISTS "drizzle"
----
CREATE TABLE IF NOT EXISTS "drizzle"."__drizzle_migrations" (
				id SERIAL PRIMARY KEY,
				hash text NOT NULL,
				created_at bigint
			)
----
select id, hash, created_at from "drizzle"."__drizzle_migrations" order by created_at desc limit 1
----
begin
----
CREATE TABLE "users" ("id" serial PRIMARY KEY NOT NULL, "name" text, "age" integer DEFAULT 0, "at" timestamp DEFAULT now(), "d" jsonb);
----
CREATE TABLE "posts" ("id" serial PRIMARY KEY NOT NULL, "uid" integer);
----
ALTER TABLE "posts" ADD CONSTRAINT "posts_uid_users_id_fk" FOREIGN KEY ("uid") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;
----
insert into "drizzle"."__drizzle_migrations" ("hash", "created_at") values($1, $2)
----
commit
----
insert into "users" ("id", "name", "age", "at", "d") values (default, $1, default, default, default), (default, $2, default, default, default) returning "id", "name", "age", "at", "d"
----
insert into "users" ("id", "name", "age", "at", "d") values ($1, $2, default, default, default) on conflict ("id") do update set "name" = $3
----
update "users" set "age" = "users"."age"+1 where "users"."id" = $1
----
delete from "users" where ("users"."at" < $1 and "users"."d" is null)
----
delete from "users" where "users"."id" in ($1, $2)
----
select "users"."id", "users"."name", "users"."age", "users"."at", "users"."d", "users_posts"."data" as "posts" from "users" "users" left join lateral (select coalesce(json_agg(json_build_array("users_posts"."id", "users_posts"."uid")), '[]'::json) as "data" from "posts" "users_posts" where "users_posts"."uid" = "users"."id") "users_posts" on true limit $1
----
select "users"."id", "users"."name", "users"."age", "users"."at", "users"."d", "posts"."id", "posts"."uid" from "users" left join "posts" on "posts"."uid" = "users"."id" where "users"."name" ilike $1 order by "users"."id" limit $2
----
select "id", "name", "age", "at", "d" from "users" for update skip locked
----
savepoint sp1
----
rollback to savepoint sp1
----
select count(*) from "users"
----
----
select "id", "name" from "users" where "users"."id" = $1
----
update "users" set "name" = $1 where "users"."id" = $2 returning "id", "name"
----
delete from "users" where ("users"."id" = $1 and "users"."org_id" = $2)
----
insert into "users" ("id", "name") values (default, $1), (default, $2) on conflict ("id") do update set "name" = excluded.name
----
update "users" set "cnt" = "users"."cnt" + 1 where "users"."id" in ($1, $2)
----
update "products" set "price" = (case when "id" = $1 then $2 when "id" = $3 then $4 end) where "products"."id" in ($5, $6)
----
with "sq" as (select "id" from "users" where "users"."id" = $1) delete from "posts" where "posts"."user_id" in (select "id" from "sq")
----
select "id", (select coalesce(json_agg(json_build_array("p"."id")), '[]'::json) from "posts" "p" where "p"."user_id" = "users"."id") from "users"
----
CREATE TABLE IF NOT EXISTS "drizzle"."__drizzle_migrations" (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at bigint)
----
DO $$ BEGIN ALTER TABLE "posts" ADD CONSTRAINT "posts_fk" FOREIGN KEY ("user_id") REFERENCES "users"("id"); EXCEPTION WHEN duplicate_object THEN null; END $$
----
DO $$ BEGIN CREATE TYPE "role" AS ENUM('a', 'b'); EXCEPTION WHEN duplicate_object THEN null; END $$
