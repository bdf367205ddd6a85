SELECT "__diesel_schema_migrations"."version" FROM "__diesel_schema_migrations" ORDER BY "__diesel_schema_migrations"."version" DESC
----
UPDATE "posts" SET "published" = $1 WHERE ("posts"."id" = $2) RETURNING "posts"."id"
----
DELETE FROM "posts" WHERE ("posts"."title" LIKE $1)
----
-- refused: no-unknown-functions
SELECT diesel_manage_updated_at('posts')
----
SET TIME ZONE 'UTC'
----
SET CLIENT_ENCODING TO 'UTF8'
----
-- refused: no-overwrite
CREATE OR REPLACE FUNCTION diesel_set_updated_at() RETURNS trigger AS $$ BEGIN IF ( NEW IS DISTINCT FROM OLD AND NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at ) THEN NEW.updated_at := current_timestamp; END IF; RETURN NEW; END; $$ LANGUAGE plpgsql
