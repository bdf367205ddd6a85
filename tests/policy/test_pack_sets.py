"""The sets of the shipped packs, filled by a team: what then passes, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.policy.loading.load import load_policy
from proxy.sql.analyse import analyse
from tests.policy.build import judge, refusing

POLICIES = Path(__file__).parents[2] / "policies"
HEAD = "version: 1\nname: team\ninclude: [rules/guard-the-guards.yaml]\n"
POSTGREST = "sets: {roles-to-take: [role:none, role:anon], settings-to-change: ['setting:search_path']}\n"
ANY_ROLE = "sets: {roles-to-take: ['role:*']}\n"
ROLES, SETTINGS = "no-role-changes", "no-weaker-settings"


@pytest.mark.parametrize(
    ("sets", "sql", "rules"),
    [
        ("", "SET ROLE NONE", []),
        ("", "SET LOCAL ROLE anon", [ROLES]),
        ("", "SELECT set_config('role', $1, true)", [ROLES]),
        (POSTGREST, "SET ROLE NONE", []),
        (POSTGREST, "SET LOCAL ROLE anon", []),
        (POSTGREST, "SELECT set_config('role', 'anon', true)", []),
        (POSTGREST, "SET ROLE anon2", [ROLES]),
        (POSTGREST, "SET ROLE postgres", [ROLES]),
        (POSTGREST, "SELECT set_config('role', $1, true)", [ROLES]),
        (POSTGREST, "ALTER ROLE anon SUPERUSER", [ROLES]),
        (POSTGREST, "DROP ROLE anon", [ROLES]),
        (ANY_ROLE, "SELECT set_config('role', $1, true)", []),
        (ANY_ROLE, "CREATE ROLE helper", [ROLES]),
        ("", "SELECT set_config('search_path', $1, true)", [SETTINGS]),
        (POSTGREST, "SELECT set_config('search_path', $1, true)", []),
        (POSTGREST, "SELECT set_config($1, 'x', true)", [SETTINGS]),
        (POSTGREST, "SET session_replication_role = replica", [SETTINGS]),
        ("", "SET row_security = off", []),
    ],
)
def test_what_a_team_lets_pass(sets: str, sql: str, rules: list[str]) -> None:
    def read(path: str) -> str:
        return HEAD + sets if path.endswith("team.yaml") else Path(path).read_text(encoding="utf-8")

    policy = load_policy(str(POLICIES / "team.yaml"), read)
    assert refusing(judge(policy, *analyse(sql, 15).effects)) == rules
