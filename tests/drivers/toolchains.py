"""How a program of each language is run, and where its driver comes from.

In: a program's file. Out: a `Command`. What cannot be had raises `Missing`. Nothing is installed: Python's
drivers are in this environment (extra `drivers`), node's and Debian's packages are unpacked below .cache.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers import prisma
from tests.servers.cache import Missing, build_once
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


def python(program: str, *arguments: str) -> Command:
    """Run it with this very Python, as a module, since modules share `lines`."""
    return Command([sys.executable, "-m", f"tests.drivers.programs.{program}", *arguments])


def psql(major: int) -> Command:
    """Run psql of a major version, by a program that types and reads."""
    return python("psql", str(binaries(major) / "psql"))


def lower_bound(distribution: str) -> str:
    """The lowest version of a distribution that pyproject.toml lets in."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    listed = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    (found,) = {
        match[1] for text in listed if (match := re.match(rf"{distribution}(?:\[\w+\])?>=([\d.]+)", text))
    }
    return str(found)


NPM: Mapping[str, str] = {
    "pg": "8.23.1",
    "pg-copy-streams": "7.0.0",
    "postgres": "3.4.9",
    "drizzle-orm": "0.45.4",
    "knex": "3.3.0",
    "reflect-metadata": "0.2.2",
    "typeorm": "1.1.1",
}
_SMALL = ("pg", "pg-copy-streams", "postgres")


def node(program: str, *more: str) -> Command:
    """Run it with node, the small packages, and more of them."""
    names = sorted({*_SMALL, *more})
    packages = [f"{name}@{NPM[name]}" for name in names]
    modules = install("-".join(["node", *(more or ["small"])]), *packages) / "node_modules"
    return Command([str(executable()), str(PROGRAMS / f"{program}.cjs")], {"NODE_PATH": str(modules)})


def prisma_client() -> Command:
    """Run the program of Prisma's client, which is generated first, once for each schema."""
    schema = (PROGRAMS / "prisma.prisma").read_text()
    digest = hashlib.sha256(schema.encode()).hexdigest()[:12]
    client = build_once(f"prisma-client-{prisma.RELEASE}-{digest}", lambda folder: _generate(schema, folder))
    variables = {"NODE_PATH": str(prisma.modules()), "PRISMA_CLIENT": str(client / "client")}
    return Command([str(executable()), str(PROGRAMS / "prisma.cjs")], variables)


def _generate(schema: str, folder: Path) -> None:
    project = prisma.new_project(folder)
    project.schema(schema)
    done = project.run("postgresql://127.0.0.1/none", "generate")
    if done.returncode != 0:
        raise Missing(f"Prisma generates no client: {done.stdout}{done.stderr}")
