"""What the pages say is so: commands print what is shown, tables equal the code, names and links exist.

The commands of README.md run against a real server behind a gate that README's own command started, from
nothing; only ports, the ledger's place and what is new each time (moments, ids, digests) are put in.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from proxy import __version__
from proxy.app.audit import REFUSAL_FIELDS
from proxy.app.cli.exitcodes import MEANINGS
from proxy.app.kinds import client_tls_mode
from proxy.app.metrickinds import METRICS
from proxy.app.settings import Settings, table
from proxy.app.sources import load_settings, read_text
from proxy.backup.cluster import Cluster, free_port
from proxy.console.people import NEEDED
from proxy.console.psql.statements import USAGES
from proxy.policy.context import Context
from proxy.policy.decide import decide
from proxy.policy.facts import Facts
from proxy.policy.loading.load import load_policy
from proxy.policy.rules import Otherwise, Policy
from proxy.relay import SslMode
from proxy.source.yamldoc import read_yaml
from proxy.sql.analyse import analyse
from tests.clients.gate import Gate, environment
from tests.conftest import Programs
from tests.relay.certificates import Authority, Certificates
from tests.servers import forking

_ROOT = Path(__file__).resolve().parent.parent
_README, _ARCHITECTURE, _CONTRIBUTING, _CHANGELOG = (
    (_ROOT / name).read_text() for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
)
_PAGES = (
    *("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"),
    *("benchmarks/README.md", "policies/EFFECTS.md", "policies/README.md", "tests/DEFECTS.md"),
)
_SEED = """
CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL);
INSERT INTO users VALUES (1, 'Ada'), (2, 'Grace'), (3, 'Margaret');
ALTER TABLE users OWNER TO app;
"""
# A Monday at noon: peak hours in production.
_PEAK = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Excuse:
    """Why a command is not run here, and the test that covers it."""

    why: str
    instead: str


_TOKENS = Excuse("prints a token that is new each time", "tests/app/test_console_tokens.py")
_USERS = Excuse("asks for a password", "tests/app/test_users.py")
_KEYS = Excuse("needs keys of a store or a provider", "tests/backup/test_providers.py")
_TOOL = Excuse("needs the tool", "tests/app/test_backup_cli.py")
_RAN = Excuse("needs what ran on staging", "tests/clients/test_ran.py")
_SUPABASE = "--project abcdefghijklmnopqrst"
_PEOPLE = Excuse("takes several people with their keys", "tests/clients/test_approvals.py")
_NOT_RUN = {
    **dict.fromkeys(
        (
            "pgwarden changes list --since 7d --risk medium",
            "pgwarden changes list users --outcome rolled_back --json",
            "pgwarden changes show 41",
            "pgwarden changes export --since 24h",
        ),
        Excuse("needs a ledger with changes", "tests/app/test_changes_cli.py"),
    ),
    "pgwarden changes export --table postgresql://ada@db.example.com/reports": Excuse(
        "needs a database", "tests/app/test_changes_cli.py"
    ),
    "pgwarden recover --before 2026-11-26T09:29:00Z": Excuse(
        "asks whether to freeze", "tests/app/test_recover.py"
    ),
    "pgwarden approve enroll ada": _PEOPLE,
    "pgwarden approve enroll bob --public-key MCowBQYDK2VwAyEA --role bob": _PEOPLE,
    "pgwarden approve request 4f1c22ab90de --reason 'the table has moved to billing'": _PEOPLE,
    "pgwarden approve show 6a0b13c2f4d5": _PEOPLE,
    "pgwarden approve grant 6a0b13c2f4d5": _PEOPLE,
    "pgwarden backup create --url postgresql://postgres@db.example.com/shop --to /srv/backups "
    "--to s3://backups/shop --recipient age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kgc6p5u7s2dsafd "
    "--verify checksum --schema-file schema.sql": Excuse("needs a store", "tests/backup/test_make.py"),
    f"pgwarden backup import supabase {_SUPABASE} --database postgres": _KEYS,
    f"pgwarden backup restore-point before-0042 {_SUPABASE}": _KEYS,
    "pgwarden backup import pgbackrest --database shop": _TOOL,
    "pgwarden backup import walg --database shop": _TOOL,
    "pgwarden backup import barman --database shop": _TOOL,
    "pgwarden backup import manifest -- ./list-our-backups": _TOOL,
    "pgwarden user learn app --upstream postgresql://127.0.0.1:5432 --auth-file learnt.txt": Excuse(
        "asks for a password", "tests/clients/test_learning.py"
    ),
    "pgwarden user add ada --role app --password-env APP_PASSWORD --auth-file users.txt": _USERS,
    "pgwarden console token create ada --role operator --expires 2027-06-30T00:00:00Z "
    "--console-auth-file tokens.txt": _TOKENS,
    "pgwarden console token list --console-auth-file tokens.txt": _TOKENS,
    "pgwarden console token revoke ada --console-auth-file tokens.txt": _TOKENS,
    "pgwarden user list --auth-file users.txt": Excuse("needs the file", "tests/app/test_users.py"),
    "pgwarden user remove ada --auth-file users.txt": Excuse("needs the file", "tests/app/test_users.py"),
    "pgwarden migrate --backup -- npx prisma migrate deploy": Excuse(
        "needs Prisma", "tests/clients/test_prisma.py"
    ),
    "pgwarden ran export --environment staging > ran.json": _RAN,
    "pgwarden ran import ran.json --public-key staging.pub": _RAN,
    "psql -h gate.example.com -p 6432 -U ada pgwarden": Excuse(
        "needs a gate by that name", "tests/clients/test_psql_console.py"
    ),
    "make demo": Excuse("installs from a registry, serves until Ctrl-C", "tests/test_demo.py"),
    "make test": Excuse("would run this test in itself", "tests/test_quality.py"),
    "pip install .": Excuse("installs from a registry", "tests/test_packaging.py"),
    "docker build --tag pgwarden .": Excuse("needs an engine", "tests/test_packaging.py"),
    "docker run --read-only --publish 127.0.0.1:6432:6432 --volume pgwarden:/var/lib/pgwarden "
    "--env PGWARDEN_UPSTREAM=postgresql://db.example.com:5432 pgwarden": Excuse(
        "needs an engine", "tests/test_packaging.py"
    ),
}


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", _README, re.MULTILINE | re.DOTALL)


_SHELL = [line for block in _blocks("sh") for line in block.splitlines()]
_CONSOLE = [block.removeprefix("$ ").partition("\n") for block in _blocks("console")]
(_SERVE, _SERVE_CONFIG) = [line for line in _SHELL if line.startswith("pgwarden serve")]


def _file(name: str) -> str:
    """The YAML block that begins with this name."""
    (text,) = [block for block in _blocks("yaml") if block.startswith(f"# {name}\n")]
    return text


@dataclass(frozen=True, slots=True)
class Shop:
    """README's example: its database, and a folder in which its commands run.

    Attributes:
        places: what README writes -> what stands for it here.
    """

    folder: Path
    psql: Path
    places: Mapping[str, str]

    def here(self, text: str) -> str:
        for shown, real in self.places.items():
            text = text.replace(shown, real)
        return text

    def argv(self, command: str) -> list[str]:
        program, *arguments = shlex.split(self.here(command))
        own = {
            "pgwarden": [sys.executable, "-m", "proxy"],
            "psql": [str(self.psql), "--no-psqlrc"],
        }
        return [*own[program], *arguments]

    def environment(self) -> dict[str, str]:
        own = {"PYTHONPATH": str(_ROOT), "PGWARDEN_LOG_FORMAT": "json", "LC_ALL": "C.UTF-8"}
        return environment(self.folder) | own

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        if command.startswith("pgwarden "):
            return forking.run(shlex.split(self.here(command))[1:], self.environment(), self.folder)
        return subprocess.run(
            self.argv(command),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=self.environment(),
        )

    @contextmanager
    def serving(self, command: str) -> Iterator[Gate]:
        process = subprocess.Popen(
            self.argv(command),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment(),
        )
        try:
            gate = Gate(process)
            yield gate
            process.send_signal(signal.SIGTERM)
            assert gate.ended() == 0
        finally:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def shop(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("readme")
    (folder / "policies").symlink_to(_ROOT / "policies")
    with Cluster(programs()) as cluster:
        cluster.execute("CREATE ROLE app LOGIN")
        cluster.execute("CREATE DATABASE shop OWNER app")
        cluster.execute(_SEED, "shop")
        server = f"127.0.0.1:{cluster.port}"
        places = {
            **{f"127.0.0.1:{port}": f"127.0.0.1:{free_port()}" for port in (6432, 6433, 9187)},
            "127.0.0.1:5432": server,
            "aws-0-eu-central-1.pooler.supabase.com:6543": server,
            "aws-0-eu-central-1.pooler.supabase.com:5432": server,
        }
        shop = Shop(folder, programs() / "psql", places)
        for name in ("pgwarden.yaml", "shop.yaml"):
            (folder / name).write_text(shop.here(_file(name)))
        (folder / "supabase-ca.crt").touch()  # the servers here stand on loopback: nobody reads it
        yield shop


# -- commands ----------------------------------------------------------------------------------------------


def _lasting(output: str, shop: Shop) -> str:
    """Output without what is new each time: the hour's rule, digests, who and when, places put in."""
    output = re.sub(r"no-changes-in-peak, (?=backup-first)", "", output)
    output = re.sub(r"digest [0-9a-f]{12}", "digest #", output)
    output = re.sub(r"since 20[0-9T:-]{17}Z by \S+@[^:\s]+|frozen by \S+@[^:\s]+", "by #", output)
    output = re.sub(r"entry \d+: file://\S+/shop/\d{8}T\d{6}Z-[0-9a-f]{8}", "entry #: COPY", output)
    output = re.sub(r"[0-9.]+ KiB in [0-9.]+ s, at \S+ of PostgreSQL [0-9.]+,", "# KiB,", output)
    output = re.sub(r" in [0-9.]+ s, as it was at 20[0-9T:-]{17}Z", " as it was", output)
    return output.replace(environment(shop.folder)["PGWARDEN_LEDGER"], "LEDGER").replace(
        "/home/ada/.local/state/pgwarden/ledger.sqlite", "LEDGER"
    )


