WITH a AS (DELETE FROM victim RETURNING id) INSERT INTO notes(body) SELECT id::text FROM a
----
WITH a AS (SELECT 1), b AS (WITH c AS (SELECT 2) SELECT * FROM c) DELETE FROM victim
----
WITH a AS (UPDATE victim SET val='' RETURNING *) SELECT count(*) FROM a
----
INSERT INTO notes(body) WITH d AS (SELECT 1) SELECT 'x' FROM d; DELETE FROM victim
----
EXPLAIN (ANALYZE) DELETE FROM victim
----
EXPLAIN (ANALYZE on) DELETE FROM victim
----
EXPLAIN (ANALYZE 1, VERBOSE false) UPDATE victim SET n=0
----
EXPLAIN (FORMAT json, ANALYZE 'true') DELETE FROM victim
----
EXPLAIN (ANALYZE false, ANALYZE true) DELETE FROM victim
----
EXPLAIN ("analyze") DELETE FROM victim
----
EXPLAIN (COSTS off, BUFFERS, ANALYZE, TIMING off) MERGE INTO victim v USING parent p ON true WHEN MATCHED AND p.id=1 THEN DELETE
----
EXPLAIN ANALYSE DELETE FROM victim
----
EXPLAIN ANALYZE VERBOSE UPDATE victim SET val=''
----
EXPLAIN (ANALYZE TRUE, SETTINGS) WITH a AS (DELETE FROM victim RETURNING 1) TABLE a
----
COPY (DELETE FROM victim RETURNING *) TO STDOUT
----
COPY (UPDATE victim SET val='' RETURNING id) TO STDOUT WITH (FORMAT csv)
----
COPY (INSERT INTO victim SELECT id,'',0 FROM victim ON CONFLICT(id) DO UPDATE SET val='' RETURNING 1) TO STDOUT
----
PREPARE p AS DELETE FROM victim
-- then
EXECUTE p
----
PREPARE p AS DELETE FROM victim; EXECUTE p
----
PREPARE p(int) AS UPDATE victim SET n=$1
-- then
EXPLAIN ANALYZE EXECUTE p(3)
----
PREPARE "P x" AS DELETE FROM victim WHERE id=id
-- then
EXECUTE "P x"
----
PREPARE p(text) AS DELETE FROM victim WHERE val LIKE coalesce($1,'%')
-- then
EXECUTE p(NULL)
----
PREPARE p(int) AS DELETE FROM victim WHERE $1 IS NULL OR id=$1
-- then
EXECUTE p(NULL)
----
BEGIN; DECLARE c CURSOR FOR SELECT f_wipe(); FETCH ALL FROM c; COMMIT
----
BEGIN
-- then
DECLARE c CURSOR FOR SELECT f_wipe()
-- then
MOVE ALL IN c
-- then
COMMIT
----
BEGIN
-- then
DECLARE c CURSOR WITH HOLD FOR SELECT f_wipe()
-- then
COMMIT
----
CREATE RULE r AS ON UPDATE TO parent DO ALSO DELETE FROM victim
-- then
UPDATE parent SET val='z' WHERE id=1
----
CREATE RULE r AS ON INSERT TO notes DO ALSO (SELECT 1; DELETE FROM victim)
-- then
INSERT INTO notes(body) VALUES('x')
----
CREATE FUNCTION tg() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN DELETE FROM victim; RETURN NEW; END$$
-- then
CREATE TRIGGER t AFTER INSERT ON notes FOR EACH ROW EXECUTE FUNCTION tg()
-- then
INSERT INTO notes(body) VALUES('x')
----
CREATE FUNCTION tg() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN TRUNCATE victim; RETURN NULL; END$$
-- then
CREATE CONSTRAINT TRIGGER t AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tg()
-- then
INSERT INTO notes(body) VALUES('x')
----
CREATE VIEW vw AS SELECT f_wipe() AS x
-- then
SELECT * FROM vw
----
CREATE TABLE zz(a int DEFAULT f_wipe())
-- then
INSERT INTO zz DEFAULT VALUES
----
CREATE TABLE zz(a int CHECK (f_wipe()>0))
-- then
INSERT INTO zz VALUES(1)
----
CREATE DOMAIN dz AS int CHECK (f_wipe()>0)
-- then
SELECT 5::dz
----
CREATE TABLE zz(a int)
-- then
INSERT INTO zz VALUES(1)
-- then
ALTER TABLE zz ALTER a TYPE text USING f_wipe()::text
----
CREATE TABLE zz(a int)
-- then
INSERT INTO zz VALUES(1)
-- then
CREATE INDEX ON zz((f_im(a)))
----
CREATE POLICY pz ON notes USING (f_wipe()>0)
-- then
ALTER TABLE notes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
-- then
SELECT * FROM notes
----
CREATE AGGREGATE agz(int) (sfunc=f_agg, stype=int)
-- then
SELECT agz(id) FROM parent
----
CREATE CAST (pair AS int) WITH FUNCTION g(pair)
-- then
SELECT ROW(1,2)::pair::int
----
CREATE PROCEDURE pz() LANGUAGE sql AS 'DELETE FROM victim'
-- then
CALL pz()
----
CREATE PROCEDURE pz() BEGIN ATOMIC DELETE FROM victim; END
-- then
CALL pz()
----
CREATE FUNCTION fz() RETURNS void BEGIN ATOMIC UPDATE victim SET n=0; END; SELECT fz()
----
CREATE FUNCTION fz() RETURNS SETOF victim LANGUAGE sql AS 'DELETE FROM victim RETURNING *'
-- then
TABLE v_parent; SELECT * FROM fz()
----
CREATE FUNCTION fz() RETURNS int LANGUAGE plpgsql SET search_path=public AS 'BEGIN DELETE FROM victim; RETURN 1; END'
-- then
SELECT fz()
