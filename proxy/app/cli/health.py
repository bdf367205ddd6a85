"""`pgwarden health`: asks a running gate how it is, for a container's health check.

Leaves: one line and an exit code. Deliberately absent: asking (app/doctor/running.py).
"""

from __future__ import annotations

import http.client
import os
from typing import Annotated

import typer

from proxy.app import kinds
from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.cli.output import print_line
from proxy.app.cli.values import wrong
from proxy.app.doctor.running import NoAnswer, ask_gate


def health(
    admin: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="the gate's admin address; else PGWARDEN_ADMIN"),
    ] = None,
    ready: Annotated[
        bool, typer.Option("--ready", help="ask whether it can take clients, not only whether it lives")
    ] = False,
) -> None:
    """Ask a running gate whether it is well."""
    origin, text = (
        ("--admin", admin) if admin is not None else ("PGWARDEN_ADMIN", os.environ.get("PGWARDEN_ADMIN"))
    )
    if not text:
        raise wrong("--admin", "say where the gate's admin server listens, or set PGWARDEN_ADMIN")
    try:
        address = kinds.address(text)
    except ValueError as error:
        raise wrong(origin, str(error)) from None
    try:
        status, body = ask_gate(address, "/readyz" if ready else "/healthz")
    except NoAnswer as error:
        raise CommandError(ExitCode.NO, f"no gate answers at {address}: {error}") from error
    if status != http.client.OK:
        raise CommandError(ExitCode.NO, *(body.splitlines() or [f"the gate answered {status}"]))
    print_line(body)