@pytest.mark.timeout(400)  # each command is a process of its own
def test_commands_print_what_the_page_shows_and_the_gate_writes_the_line(shop: Shop) -> None:
    with shop.serving(_SERVE) as gate:
        for command, _, shown in _CONSOLE:
            done = shop.run(command)
            assert _lasting(done.stdout + done.stderr, shop) == _lasting(shop.here(shown), shop), command
        written = dict(gate.refused("DROP TABLE users"))
    (block,) = _blocks("json")
    shown_line: dict[str, object] = json.loads(block)
    assert tuple(written) == tuple(shown_line) == REFUSAL_FIELDS
    shown_line["listener"] = shop.here(str(shown_line["listener"]))
    assert _lasting_fields(written) == _lasting_fields(shown_line)


def _lasting_fields(line: Mapping[str, object]) -> dict[str, object]:
    """A line of the refusal log without what is new each time, whose form is checked instead."""
    fresh = {"decision_id": r"[0-9a-f]{12}", "policy": r"[0-9a-f]{64}", "time": r"[0-9T:.-]{26}Z"}
    assert [name for name, form in fresh.items() if not re.fullmatch(form, str(line[name]))] == []
    rest = {name: value for name, value in line.items() if name not in fresh}
    return rest | {"rules": str(line["rules"]).replace("'no-changes-in-peak', ", "")}


