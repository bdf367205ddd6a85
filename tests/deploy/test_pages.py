"""What the pages of deploy/ show: configurations load, SQL runs, flags and settings are there."""

from __future__ import annotations

import json
import os
import re
import shlex
import tomllib
from pathlib import Path

import psycopg
import pytest
import yaml

from proxy.app.settings import table
from proxy.app.sources import load_settings, read_text
from proxy.policy.loading.load import load_policy
from tests.conftest import Obtain, ServerAt
from tests.relay.certificates import Authority
from tests.servers import forking
from tests.servers.postgres import MAJORS
from tests.servers.tools import render_chart

_ROOT = Path(__file__).resolve().parents[2]
_DEPLOY = _ROOT / "deploy"
_PAGES = {str(page.relative_to(_DEPLOY)): page.read_text() for page in sorted(_DEPLOY.rglob("*.md"))}
_VARIABLES = {setting.variable for setting in table()} | {
    "PGWARDEN_CONFIG", "PGWARDEN_LEDGER_PASSWORD", "PGWARDEN_CONSOLE_OIDC_SECRET"
}  # fmt: skip


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page, with the indentation of a list's item taken off."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", _PAGES[page], re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


def configurations() -> list[tuple[str, str]]:
    return [
        (page, text)
        for page in _PAGES
        for text in blocks(page, "yaml")
        if text.startswith("# pgwarden.yaml\n")
    ]


@pytest.mark.parametrize(("page", "text"), configurations(), ids=[page for page, _ in configurations()])
def test_the_gate_reads_each_configuration(page: str, text: str, tmp_path: Path) -> None:
    text = text.replace("/etc/pgwarden/", "")
    authority = Authority(tmp_path, "ours")
    certificate, key = authority.certify("gate.example.com")
    certificate.rename(tmp_path / "tls.crt")
    key.rename(tmp_path / "tls.key")
    for name in ("db-ca.crt", "supabase-ca.crt", "global-bundle.pem"):
        (tmp_path / name).write_bytes(authority.file.read_bytes())
    (tmp_path / "auth.password").write_text("secret")
    (tmp_path / "auth.password").chmod(0o600)
    text = re.sub(r"sslrootcert=(\S+)", rf"sslrootcert={tmp_path}/\1", text)
    if "auth_file: users" in text:
        _add_user(tmp_path / "users")
    if "console_auth_file" in text:
        (tmp_path / "tokens").touch(0o600)
    (tmp_path / "pgwarden.yaml").write_text(text)
    loaded = load_settings({"config": str(tmp_path / "pgwarden.yaml")}, {}, read_text)
    assert len(loaded.settings.listeners) == len(yaml.safe_load(text)["listeners"])


def _add_user(path: Path) -> None:
    password = path.with_name("app.password")
    password.write_text("secret")
    password.chmod(0o600)
    command = ["user", "add", "app", "--role", "app", "--generate"]
    command += ["--password-file", password.name, "--auth-file", str(path)]
    forking.run(command, os.environ).check_returncode()


def commands() -> list[list[str]]:
    lines = [line for page in _PAGES for block in blocks(page, "sh") for line in block.splitlines()]
    return [shlex.split(line) for line in lines if line.strip()]


def own_commands() -> list[list[str]]:
    """What runs the program itself, by its name or, beside a service, by its path."""
    begun = [(words, [Path(word).name for word in words]) for words in commands()]
    return [
        ["pgwarden", *words[names.index("pgwarden") + 1 :]]
        for words, names in begun
        if words[0] in ("pgwarden", "systemd-run")
    ]


