DELETE FROM xcom WHERE xcom.dag_id = 'd' AND xcom.task_id = 't' AND xcom.run_id = 'r' AND xcom.map_index = -1
----
UPDATE job SET latest_heartbeat='2026-01-01'::timestamptz WHERE job.id = 3
----
CREATE TABLE _airflow_deleted__log__20260101 AS SELECT base.* FROM log AS base WHERE base.dttm < '2026-01-01'::timestamptz
----
-- refused: no-unscoped-delete
DELETE FROM log USING _airflow_deleted__log__20260101 WHERE log.id = _airflow_deleted__log__20260101.id
----
SELECT pg_try_advisory_xact_lock(1)
----
SET LOCAL lock_timeout TO 1000
