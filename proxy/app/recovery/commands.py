"""The commands that take a way back, ready to be pasted into a shell.

Enters: a way, and how the server is reached. Leaves: lines: commands, and comments that say what each does.
Deliberately absent: running any of them; secrets, which come from the variables that the tools read.

Sources: https://pgbackrest.org/command.html#command-restore, https://wal-g.readthedocs.io/PostgreSQL/
(backup-fetch), https://docs.pgbarman.org/ (recover), and Supabase's Management API (restore-pitr, undo).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from shlex import join, quote
from typing import Final
from urllib.parse import quote as url_quote
from urllib.parse import urlsplit, urlunsplit

from proxy.app.recovery.ways import Way
from proxy.backup.providers import barman, pgbackrest, supabase, walg
from proxy.backup.replace import beside

SERVER: Final = "postgresql://USER@HOST:5432/postgres"
"""In place of a server that nobody has named."""

_OURS: Final = "pgwarden"
_DASHBOARD: Final = "https://supabase.com/dashboard/project"
_PLAIN: Final = (".sql",)
_ARCHIVES: Final = (".dump", ".backup", ".bak", ".custom", ".tar", ".pgdump")


@dataclass(frozen=True, slots=True)
class Reach:
    """How things are reached.

    Attributes:
        server: a URL without a password, of a database beside those to be restored.
        ledger: what --ledger has to say; "" for nothing.
        api: of Supabase.
    """

    server: str = SERVER
    ledger: str = ""
    api: str = supabase.API


def commands_for(way: Way, reach: Reach) -> tuple[str, ...]:
    """Comments, which begin with #, and commands."""
    makers = {
        _OURS: _ours,
        supabase.SOURCE: _supabase,
        pgbackrest.SOURCE: _pgbackrest,
        walg.SOURCE: _walg,
        barman.SOURCE: _barman,
    }
    return tuple(makers.get(way.source, _file)(way, reach))


def _ours(way: Way, reach: Reach) -> Iterator[str]:
    common = [*_flag("--url", reach.server), *(_flag("--ledger", reach.ledger) if reach.ledger else [])]
    if way.encrypted:
        common += ["--identity", "AGE_KEY_FILE"]
    location = way.locations[0]
    where = ["--", location] if location.startswith("-") else [location]
    for other in way.locations[1:]:
        yield f"# also in {other}"
    yield "# into a new database: look at it, or copy rows back"
    new = beside(way.database, "_restored")
    yield join(["pgwarden", "backup", "restore", *common, *_flag("--into", new), *where])
    if way.whole:
        yield f"# in the place of {way.database}, which is renamed and kept"
        over = [*_flag("--over", way.database), *_flag("--yes-over", way.database)]
        yield join(["pgwarden", "backup", "restore", *common, *over, *where])


def _supabase(way: Way, reach: Reach) -> Iterator[str]:
    parts = urlsplit(way.locations[0])
    project, path = parts.netloc, parts.path.lstrip("/")
    kind, _, name = path.partition("/")
    if way.window:
        yield "# replaces the whole project by what it was at this moment; --before names another"
        moment = int(way.moment.timestamp())
        yield _call(reach, project, "restore-pitr", {"recovery_time_target_unix": moment})
    elif kind == "restore-points":
        yield "# replaces the whole project by what it was at the restore point"
        yield _call(reach, project, "undo", {"name": name})
    else:
        yield "# daily backups are restored from the dashboard; it replaces the whole project"
        yield f"# {_DASHBOARD}/{project}/database/backups/scheduled"


def _call(reach: Reach, project: str, what: str, body: dict[str, object]) -> str:
    url = f"{reach.api.rstrip('/')}/v1/projects/{project}/database/backups/{what}"
    return (
        f"curl -fsS -X POST {quote(url)} "
        '-H "Authorization: Bearer $SUPABASE_ACCESS_TOKEN" '
        f"-H 'Content-Type: application/json' -d {quote(json.dumps(body))}"
    )


def _pgbackrest(way: Way, reach: Reach) -> Iterator[str]:
    stanza, repo, label = _three(way.locations[0])
    yield "# on the database's host, with its server stopped; replaces the whole server"
    number = repo.removeprefix("repo")
    repository = [f"--repo={number}"] if number.isdecimal() else []
    common = ["pgbackrest", f"--stanza={stanza}", *repository, "--delta"]
    yield join([*common, f"--set={label}", "--type=immediate", "--target-action=promote", "restore"])
    yield "# the same, to any moment after it that was archived: put that in"
    target = f"--target={way.moment:%Y-%m-%d %H:%M:%S}+00"
    yield join([*common, f"--set={label}", "--type=time", target, "--target-action=promote", "restore"])


def _walg(way: Way, reach: Reach) -> Iterator[str]:
    name = way.locations[0].rpartition("/")[2]
    yield "# on the database's host, into an empty data directory; replaces the whole server"
    yield f'wal-g backup-fetch "$PGDATA" {quote(name)}'
    yield "# then set restore_command = 'wal-g wal-fetch %f %p' and make recovery.signal"
    yield 'touch "$PGDATA/recovery.signal"'


def _barman(way: Way, reach: Reach) -> Iterator[str]:
    server, backup, _ = _three(way.locations[0])
    yield "# on Barman's host, into an empty directory; replaces the whole server"
    yield f'barman recover {quote(server)} {quote(backup)} "$PGDATA"'


def _file(way: Way, reach: Reach) -> Iterator[str]:
    """A backup that somebody has made and recorded: what its name tells."""
    location = way.locations[0]
    for other in way.locations[1:]:
        yield f"# also in {other}"
    path = location.removeprefix("file://")
    packed = path.endswith(".gz")
    ending = path.removesuffix(".gz").lower()
    if "://" in path or not ending.endswith((*_PLAIN, *_ARCHIVES)):
        yield f"# {location}: nobody has recorded how it is restored; ask {way.source or 'who made it'}"
        return
    new = beside(way.database, "_restored")
    there = urlunsplit(urlsplit(reach.server)._replace(path=f"/{url_quote(new, safe='')}"))
    yield "# into a new database: look at it, or copy rows back"
    yield join(["createdb", f"--maintenance-db={reach.server}", "--", new])
    read = f"gunzip -c {quote(path)} | " if packed else ""
    file = [] if packed else ["-f", path]
    if ending.endswith(_PLAIN):
        yield read + join(["psql", "-X", "-1", "-v", "ON_ERROR_STOP=1", "-d", there, *file])
    else:
        yield read + join(["pg_restore", "--exit-on-error", "-d", there, *([] if packed else ["--", path])])


def _three(location: str) -> tuple[str, str, str]:
    """`scheme://one/two/three`."""
    parts = [*location.partition("://")[2].split("/", 2), "", ""]
    return parts[0], parts[1], parts[2]


def _flag(name: str, value: str) -> list[str]:
    """A flag with its value, which may begin with a dash."""
    return [f"{name}={value}"] if value.startswith("-") else [name, value]