@pytest.mark.parametrize("command", own_commands(), ids=" ".join)
def test_verbs_and_flags_are_the_programs_own(command: list[str]) -> None:
    flagged = (at for at, word in enumerate(command) if word.startswith("-"))
    words = command[1 : next(flagged, len(command))]
    verbs = words[:-1] if words[:2] in (["user", "add"], ["console", "token"]) else words  # a name is last
    done = forking.run([*verbs, "--help"], {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"})
    done.check_returncode()
    flags = [word.partition("=")[0] for word in command if word.startswith("--")]
    assert [flag for flag in flags if flag not in done.stdout] == []


def test_paths_that_commands_name_exist() -> None:
    named = {
        word for words in commands() for word in words if re.match(r"(deploy|policies)/|Dockerfile$", word)
    }
    assert named >= {"deploy/helm/pgwarden", "deploy/systemd/pgwarden.service", "deploy/fly/fly.toml"}
    assert [name for name in named if not (_ROOT / name).exists()] == []


@pytest.mark.parametrize("major", MAJORS)
def test_the_role_that_reads_verifiers_reads_nothing_else(server_at: ServerAt, major: int) -> None:
    (statements,) = blocks("postgresql.md", "sql")
    cluster = server_at(major)

    def connect(role: str) -> psycopg.Connection[tuple[object, ...]]:
        place = f"host=127.0.0.1 port={cluster.port} dbname=postgres user={role}"
        return psycopg.connect(place, autocommit=True)

    with connect("postgres") as owner:
        owner.execute("CREATE ROLE page_app LOGIN PASSWORD 'secret'")
        try:
            owner.execute(statements)
            with connect("pgwarden_auth") as asking:
                rows = asking.execute("SELECT * FROM public.pgwarden_verifier(%s)", ["page_app"]).fetchall()
                assert [(name, str(verifier)[:14]) for name, verifier in rows] == [
                    ("page_app", "SCRAM-SHA-256$")
                ]
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    asking.execute("SELECT * FROM pg_authid")
            stranger = connect("pgwarden_catalogue")
            with stranger, pytest.raises(psycopg.errors.InsufficientPrivilege):
                stranger.execute("SELECT * FROM public.pgwarden_verifier('page_app')")
        finally:
            owner.execute("DROP FUNCTION IF EXISTS public.pgwarden_verifier(name)")
            owner.execute("DROP ROLE IF EXISTS pgwarden_auth, pgwarden_catalogue, page_app")


def test_hosts_set_what_can_be_set() -> None:
    fly = tomllib.loads((_DEPLOY / "fly" / "fly.toml").read_text())
    railway = re.findall(r"^\| `(PGWARDEN_[A-Z_]+)`", _PAGES["railway/README.md"], re.MULTILINE)
    assert len(railway) == 5
    assert [name for name in (*fly["env"], *railway) if name not in _VARIABLES] == []
    spoken_of = {name for text in _PAGES.values() for name in re.findall(r"PGWARDEN_[A-Z_]+", text)}
    assert spoken_of <= _VARIABLES
    (service,) = fly["services"]
    listened = int(fly["env"]["PGWARDEN_LISTEN"].rpartition(":")[2])
    assert service["internal_port"] == listened
    assert [port.get("handlers") for port in service["ports"]] == [None]
    mounted = {file["guest_path"] for file in fly["files"]}
    assert {value for value in fly["env"].values() if value.startswith("/secrets/")} == mounted
    settings = {setting.name: setting for setting in table()}
    drain = float(settings["drain_timeout_s"].default)
    assert float(fly["kill_timeout"].rstrip("s")) > drain
    assert json.loads((_DEPLOY / "railway" / "railway.json").read_text())["deploy"]["drainingSeconds"] > drain


def test_the_gate_reads_what_fly_sets(tmp_path: Path) -> None:
    (more,) = blocks("fly/README.md", "toml")
    fly, console = tomllib.loads((_DEPLOY / "fly" / "fly.toml").read_text()), tomllib.loads(more)
    authority = Authority(tmp_path, "ours")
    certificate, key = authority.certify("gate.example.com")
    certificate.rename(tmp_path / "tls.crt")
    key.rename(tmp_path / "tls.key")
    authority.file.rename(tmp_path / "supabase-ca.crt")
    env = {
        name: value.replace("/secrets", str(tmp_path))
        for name, value in (fly["env"] | console["env"]).items()
    }
    policy = str(_ROOT / "policies" / "production.yaml")
    loaded = load_settings({"policy": policy, "ledger": str(tmp_path / "ledger")}, env, read_text)
    assert [service["internal_port"] for service in console["services"]] == [loaded.settings.console.port]  # type: ignore[union-attr]
    assert loaded.single is not None


def test_the_charts_page_renders_and_its_policy_loads(obtain: Obtain) -> None:
    (text,) = blocks("helm/README.md", "yaml")
    values = yaml.safe_load(text)
    rendered, report = obtain(lambda: render_chart(_DEPLOY / "helm" / "pgwarden", values))
    assert report.get("failed") is None
    assert any("shop.yaml" in text for text in rendered.values())
    inside = str(_ROOT / "policies")
    policy = values["policies"]["shop.yaml"].replace("/etc/pgwarden/policies", inside)
    texts = {"/shop.yaml": policy}
    loaded = load_policy("/shop.yaml", lambda path: texts.get(path) or read_text(path))
    assert loaded.name == "shop"
    assert loaded.rules


def test_every_page_says_what_was_tried() -> None:
    silent = [name for name, text in _PAGES.items() if "**What was tried.**" not in text]
    assert silent == ["README.md"]


def test_links_lead_somewhere() -> None:
    for page, text in _PAGES.items():
        targets = re.findall(r"\]\(([^)#]+)[^)]*\)", text)
        broken = [target for target in targets if not (_DEPLOY / page).parent.joinpath(target).exists()]
        assert broken == [], page
