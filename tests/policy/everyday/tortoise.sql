CREATE TABLE IF NOT EXISTS "t" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "name" VARCHAR(50) NOT NULL,
    "j" JSONB
);
----
SELECT pg_advisory_unlock_all();
CLOSE ALL;
UNLISTEN *;
RESET ALL;
----
INSERT INTO "t" ("name","j") VALUES ($1,$2) RETURNING "id"
----
UPDATE "t" SET "name"=$1,"j"=$2 WHERE "id"=$3
----
UPDATE "t" SET "name"=$1 WHERE "name"=$2
----
BEGIN;
----
COMMIT;
----
DELETE FROM "t" WHERE UPPER(CAST("name" AS VARCHAR)) LIKE UPPER($1) ESCAPE '\'
----
DELETE FROM "t" WHERE "id"=$1
----
SELECT COUNT(*) FROM "t"
----