def test_two_listeners_both_refuse(shop: Shop) -> None:
    urls = dict(re.findall(r'^(\w+)="(.*)"$', _blocks("dotenv")[0], re.MULTILINE))
    assert list(urls) == ["DATABASE_URL", "DIRECT_URL"]
    with shop.serving(_SERVE_CONFIG) as gate:
        for url in urls.values():
            address = urlsplit(url).netloc.rpartition("@")[2]
            done = shop.run(f"psql postgresql://app@{address}/shop -c 'DROP TABLE users'")
            assert (done.returncode, "[rule no-drop]" in done.stderr) == (1, True), done.stderr
            gate.refusals.find(lambda line: line["listener"] == shop.here(address), f"a refusal at {address}")  # noqa: B023


@pytest.mark.parametrize("command", _SHELL)
def test_a_command_runs_or_has_its_excuse(command: str, request: pytest.FixtureRequest) -> None:
    if command in (_SERVE, _SERVE_CONFIG):
        return  # run by the tests above
    if command in _NOT_RUN:
        assert (_ROOT / _NOT_RUN[command].instead).is_file()
        if command.startswith("make "):
            subprocess.run(
                ["make", "--dry-run", *command.split()[1:]], cwd=_ROOT, capture_output=True, check=True
            )
        return
    shop: Shop = request.getfixturevalue("shop")
    done = shop.run(command)
    assert (done.stderr, done.returncode) == ("", 0)


