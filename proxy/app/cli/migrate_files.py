"""`pgwarden migrate`: the files that are to run.

Enters: paths, and behind which migration. Leaves: scripts in their tool's order; a refusal where a file is to
run whose SQL nobody can see before. Deliberately absent: judging them (proxy/app/migrating/plan.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.cli.output import print_error
from proxy.app.cli.values import wrong
from proxy.app.migrating.plan import is_prismas
from proxy.app.offline.scripts import Script, Skipped, comes_later, find_scripts


def scripts_of(paths: Sequence[str], after: str | None) -> tuple[tuple[Script, ...], bool]:
    """The scripts of these paths, and whether Prisma's history says which are pending.

    Raises: CommandError.
    """
    if not paths:
        return (), False
    try:
        found = find_scripts(paths)
    except OSError as error:
        raise CommandError(ExitCode.FAILED, f"{error.filename} cannot be read: {error.strerror}") from error
    names = [script.name for script in found.scripts]
    if after is not None and after not in names:
        raise wrong("--after", f"no migration is named {after}")
    done = 0 if after is None else names.index(after) + 1
    last = found.scripts[done - 1].path if done else None
    skipped = [each for each in found.skipped if last is None or comes_later(each.path, last)]
    for each in skipped:
        print_error([f"pgwarden: not judged: {each.path}: it {each.reason}"])
    prismas = all(is_prismas(Path(path)) for path in paths)
    if not prismas:  # Prisma runs SQL alone
        _check_known(skipped)
    return found.scripts[done:], after is None and prismas


def _check_known(skipped: Sequence[Skipped]) -> None:
    unknown = sum(each.runs for each in skipped)
    if unknown:
        raise CommandError(
            ExitCode.NO,
            f"whether {unknown} of the pending migrations would pass is not known, so nothing was run",
            "name files with their SQL (--migrations), or leave all to the gate, which judges each statement "
            "as it comes (--no-check)",
        )
