"""`pgwarden doctor`: does the gate stand alone before the database, and is all well with it?

Enters: settings as `serve` reads them; a role at the database, a project of Supabase's where they are named.
Leaves: what was found, worst first, each with what to do. It changes nothing. Deliberately absent: what is
looked at (app/doctor/).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from proxy.app import kinds
from proxy.app.catalogue.source import CatalogueSource
from proxy.app.cli.backup_import import API, TOKEN, ProjectFlag
from proxy.app.cli.exitcodes import CommandError, ExitCode
from proxy.app.cli.output import print_json, print_line, print_styled
from proxy.app.cli.values import wrong
from proxy.app.doctor.finding import Finding, Severity, note
from proxy.app.doctor.gate import examine_gate
from proxy.app.doctor.networks import Network, Networks, network_of
from proxy.app.doctor.restrictions import examine_restrictions
from proxy.app.doctor.running import examine_running
from proxy.app.doctor.server import examine_server, parse_server
from proxy.app.sources import Loaded, SettingsError, load_settings
from proxy.backup.clients import BackupError
from proxy.backup.providers import supabase

_STYLES = {
    Severity.CRITICAL: "bold red",
    Severity.WARNING: "yellow",
    Severity.NOTE: "cyan",
    Severity.FINE: "green",
}


def doctor(
    config: Annotated[
        str | None, typer.Option(metavar="FILE", help="the gate's config file; else PGWARDEN_CONFIG")
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="who asks the database: postgresql://ROLE@HOST:PORT/DATABASE; best a superuser",
        ),
    ] = None,
    gate: Annotated[
        list[str] | None,
        typer.Option(metavar="NETWORK", help="where gates are, besides this host; once for each"),
    ] = None,
    project: ProjectFlag = None,
    free: Annotated[str, typer.Option(metavar="SIZE", help="least room on the gate's disks")] = "1GiB",
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Look at the gate and its database, and say what to do, worst first. Run it on the gate's host.

    Settings are read as serve reads them. With --url the database is asked, in read-only transactions, who
    else connects and who could; with --project (and SUPABASE_ACCESS_TOKEN) Supabase, whom it lets in.
    """
    gates = tuple(_networks(gate or ()))
    try:
        least_free_bytes = kinds.size(free)
    except ValueError as error:
        raise wrong("--free", str(error)) from None
    try:
        loaded = load_settings({"config": config}, os.environ)
    except SettingsError as error:
        raise CommandError(ExitCode.USAGE, *error.problems) from error
    found = list(examine_gate(loaded, datetime.now(UTC), least_free_bytes))
    if loaded.settings.admin is not None:
        found.append(examine_running(loaded.settings.admin))
    found += asyncio.run(_database(loaded, url, gates))
    if project:
        found += asyncio.run(examine_restrictions(_project(project), gates))
    found.sort(key=lambda finding: -finding.severity)
    _print(found, as_json=as_json)


def _networks(texts: Iterable[str]) -> Iterator[Network]:
    for text in texts:
        network = network_of(text)
        if network is None:
            raise wrong(
                "--gate", f"{kinds.shown(text)} is no address or network, such as 10.0.0.5 or 10.0.0.0/28"
            )
        yield network


async def _database(loaded: Loaded, url: str | None, gates: Networks) -> list[Finding]:
    """Ask the server that is named, else those whose catalogues the gate reads."""
    asked: dict[str, tuple[CatalogueSource, str]] = {}
    if url is not None:
        try:
            asked[url] = parse_server(url, loaded.settings.sslrootcert)
        except ValueError as error:
            raise wrong("--url", str(error)) from None
    else:
        asked = {f"{s.role}@{s.server}": (s, "postgres") for s in loaded.catalogues if s is not None}
    if not asked:
        do = "name a role with --url, best a superuser"
        return [note("unseen", "the database was not asked who else connects, or could", do)]
    console = loaded.settings.psql_console
    return [
        finding
        for source, name in asked.values()
        for finding in await examine_server(source, name, gates, console)
    ]


def _project(reference: str) -> supabase.Project:
    token = os.environ.get(TOKEN)
    if not token:
        raise wrong(TOKEN, "is not set: make a token at https://supabase.com/dashboard/account/tokens")
    try:
        return supabase.Project(reference, token, os.environ.get(API) or supabase.API)
    except BackupError as error:
        raise wrong("--project", str(error)) from None


def _print(found: list[Finding], *, as_json: bool) -> None:
    if as_json:
        print_json([{**asdict(each), "severity": each.severity.name.lower()} for each in found])
    else:
        for each in found:
            print_styled(f"{each.severity.name.lower()}: {each.about}: {each.what}", _STYLES[each.severity])
            if each.do:
                print_line(f"    {each.do}")
    bad = sum(each.severity >= Severity.WARNING for each in found)
    if bad:
        raise CommandError(ExitCode.NO, f"{bad} of {len(found)} findings want something done")