def test_no_excuse_is_left_over() -> None:
    assert set(_NOT_RUN) - set(_SHELL) == set()
    assert {match for match in re.findall(r"^```(\w*)$", _README, re.MULTILINE) if match} == {
        "sh", "console", "yaml", "dotenv", "json",
    }  # fmt: skip


def test_the_config_file_is_read_as_the_page_says(tmp_path: Path) -> None:
    Authority(tmp_path, "authority").file.rename(tmp_path / "supabase-ca.crt")
    path = tmp_path / "pgwarden.yaml"
    path.write_text(_file("pgwarden.yaml"))
    loaded = load_settings({"config": str(path)}, {})
    assert [str(door.listen) for door in loaded.settings.listeners] == ["127.0.0.1:6432", "127.0.0.1:6433"]
    assert [(str(upstream), upstream.sslmode) for upstream in loaded.upstreams] == [
        ("aws-0-eu-central-1.pooler.supabase.com:6543", SslMode.VERIFY_FULL),
        ("aws-0-eu-central-1.pooler.supabase.com:5432", SslMode.VERIFY_FULL),
    ]


# -- tables ------------------------------------------------------------------------------------------------


def _rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the table whose first column has this heading."""
    _, found, rest = page.partition(f"\n| {heading} |")
    assert found, f"no table {heading}"
    lines = [line for line in rest.partition("\n\n")[0].splitlines()[1:] if not line.startswith("| ---")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def _names(page: str, heading: str) -> list[str]:
    return [cells[0].strip("`") for cells in _rows(page, heading)]


def test_the_config_file_of_tls_loads(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    written = {"fullchain.pem": certificates.loopback[0], "privkey.pem": certificates.loopback[1]}
    for name, source in {**written, "supabase-ca.crt": certificates.trusted.file}.items():
        (tmp_path / name).write_bytes(source.read_bytes())
    (tmp_path / "tls.yaml").write_text(_file("tls.yaml"))
    loaded = load_settings({"config": str(tmp_path / "tls.yaml")}, {})
    assert [(tls.asks.required, tls.certificate is not None) for tls in loaded.client_tls] == [(True, True)]
    assert [upstream.sslmode for upstream in loaded.upstreams] == [SslMode.VERIFY_FULL]


def test_the_config_file_of_authentication_loads(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    written = {"fullchain.pem": certificates.loopback[0], "privkey.pem": certificates.loopback[1]}
    for name, source in written.items():
        (tmp_path / name).write_bytes(source.read_bytes())
    for name, text in {"asking.txt": "secret\n", "users.txt": ""}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    (tmp_path / "auth.yaml").write_text(_file("auth.yaml"))
    flags = {"config": str(tmp_path / "auth.yaml"), "ledger": str(tmp_path / "ledger")}
    asked, own = load_settings(flags, {}).log_ins
    assert (asked.auth_type.value, asked.source and asked.source.role) == ("passthrough", "pgwarden_auth")
    assert (own.auth_type.value, own.source, own.users) == ("managed", None, {})


def test_the_listeners_settings_stand_first() -> None:
    names = [setting.name for setting in table() if setting.of_listener]
    assert f"`{names[0]}` to `{names[-1]}` belong to a listener" in " ".join(_README.split())


def test_the_modes_of_tls_are_those_that_can_be_set() -> None:
    modes = [mode for cells in _rows(_README, "mode of TLS") for mode in cells[0].split(", ")]
    assert modes == ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
    assert [client_tls_mode(mode) for mode in modes] == modes


def test_a_rule_that_takes_a_backup_first() -> None:
    (rule,) = [rule for rule in load_policy("held.yaml", _file).rules if not rule.reserved]
    assert rule.otherwise == Otherwise("backup", timedelta(minutes=30))


def test_a_policy_with_approvals() -> None:
    made = load_policy("approvals.yaml", lambda _: _file("approvals.yaml"))
    told = {rule.id: (str(rule.approval), rule.otherwise.action) for rule in made.rules if not rule.reserved}
    assert told == {
        "no-drop": (
            "by 2 people within 2 hours, with backup: within 1 hour, of the tables concerned, "
            "proved by a restore",
            "deny",
        ),
        "no-truncate": ("by 2 people within 2 hours", "hold"),
    }


def test_the_table_of_settings() -> None:
    assert _rows(_README, "setting") == [[f"`{s.name}`", s.default, s.meaning] for s in table()]


def test_the_table_of_exit_codes() -> None:
    assert _rows(_README, "code") == [[str(int(code)), meaning] for code, meaning in MEANINGS.items()]


def test_the_table_of_metrics() -> None:
    assert _rows(_README, "metric") == [
        [f"`{kind.name}`", kind.type, ", ".join(kind.labels), kind.help] for kind in METRICS.values()
    ]


def test_the_table_of_the_consoles_commands() -> None:
    assert _rows(_README, "at the console") == [
        [f"`{usage.syntax}`", usage.meaning, NEEDED[usage.action].word] for usage in USAGES
    ]


def test_the_pod_has_the_probes_and_the_time_it_needs() -> None:
    pod = yaml_data(_file("kubernetes.yaml: a part of the Deployment's pod"))
    (container,) = pod["containers"]
    paths = [container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness", "liveness")]
    assert paths == ["/readyz", "/readyz", "/healthz"]
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    drain = Settings.model_fields["drain_timeout_s"].default
    assert pod["terminationGracePeriodSeconds"] > pause + drain


def test_the_table_of_targets_is_the_makefiles() -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", (_ROOT / "Makefile").read_text(), re.MULTILINE)
    assert sorted(_names(_CONTRIBUTING, "target")) == sorted(
        f"make {name}" for name in targets if name != "help"
    )


def yaml_data(text: str) -> Any:
    return read_yaml(text, "README.md").data


# -- rules -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def production() -> Policy:
    return load_policy(str(_ROOT / "policies" / "production.yaml"), read_text)


def _refusing(sql: str, policy: Policy) -> set[str]:
    context = Context("app", "shop", "127.0.0.1", None, _PEAK, "none")
    decision = decide(analyse(sql).effects, context, policy, Facts(backups=(), as_of=_PEAK))
    return {firing.rule for firing in decision.enforced}


@pytest.mark.parametrize(
    ("sql", "rule"),
    [(row[1].strip("`").replace(r"\|", "|"), row[2]) for row in _rows(_README, "the guide")],
)
def test_the_guides_sentence_has_its_rule(sql: str, rule: str, production: Policy) -> None:
    assert rule in _refusing(sql, production)


def test_no_rule_of_production_is_left_out(production: Policy) -> None:
    named = {row[2] for row in _rows(_README, "the guide")}
    assert named == {rule.id for rule in production.rules if not rule.reserved}


@pytest.mark.parametrize(
    ("said", "sql", "passes"),
    [
        ("`SELECT * FROM some_view` passes", "SELECT * FROM some_view", True),
        ("`SET search_path = mine, pg_catalog` is refused", "SET search_path = mine, pg_catalog", False),
        ("`lower(x)` on a", "SELECT lower(x) FROM t", True),
        ("`WHERE id > 0` is recognised", "DELETE FROM users WHERE id > 0", False),
        ("`WHERE id < 420000` is not", "DELETE FROM users WHERE id < 420000", True),
        ("DO is judged by what it does", "DO 'BEGIN NULL; END'", True),
        ("DO is judged by what it does", "DO 'BEGIN DELETE FROM users; END'", False),
        ("a function by what its body", "CREATE PROCEDURE p() LANGUAGE sql AS 'DELETE FROM users'", False),
        ("Bodies in other languages are refused", "DO LANGUAGE plpython3u 'x'", False),
        ("so is EXECUTE of a text", "DO $$ BEGIN EXECUTE 'TABLE ' || current_user; END $$", False),
        ("only one that computes", "CREATE FUNCTION lower(varchar) RETURNS int RETURN nextval('s')", False),
        ("A temporary table of the session's own", "CREATE TEMP TABLE t (a int)", True),
        ("INSERT, COPY FROM", "INSERT INTO users VALUES (4, 'Joan')", True),
        ("INSERT, COPY FROM", "COPY users FROM STDIN", True),
        ("UPDATE and DELETE whose WHERE names rows", "DELETE FROM users WHERE id = 4", True),
    ],
)
def test_what_is_said_of_its_limits_is_so(said: str, sql: str, passes: bool, production: Policy) -> None:
    assert said in " ".join(_README.split())
    assert (_refusing(sql, production) == set()) is passes


def test_a_policy_in_ten_lines() -> None:
    assert len(_file("shop.yaml").splitlines()) == len("# shop.yaml".splitlines()) + 10
    rules = load_policy("shop.yaml", lambda path: _file(path) if path == "shop.yaml" else _read(path)).rules
    assert "backup-first" in {rule.id for rule in rules}


def _read(path: str) -> str:
    return (_ROOT / path).read_text()


# -- names and links ---------------------------------------------------------------------------------------


def _anchors(page: str) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", _PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = _read(page)
    links = [link for link in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", text) if "://" not in link]
    broken = [
        link
        for link in links
        if not (
            link[1:] in _anchors(text) if link[0] == "#" else (_ROOT / page).parent.joinpath(link).exists()
        )
    ]
    assert broken == []


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_files_that_are_named_are_there(page: str) -> None:
    prose = re.sub(r"^```.*?^```", "", _read(page), flags=re.MULTILINE | re.DOTALL)
    named = re.findall(r"`([\w.-]+/[\w./*-]*)(?:::\w+)?`", prose)
    rooms = tuple(f"{path.parent.name}/" for path in (_ROOT / "proxy").glob("*/__init__.py"))
    lost = [
        name
        for name in named
        if not any(
            list((_ROOT / folder).glob(name))
            for folder in (".", *(["proxy"] if name.startswith(rooms) else []))
        )
    ]
    assert set(lost) <= {"share/pgwarden/policies", "build/compiled"}  # made elsewhere, or later


def test_tests_that_are_named_are_there() -> None:
    named = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", _ARCHITECTURE)))
    assert named
    lost = [
        f"{path}::{name}"
        for path, name in named
        if name
        not in {
            node.name
            for node in ast.walk(ast.parse(_read(path)))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
    ]
    assert lost == []
    rows = _rows(_ARCHITECTURE, "what holds")
    assert [what for what, test in rows if "::" not in test] == []


def test_every_threat_has_its_tests_and_every_way_round_its_bar() -> None:
    assert [row[0] for row in _rows(_ARCHITECTURE, "who") if len(row) != 4 or "::" not in row[3]] == []
    assert [row[0] for row in _rows(_ARCHITECTURE, "way round") if len(row) != 3 or not all(row)] == []


def test_contracts_that_are_named_are_there() -> None:
    tools = tomllib.loads(_read("pyproject.toml"))["tool"]["importlinter"]
    contracts = {contract["name"]: contract for contract in tools["contracts"]}
    named = set(re.findall(r"contract `([^`]+)`", _ARCHITECTURE))
    assert named - set(contracts) == set()
    assert f"`{' > '.join(contracts['rooms']['layers'])}`" in _ARCHITECTURE


def test_the_map_names_every_room() -> None:
    _, _, rest = _ARCHITECTURE.partition("## Code map\n")
    headings = re.findall(r"^### (.*)$", rest.partition("### The top level")[0], re.MULTILINE)
    rooms = {path.parent.name for path in (_ROOT / "proxy").glob("*/__init__.py")}
    assert (len(headings), set(headings)) == (len(rooms), rooms)


def _ignored(path: Path) -> bool:
    patterns = [line.rstrip("/") for line in _read(".gitignore").splitlines() if line.strip()]
    return path.name == ".git" or any(fnmatch(path.name, pattern) for pattern in patterns)


def test_the_top_level_is_explained() -> None:
    there = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in _ROOT.iterdir()
        if not _ignored(path) and (path.is_file() or any(path.iterdir()))
    }
    named = _names(_ARCHITECTURE, "entry")
    assert (len(named), set(named)) == (len(there), there)


def test_decisions_are_numbered_dated_and_short() -> None:
    _, _, rest = _ARCHITECTURE.partition("\n## Decisions\n")
    decisions = [part.strip() for part in rest.strip().split("\n\n")]
    heads = [re.match(r"\*\*(\d+)\. [^*]+\*\* \(\d{4}-\d\d-\d\d\)\.", text) for text in decisions]
    assert [int(head[1]) for head in heads if head] == list(range(1, len(decisions) + 1))
    assert [text for text in decisions if text.count("\n") >= 8] == []


def test_the_version_is_in_the_changelog() -> None:
    assert re.search(rf"^## \[{re.escape(__version__)}\]", _CHANGELOG, re.MULTILINE)
