SET search_path="$user",shop
-- then
DELETE FROM orders
----
SELECT set_config('search_path','shop',false)
-- then
TRUNCATE orders
----
SET search_path=shop
-- then
SET search_path=DEFAULT
-- then
SET search_path=shop
-- then
UPDATE orders SET total=0
----
BEGIN; SET LOCAL search_path=shop; DROP TABLE orders; COMMIT
----
DROP TABLE U&"\0076\0069ctim"
----
DROP TABLE U&"vict!+000069m" UESCAPE '!'
----
TRUNCATE PUBLIC.VICTIM
----
DROP TABLE ÄÖ
----
DROP TABLE "ééééééééééééééééééééééééééééééééx"
----
DELETE FROM "victim" "where" WHERE "where".id="where".id
----
DELETE FROM evasion.public.victim
----
UPDATE public.victim SET val='' WHERE victim.id=victim.id
----
DROP TABLE IF EXISTS "Victim", victim
----
ALTER TABLE IF EXISTS public."victim" DROP "val"
