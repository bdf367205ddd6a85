"""`pgwarden health`: asks a running gate how it is, for a container's health check.

Leaves: one line and an exit code. Deliberately absent: an HTTP client worth the name; the answer is one line.
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

_TIMEOUT_S = 3.0
_MAX_ANSWER = 4096
_ANYWHERE = {"*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where it listens, turned into where to ask


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
    connection = http.client.HTTPConnection(
        _ANYWHERE.get(address.host, address.host), address.port, timeout=_TIMEOUT_S
    )
    try:
        connection.request("GET", "/readyz" if ready else "/healthz")
        answer = connection.getresponse()
        body = answer.read(_MAX_ANSWER).decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise CommandError(ExitCode.NO, f"no gate answers at {address}: {reason}") from error
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise CommandError(ExitCode.NO, *(body.splitlines() or [f"the gate answered {answer.status}"]))
    print_line(body)
