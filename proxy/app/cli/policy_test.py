"""`pgwarden policy test`: run cases beside a policy, and the examples of its rules.

Enters: files and folders. Leaves: what failed, each with its place; the rules that nothing fired; a JUnit
report. Deliberately absent: judging (proxy/app/offline/runner.py).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.cli.output import print_error, print_json, print_line, print_styled
from proxy.app.offline import runner
from proxy.app.offline.junit import report
from proxy.app.policies import try_to_load
from proxy.app.sources import read_text
from proxy.policy.loading.trials import check_ids, kind_of, read_trials
from proxy.policy.rules import Policy
from proxy.source import SourceError, read_yaml

# Other programs' files may hold YAML that this reader refuses; they are passed over unread.
_OURS = re.compile(r"^(?:cases|rules|include)\s*:", re.MULTILINE)

_NONE_RAN = "no case ran: nothing there holds cases or examples"


@dataclass(slots=True)
class _Session:
    """What has been read and judged so far."""

    policies: dict[str, Policy] = field(default_factory=dict)
    results: dict[str, list[runner.Result]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    unloadable: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    files: int = 0

    def policy(self, path: str) -> Policy | None:
        """Load a policy once; one that does not load is told once."""
        if path not in self.policies and path not in self.unloadable:
            attempt = try_to_load(path)
            if attempt.policy is None:
                self.unloadable.add(path)
                self.problems.append(attempt.problem)
            else:
                self.policies[path] = attempt.policy
        return self.policies.get(path)

    def run(self, path: str, text: str) -> None:
        """Run the trials of one file; of a policy, also the examples of the packs that it includes."""
        if path in self.seen:
            return
        self.seen.add(path)
        try:
            file = read_trials(text, path)
        except SourceError as error:
            self.problems.append(str(error))
            return
        policy = self.policy(file.policy)
        if policy is None:
            return
        check_ids(file, runner.known_ids(policy))
        if file.complaints.diagnostics:
            self.problems.append(str(SourceError(file.complaints.diagnostics)))
            return
        self.files += bool(file.trials)
        self.results.setdefault(file.policy, []).extend(runner.run(file, policy))
        if file.policy == path:
            for pack in policy.files[1:]:
                self.run(pack, read_text(pack))


def test(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE|DIR...", help="files of cases, policies with examples, or folders of both"
        ),
    ],
    junit: Annotated[str | None, typer.Option(metavar="FILE", help="write a JUnit report")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Run the cases beside a policy, and the examples that its rules hold.

    A file of cases has the key cases; any other is a policy. Exits with 1 when a case fails, when a file is
    wrong, and when no case ran at all.
    """
    session = _Session()
    for path in paths:
        for file in _files(path):
            _take(session, file, given=file == path)
    results = [result for each in session.results.values() for result in each]
    unfired = runner.unfired(session.results, session.policies)
    problems = list(dict.fromkeys(session.problems))
    if not results and not problems:
        problems = [_NONE_RAN]
    if junit is not None:
        _write(junit, report(results, unfired, problems))
    if as_json:
        print_json(_as_dict(results, unfired, problems))
    else:
        _print(session, results, unfired)
        print_error(dict.fromkeys(session.problems))  # file:line:col first, as editors read it
    if problems == [_NONE_RAN]:
        raise CommandError(ExitCode.NO, _NONE_RAN)
    if problems or any(result.problem for result in results):
        raise typer.Exit(ExitCode.NO)


def _files(path: str) -> list[str]:
    if not Path(path).is_dir():
        return [path]
    found: list[str] = []
    for place, folders, files in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "node_modules")
        found += [Path(place, name).as_posix() for name in sorted(files) if name.endswith((".yaml", ".yml"))]
    return found


def _take(session: _Session, path: str, *, given: bool) -> None:
    """Run one file; among those of a folder, what is neither cases nor a policy is passed over."""
    try:
        text = read_text(path)
        if given or (_OURS.search(text) and kind_of(read_yaml(text, path)) != "other"):
            session.run(path, text)
    except SourceError as error:
        session.problems.append(str(error))
    except OSError as error:
        session.problems.append(f"{path}: cannot be read: {error.strerror or error}")
    except UnicodeDecodeError:
        session.problems.append(f"{path}: is not UTF-8 text")


def _print(session: _Session, results: list[runner.Result], unfired: tuple[runner.Unfired, ...]) -> None:
    failed = [result for result in results if result.problem]
    for result in failed:
        print_styled(f"FAILED {result.position}: {result.name}", "red")
        print_line(f"    {result.problem}")
    for each in unfired:
        print_styled(f"no case fires {each.rule} [{each.position}]", "yellow")
    passed = len(results) - len(failed)
    counted = (
        f"{passed} passed, {len(failed)} failed, in {session.files} file{'' if session.files == 1 else 's'}"
    )
    print_styled(counted, "red" if failed or session.problems or not results else "green")


def _as_dict(
    results: list[runner.Result], unfired: tuple[runner.Unfired, ...], problems: list[str]
) -> dict[str, object]:
    return {
        "passed": sum(not result.problem for result in results),
        "failed": sum(bool(result.problem) for result in results),
        "results": [
            {
                "file": result.file,
                "name": result.name,
                "position": str(result.position),
                "passed": not result.problem,
                "problem": result.problem,
                "fired": sorted(result.fired),
            }
            for result in results
        ],
        "unfired": [
            {"policy": each.policy, "rule": each.rule, "position": str(each.position)} for each in unfired
        ],
        "problems": problems,
    }


def _write(path: str, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(ExitCode.FAILED, f"--junit: {path} cannot be written: {error.strerror}") from error
