"""`pgwarden policy new`: write a policy to begin with, for a team on Prisma and Supabase.

Enters: answers, from flags or from a person at a terminal. Leaves: the policy, cases for it, and the packs
that it includes, so that all that decides lies in the team's own repository. Never overwrites a file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from pydantic_core import PydanticCustomError

from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.cli.output import print_line
from proxy.app.cli.values import wrong
from proxy.app.shipped import shipped_policies
from proxy.policy import load_policy
from proxy.policy.schema.words import check_name, read_days, read_time, read_zone
from proxy.source import SourceError

DEFAULT_PACKS = (
    "no-data-loss",
    "unscoped-writes",
    "guard-the-guards",
    "migrations-only",
    "peak-hours",
    "backups",
)
_DEFAULT_PEAK = "mon-fri 08:00-20:00"
_TEMPLATE = """\
# yaml-language-server: $schema=./policy.schema.json
# Editors read that file, which is written by: pgwarden policy schema > {folder}/policy.schema.json
#
# What may be done to {environment}, and when. The packs under rules/ hold the rules, each with why it is
# there, what to do instead, and examples. Check all of it before you commit:
#
#   pgwarden policy check {file}
#   pgwarden policy test {folder}
version: 1
name: {name}
environment: {environment}

include:
{include}

# enforce refuses. Begin with shadow, which only counts and logs, and look at what would be refused. What
# cannot be read, or asks for evidence that cannot be read, is refused like what breaks a rule.
defaults: {{mode: enforce, unparsed: deny, unknown: deny, stale_facts: deny}}

# The zone of the people who use the application.
time:
  timezone: {zone}
"""
_PEAK = """\
  # Peak hours. To leave out holidays: add except: holidays to the window, and holidays: {{country: US}}
  # beside windows.
  windows:
    peak: {{days: {days}, from: "{start}", to: "{end}"}}
"""
_CASES = """\
# What {file} must go on saying.
version: 1
policy: {file}
given: {{as: app, database: postgres}}
cases:
  - name: everyday work
    sql: UPDATE users SET name = 'Ada' WHERE id = 1
    expect: allow
"""
# What some packs refuse besides.
_CASES_OF = {
    "no-data-loss": """\
  - name: prisma migrate reset, prisma db push --force-reset
    sql: DROP SCHEMA "public" CASCADE
    expect: refuse
""",
    "unscoped-writes": """\
  - name: a forgotten WHERE
    sql: DELETE FROM users
    expect: refuse
