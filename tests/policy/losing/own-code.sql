SELECT 1 ### 2
----
SELECT 1 OPERATOR(public.###) 2
----
SELECT ### 2
----
SELECT agw(id) FROM parent
----
SELECT * FROM f_out()
----
SELECT f_dyn('victim')
----
SELECT f_def()
----
CALL p_c(1)
----
NOTIFY x; SELECT f_w2(1)
----
TRUNCATE t1
