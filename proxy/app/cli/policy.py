"""`pgwarden policy`: does a policy load, and its other verbs, each in a module of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from proxy.app.cli.exitcodes import CommandError, ExitCode, epilog
from proxy.app.cli.output import print_json, print_line
from proxy.app.cli.policy_diff import diff
from proxy.app.cli.policy_new import new
from proxy.app.cli.policy_test import test
from proxy.app.policies import try_to_load
from proxy.policy.rules import Policy
from proxy.policy.schema import policy_schema

commands = typer.Typer(no_args_is_help=True, help="Check, test, compare and write policies.")


@commands.callback()
def _policy() -> None:
    """Check, test, compare and write policies."""


@commands.command(epilog=epilog())
def check(files: Annotated[list[str], typer.Argument(metavar="FILE...", help="policy files")]) -> None:
    """Load policies and say all that is wrong with them, each with its place."""
    problems: list[str] = []
    code = ExitCode.NO
    for path in files:
        attempt = try_to_load(path)
        if attempt.policy is None:
            problems.append(attempt.problem)
            code = ExitCode.NO if attempt.found(path) else ExitCode.FAILED
        else:
            print_line(f"{path}: {_summary(attempt.policy)}")
    if problems:
        raise CommandError(code, *problems)


@commands.command(epilog=epilog())
def schema() -> None:
    """Print the JSON Schema of policies, for editors."""
    print_json(policy_schema())


commands.command(epilog=epilog())(test)
commands.command(epilog=epilog())(diff)
commands.command(epilog=epilog())(new)


def _summary(policy: Policy) -> str:
    rules, files = sum(not rule.reserved for rule in policy.rules), len(policy.files)
    parts = [
        f"policy {policy.name} for {policy.environment}",
        f"mode {policy.mode}",
        f"{rules} rule{'' if rules == 1 else 's'} from {files} file{'' if files == 1 else 's'}",
        f"digest {policy.digest[:12]}",
    ]
    return ", ".join(parts)
