"""The real Prisma CLI, from npm's packages alone.

In: a project's folder and a command. Out: what Prisma printed. Its schema engine, a program that the package
would download from a host of its own, is the same engine as WebAssembly (schema_engine.mjs).
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.servers.node import RELEASES, executable, install

RELEASE = "7.10.0"
_ENGINE = f"{RELEASE}-4.0edf323efd1d98336f3f0a68684b56f689b900d3"
_PACKAGES = (
    f"prisma@{RELEASE}",
    f"@prisma/client@{RELEASE}",
    f"@prisma/adapter-pg@{RELEASE}",
    f"@prisma/driver-adapter-utils@{RELEASE}",
    f"@prisma/schema-engine-wasm@{_ENGINE}",
    f"pg@{RELEASES['pg']}",
)
_CONFIG = """\
import { defineConfig } from "prisma/config";
export default defineConfig({
  schema: "schema.prisma",
  migrations: { path: "migrations" },
  datasource: { url: process.env.DATABASE_URL! },
});
"""
_HEAD = 'datasource db {\n  provider = "postgresql"\n}\n'


@dataclass(frozen=True, slots=True)
class Prisma:
    """A Prisma project that begins empty."""

    folder: Path
    node: Path

    def schema(self, models: str) -> None:
        """Write schema.prisma."""
        (self.folder / "schema.prisma").write_text(_HEAD + models)

    def migration(self, name: str, sql: str) -> None:
        """Write a migration."""
        folder = self.folder / "migrations" / name
        folder.mkdir(parents=True)
        (folder / "migration.sql").write_text(sql)

    def command(self, *command: str) -> list[str]:
        """The command line of the CLI."""
        return [str(self.node), "node_modules/prisma/build/index.js", *command]

    def environment(self, **variables: str) -> dict[str, str]:
        """Its variables: nothing of the developer's, and where its engine is."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return {
            **clean,
            "PRISMA_SCHEMA_ENGINE_BINARY": str(self.folder / "schema_engine.mjs"),
            "PATH": f"{self.node.parent}:{os.environ.get('PATH', '')}",
            "CHECKPOINT_DISABLE": "1",
            "PRISMA_HIDE_UPDATE_MESSAGE": "1",
            "NO_COLOR": "1",
            **variables,
        }

    def run(self, url: str, *command: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command of the CLI to its end."""
        return subprocess.run(
            self.command(*command),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            env=self.environment(DATABASE_URL=url),
        )


def modules() -> Path:
    """The packages of Prisma, its command line and its client.

    Raises:
        Missing: npm cannot fetch them.
    """
    return install(f"prisma-{RELEASE}-client", *_PACKAGES) / "node_modules"


def new_project(folder: Path) -> Prisma:
    """A project in an empty folder.

    Raises:
        Missing: the wheel of node is not installed, or npm cannot fetch the packages.
    """
    (folder / "node_modules").symlink_to(modules())
    engine = folder / "schema_engine.mjs"
    engine.write_bytes(Path(__file__).with_name("schema_engine.mjs").read_bytes())
    engine.chmod(0o755)
    (folder / "prisma.config.ts").write_text(_CONFIG)
    (folder / "package.json").write_text("{}\n")
    (folder / "migrations").mkdir()
    (folder / "migrations" / "migration_lock.toml").write_text('provider = "postgresql"\n')
    return Prisma(folder, executable())
