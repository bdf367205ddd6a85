SELECT pg_try_advisory_lock(7241865325823964) AS "lockObtained"
----
SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_name = 'pgm'
----
CREATE TABLE "public"."pgm" (id SERIAL PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp NOT NULL)
----
SELECT name FROM "public"."pgm" ORDER BY run_on, id
----
BEGIN;
----
CREATE TABLE "t" (
  "id" serial PRIMARY KEY,
  "n" text NOT NULL
);
----
ALTER TABLE "t"
  ADD "k" integer DEFAULT 1;
----
CREATE INDEX "t_k_index" ON "t" ("k");
----
INSERT INTO "public"."pgm" (name, run_on) VALUES ('1_a', NOW());
----
COMMIT;
----
SELECT pg_advisory_unlock(7241865325823964) AS "lockReleased"
----
