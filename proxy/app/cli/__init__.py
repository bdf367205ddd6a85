"""The command line, one verb a module.

Enters: arguments. Leaves: text on standard output, errors as single lines on standard error, an exit code of
the table in exitcodes.py; never a traceback. Deliberately absent: passwords in any form.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import Abort, Exit, TyperException

from proxy import __version__
from proxy.app.cli.exitcodes import CommandError, ExitCode, epilog
from proxy.app.cli.output import print_error, print_line
from proxy.app.cli.verbs import Verbs, add_to

__all__ = ["main"]

commands = typer.Typer(
    name="pgwarden",
    cls=Verbs,
    epilog=epilog(),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from proxy.app.compiled import built  # --help imports nothing that it need not

        print_line(f"pgwarden {__version__} ({built()})")
        raise Exit(ExitCode.OK)


@commands.callback()
def _pgwarden(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The production gate for Postgres: what would lose data does not pass."""


add_to(commands)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; the entry point of `pgwarden` and of `python -m proxy`.

    Args:
        arguments: what follows the program's name; None takes the process's own.

    Returns: the exit code.
    """
    try:
        code = commands(
            args=None if arguments is None else list(arguments), prog_name="pgwarden", standalone_mode=False
        )
        sys.stdout.flush()
        return int(code) if isinstance(code, int) else ExitCode.OK
    except CommandError as error:
        print_error(f"pgwarden: {line}" for line in error.lines)
        return error.code
    except BrokenPipeError:
        # The reader (`| head`) has seen enough. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except (KeyboardInterrupt, Abort):
        print_error(["pgwarden: interrupted"])
        return ExitCode.INTERRUPTED
    except TyperException as error:
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        if message:  # help, when nothing was asked for, or one line
            print_error(message.splitlines() if "\n" in message else [f"pgwarden: {message}"])
        return ExitCode.USAGE
    except Exception as error:  # the edge: nobody reads a traceback at three in the morning
        print_error([f"pgwarden: internal error: {_place_of(error)} (PGWARDEN_TRACEBACK=1 shows more)"])
        if os.environ.get("PGWARDEN_TRACEBACK"):
            traceback.print_exc()
        return ExitCode.FAILED


def _place_of(error: Exception) -> str:
    """What kind of fault and where; never its text, which may hold anything."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
