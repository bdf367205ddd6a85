CREATE OR REPLACE VIEW v_parent AS SELECT id, val FROM parent WHERE false
----
CREATE OR REPLACE FUNCTION f_benign(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 0'
----
CREATE OR REPLACE PROCEDURE p_benign() LANGUAGE plpgsql AS $$BEGIN RAISE; END$$
----
create or
replace function public.f_benign(int) returns int return 1
----
CREATE OR REPLACE RECURSIVE VIEW v_parent(id,val) AS SELECT 1,'a'::text
----
CREATE OR REPLACE VIEW v_parent WITH (security_barrier) AS SELECT id,val FROM parent LIMIT 1
----
REFRESH MATERIALIZED VIEW mv_parent WITH NO DATA
----
CREATE OR REPLACE TRIGGER t BEFORE DELETE ON victim FOR EACH ROW EXECUTE FUNCTION tf2()
----
CREATE OR REPLACE AGGREGATE ag1(int) (sfunc=int4mi,stype=int,initcond='5')
