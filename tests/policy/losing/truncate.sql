TRUNCATE ONLY victim
----
TRUNCATE notes, victim RESTART IDENTITY
----
TRUNCATE parent CASCADE
----
TRUNCATE part
----
TRUNCATE part_b CONTINUE IDENTITY RESTRICT
----
TRUNCATE shop.orders
----
BEGIN;TRUNCATE victim;END
----
truncate table	victim
----
TRUNCATE
TABLE
"public"."victim"
----
PREPARE x AS SELECT 1; TRUNCATE victim
