"""`pgwarden policy check`: does a policy load? `pgwarden policy effects`: what may it speak of?

Deliberately absent: testing, comparing and writing policies.
"""

from __future__ import annotations

from typing import Annotated

import typer

from proxy.app.cli.exitcodes import CommandError, ExitCode, epilog
from proxy.app.cli.output import print_error, print_line
from proxy.app.policies import try_to_load
from proxy.policy.rules import Policy
from proxy.sql.reference import page

commands = typer.Typer(no_args_is_help=True, help="Check policies, and show what they may speak of.")


@commands.callback()
def _policy() -> None:
    """Check policies, and show what they may speak of."""


@commands.command(epilog=epilog())
def check(files: Annotated[list[str], typer.Argument(metavar="FILE...", help="policy files")]) -> None:
    """Load policies and say all that is wrong with them, each with its place.

    Exits with 3 when a FILE cannot be read, else with 1 when one does not load.
    """
    problems: list[str] = []
    code = ExitCode.NO
    for path in files:
        attempt = try_to_load(path)
        if attempt.policy is not None:
            print_line(f"{path}: {_summary(attempt.policy)}")
            continue
        problems.append(attempt.problem)
        if not attempt.readable:
            code = ExitCode.FAILED
    if problems:
        print_error(problems)  # each begins with file:line:col, as editors and CI read it
        raise typer.Exit(code)


@commands.command(epilog=epilog())
def effects() -> None:
    """Print every effect that a policy may name, with risk, classes, meaning and example, as Markdown."""
    print_line(page().rstrip("\n"))


def _summary(policy: Policy) -> str:
    rules, files = sum(not rule.reserved for rule in policy.rules), len(policy.files)
    parts = [
        f"policy {policy.name} for {policy.environment}",
        f"mode {policy.mode}",
        f"{rules} rule{'' if rules == 1 else 's'} from {files} file{'' if files == 1 else 's'}",
        f"digest {policy.digest[:12]}",
    ]
    return ", ".join(parts)


def load_or_fail(path: str, flag: str) -> Policy:
    """Load the policy that a flag names; one that does not load is a wrong value of that flag."""
    attempt = try_to_load(path)
    if attempt.policy is None:
        raise CommandError(ExitCode.USAGE, f"{flag}: the policy {path} does not load", attempt.problem)
    return attempt.policy