""",
}

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class _Answers:
    """What the policy is made of.

    Attributes:
        packs: their texts by their names.
        peak: days, opening and closing; None where no pack speaks of peak hours.
    """

    name: str
    environment: str
    zone: str
    packs: Mapping[str, str]
    peak: tuple[str, str, str] | None


def new(
    file: Annotated[str, typer.Argument(metavar="FILE", help="the policy to write")],
    name: Annotated[str | None, typer.Option(metavar="NAME", help="its name [that of the file]")] = None,
    environment: Annotated[
        str | None, typer.Option(metavar="NAME", help="what it guards [that of the file]")
    ] = None,
    zone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="the time zone of peak hours: Europe/Berlin")
    ] = None,
    peak: Annotated[
        str | None, typer.Option(metavar="TIMES", help=f"when peak hours are [{_DEFAULT_PEAK}]")
    ] = None,
    packs: Annotated[
        str | None, typer.Option(metavar="NAMES", help=f"rule packs [{','.join(DEFAULT_PACKS)}]")
    ] = None,
) -> None:
    """Write a policy with comments, the packs that it includes, and cases for it; overwrites nothing.

    What no flag says is asked for on a terminal.
    """
    path = Path(file)
    if path.suffix not in (".yaml", ".yml"):
        raise wrong("FILE", f"{file} should end in .yaml")
    if path.exists():
        raise CommandError(ExitCode.FAILED, f"{file} is there already; it was left as it is")
    stem = path.stem
    chosen = _asked("--packs", "Rule packs", packs, ",".join(DEFAULT_PACKS), _packs)
    answers = _Answers(
        name=_checked("--name", name or stem, check_name),
        environment=_checked("--environment", environment or stem, check_name),
        zone=_asked("--zone", "Time zone of the people who use it", zone, None, lambda t: str(read_zone(t))),
        packs=chosen,
        peak=_peak_hours(chosen, peak),
    )
    files = _files(path, answers)
    _check(path, files)
    _write(path, files)


def _asked(
    flag: str, question: str, given: str | None, default: str | None, read: Callable[[str], Value]
) -> Value:
    """An answer: the flag's, a person's, or the usual one."""
    if given is not None or not sys.stdin.isatty():
        text = default if given is None else given
        if text is None:
            raise wrong(flag, "is needed where nobody can be asked")
        return _checked(flag, text, read)
    while True:
        try:
            return read(typer.prompt(question, default=default))
        except (ValueError, PydanticCustomError) as error:
            print_line(_sentence(error))


def _checked(flag: str, text: str, read: Callable[[str], Value]) -> Value:
    try:
        return read(text)
    except (ValueError, PydanticCustomError) as error:
        raise wrong(flag, _sentence(error)) from None


def _sentence(error: ValueError | PydanticCustomError) -> str:
    if not isinstance(error, PydanticCustomError):
        return str(error)
    suggestion = (error.context or {}).get("suggestion")
    return error.message() + (f'; did you mean "{suggestion}"?' if suggestion else "")


def _peak_hours(packs: Mapping[str, str], given: str | None) -> tuple[str, str, str] | None:
    if any("window: peak" in text for text in packs.values()):
        return _asked("--peak", "Peak hours", given, _DEFAULT_PEAK, _peak)
    if given is not None:
        raise wrong("--peak", "none of the packs speaks of peak hours")
    return None


def _peak(text: str) -> tuple[str, str, str]:
    days, _, span = text.strip().partition(" ")
    start, dash, end = span.strip().partition("-")
    if not dash:
        raise ValueError(f'"{text}" says no hours; write {_DEFAULT_PEAK}')
    named = days.split(",")
    for each in named:
        read_days(each)
    read_time(start)
    read_time(end)
    return (named[0] if len(named) == 1 else f"[{', '.join(named)}]"), start, end


def _packs(text: str) -> Mapping[str, str]:
    folder = _shipped() / "rules"
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    for name in names:
        if name not in known:
            raise ValueError(f'no pack is named "{name}"; there are {", ".join(known)}')
    if not names:
        raise ValueError(f"name at least one of {', '.join(known)}")
    return {name: (folder / f"{name}.yaml").read_text("utf-8") for name in names}


def _shipped() -> Path:
    try:
        return shipped_policies()
    except FileNotFoundError as error:
        raise CommandError(ExitCode.FAILED, str(error)) from None


def _files(path: Path, answers: _Answers) -> Mapping[Path, str]:
    """What is to be written: the policy, its cases, and the packs that are not there yet."""
    text = _TEMPLATE.format(
        file=path.as_posix(),
        folder=path.parent.as_posix(),
        name=answers.name,
        environment=answers.environment,
        include="\n".join(f"  - rules/{pack}.yaml" for pack in answers.packs),
        zone=answers.zone,
    )
    if answers.peak is not None:
        days, start, end = answers.peak
        text += _PEAK.format(days=days, start=start, end=end)
    cases = _CASES.format(file=path.name) + "".join(_CASES_OF.get(pack, "") for pack in answers.packs)
    packs = {path.parent / "rules" / f"{pack}.yaml": body for pack, body in answers.packs.items()}
    return {path: text, path.with_suffix(".test.yaml"): cases, **packs}


def _check(path: Path, files: Mapping[Path, str]) -> None:
    """What is written must load, together with the packs that are there already."""

    def read(name: str) -> str:
        there = Path(name)
        return there.read_text("utf-8") if there.exists() else files[there]

    try:
        load_policy(path.as_posix(), read)
    except SourceError as error:
        raise CommandError(
            ExitCode.FAILED, "nothing was written: the policy would not load", str(error)
        ) from error


def _write(policy: Path, files: Mapping[Path, str]) -> None:
    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            same = path.read_text("utf-8") == text
            print_line(
                f"{path}: is there already; it was left as it is" + ("" if same else ", which is another one")
            )
        except OSError as error:
            raise CommandError(ExitCode.FAILED, f"{path} cannot be written: {error.strerror}") from error
        else:
            print_line(f"{path}: written")
    print_line(f"next: pgwarden policy check {policy.as_posix()}")
