BEGIN
-- then
DELETE FROM victim
-- then
COMMIT
----
BEGIN; DELETE FROM victim
-- then
END
----
BEGIN
-- then
DELETE FROM victim
-- then
PREPARE TRANSACTION 'x1'
-- then
COMMIT PREPARED 'x1'
----
SELECT 1; DELETE FROM victim; SELECT 1
----
BEGIN
-- then
SELECT 1/0
-- then
COMMIT
-- then
DROP TABLE victim
----
ABORT; DELETE FROM victim
----
BEGIN READ ONLY; ROLLBACK; DELETE FROM victim
----
SET default_transaction_read_only=on
-- then
BEGIN READ WRITE; DELETE FROM victim; COMMIT
----
COMMIT; DELETE FROM victim
----
DISCARD ALL
-- then
DELETE FROM victim
----
BEGIN ISOLATION LEVEL SERIALIZABLE; DELETE FROM victim; COMMIT AND CHAIN; COMMIT
