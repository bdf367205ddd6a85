"""An ordinary database's own code raises no false alarm: what is sent all day passes the shipped packs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from proxy.backup.cluster import Cluster
from proxy.policy.context import Context
from proxy.policy.decide import decide
from proxy.policy.facts import Facts
from proxy.policy.loading.load import load_policy
from proxy.sql.analyse import analyse
from tests.conftest import ServerAt
from tests.servers.database import Database
from tests.sql.database.golden import held_by

RULES = Path(__file__).parents[3] / "policies" / "rules"
SETUP = (Path(__file__).parent / "everyday.sql").read_text()
POLICY = """
version: 1
name: packs
include: [no-data-loss.yaml, unscoped-writes.yaml, guard-the-guards.yaml]
"""
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
CONTEXT = Context(
    role="app", database="d", client_address=None, application=None, now=NOW, transaction="none"
)
FACTS = Facts(backups=(), as_of=NOW)

PASSES = """
SELECT * FROM users WHERE email = 'a@b.c'
SELECT u.id, u.name, o.total FROM users u JOIN orders o ON o.user_id = u.id ORDER BY o.total DESC LIMIT 10
INSERT INTO users (email, name) VALUES ('a@b.c', 'Ann') RETURNING id
INSERT INTO users (email, name) VALUES ($1, $2) ON CONFLICT (email) DO UPDATE SET name = excluded.name
UPDATE users SET name = 'Bea' WHERE id = $1
UPDATE users SET email = 'x@y.z'::email WHERE id = $1 RETURNING *
DELETE FROM users WHERE id = $1
INSERT INTO orders (user_id, total) VALUES ($1, 3.5)
UPDATE orders SET status = 'paid' WHERE id = 3
DELETE FROM orders WHERE id IN (1, 2)
INSERT INTO items (order_id, price) VALUES (1, 2.5), (1, 3.5)
DELETE FROM items WHERE order_id = 4
SELECT * FROM paid_orders WHERE total > 5
UPDATE new_orders SET status = 'paid' WHERE id = 1
REFRESH MATERIALIZED VIEW totals
SELECT * FROM totals
SELECT * FROM search_users('ann')
SELECT p.full_name FROM profiles p
SELECT full_name(p) FROM profiles p WHERE p.id = auth.uid()
SELECT bump($1)
CALL mark_paid(3)
INSERT INTO events VALUES (1, '2026-05-05', '{}')
DELETE FROM events WHERE at < '2026-02-01'
DELETE FROM soft WHERE id = 4
INSERT INTO search_docs (id, title) VALUES (1, 'x')
UPDATE profiles SET full_name = 'x' WHERE id = $1
SELECT name FROM users WHERE name % 'ann' ORDER BY similarity(name, 'ann') DESC
SELECT tags -> 'a', tags || 'b=>1'::hstore FROM users
SELECT crypt('x', gen_salt('bf')), gen_random_uuid()
COPY users (email, name) FROM STDIN
COPY (SELECT * FROM orders) TO STDOUT
CREATE TABLE coupons (id serial PRIMARY KEY, code text)
ALTER TABLE coupons ADD COLUMN used boolean
CREATE INDEX CONCURRENTLY users_created ON users (created_at)
ALTER TABLE users ADD COLUMN nick text DEFAULT 'x'
CREATE TRIGGER updated BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION set_updated_at()
VACUUM ANALYZE
ANALYZE users
SELECT count(*), max(created_at), lower(name) FROM users GROUP BY lower(name)
MERGE INTO profiles p USING (VALUES ($1::uuid)) v (id) ON p.id = v.id WHEN MATCHED THEN UPDATE SET views = 1
SELECT 1
""".strip().splitlines()

REFUSED = """
DELETE FROM users
UPDATE orders SET total = 0
TRUNCATE users CASCADE
DROP TABLE users CASCADE
DELETE FROM new_orders
""".strip().splitlines()


@pytest.mark.parametrize("major", [15, 18])
def test_what_is_sent_all_day_passes(
    major: int, server_at: ServerAt, new_database: Callable[[Cluster], Database], tmp_path: Path
) -> None:
    database = new_database(server_at(major))
    database.execute(SETUP)
    held = held_by(database.dsn, database.name)
    (tmp_path / "policy.yaml").write_text(POLICY)
    for pack in RULES.glob("*.yaml"):
        (tmp_path / pack.name).write_text(pack.read_text())
    policy = load_policy(str(tmp_path / "policy.yaml"), lambda path: Path(path).read_text())

    def rules(sql: str) -> list[str]:
        analysis = analyse(sql, major)
        effects = held.expand(analysis.effects, analysis.mentions, None)
        decision = decide(effects, CONTEXT, policy, FACTS)
        return [
            firing.rule + ": " + " ".join(firing.effects + firing.targets) for firing in decision.enforced
        ]

    assert {sql: found for sql in PASSES if (found := rules(sql))} == {}
    assert [sql for sql in REFUSED if not rules(sql)] == []
