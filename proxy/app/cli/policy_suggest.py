"""`pgwarden policy suggest`: what does our own traffic say that the policy should know?

Enters: a policy, logs. Leaves: a patch for the policy's file, every change with what was seen, for a person
to review; nothing is written. Deliberately absent: observing and proposing (proxy/app/offline/suggesting.py).
"""

from __future__ import annotations

import difflib
from datetime import UTC, datetime
from typing import Annotated

import typer

from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.cli.output import print_error, print_json, print_styled
from proxy.app.cli.values import LedgerFlag, evidence, lines_of, load_or_fail
from proxy.app.offline.amending import set_key
from proxy.app.offline.suggesting import Observed, Outline, Suggestion, observe, suggest
from proxy.app.sources import read_text
from proxy.policy import load_policy
from proxy.source import SourceError, read_yaml

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def suggest_changes(
    logs: Annotated[
        list[str],
        typer.Option("--from", metavar="LOG", help="a statement log or refusal log; once for each file"),
    ],
    file: Annotated[
        str, typer.Option("--policy", metavar="FILE", help="the policy that the traffic is held against")
    ],
    ledger: LedgerFlag = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Propose roles, hours and exceptions from what was seen, as a patch to review.

    Run the gate with policies/observe.yaml and statement_log for a week or two first; its refusal log has
    again what a rule in shadow would refuse, so of both that counts twice. Then apply what you agree with:
    pgwarden policy suggest --from statements.log --policy production.yaml | patch -p0
    """
    policy = load_or_fail(file, "--policy")
    outline = Outline([read_yaml(read_text(path), path).data for path in policy.files])
    observed = observe(lines_of("--from", logs), policy, outline, evidence(ledger, datetime.now(UTC)))
    if not observed.hours:
        raise CommandError(ExitCode.FAILED, "no statement of the log could be read")
    suggestions = suggest(observed, outline, policy.zone)
    before = read_text(file)
    after = _amended(before, suggestions)
    _check(file, after)
    if as_json:
        print_json(_as_dict(suggestions, observed))
    else:
        _print_patch(file, before, after)
        _tell(suggestions, observed)


def _amended(text: str, suggestions: tuple[Suggestion, ...]) -> str:
    for suggestion in suggestions:
        comments = [f"Seen: {line}" for line in suggestion.evidence]
        text = set_key(text, suggestion.path, suggestion.value, comments)
    return text


def _check(file: str, after: str) -> None:
    """What is proposed has to load."""
    try:
        load_policy(file, lambda path: after if path == file else read_text(path))
    except SourceError as error:
        raise CommandError(
            ExitCode.FAILED, "what was seen does not fit into this policy", str(error)
        ) from error


def _print_patch(file: str, before: str, after: str) -> None:
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), fromfile=file, tofile=file, lineterm=""
    )
    for line in lines:
        print_styled(line, _COLOURS.get(line[:1], "default"))


def _tell(suggestions: tuple[Suggestion, ...], observed: Observed) -> None:
    """What is no part of the patch goes to standard error."""
    told = ["Nothing to propose."] if not suggestions else []
    for rule, seen in sorted(observed.unexcused.items(), key=lambda pair: -pair[1].times):
        told.append(f"not proposed: {rule} would refuse what was seen {seen}")
    told += [f"{count} lines not read: {reason}" for reason, count in sorted(observed.unread.items())]
    print_error(told)


def _as_dict(suggestions: tuple[Suggestion, ...], observed: Observed) -> dict[str, object]:
    return {
        "suggestions": [
            {"path": list(each.path), "value": each.value, "evidence": list(each.evidence)}
            for each in suggestions
        ],
        "not_proposed": [
            {"rule": rule, "times": seen.times, "first": seen.first, "last": seen.last, "sql": seen.example}
            for rule, seen in sorted(observed.unexcused.items())
        ],
        "not_read": dict(sorted(observed.unread.items())),
    }
