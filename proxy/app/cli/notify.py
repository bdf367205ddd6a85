"""`pgwarden notify test`: send one message to each target of a config file.

Enters: the settings of `serve`. Leaves: a line for each target that says what came of it. Deliberately
absent: trying again; whoever tests wants to see the failure.
"""

from __future__ import annotations

import os
from typing import Annotated

import typer

from proxy.app.cli.exitcodes import CommandError, ExitCode, epilog
from proxy.app.cli.output import print_table
from proxy.app.notices.once import tell_now
from proxy.app.notices.pile import Notice
from proxy.app.sources import SettingsError, load_settings

commands = typer.Typer(help="Tell people elsewhere.", no_args_is_help=True)


@commands.callback()
def _notify() -> None:
    """Notices to Slack and its like, to any HTTPS endpoint, by e-mail: the setting notify."""


@commands.command(epilog=epilog())
def test(
    config: Annotated[
        str | None, typer.Option("--config", metavar="FILE", help="the config file of serve")
    ] = None,
) -> None:
    """Send one message to each target, and say what came of it."""
    try:
        loaded = load_settings({"config": config}, os.environ)
    except SettingsError as error:
        raise CommandError(ExitCode.USAGE, *error.problems) from error
    if not loaded.notify:
        raise CommandError(ExitCode.USAGE, "nobody is to be told: the config file has no notify")
    notice = Notice("test", "", lambda: {"message": "sent by pgwarden notify test; nothing happened"})
    results = tell_now(loaded.notify, notice)
    print_table(
        ("target", "kind", "outcome", "answer"),
        [
            (target.name, target.kind, "sent" if result.sent else "failed", result.told)
            for target, result in results
        ],
    )
    failed = [target.name for target, result in results if not result.sent]
    if failed:
        raise CommandError(ExitCode.FAILED, f"not delivered: {', '.join(failed)}")
