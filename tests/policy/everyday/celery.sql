SELECT kombu_message.id FROM kombu_message WHERE kombu_message.queue_id = 1 AND kombu_message.visible != false ORDER BY kombu_message.sent_at ASC LIMIT 1 FOR UPDATE
----
DELETE FROM celery_taskmeta WHERE celery_taskmeta.date_done < '2026-01-01'
----
UPDATE celery_taskmeta SET status='SUCCESS', date_done=now() WHERE celery_taskmeta.id = 4
