"""What ruff, mypy, import-linter and the house rules say about all that is committed."""

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parent.parent
_CODE = ("proxy", "tests", "benchmarks")
_FORBIDDEN_NAMES = frozenset({"utils", "helpers", "common", "base", "manager", "misc"})
# Put together here, so that this file does not hold them itself: paths of one developer's machine.
_FORBIDDEN_WORDS = tuple(
    "".join(parts) for parts in (("/wo", "rk/"), ("../sha", "red"), ("/root/", ".pyenv"))
)
_MAY_SAY_ANY = (
    "proxy/source/yamldoc.py",
    "proxy/sql/",
    "proxy/app/catalogue/reader.py",
    "proxy/app/doctor/hba.py",  # the shape of a row is its query's
    "proxy/app/doctor/server.py",
    "proxy/backup/places.py",  # obstore and pyrage come with an extra
    "proxy/backup/sealing.py",
    "proxy/backup/session.py",  # JSON of the server's
    "proxy/console/api/",  # a table of endpoints, each with types of its own
)


def _committed() -> list[Path]:
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(listing, cwd=_ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return [path for folder in _CODE for path in sorted((_ROOT / folder).rglob("*.py"))]
    return [path for name in done.stdout.split("\0") if name and (path := _ROOT / name).is_file()]


_FILES = _committed()
_MODULES = [path for path in _FILES if path.suffix == ".py"]


def _names(paths: list[Path]) -> list[str]:
    return [path.relative_to(_ROOT).as_posix() for path in paths]


@pytest.mark.timeout(400)  # mypy without its cache, beside another test
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["ruff", "check", "."], id="ruff check"),
        pytest.param(["ruff", "format", "--check", "."], id="ruff format"),
        pytest.param(["mypy", "--strict", *(f for f in _CODE if (_ROOT / f).is_dir())], id="mypy"),
        pytest.param(["lint-imports"], id="import contracts"),
    ],
)
def test_tool_finds_nothing(command: list[str]) -> None:
    # The programs of this very environment, whether or not it is activated.
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    done = subprocess.run(
        command,
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PATH": beside, "NO_COLOR": "1"},
    )
    if done.returncode != 0:
        pytest.fail(f"{' '.join(command)}\n{done.stdout}{done.stderr}", pytrace=False)


def test_every_module_says_what_it_is() -> None:
    silent = [path for path in _MODULES if not ast.get_docstring(ast.parse(path.read_text()))]
    assert _names(silent) == []


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = [
        path
        for path in _MODULES
        if path.stem in _FORBIDDEN_NAMES or _FORBIDDEN_NAMES.intersection(path.relative_to(_ROOT).parts)
    ]
    assert _names(drawers) == []


def test_nothing_names_a_developers_machine() -> None:
    found = [
        f"{path.relative_to(_ROOT)}: {word}"
        for path in _FILES
        for word in _FORBIDDEN_WORDS
        if word.encode() in path.read_bytes()
    ]
    assert found == []


def _names_imported_from_typing(path: Path) -> set[str]:
    return {
        alias.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == "typing"
        for alias in node.names
    }


def test_any_stays_where_the_shape_is_unknown() -> None:
    loose = [path for path in _MODULES if "Any" in _names_imported_from_typing(path)]
    assert [
        name for name in _names(loose) if name.startswith("proxy/") and not name.startswith(_MAY_SAY_ANY)
    ] == []


def test_no_import_hides_a_circle() -> None:
    assert _names([path for path in _MODULES if "TYPE_CHECKING" in _names_imported_from_typing(path)]) == []


@pytest.mark.parametrize(
    ("contract", "exempt"),
    [("one door to pglast", {"proxy.sql"}), ("one door to yaml", set())],
)
def test_a_door_is_closed_to_every_room(contract: str, exempt: set[str]) -> None:
    configuration = tomllib.loads((_ROOT / "pyproject.toml").read_text())
    (sources,) = [
        found["source_modules"]
        for found in configuration["tool"]["importlinter"]["contracts"]
        if found["name"] == contract
    ]
    rooms = {f"proxy.{path.parent.name}" for path in (_ROOT / "proxy").glob("*/__init__.py")}
    assert set(sources) == rooms - exempt


# What shows by itself that nothing else than this was raised, or that something was.
_SHOWS = frozenset({"raises", "fail", "suppress", "warns"})


def _called(function: ast.AST) -> set[str]:
    """The names of all functions and methods that it calls."""
    called = (node.func for node in ast.walk(function) if isinstance(node, ast.Call))
    return {
        target.attr if isinstance(target, ast.Attribute) else target.id
        for target in called
        if isinstance(target, ast.Attribute | ast.Name)
    }


def _shows_something(function: ast.AST) -> bool:
    asserts = any(isinstance(node, ast.Assert | ast.Raise) for node in ast.walk(function))
    return asserts or not _SHOWS.isdisjoint(_called(function))


def test_every_test_asserts() -> None:
    """A test asserts, or calls a function of the tests that does, perhaps through others of them."""
    functions = [
        (path, node)
        for path in _MODULES
        if path.is_relative_to(_ROOT / "tests")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    checkers = {node.name for _, node in functions if _shows_something(node)}
    silent = [(path, node) for path, node in functions if node.name not in checkers]
    while found := {node.name for _, node in silent if not checkers.isdisjoint(_called(node))}:
        checkers |= found
        silent = [(path, node) for path, node in silent if node.name not in checkers]
    assert [
        f"{path.relative_to(_ROOT)}: {node.name}" for path, node in silent if node.name.startswith("test_")
    ] == []
