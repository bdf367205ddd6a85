"""The verbs of the command line, each imported when it is asked for.

Whoever asks whether a gate is well, every ten seconds from a container, does not wait for what a gate is made
of. Enters: a verb's name. Leaves: its command. Deliberately absent: what any verb does.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from typing import Final, Protocol

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from proxy.app.cli.exitcodes import epilog

VERBS: Final[Mapping[str, tuple[str, str]]] = {
    "serve": ("serve:serve", "Run the gate."),
    "explain": ("explain:explain", "Say what a statement does, and what a policy makes of it."),
    "lint": ("lint:lint", "Say of each migration whether it would pass, and when."),
    "migrate": ("migrate:migrate", "Run a migration as one: all of it is judged before any runs."),
    "health": ("health:health", "Ask a running gate whether it is well."),
    "freeze": ("freeze:freeze", "Refuse every write, at every gate of the ledger."),
    "thaw": ("freeze:thaw", "End the freezes that stand."),
    "status": ("freeze:status", "Tell whether writes are frozen, by whom and why."),
    "recover": ("recover:recover", "Data is lost? Freeze all writes, and list every way back."),
    "doctor": ("doctor:doctor", "Look at the gate and its database, and say what to do."),
    "policy": ("policy:commands", "Check, test, compare and write policies."),
    "approve": ("approve:commands", "Ask for approval of what was refused; grant or deny it."),
    "backup": ("backup:commands", "Make backups, prove and restore them, and list all that are known."),
    "changes": ("changes:commands", "What was changed, by whom, and what became of it."),
    "notify": ("notify:commands", "Tell people elsewhere."),
    "console": ("console:commands", "Say who may log in at the console."),
    "user": ("user:commands", "Keep the file of users: their verifiers, never passwords."),
    "ran": ("ran:commands", "See what ran on staging, and carry it to production."),
    "ledger": ("ledger:commands", "Check the ledger, and copy it out."),
}
"""By name, in the order of `--help`: the module here and what in it, a function or a group; what for."""

_SETTINGS: Final[Mapping[str, dict[str, object]]] = {
    "migrate": {"allow_interspersed_args": False},  # what follows is another program's
}


class _Page(Protocol):
    def section(self, name: str, /) -> AbstractContextManager[None]: ...
    def write_dl(self, rows: Sequence[tuple[str, str]], /) -> None: ...


class Verbs(TyperGroup):
    """The group whose commands `add_to` has named."""

    def get_command(self, ctx: object, cmd_name: str) -> TyperCommand | TyperGroup | None:
        """Import a verb."""
        return _load(cmd_name) if cmd_name in VERBS else None

    def format_commands(self, ctx: object, formatter: _Page) -> None:
        """List all verbs, none of them imported."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in VERBS.items()])


def add_to(commands: typer.Typer) -> None:
    """Name all verbs to a group that is made of `Verbs`."""
    for name in VERBS:
        commands.command(name)(_unloaded)


def _unloaded() -> None:
    """Stands for a verb that nobody has asked for."""


def _load(name: str) -> TyperCommand | TyperGroup:
    module, _, attribute = VERBS[name][0].partition(":")
    with _keeping_garbage():
        found = getattr(import_module(f"{__package__}.{module}"), attribute)
    around = typer.Typer(rich_markup_mode=None)
    around.callback()(_unloaded)
    if isinstance(found, typer.Typer):
        around.add_typer(found, name=name, epilog=epilog())
    else:
        around.command(name, epilog=epilog(), context_settings=_SETTINGS.get(name))(found)
    command = get_group(around).commands[name]
    if not isinstance(command, TyperCommand | TyperGroup):
        raise TypeError(f"{name} is no command")
    return command


@contextmanager
def _keeping_garbage() -> Iterator[None]:
    """Imports make hardly any garbage; looking for it takes a fifth of their time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
