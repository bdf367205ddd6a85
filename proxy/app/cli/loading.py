"""How commands load the policy that an argument names."""

from __future__ import annotations

from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.policies import try_to_load
from proxy.policy.rules import Policy


def load_or_fail(path: str, flag: str) -> Policy:
    """Load the policy that a flag names; one that does not load is a wrong value of that flag."""
    attempt = try_to_load(path)
    if attempt.policy is None:
        raise CommandError(ExitCode.USAGE, f"{flag}: the policy {path} does not load", attempt.problem)
    return attempt.policy
