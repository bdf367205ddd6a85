"""policies/README.md is what the packs, psql and the command line say."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from pytest import TempPathFactory

from proxy.backup.cluster import Cluster
from proxy.source import read_yaml
from tests.clients.gate import environment
from tests.clients.programs import Program
from tests.conftest import Programs
from tests.policies.page import IN_PEAK, PAGE, STATEMENTS, part, refusals, rules_table, two_gates
from tests.servers import forking

_TEXT = PAGE.read_text("utf-8")
_AGAIN = "write it anew: python -m tests.policies.page"


def test_the_table_of_rules_is_the_packs() -> None:
    assert part(_TEXT, "rules") == rules_table(), _AGAIN


def test_refusals_are_what_psql_prints(programs: Programs, tmp_path_factory: TempPathFactory) -> None:
    psql = Program(programs() / "psql", ("--no-psqlrc",))
    with (
        Cluster(programs()) as cluster,
        two_gates(cluster, tmp_path_factory.mktemp("gates"), psql) as (quiet, busy),
    ):
        assert part(_TEXT, "refusals") == refusals(quiet, busy), _AGAIN
    assert len(STATEMENTS) + len(IN_PEAK) == 10


# -- the hooks of a user's repository ------------------------------------------------------------------------


def _block(name: str) -> str:
    (text,) = re.findall(rf"^```yaml\n# {re.escape(name)}\n(.*?)^```", _TEXT, re.MULTILINE | re.DOTALL)
    return str(text)


def _hooks() -> list[str]:
    config = read_yaml(_block(".pre-commit-config.yaml"), "p").data
    return [hook["entry"] for repository in config["repos"] for hook in repository["hooks"]]


def _steps() -> list[str]:
    workflow = read_yaml(_block(".github/workflows/pgwarden.yml"), "w").data
    runs = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    return [run for run in runs if run.startswith("pgwarden ")]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: TempPathFactory) -> Path:
    """A team's repository as `policy new` begins it, with a migration."""
    folder = tmp_path_factory.mktemp("team")
    migration = folder / "prisma" / "migrations" / "20241215_add_email_tracking" / "migration.sql"
    migration.parent.mkdir(parents=True)
    migration.write_text("CREATE TABLE email_opens (id int PRIMARY KEY);\n")
    (new,) = [line for line in re.findall(r"^pgwarden policy new .*", _TEXT, re.MULTILINE)]
    assert _run(new, folder) == 0
    return folder


def _run(command: str, folder: Path) -> int:
    program, *arguments = shlex.split(command)
    assert program == "pgwarden"
    return forking.run(arguments, environment(folder), folder).returncode


def test_check_test_and_lint_are_in_both() -> None:
    for commands in (_hooks(), _steps()):
        verbs = [" ".join(re.findall(r"policy check|policy test|lint", command)) for command in commands]
        assert verbs == ["policy check", "policy test", "lint"]


@pytest.mark.parametrize("command", [*_hooks(), *_steps()])
def test_a_command_of_the_hooks_passes(command: str, repository: Path) -> None:
    assert _run(command, repository) == 0


@pytest.mark.parametrize("command", [_hooks()[-1], _steps()[-1]])
def test_lint_stops_a_migration_that_loses_data(command: str, repository: Path, tmp_path: Path) -> None:
    team = tmp_path / "team"
    subprocess.run(["cp", "-r", str(repository), str(team)], check=True)
    migration = team / "prisma" / "migrations" / "20241216_tidy" / "migration.sql"
    migration.parent.mkdir()
    migration.write_text("DROP TABLE users;\n")
    assert _run(command, team) == 1


@pytest.mark.parametrize("command", [_hooks()[1], _steps()[1]])
def test_test_stops_a_policy_that_lost_a_rule(command: str, repository: Path, tmp_path: Path) -> None:
    team = tmp_path / "team"
    subprocess.run(["cp", "-r", str(repository), str(team)], check=True)
    policy = team / "policies" / "production.yaml"
    policy.write_text(policy.read_text().replace("  - rules/unscoped-writes.yaml\n", ""))
    assert _run(command, team) == 1
