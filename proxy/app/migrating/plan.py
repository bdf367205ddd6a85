"""What is pending, and would it pass?

Enters: a folder of migrations, Prisma's history, a policy, the evidence. Leaves: the scripts that are to run,
and what the policy says of each of them in this run. Deliberately absent: running anything, and printing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from proxy.app.migrating.address import GateAddress
from proxy.app.migrating.history import Applied
from proxy.app.offline.outlook import Outlook, outlook
from proxy.app.offline.scripts import Script
from proxy.policy.context import Context, Migration
from proxy.policy.facts import Facts, Run
from proxy.policy.rules import Policy

USUAL_FOLDERS: Final = ("prisma/migrations", "migrations", "supabase/migrations", "drizzle")
"""Where the tools that write SQL keep it, unless told otherwise."""

_PRISMAS: Final = "migration_lock.toml"


@dataclass(frozen=True, slots=True)
class Judged:
    """A pending script, and what the policy says of it."""

    script: Script
    outlook: Outlook


def usual_folder(around: Path) -> Path | None:
    """The folder of migrations of the project that lies there."""
    folders = (around / name for name in USUAL_FOLDERS)
    return next((folder for folder in folders if folder.is_dir()), None)


def is_prismas(folder: Path) -> bool:
    """Whether Prisma keeps its migrations there."""
    return (folder / _PRISMAS).is_file()


def pending(scripts: Sequence[Script], history: Collection[Applied] | None) -> tuple[Script, ...]:
    """Those that `prisma migrate deploy` would run."""
    done = {row.name for row in history or () if row.finished and not row.rolled_back}
    return tuple(script for script in scripts if script.name not in done)


def changed_since(scripts: Iterable[Script], history: Collection[Applied] | None) -> tuple[str, ...]:
    """Names of scripts that are not what was applied under their name."""
    applied = {row.name: row.checksum for row in history or () if row.finished}
    return tuple(
        script.name
        for script in scripts
        if script.name in applied and applied[script.name] != checksum_of(Path(script.path))
    )


def checksum_of(file: Path) -> str:
    """SHA-256 of a script, as Prisma registers it."""
    return sha256(file.read_bytes()).hexdigest()


def judge_pending(
    scripts: Iterable[Script], gate: GateAddress, run: Run, policy: Policy, facts: Facts, now: datetime
) -> tuple[Judged, ...]:
    """What the policy says of each, in this run, at this moment; the gate sees another address perhaps."""
    context = Context(gate.role, gate.database, None, None, now, "none", migration=Migration(run=run.token))
    known = replace(facts, runs=(*facts.runs, run))
    return tuple(Judged(script, outlook(script.sql, context, policy, known)) for script in scripts)
