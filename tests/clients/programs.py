"""PostgreSQL's own client programs, run to their end.

Enters: arguments and a script. Leaves: exit code, what it printed, what it complained of.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Done:
    """A program that has ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Program:
    """One of PostgreSQL's programs, with the flags that it always gets."""

    path: Path
    flags: tuple[str, ...]

    def command(self, *arguments: str) -> list[str]:
        """Its command line."""
        return [str(self.path), *self.flags, *arguments]

    def environment(self, **variables: str) -> dict[str, str]:
        """Its variables: nothing of the developer's, English words."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return {**clean, "LC_ALL": "C.UTF-8", **variables}

    def __call__(self, *arguments: str, script: str = "", timeout_s: float = 60, **variables: str) -> Done:
        done = subprocess.run(
            self.command(*arguments),
            input=script,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            env=self.environment(**variables),
        )
        return Done(done.returncode, done.stdout, done.stderr)
