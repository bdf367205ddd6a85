"""The policies that come with the program: they load, their packs load alone, and they decide right."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from proxy.policy.context import Migration
from proxy.policy.decision import Decision
from proxy.policy.facts import Facts, Run, Verification
from proxy.policy.loading.load import load_policy
from proxy.policy.loading.trials import told_rules
from proxy.policy.rules import Policy
from proxy.sql.analyse import analyse
from tests.policy.build import at, backup, facts, judge, reader, refusing, watching

POLICIES = Path(__file__).parents[2] / "policies"
FILES = sorted(
    path.relative_to(POLICIES).as_posix() for path in POLICIES.rglob("*.yaml") if ".test." not in path.name
)
PACKS = sorted(path.name for path in (POLICIES / "rules").glob("*.yaml"))
# All of it belongs to a run of `pgwarden migrate`, so that the other rules show.
IN_RUN = Migration(run="token")
PEAK, NIGHT = (replace(at(moment), migration=IN_RUN) for moment in ("2026-11-24T15:00", "2026-11-24T23:00"))
RUNS = (Run("token", PEAK.role, PEAK.database, PEAK.now - timedelta(hours=1), NIGHT.now + timedelta(days=9)),)
NO_FACTS = replace(facts(), runs=RUNS)
RECENT = replace(facts(backup(1, now=NIGHT.now), backup(1, now=PEAK.now)), runs=RUNS)
PROVED = replace(facts(backup(0.5, now=NIGHT.now, verified=Verification.FULL_READ, copies=2)), runs=RUNS)


def read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def shipped(name: str) -> Policy:
    return load_policy(str(POLICIES / f"{name}.yaml"), read)


@pytest.fixture(scope="module")
def production() -> Policy:
    return shipped("production")


@pytest.fixture(scope="module")
def staging() -> Policy:
    return shipped("staging")


@pytest.fixture(scope="module")
def development() -> Policy:
    return shipped("development")


def decided(policy: Policy, sql: str, evidence: Facts = PROVED, *, peak: bool = False) -> Decision:
    return judge(policy, *analyse(sql).effects, context=PEAK if peak else NIGHT, facts=evidence)


EVERYDAY = """
SELECT * FROM users WHERE id = $1
SELECT count(*), lower(name), now(), coalesce(a, 'DROP TABLE users') FROM orders GROUP BY name
WITH recent AS (SELECT * FROM orders ORDER BY id DESC LIMIT 5) SELECT * FROM recent
INSERT INTO users (name) VALUES ('x') RETURNING id
INSERT INTO users (id, name) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET name = excluded.name
UPDATE users SET name = 'x' WHERE id = $1
DELETE FROM users WHERE id = $1
DELETE FROM sessions WHERE expires_at < now()
SELECT * FROM users WHERE id = $1 FOR UPDATE
BEGIN
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY
SET TRANSACTION READ WRITE
COMMIT
ROLLBACK
SAVEPOINT s
COPY users TO STDOUT
COPY users FROM STDIN
SELECT nextval('users_id_seq'), currval('users_id_seq')
SELECT gen_random_uuid(), md5('x')
SELECT similarity(name, 'x'), auth.uid() FROM users
SET application_name = 'web'
SET client_encoding TO 'UTF8'
SET NAMES 'utf-8'
SET client_encoding = '''utf-8'''
SET client_encoding = 'LATIN1'
SET client_encoding = 'windows-1252'
SET client_encoding = 'SQL_ASCII'
SELECT id FROM items ORDER BY embedding <=> $1, embedding <#> $1, embedding <-> $1, embedding OPERATOR(public.<+>) $1
SELECT name <<-> 'x' FROM users WHERE 'x' <% name AND name % 'x'
SELECT * FROM users WHERE email OPERATOR(public.=) 'x' AND id OPERATOR(pg_catalog.=) 1
SELECT extensions.gen_random_uuid(), extensions.uuid_generate_v4()
SELECT lo_creat(-1), lo_create(0), lo_from_bytea(0, 'x')
SET standard_conforming_strings = on
SET search_path = app, public
SET TIME ZONE 'UTC'
SET DateStyle = ISO
SET statement_timeout = '5s'
SET extra_float_digits = 3
SET row_security = off
SELECT set_config('search_path', '', false)
SELECT set_config(name, 'view, foreign-table', false) FROM pg_settings WHERE name = 'x'
RESET ALL
DISCARD ALL
RESET ROLE
LISTEN jobs
NOTIFY jobs
SELECT pg_advisory_lock(72707369)
CREATE TEMP TABLE t (a int)
DROP TABLE pg_temp.t
VACUUM users
ANALYZE
CHECKPOINT
PREPARE p AS SELECT 1
EXPLAIN DELETE FROM users
EXPLAIN ANALYZE SELECT 1
SELECT pg_temp.testfunc()
UPDATE "knex_migrations_lock" SET "is_locked" = $1
DELETE FROM public.databasechangeloglock
DO $$ BEGIN NULL; END $$
DO $$ DECLARE n int; BEGIN SELECT count(*) INTO n FROM users; IF n = 0 THEN INSERT INTO users (name) VALUES ('x'); END IF; END $$
DO $$ DECLARE v int := 7; BEGIN DELETE FROM users WHERE id = v; UPDATE users SET name = 'x' WHERE id = v; END $$
DO $$ DECLARE r record; BEGIN FOR r IN SELECT id FROM users WHERE name IS NULL LOOP UPDATE users SET name = 'x' WHERE id = r.id; END LOOP; END $$
DO $$ BEGIN EXECUTE 'DELETE FROM users WHERE id = $1' USING 7; EXECUTE format('SELECT * FROM %I', 'users'); END $$
"""  # noqa: E501


@pytest.mark.parametrize("sql", EVERYDAY.strip().splitlines())
def test_everyday_work_passes_in_production_at_any_time_without_evidence(
    production: Policy, sql: str
) -> None:
    assert refusing(decided(production, sql, NO_FACTS, peak=True)) == []


# What is refused in production whatever the hour and the evidence, and by which rules.
LOSSES = [
    ("DROP TABLE users", ["no-drop"]),
    ("DROP TABLE IF EXISTS a, b CASCADE", ["no-drop"]),
    ("TRUNCATE users", ["no-drop"]),
    ('DROP SCHEMA "public" CASCADE', ["no-drop"]),
    ("DROP DATABASE shop WITH (FORCE)", ["no-drop"]),
    ("ALTER TABLE users DROP COLUMN name", ["no-drop"]),
    ("ALTER TABLE users DROP name", ["no-drop"]),
    ("ALTER TABLE p DETACH PARTITION q", ["no-drop"]),
    ("DROP MATERIALIZED VIEW m", ["no-drop"]),
    ("DROP EXTENSION hstore CASCADE", ["no-drop"]),
    ("DROP OWNED BY app", ["no-drop", "no-privilege-changes"]),
    ("SELECT lo_unlink(4242)", ["no-drop"]),
    ("ALTER TABLE users SET UNLOGGED", ["no-drop"]),
    ("ALTER SEQUENCE s SET UNLOGGED", ["no-drop"]),
    ("REFRESH MATERIALIZED VIEW m WITH NO DATA", ["no-drop"]),
    ("ALTER TABLE users ALTER COLUMN id TYPE text", ["no-retype"]),
    ("ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'", ["no-retype"]),
    ("DROP VIEW v", ["no-overwrite"]),
    ("ALTER TABLE child ALTER CONSTRAINT fk NOT ENFORCED", ["no-overwrite"]),
    ("DROP FUNCTION f", ["no-overwrite"]),
    ("DROP INDEX i", ["no-overwrite"]),
    ("DROP TRIGGER x ON users", ["no-overwrite"]),
    ("DROP POLICY x ON users", ["no-overwrite", "no-privilege-changes"]),
    ("ALTER TABLE users DROP CONSTRAINT c", ["no-overwrite"]),
    ("ALTER TABLE users RENAME TO people", ["no-overwrite"]),
    ("ALTER TABLE users RENAME name TO title", ["no-overwrite"]),
    ("ALTER TABLE users SET SCHEMA old", ["no-overwrite"]),
    ("CREATE OR REPLACE VIEW v AS SELECT 1", ["no-overwrite"]),
    ("ALTER SEQUENCE s RESTART", ["no-overwrite"]),
    ("ROLLBACK PREPARED 'x'", ["no-overwrite"]),
    ("ALTER TABLE users ALTER name DROP DEFAULT", ["no-lost-default"]),
    ("ALTER DOMAIN d DROP DEFAULT", ["no-lost-default"]),
    ("SELECT query_to_xml($1, true, false, '')", ["no-unreadable-code"]),
    ("SELECT cleanup()", ["no-unknown-functions"]),
    ("CALL cleanup()", ["no-unknown-functions"]),
    ("SELECT testfunc(), pg_temp.testfunc()", ["no-unknown-functions"]),
    ("ALTER FUNCTION cleanup() SET SCHEMA pg_temp", ["no-overwrite"]),
    (
        "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'DELETE FROM users; SELECT 1'",
        ["no-unscoped-delete"],
    ),
    ("DELETE FROM users USING knex_migrations_lock", ["no-unscoped-delete"]),
    ("SELECT 1 ### 2", ["no-unknown-functions"]),
    ("SELECT 1 OPERATOR(evil.+) 2", ["no-unknown-functions"]),
    (
        "CREATE OPERATOR public.+ (LEFTARG = text, RIGHTARG = int, FUNCTION = purge)",
        ["no-unknown-functions", "no-shadowing"],
    ),
    ("CREATE OPERATOR public.= (LEFTARG = int, RIGHTARG = oid, FUNCTION = int4eq)", ["no-shadowing"]),
    ("CREATE AGGREGATE public.sum(oid) (sfunc = int4pl, stype = int)", ["no-shadowing"]),
    ("CREATE OPERATOR public.<=> (LEFTARG = text, FUNCTION = purge)", ["no-unknown-functions"]),
    ("CREATE OPERATOR public.- (RIGHTARG = oid, FUNCTION = lo_unlink)", ["no-drop", "no-shadowing"]),
    ("CREATE CAST (pair AS text) WITH FUNCTION purge(pair)", ["no-unknown-functions"]),
    (
        "CREATE AGGREGATE public.max(bool) (sfunc = purge, stype = text)",
        ["no-unknown-functions", "no-shadowing"],
    ),
    ("CREATE TYPE x (INPUT = purge, OUTPUT = purge)", ["no-unknown-functions"]),
    ("CREATE FUNCTION f(oid) RETURNS int LANGUAGE internal AS 'be_lo_unlink'", ["no-unreadable-code"]),
    ("CREATE FUNCTION length(p bool) RETURNS int LANGUAGE sql RETURN 1", ["no-shadowing"]),
    ("DELETE FROM users", ["no-unscoped-delete"]),
    ("DELETE FROM users WHERE true", ["no-unscoped-delete"]),
    ("DELETE FROM pg_temp.view_of_users", ["no-unscoped-delete"]),
    ("WITH d AS (DELETE FROM users RETURNING 1) SELECT count(*) FROM d", ["no-unscoped-delete"]),
    ("EXPLAIN ANALYZE DELETE FROM users", ["no-unscoped-delete"]),
    ("PREPARE p AS DELETE FROM users", ["no-unscoped-delete"]),
    ("UPDATE users SET name = ''", ["no-unscoped-update"]),
    ("UPDATE pg_temp.view_of_users SET name = ''", ["no-unscoped-update"]),
    ("UPDATE users SET name = '' WHERE id = id", ["no-unscoped-update"]),
    ("SET standard_conforming_strings = off", ["no-weaker-settings"]),
    ("SET backslash_quote = on", ["no-weaker-settings"]),
    ("SET client_encoding = 'SJIS'", ["no-weaker-settings"]),
    ("SET client_encoding = 'GB18030'", ["no-weaker-settings"]),
    ("CREATE TEMP VIEW v AS SELECT * FROM pg_settings", ["no-weaker-settings"]),
    (
        "CREATE RULE r AS ON UPDATE TO t DO SELECT set_config(name, 'x', false) FROM pg_show_all_settings()",
        ["no-weaker-settings"],
    ),
    ("SET session_replication_role = replica", ["no-weaker-settings"]),
    ("SELECT set_config('session_replication_role', 'replica', false)", ["no-weaker-settings"]),
    ("SELECT set_config($1, $2, false)", ["no-weaker-settings"]),
    ("SET allow_system_table_mods = on", ["no-weaker-settings"]),
    ("SET ROLE dba", ["no-role-changes"]),
    ("SET SESSION AUTHORIZATION dba", ["no-role-changes"]),
    ("CREATE ROLE evil SUPERUSER", ["no-role-changes"]),
    ("ALTER USER app WITH PASSWORD 'x'", ["no-role-changes"]),
    ("DROP ROLE app", ["no-overwrite", "no-role-changes"]),
    ("GRANT ALL ON users TO evil", ["no-privilege-changes"]),
    ("REVOKE ALL ON users FROM app", ["no-privilege-changes"]),
    ("REASSIGN OWNED BY app TO evil", ["no-privilege-changes"]),
    ("ALTER TABLE users OWNER TO evil", ["no-privilege-changes"]),
    ("ALTER FUNCTION f(int) SECURITY DEFINER", ["no-privilege-changes"]),
    ("CREATE RULE r AS ON INSERT TO notes DO INSTEAD NOTHING", ["no-other-meaning"]),
    ("ALTER TABLE users DISABLE TRIGGER ALL", ["no-guard-off", "no-overwrite"]),
    ("ALTER TABLE users DISABLE ROW LEVEL SECURITY", ["no-guard-off", "no-overwrite"]),
    ("COPY users TO PROGRAM 'cat'", ["no-server-access"]),
    ("COPY users FROM '/etc/passwd'", ["no-server-access"]),
    ("CREATE FOREIGN TABLE f (l text) SERVER s OPTIONS (program 'id')", ["no-server-access"]),
    ("ALTER FOREIGN TABLE f OPTIONS (SET filename '/etc/passwd')", ["no-overwrite", "no-server-access"]),
    ("CREATE SERVER s FOREIGN DATA WRAPPER file_fdw", ["no-server-access"]),
    ("ALTER DATABASE shop CONNECTION LIMIT 0", ["no-server-access"]),
    ("ALTER SYSTEM SET fsync = off", ["no-server-access"]),
    ("ALTER ROLE app SET search_path = evil", ["no-server-access"]),
    ("SELECT pg_terminate_backend(1)", ["no-server-access"]),
    ("LOAD 'x'", ["no-server-access"]),
    ("DO $$ BEGIN DROP TABLE users; END $$", ["no-drop"]),
    ("DO $$ BEGIN IF false THEN TRUNCATE users; END IF; END $$", ["no-drop"]),
    ("DO $$ BEGIN DO 'BEGIN DROP TABLE users; END'; END $$", ["no-drop"]),
    ("DO $$ BEGIN EXECUTE 'DROP TABLE users'; END $$", ["no-drop"]),
    ("DO $$ BEGIN EXECUTE format('DROP TABLE %I', 'users'); END $$", ["no-drop"]),
    ("DO $$ DECLARE x xml := query_to_xml('DROP TABLE t', true, false, ''); BEGIN END $$", ["no-drop"]),
    ("DO $$ DECLARE t text := 't'; BEGIN EXECUTE 'DROP TABLE ' || t; END $$", ["no-unreadable-code"]),
    ("DO $$ BEGIN EXECUTE format('DROP TABLE %I', current_user); END $$", ["no-unreadable-code"]),
    ("DO LANGUAGE plperl 'x'", ["no-unreadable-code"]),
    ("DO $$ BEGIN PERFORM cleanup(); END $$", ["no-unknown-functions"]),
    ("DO $$ BEGIN CALL cleanup(); END $$", ["no-unknown-functions"]),
    ("DO $$ BEGIN FOR i IN 1 .. 2 LOOP DELETE FROM users; END LOOP; END $$", ["no-unscoped-delete"]),
    (
        "DO $$ DECLARE r record; BEGIN FOR r IN SELECT id FROM users LOOP DELETE FROM users WHERE id = r.id;"
        " END LOOP; END $$",
        ["no-unscoped-delete"],
    ),
    ("DO $$ DECLARE f bool; BEGIN UPDATE users SET name = '' WHERE f; END $$", ["no-unscoped-update"]),
    ("DO $$ BEGIN PERFORM pg_terminate_backend(1); END $$", ["no-server-access"]),
    ("DO $$ BEGIN SET session_replication_role = replica; END $$", ["no-weaker-settings"]),
    ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'DELETE FROM users'", ["no-unscoped-delete"]),
    (
        "CREATE FUNCTION f() RETURNS SETOF users LANGUAGE plpgsql AS"
        " $$ BEGIN RETURN QUERY DELETE FROM users RETURNING *; END $$",
        ["no-unscoped-delete"],
    ),
    ("CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN TRUNCATE users; END $$", ["no-drop"]),
    (
        "CREATE FUNCTION f(t text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'TABLE ' || t; END $$",
        ["no-unreadable-code"],
    ),
    (
        "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS 'BEGIN PERFORM cleanup(); END'",
        ["no-unknown-functions"],
    ),
    ("CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", ["no-overwrite"]),
]


@pytest.mark.parametrize(("sql", "rules"), LOSSES)
def test_losses_are_refused_in_production_by_these_rules(
    production: Policy, sql: str, rules: list[str]
) -> None:
    decision = decided(production, sql)
    assert set(rules) <= set(refusing(decision))
    assert decision.enforced[0].rule in rules
    assert "no-changes-in-peak" not in refusing(decision)


CHANGES = [
    "CREATE TABLE gadgets (id int PRIMARY KEY, name text DEFAULT 'x')",
    "ALTER TABLE users ADD COLUMN age int",
    "CREATE INDEX i ON users (name)",
    "ALTER TABLE users ADD CONSTRAINT c CHECK (age > 0) NOT VALID",
    "CREATE TYPE mood AS ENUM ('sad')",
    "ALTER TYPE mood ADD VALUE 'happy'",
    "CREATE SCHEMA app",
    "COMMENT ON TABLE users IS 'people'",
    "ALTER TABLE users ALTER name DROP NOT NULL",
    "ALTER DOMAIN d DROP NOT NULL",
    "ALTER DOMAIN d SET DEFAULT 1",
    "CREATE OPERATOR public.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)",
    "DO $$ BEGIN CREATE TYPE mood AS ENUM ('a'); EXCEPTION WHEN duplicate_object THEN null; END $$",
    "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_type WHERE typname = 'mood') THEN"
    " CREATE TYPE mood AS ENUM ('a'); END IF; END $$",
    "DO $$ BEGIN ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b (id);"
    " EXCEPTION WHEN duplicate_object THEN null; END $$",
    "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN NEW.updated_at = now(); RETURN NEW; END $$",
    "CREATE TRIGGER touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch()",
    "CREATE FUNCTION total(i int) RETURNS int LANGUAGE sql STABLE AS 'SELECT a FROM users WHERE id = i'",
    "CREATE FUNCTION rid() RETURNS uuid LANGUAGE plpgsql AS 'BEGIN RETURN gen_random_uuid(); END'",
]


# A call of such a name passes, so a new function of the name may only compute and read; one of a built-in's
# name may not even do that.
KNOWN_NAMES = [
    ("crypt(text, text)", "no-known-names"),
    ("public.crypt(text)", "no-known-names"),
    ("pg_temp.similarity(text, text)", "no-known-names"),
    ("uuid_generate_v7()", "no-known-names"),
    ("auth.uid()", "no-known-names"),
    ("lower(varchar)", "no-shadowing"),
    ("public.now(int)", "no-shadowing"),
]


@pytest.mark.parametrize(("function", "rule"), KNOWN_NAMES)
def test_no_function_that_does_more_than_compute_takes_a_known_name(
    production: Policy, function: str, rule: str
) -> None:
    head = f"CREATE FUNCTION {function} RETURNS text LANGUAGE"
    for body in (
        "plpgsql AS $$ BEGIN DELETE FROM users WHERE id = 1; RETURN ''; END $$",
        "sql AS 'INSERT INTO users VALUES (1); SELECT 1'",
        "sql RETURN (SELECT nextval('s'))",
    ):
        assert refusing(decided(production, f"{head} {body}")) == [rule]
    for body in ("plpgsql AS $$ BEGIN RETURN lower('X'); END $$", "sql AS 'SELECT name FROM users'"):
        assert refusing(decided(production, f"{head} {body}")) == [rule] * (rule == "no-shadowing")


@pytest.mark.parametrize("sql", CHANGES)
def test_additive_changes_need_a_backup_and_a_quiet_hour(production: Policy, sql: str) -> None:
    assert refusing(decided(production, sql, RECENT)) == []
    assert refusing(decided(production, sql, NO_FACTS)) == ["backup-first"]
    assert refusing(decided(production, sql, RECENT, peak=True)) == ["no-changes-in-peak"]


def test_an_index_built_concurrently_needs_no_quiet_hour(production: Policy) -> None:
    sql = "CREATE INDEX CONCURRENTLY i ON users (name)"
    assert refusing(decided(production, sql, RECENT, peak=True)) == []


def test_major_changes_need_a_proved_backup() -> None:
    pack = load_policy(str(POLICIES / "rules" / "backups.yaml"), read)
    sql = "ALTER TABLE users DROP COLUMN name"
    assert refusing(decided(pack, sql, PROVED)) == []
    assert refusing(decided(pack, sql, RECENT)) == ["fresh-backup-for-major-changes"]


def test_row_level_security_may_be_added(production: Policy) -> None:
    for sql in ("ALTER TABLE users ENABLE ROW LEVEL SECURITY", "CREATE POLICY own ON users USING (true)"):
        assert refusing(decided(production, sql)) == []


def test_what_a_person_reads(production: Policy) -> None:
    refusal = decided(production, "DROP TABLE public.users", NO_FACTS, peak=True).refusal("4f1c")
    assert (refusal.sqlstate, refusal.message, refusal.hint) == (
        "42501",
        "DROP TABLE on public.users would lose data. [rule no-drop]",
        "Keep it, or ask the owners of this database; Prisma: migrate deploy, not migrate reset or db push.",
    )
    assert refusal.detail == (
        "A table is dropped: public.users (high risk). Also refused by: no-changes-in-peak, "
        "backup-first, fresh-backup-for-major-changes."
    )
    change = decided(production, "ALTER TABLE users ADD age int", NO_FACTS, peak=True).refusal("4f1c")
    assert (change.message, change.hint) == (
        "ADD COLUMN age on users has to wait: there are no schema changes during peak "
        "(Mon-Fri 08:00-20:00 UTC). [rule no-changes-in-peak]",
        "Run it again after Tue 24 Nov 2026 20:00 UTC.",
    )
    quiet = decided(production, "ALTER TABLE users ADD age int", NO_FACTS).refusal("4f1c")
    assert (quiet.message, quiet.detail) == (
        "ADD COLUMN age on users changes the schema, and that needs a backup of shop from the last 24 hours, "
        "of the tables concerned. [rule backup-first]",
        "No backup of shop is known.",
    )


STAGING = [
    ("DROP TABLE users", [], ["refused-in-production"]),
    ("ALTER TABLE users DROP COLUMN name", [], ["refused-in-production"]),
    ("CREATE TABLE t (a int)", [], []),
    ("SELECT 1", [], []),
    ("DELETE FROM users", ["no-unscoped-delete"], []),
    ("DROP SCHEMA public CASCADE", ["keep-the-copy"], ["refused-in-production"]),
    ("SET session_replication_role = replica", ["no-weaker-settings"], []),
]


@pytest.mark.parametrize(("sql", "enforced", "shadowed"), STAGING)
def test_staging(staging: Policy, sql: str, enforced: list[str], shadowed: list[str]) -> None:
    decision = decided(staging, sql, NO_FACTS)
    assert (refusing(decision), watching(decision)) == (enforced, shadowed)


@pytest.mark.parametrize("sql", [sql for sql, _ in LOSSES])
def test_development_refuses_nothing_and_counts_what_production_would_refuse(
    development: Policy, production: Policy, sql: str
) -> None:
    decision = decided(development, sql, NO_FACTS)
    assert decision.allowed
    loss = set(refusing(decided(production, sql, NO_FACTS)))
    assert set(watching(decision)) == loss


@pytest.mark.parametrize("name", PACKS)
def test_a_pack_works_by_one_line(name: str) -> None:
    files = {
        "p.yaml": f"version: 1\ninclude: [rules/{name}]\n",
        f"rules/{name}": read(str(POLICIES / "rules" / name)),
    }
    policy = load_policy("p.yaml", reader(files))
    assert [rule.id for rule in policy.rules if not rule.reserved]
    assert refusing(judge(policy, *analyse("SELECT 1").effects)) == []


def test_the_packs_are_those_that_the_documentation_names() -> None:
    assert PACKS == [
        "backups.yaml",
        "big-writes.yaml",
        "guard-the-guards.yaml",
        "locks-in-peak.yaml",
        "migrations-only.yaml",
        "no-data-loss.yaml",
        "peak-hours.yaml",
        "read-only-roles.yaml",
        "staging-first.yaml",
        "unscoped-writes.yaml",
    ]


@pytest.mark.parametrize("path", FILES)
def test_every_rule_says_why_and_what_to_do_and_shows_it(path: str) -> None:
    text = read(str(POLICIES / path))
    told = told_rules(text, path)
    assert [rule.id for rule in told if not (rule.why and rule.deny and rule.fix)] == []
    assert [rule.id for rule in told if not (rule.refuse and rule.allow)] == []
    assert text.count("\n  - id: ") == len(told)
    assert not path.startswith("rules/") or "The guide" in text


def test_a_policy_sets_the_hours_of_a_pack() -> None:
    files = {
        "p.yaml": "version: 1\ninclude: rules/peak-hours.yaml\n"
        "time: {timezone: Asia/Tokyo, windows: {peak: {days: sat, from: 10:00, to: 11:00}}}\n",
        "rules/peak-hours.yaml": read(str(POLICIES / "rules" / "peak-hours.yaml")),
    }
    policy = load_policy("p.yaml", reader(files))
    effects = analyse("CREATE TABLE t (a int)").effects
    assert judge(policy, *effects, context=PEAK).allowed
    assert not judge(policy, *effects, context=at("2026-11-28T01:30")).allowed
