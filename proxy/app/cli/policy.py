"""`pgwarden policy`: does a policy load, and what in it is probably not meant, and what may it speak of?

The other verbs lie beside.
"""

from __future__ import annotations

from typing import Annotated

import typer

from proxy.app.cli.exitcodes import ExitCode, epilog
from proxy.app.cli.output import print_error, print_json, print_line, print_styled
from proxy.app.cli.policy_diff import diff
from proxy.app.cli.policy_new import new
from proxy.app.cli.policy_suggest import suggest_changes
from proxy.app.cli.policy_test import test
from proxy.app.policies import Attempt, try_to_load
from proxy.policy import lint, policy_schema
from proxy.policy.rules import Policy
from proxy.source import Diagnostic
from proxy.sql.vocabulary.reference import page

commands = typer.Typer(no_args_is_help=True, help="Check, test, compare and write policies.")


@commands.callback()
def _policy() -> None:
    """Check, test, compare and write policies."""


@commands.command(epilog=epilog())
def check(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="policy files")],
    strict: Annotated[bool, typer.Option("--strict", help="exit with 1 on warnings, too")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Load policies and say all that is wrong with them, each with its place; and what is probably not meant.

    Exits with 3 when a FILE cannot be read, else with 1 when one does not load.
    Warnings (needless rules, conditions that a client can turn, rules that nothing reaches) do not keep a
    policy from loading.
    """
    attempts = {path: try_to_load(path) for path in files}
    warnings = {path: lint(each.policy) for path, each in attempts.items() if each.policy is not None}
    if as_json:
        print_json([_as_dict(path, each, warnings.get(path, ())) for path, each in attempts.items()])
    else:
        _print(attempts, warnings)
    problems = {path: each for path, each in attempts.items() if each.policy is None}
    if problems:
        if not as_json:
            print_error(
                [each.problem for each in problems.values()]
            )  # file:line:col first, as editors read it
        readable = all(each.readable for each in problems.values())
        raise typer.Exit(ExitCode.NO if readable else ExitCode.FAILED)
    if strict and any(warnings.values()):
        raise typer.Exit(ExitCode.NO)


def _print(attempts: dict[str, Attempt], warnings: dict[str, tuple[Diagnostic, ...]]) -> None:
    for path, each in attempts.items():
        if each.policy is not None:
            print_line(f"{path}: {_summary(each.policy)}")
    told = dict.fromkeys(str(warning) for each in warnings.values() for warning in each)
    for warning in told:  # once, where several policies include one pack
        print_styled(f"warning: {warning}", "yellow")


def _as_dict(path: str, attempt: Attempt, warnings: tuple[Diagnostic, ...]) -> dict[str, object]:
    policy = attempt.policy
    return {
        "file": path,
        "loads": policy is not None,
        "problem": attempt.problem,
        "name": None if policy is None else policy.name,
        "mode": None if policy is None else policy.mode,
        "digest": None if policy is None else policy.digest,
        "mistakes": [_told(each) for each in attempt.mistakes],
        "warnings": [_told(each) for each in warnings],
    }


def _told(diagnostic: Diagnostic) -> dict[str, object]:
    place = diagnostic.position
    return {
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "message": diagnostic.message,
        "suggestion": diagnostic.suggestion,
    }


@commands.command(epilog=epilog())
def schema() -> None:
    """Print the JSON Schema of policies, for editors."""
    print_json(policy_schema())


@commands.command(epilog=epilog())
def effects() -> None:
    """Print every effect that a policy may name, with risk, classes, meaning and example, as Markdown."""
    print_line(page().rstrip("\n"))


for _verb in (test, diff, new):
    commands.command(epilog=epilog())(_verb)
commands.command("suggest", epilog=epilog())(suggest_changes)


def _summary(policy: Policy) -> str:
    rules, files = sum(not rule.reserved for rule in policy.rules), len(policy.files)
    parts = [
        f"policy {policy.name} for {policy.environment}",
        f"mode {policy.mode}",
        f"{rules} rule{'' if rules == 1 else 's'} from {files} file{'' if files == 1 else 's'}",
        f"digest {policy.digest[:12]}",
    ]
    return ", ".join(parts)
