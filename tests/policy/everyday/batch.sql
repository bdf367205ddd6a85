UPDATE t SET v = c.v FROM (VALUES (1, 'a'), (2, 'b')) AS c(id, v) WHERE c.id = t.id
----
UPDATE t AS x SET (a, b) = (c.a, c.b) FROM unnest($1::int[], $2::int[], $3::int[]) AS c(id, a, b) WHERE c.id = x.id
----
UPDATE t SET v = d.v FROM unnest($1::int[]) WITH ORDINALITY AS d(id, v) WHERE t.id = d.id
----
UPDATE t SET pos = d.ord FROM unnest($1::uuid[]) WITH ORDINALITY AS d(id, ord) WHERE t.id = d.id AND t.list_id = $2
----
DELETE FROM t USING (VALUES (1, 2), (3, 4)) AS d(a, b) WHERE t.a = d.a AND t.b = d.b
----
DELETE FROM t USING (VALUES (1)) v(id) WHERE t.id = v.id
----
DELETE FROM t WHERE (a, b) IN ((1, 2), (3, 4))
----
DELETE FROM t WHERE id IN (SELECT (e->>'id')::int FROM jsonb_array_elements($1::jsonb) e)
----
UPDATE t SET v = r.v FROM jsonb_to_recordset($1::jsonb) AS r(id int, v text) WHERE t.id = r.id
----
UPDATE t SET v = r.v FROM jsonb_populate_recordset(null::t, $1) r WHERE t.id = r.id
----
INSERT INTO t (id, v) SELECT r.id, r.v FROM jsonb_to_recordset($1) AS r(id int, v text) ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v WHERE t.v IS DISTINCT FROM EXCLUDED.v
----
WITH batch AS (SELECT id FROM events WHERE processed_at IS NULL ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED) UPDATE events SET processed_at = now() FROM batch WHERE events.id = batch.id
----
WITH moved AS (DELETE FROM events WHERE created_at < now() - interval '90 days' RETURNING *) INSERT INTO events_archive SELECT * FROM moved
----
WITH del AS (DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < now() LIMIT 1000) RETURNING id) SELECT count(*) FROM del
----
UPDATE accounts SET balance = balance - 100 WHERE id = 1 AND balance >= 100 RETURNING balance
----
UPDATE counters SET n = n + 1 WHERE name = 'hits'
----
UPDATE users SET plan = 'free' WHERE plan = 'trial' AND trial_ends_at < now()
----
UPDATE t SET data = data || '{"a": 1}'::jsonb WHERE id = $1
----
UPDATE t SET data = data - 'a' WHERE id = $1
----
UPDATE t SET data = jsonb_set(data, '{a,b}', to_jsonb($1::text)) WHERE data ? 'a' AND id = $2
----
UPDATE t SET tags = array_append(tags, 'x') WHERE id = ANY($1::int[]) AND NOT tags @> ARRAY['x']
----
UPDATE t SET search = to_tsvector('english', title || ' ' || body) WHERE id BETWEEN 1001 AND 2000
----
UPDATE t SET new_col = old_col WHERE id > 1000 AND id <= 2000 AND new_col IS NULL
----
UPDATE t SET new_col = old_col WHERE new_col IS NULL AND id IN (SELECT id FROM t WHERE new_col IS NULL LIMIT 500)
----
UPDATE orders o SET total = s.total FROM (SELECT order_id, sum(price) AS total FROM items WHERE order_id = $1 GROUP BY order_id) s WHERE s.order_id = o.id
----
DELETE FROM carts c WHERE c.updated_at < now() - interval '1 day' AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.cart_id = c.id)
----
DELETE FROM dups a USING dups b WHERE a.id < b.id AND a.email = b.email
----
UPDATE users u SET last_order_at = o.m FROM (SELECT user_id, max(created_at) AS m FROM orders WHERE created_at > now() - interval '1 day' GROUP BY user_id) o WHERE o.user_id = u.id
----
MERGE INTO stock s USING (SELECT $1::int AS id, $2::int AS n) d ON s.id = d.id WHEN MATCHED AND s.n + d.n = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET n = s.n + d.n WHEN NOT MATCHED THEN INSERT VALUES (d.id, d.n)
----
MERGE INTO prices p USING unnest($1::int[], $2::numeric[]) AS d(id, price) ON p.id = d.id WHEN MATCHED THEN UPDATE SET price = d.price WHEN NOT MATCHED THEN INSERT (id, price) VALUES (d.id, d.price)
----
MERGE INTO daily d USING (SELECT date, sum(n) n FROM raw WHERE date = current_date GROUP BY date) r ON d.date = r.date WHEN MATCHED THEN UPDATE SET n = r.n WHEN NOT MATCHED THEN INSERT VALUES (r.date, r.n)
----
SELECT id FROM t WHERE (created_at, id) < ($1, $2) ORDER BY created_at DESC, id DESC LIMIT 20
----
SELECT * FROM jobs WHERE id = 1 FOR NO KEY UPDATE NOWAIT
----
UPDATE t SET deleted_at = now() WHERE id = $1 AND deleted_at IS NULL
----
DELETE FROM t WHERE deleted_at IS NOT NULL AND deleted_at < now() - interval '30 days'
----
DELETE FROM tokens WHERE user_id = $1 AND ($2::text IS NULL OR device = $2)
----
UPDATE prefs SET v = coalesce($2, v) WHERE user_id = $1
----
UPDATE items SET sort = sort + 1 WHERE list_id = $1 AND sort >= $2
----
SELECT * FROM products WHERE ($1::text IS NULL OR name ILIKE '%' || $1 || '%') AND ($2::int IS NULL OR category_id = $2)
----
INSERT INTO hits (day, n) VALUES (current_date, 1) ON CONFLICT (day) DO UPDATE SET n = hits.n + 1
----
DO $$ BEGIN FOR i IN 0..1000000 BY 1000 LOOP UPDATE users SET name = trim(name) WHERE id >= i AND id < i + 1000; END LOOP; END $$
