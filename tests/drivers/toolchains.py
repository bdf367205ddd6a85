"""How a program of each language is run, and where its driver comes from.

In: a program's file. Out: a `Command`. What cannot be had raises `Missing`. Nothing is installed: Python's
drivers are in this environment (extra `drivers`), node's and Debian's packages are unpacked below .cache.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.cache import Missing, build_once
from tests.servers.debian import library_path, unpack
from tests.servers.node import executable, install
from tests.servers.postgres import binaries

PROGRAMS = Path(__file__).parent / "programs"
_ROOT = PROGRAMS.parents[2]


@dataclass(frozen=True, slots=True)
class Command:
    """A command line, to which the URL is added, and the variables that it needs."""

    argv: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """Its variables: nothing of the developer's, English words."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return {**clean, "LC_ALL": "C.UTF-8", "PYTHONPATH": str(_ROOT), **self.variables}


def python(program: str) -> Command:
    """Run it with this very Python, as a module, since modules share `lines`."""
    return Command([sys.executable, "-W", "error", "-m", f"tests.drivers.programs.{program}"])


def psql(major: int) -> Command:
    """Run psql of a major version, by a program that types and reads."""
    typist = python("psql")
    return Command([*typist.argv, str(binaries(major) / "psql")])


NPM: Mapping[str, str] = {
    "pg": "8.23.1",
    "pg-copy-streams": "7.0.0",
    "postgres": "3.4.9",
}


def node(program: str) -> Command:
    """Run it with node and the small packages."""
    packages = [f"{name}@{version}" for name, version in NPM.items()]
    modules = install("node-drivers", *packages) / "node_modules"
    return Command([str(executable()), str(PROGRAMS / f"{program}.cjs")], {"NODE_PATH": str(modules)})
