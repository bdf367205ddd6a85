UPDATE orders o SET status = 'paid' FROM payments p WHERE p.order_id = o.id AND p.status = 'ok' AND o.status = 'pending'
----
UPDATE inventory i SET qty = i.qty - oi.qty FROM order_items oi WHERE oi.product_id = i.product_id AND oi.order_id = $1
----
DELETE FROM cart_items USING carts WHERE carts.id = cart_items.cart_id AND carts.user_id = $1
----
DELETE FROM memberships m USING teams t WHERE m.team_id = t.id AND t.slug = $1 AND m.user_id = $2
----
UPDATE users SET last_seen = now() WHERE id = (SELECT user_id FROM sessions WHERE token = $1)
----
DELETE FROM notifications WHERE user_id = $1 AND read_at IS NOT NULL
----
UPDATE notifications SET read_at = now() WHERE user_id = $1 AND read_at IS NULL AND id <= $2
----
DELETE FROM password_resets WHERE email = $1 OR created_at < now() - interval '1 hour'
----
UPDATE posts SET position = CASE id WHEN 1 THEN 2 WHEN 2 THEN 1 END WHERE id IN (1, 2)
----
UPDATE users SET email = lower(email) WHERE email <> lower(email)
----
UPDATE users SET name = trim(name) WHERE name <> trim(name)
----
DELETE FROM logs WHERE ctid IN (SELECT ctid FROM logs WHERE ts < now() - interval '30 days' LIMIT 10000)
----
DELETE FROM logs WHERE id IN (SELECT id FROM logs WHERE ts < $1 ORDER BY id LIMIT 5000 FOR UPDATE SKIP LOCKED)
----
WITH expired AS (SELECT id FROM tokens WHERE expires_at < now() ORDER BY expires_at LIMIT 1000) DELETE FROM tokens t USING expired e WHERE t.id = e.id
----
UPDATE accounts a SET balance = a.balance + t.amount FROM (SELECT account_id, sum(amount) AS amount FROM transfers WHERE batch_id = $1 GROUP BY account_id) t WHERE t.account_id = a.id
----
UPDATE products SET price = round(price * 1.1, 2) WHERE category_id = 3
----
UPDATE products p SET category_id = c.id FROM categories c WHERE c.name = 'x' AND p.category_id IS NULL
----
UPDATE t SET a = b.a FROM b WHERE b.t_id = t.id AND b.batch = $1
----
DELETE FROM tags WHERE NOT EXISTS (SELECT 1 FROM post_tags pt WHERE pt.tag_id = tags.id)
----
DELETE FROM tags WHERE id NOT IN (SELECT tag_id FROM post_tags WHERE tag_id IS NOT NULL)
----
DELETE FROM uploads WHERE status = 'pending' AND created_at < now() - interval '1 day'
----
UPDATE jobs SET state = 'queued', locked_at = NULL WHERE state = 'running' AND locked_at < now() - interval '5 minutes'
----
UPDATE seats SET holder = $1 WHERE id = (SELECT id FROM seats WHERE holder IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id
----
UPDATE settings SET value = $2 WHERE key = $1
----
INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = now()
----
INSERT INTO stats (day, n) SELECT current_date, count(*) FROM events WHERE ts >= current_date ON CONFLICT (day) DO UPDATE SET n = excluded.n
----
INSERT INTO daily (day, user_id, n) SELECT date(ts), user_id, count(*) FROM events WHERE ts >= $1 AND ts < $2 GROUP BY 1, 2 ON CONFLICT (day, user_id) DO UPDATE SET n = excluded.n
----
INSERT INTO t (a) SELECT a FROM s WHERE NOT EXISTS (SELECT 1 FROM t WHERE t.a = s.a)
----
INSERT INTO archive SELECT * FROM orders WHERE created_at < '2020-01-01'
----
UPDATE documents SET tsv = to_tsvector('english', coalesce(title, '') || ' ' || coalesce(body, '')) WHERE id = $1
----
UPDATE documents SET tsv = to_tsvector(body) WHERE tsv IS NULL
----
UPDATE events SET payload = payload #- '{a,b}' WHERE payload #> '{a,b}' IS NOT NULL AND type = 'x'
----
UPDATE users SET roles = array_remove(roles, 'admin') WHERE 'admin' = ANY(roles)
----
UPDATE users SET meta = coalesce(meta, '{}'::jsonb) || $1::jsonb WHERE id = $2
----
UPDATE tree SET path = 'a.b' || subpath(path, nlevel('a.c')) WHERE path <@ 'a.c'
----
UPDATE nested SET lft = lft + 2 WHERE lft > $1 AND tree_id = $2
----
WITH RECURSIVE sub AS (SELECT id FROM comments WHERE id = $1 UNION ALL SELECT c.id FROM comments c JOIN sub ON c.parent_id = sub.id) UPDATE comments SET deleted_at = now() WHERE id IN (SELECT id FROM sub)
----
WITH RECURSIVE sub AS (SELECT id FROM comments WHERE id = $1 UNION ALL SELECT c.id FROM comments c JOIN sub ON c.parent_id = sub.id) DELETE FROM comments c USING sub WHERE c.id = sub.id
----
WITH up AS (UPDATE a SET x = 1 WHERE id = $1 RETURNING id) INSERT INTO b (a_id) SELECT id FROM up
----
WITH ins AS (INSERT INTO users (email) VALUES ($1) ON CONFLICT (email) DO NOTHING RETURNING id) SELECT id FROM ins UNION ALL SELECT id FROM users WHERE email = $1 LIMIT 1
----
WITH new AS (INSERT INTO a (x) VALUES (1) RETURNING id) UPDATE b SET a_id = new.id FROM new WHERE b.id = $1
----
DELETE FROM follows WHERE (follower_id = $1 AND followee_id = $2) OR (follower_id = $2 AND followee_id = $1)
----
DELETE FROM sessions WHERE user_id IN (SELECT id FROM users WHERE disabled)
----
DELETE FROM sessions s WHERE s.expires_at < now() AND s.id <> $1
----
DELETE FROM locks WHERE name = $1 AND owner = $2
----
DELETE FROM rate_limits WHERE window_start < extract(epoch from now()) - 3600
----
UPDATE rate_limits SET count = count + 1 WHERE key = $1 AND window_start = $2 RETURNING count
----
DELETE FROM geo WHERE box '((0,0),(1,1))' @> pos
----
UPDATE t SET valid = daterange(lower(valid), current_date) WHERE id = $1 AND upper_inf(valid)
----
DELETE FROM t WHERE upper(valid) < now()
----
DELETE FROM t WHERE upper(t.during) <= current_timestamp - interval '30 days'
----
-- refused: no-unscoped-delete
DELETE FROM t WHERE lower(valid) < '2020-01-01'
----
-- refused: no-unscoped-update
UPDATE t SET x = 1 WHERE (a, b) IN (SELECT a, b FROM u WHERE u.batch = $1)
----
UPDATE t SET x = 1 WHERE a IN ($1, $2) AND b = ANY($3) AND c IS NULL
----
DELETE FROM t WHERE id = $1 AND version = $2 RETURNING *
----
UPDATE t SET version = version + 1, x = $1 WHERE id = $2 AND version = $3
----
UPDATE t SET x = $1 WHERE id = $2 AND x IS DISTINCT FROM $1
----
MERGE INTO t USING (VALUES (1, 'a')) AS s(id, v) ON t.id = s.id WHEN MATCHED AND t.v IS DISTINCT FROM s.v THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.v)
----
MERGE INTO target t USING staging s ON t.id = s.id AND s.batch_id = $1 WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, s.v)
----
DELETE FROM a USING b, c WHERE a.b_id = b.id AND b.c_id = c.id AND c.tenant = $1
----
DELETE FROM t WHERE EXISTS (SELECT 1 FROM u JOIN v ON v.id = u.v_id WHERE u.t_id = t.id AND v.kind = 'x')
----
DELETE FROM t WHERE t.created_at < (SELECT now() - (value || ' days')::interval FROM settings WHERE key = 'retention')
----
DELETE FROM t WHERE created_at < now() - (SELECT retention FROM tenants WHERE tenants.id = $1)
----
DELETE FROM t WHERE created_at < date_trunc('month', now()) - interval '3 months'
----
DELETE FROM t WHERE ts < to_timestamp($1)
----
DELETE FROM t WHERE ts < extract(epoch FROM now() - interval '7 days')::bigint
----
DELETE FROM t WHERE (ts AT TIME ZONE 'UTC')::date < current_date - 30
----
DELETE FROM t WHERE age(now(), created_at) > '30 days'
----
DELETE FROM t WHERE created_at <= (now() - ($1 || ' minutes')::interval)
----
DELETE FROM t WHERE created_at < now() - make_interval(hours => 24)
----
DELETE FROM t WHERE created_at < localtimestamp - interval '1' day
----
DELETE FROM outbox WHERE published AND id <= $1
----
DELETE FROM outbox WHERE id = ANY(ARRAY[$1, $2, $3]::bigint[])
----
DELETE FROM outbox WHERE id IN (SELECT unnest($1::uuid[]))
----
UPDATE outbox SET published_at = now() WHERE id >= $1 AND id <= $2
----
UPDATE t SET embedding = $1::vector WHERE id = $2
----
SELECT id FROM t ORDER BY embedding <-> $1::vector LIMIT 10
----
UPDATE t SET loc = point($1, $2) WHERE id = $3
----
SELECT setval('"User_id_seq"', (SELECT max(id) FROM "User"))
----
SELECT setval('orders_id_seq', COALESCE((SELECT MAX(id) + 1 FROM orders), 1), false)
----
SELECT pg_catalog.setval(pg_get_serial_sequence('public.invoices', 'id'), (SELECT COALESCE(MAX(i.id), 1) FROM public.invoices i))
----
-- refused: no-overwrite
SELECT setval('orders_id_seq', 1000)
----
DELETE FROM staged_events WHERE room_id NOT IN (SELECT room_id FROM rooms)
