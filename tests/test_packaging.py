"""What is shipped: the Dockerfile agrees with itself and with the checkout, and the wheel holds all it needs.

No engine builds the image here: hadolint reads it, and what it copies, runs and promises is looked up.
"""

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from proxy import __version__

_ROOT = Path(__file__).resolve().parent.parent
_POLICIES = "/etc/pgwarden/policies"


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of the Dockerfile, its continued lines joined."""

    stage: int
    word: str
    rest: str

    @property
    def command(self) -> list[str]:
        """The list of a command in the exec form."""
        listed: list[str] = json.loads(self.rest[self.rest.index("[") :])
        return listed


def _instructions() -> list[Instruction]:
    text = re.sub(r"^\s*#.*\n", "", (_ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    found = []
    stage = -1
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if line.strip():
            word, rest = line.split(maxsplit=1)
            stage += word == "FROM"
            found.append(Instruction(stage, word, rest))
    return found


def _final(word: str) -> list[Instruction]:
    instructions = _instructions()
    return [it for it in instructions if it.word == word and it.stage == instructions[-1].stage]


def _beside(program: str) -> str:
    return str(Path(sys.executable).with_name(program))


def _help(*verbs: str) -> str:
    command = [sys.executable, "-m", "proxy", *verbs, "--help"]
    environment = os.environ | {"COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(
        command, cwd=_ROOT, capture_output=True, text=True, check=True, env=environment
    ).stdout


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run(
        [_beside("hadolint"), "Dockerfile"], cwd=_ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_copied_files_exist_and_reach_the_engine() -> None:
    copied = [
        shlex.split(it.rest)[:-1] for it in _instructions() if it.word == "COPY" and "--from" not in it.rest
    ]
    sources = {source.rstrip("/") for sources in copied for source in sources}
    admitted = {
        line[1:].rstrip("/")
        for line in (_ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert sources == admitted
    assert {source for source in sources if not (_ROOT / source).exists()} == set()


def test_stages_are_named_before_they_are_used() -> None:
    instructions = _instructions()
    named = {it.rest.split()[2]: it.stage for it in instructions if it.word == "FROM" and " AS " in it.rest}
    used = [(name, it.stage) for it in instructions for name in re.findall(r"\bfrom=([\w-]+)", it.rest)]
    assert used == [("build", 1)]
    assert all(named[name] < stage for name, stage in used)
    images = {it.rest.split()[0] for it in instructions if it.word == "FROM"}
    assert len(images) == 1, "the wheels are built by the Python that runs them"


def test_it_runs_as_an_ordinary_user_that_owns_what_it_writes() -> None:
    (user,) = _final("USER")
    assert int(user.rest) > 0
    (made,) = [it.rest for it in _final("RUN") if "useradd" in it.rest]
    assert f"--uid {user.rest} " in made
    (volume,) = _final("VOLUME")
    assert f"--owner=pgwarden --group=pgwarden --mode=0700 {volume.rest}" in made
    (environment,) = _final("ENV")
    assert f"PGWARDEN_LEDGER={volume.rest}/" in environment.rest


def test_it_brings_what_settings_take_more_than_the_least_for() -> None:
    extras = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    wanted = sorted(set(extras) - {"demo", "test", "drivers", "fuzz", "bench"})
    named = re.findall(r"\[([a-z,]+)\]'", (_ROOT / "Dockerfile").read_text())
    assert named == [",".join(wanted)] * 2


def test_ports_and_commands_are_the_programs_own() -> None:
    (entry,), (serve,), (health,), (ports,) = (
        _final(w) for w in ("ENTRYPOINT", "CMD", "HEALTHCHECK", "EXPOSE")
    )
    (environment,) = _final("ENV")
    scripts = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert [entry.command[0], health.command[0]] == [*scripts, *scripts]
    assert serve.command[0] in _help()
    assert health.command[1] in _help()
    flags = dict(zip(serve.command[1::2], serve.command[2::2], strict=True))
    shown = _help("serve")
    assert [flag for flag in flags if flag not in shown] == []
    (admin,) = re.findall(r"PGWARDEN_ADMIN=\S+:(\d+)", environment.rest)
    assert ports.rest.split() == [flags["--listen"].rpartition(":")[2], admin]
    policy = Path(flags["--policy"])
    assert f"policies/ {policy.parent}/" in [it.rest for it in _final("COPY")]
    assert (_ROOT / "policies" / policy.name).is_file()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    # From a copy: setuptools leaves build/ and *.egg-info beside what it builds.
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(_ROOT / name, source)
    for name in ("proxy", "policies"):
        shutil.copytree(_ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet"]
    done = subprocess.run(
        [*command, "--disable-pip-version-check", "--wheel-dir", built, source],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PGWARDEN_PURE": "1"},  # `make test-compiled` has the other one
    )
    assert done.returncode == 0, done.stderr
    (path,) = built.iterdir()
    return zipfile.ZipFile(path)


def test_the_wheel_holds_the_code_the_policies_and_the_licence(wheel: zipfile.ZipFile) -> None:
    console = _ROOT / "proxy" / "console"
    shown = [path for folder in ("pages", "assets") for path in (console / folder).rglob("*.*")]
    kept = [*(_ROOT / "proxy").rglob("*.py"), *shown]
    code = [path.relative_to(_ROOT).as_posix() for path in kept]
    data = f"pgwarden-{__version__}.data/data/share/pgwarden"
    policies = [f"{data}/{path.relative_to(_ROOT).as_posix()}" for path in (_ROOT / "policies").rglob("*.*")]
    about = f"pgwarden-{__version__}.dist-info"
    shipped = {name for name in wheel.namelist() if not name.endswith("/")}
    metadata = {
        f"{about}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "top_level.txt", "entry_points.txt")
    }
    assert shipped == {*code, *policies, *metadata, f"{about}/licenses/LICENSE"}


def test_the_wheel_says_its_licence_and_its_command(wheel: zipfile.ZipFile) -> None:
    about = f"pgwarden-{__version__}.dist-info"
    metadata = wheel.read(f"{about}/METADATA").decode().splitlines()
    assert "License-Expression: GPL-3.0-or-later" in metadata
    assert f"Version: {__version__}" in metadata
    assert (
        wheel.read(f"{about}/entry_points.txt").decode()
        == "[console_scripts]\npgwarden = proxy.app.cli:main\n"
    )


def _functions(path: Path) -> set[str]:
    """Those of a module and of its classes, as setup.py writes them."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found.add(f"{path.stem}.{node.name}")
        elif isinstance(node, ast.ClassDef):
            methods = (each for each in node.body if isinstance(each, ast.FunctionDef))
            found |= {f"{path.stem}.{node.name}.{each.name}" for each in methods}
    return found


def test_functions_that_are_laid_out_together_are_there() -> None:
    """A name that means nothing any more is passed over when C is compiled."""
    text = (_ROOT / "setup.py").read_text()
    touched = set(text.partition('_TOUCHED = """')[2].partition('"""')[0].split())
    rooms = ("wire", "sql", "session", "relay")
    modules = [path for room in rooms for path in (_ROOT / "proxy" / room).rglob("*.py")]
    assert len(touched) > 50
    assert touched - set().union(*map(_functions, modules)) == set()
