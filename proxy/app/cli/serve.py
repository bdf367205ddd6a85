"""`pgwarden serve`: run the gate.

The flags are made from the table of settings, so that a setting has its flag, its variable and its meaning in
one place. Deliberately absent: running it (proxy/app/serve.py).
"""

from __future__ import annotations

import os
from inspect import Parameter, Signature
from typing import Annotated

import typer

from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.gathering import LISTENER_NAMES
from proxy.app.serve import StartError, run
from proxy.app.settings import PATHS, Setting, table
from proxy.app.sources import SettingsError, load_settings

_METAVARS = {
    "listen": "HOST:PORT",
    "admin": "HOST:PORT",
    "console": "HOST:PORT",
    "upstream": "URL",
    "workers": "N|auto",
    "runtime_dir": "FOLDER",
    "so_reuseport": "on|off",
    "keep_statements": "on|off",
    "log_unreadable": "on|off",
    "proxy_protocol": "off|v1|v2|any",
    "proxy_protocol_from": "NETWORK",
    "tcp_keepalive": "on|off",
}


def serve(**given: list[str] | None) -> None:
    """Run the gate: clients connect to --listen, and what the policy allows goes on to --upstream.

    Every flag can also be a key of the --config file or a PGWARDEN_* variable (--drain-timeout-s is
    drain_timeout_s and PGWARDEN_DRAIN_TIMEOUT_S); a flag wins over a variable, a variable over the file.
    SIGHUP loads the policies again; SIGTERM lets sessions finish, a second one does not.
    """
    flags = {name: _once(name, values) for name, values in given.items()}
    try:
        loaded = load_settings(flags, os.environ)
    except SettingsError as error:
        raise CommandError(ExitCode.USAGE, *error.problems) from error
    try:
        run(loaded)
    except StartError as error:
        raise CommandError(
            ExitCode.USAGE if error.wrong_setting else ExitCode.FAILED, *error.lines
        ) from error


def _once(name: str, values: list[str] | None) -> str | None:
    """The one value of a flag."""
    if not values:
        return None
    if len(values) > 1:
        flag = "--" + name.replace("_", "-")
        more = ": several listeners go into a --config file" if name in LISTENER_NAMES else ""
        raise CommandError(ExitCode.USAGE, f"{flag}: given {len(values)} times{more}")
    return values[0]


def _flag(setting: Setting) -> Parameter:
    help_text = setting.meaning + (f" [{setting.default}]" if setting.default else "")
    option = typer.Option(setting.flag, help=help_text, metavar=_metavar(setting.name), show_default=False)
    return Parameter(
        setting.name, Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[list[str] | None, option]
    )


def _metavar(name: str) -> str:
    if name in PATHS:
        return "FILE"
    unit = "SECONDS" if name.endswith("_s") else "SIZE" if name.endswith("_bytes") else "VALUE"
    return _METAVARS.get(name, unit)


def _signature() -> Signature:
    config = typer.Option("--config", help="the config file, YAML", metavar="FILE", show_default=False)
    first = Parameter(
        "config", Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[list[str] | None, config]
    )
    return Signature([first, *(_flag(setting) for setting in table())])


serve.__signature__ = _signature()  # type: ignore[attr-defined]
