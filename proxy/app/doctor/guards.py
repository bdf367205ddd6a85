"""What guards the database where the gate is gone round, and what in it acts or reaches out by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from proxy.app.catalogue.reader import Rows
from proxy.app.doctor.finding import Finding, fine, note, warning

EVENT_TRIGGERS: Final = """
SELECT e.evtname, e.evtevent, e.evtenabled IN ('O', 'A'), p.prosrc ~* '\\mraise\\s+(exception|sqlstate|using)'
FROM pg_event_trigger e JOIN pg_proc p ON p.oid = e.evtfoid ORDER BY 1
"""
SLOTS: Final = """
SELECT slot_name, slot_type,
       pg_size_pretty(pg_wal_lsn_diff(
           CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
           restart_lsn))
FROM pg_replication_slots WHERE NOT active ORDER BY 1
"""
EXTENSIONS: Final = """
SELECT extname::text, '' FROM pg_extension
WHERE extname IN ('pg_cron', 'pg_net', 'http', 'dblink', 'postgres_fdw', 'plpython3u', 'plperlu', 'pltclu')
UNION ALL SELECT 'server', srvname::text FROM pg_foreign_server ORDER BY 1, 2
"""
_WAYS: Final = {
    "pg_cron": "runs statements by a timetable",
    "pg_net": "sends HTTP requests",
    "http": "sends HTTP requests",
    "dblink": "runs statements over connections of its own",
    "postgres_fdw": "writes to other servers",
    "plpython3u": "runs any program at the server",
    "plperlu": "runs any program at the server",
    "pltclu": "runs any program at the server",
}


def examine_event_triggers(rows: Rows) -> Iterator[Finding]:
    """Whether the server itself stops a DROP."""
    guards = [
        (name, event)
        for name, event, on, raises in rows
        if on and raises and event in ("sql_drop", "ddl_command_start")
    ]
    for name, event in guards:
        yield fine(
            "triggers", f"the event trigger {name} may refuse, at {event}, whoever comes round the gate"
        )
    for name, event, on, _ in rows:
        if not on:
            yield note(
                "triggers",
                f"the event trigger {name} at {event} is off",
                f"ALTER EVENT TRIGGER {name} ENABLE",
            )
    if not guards:
        yield note(
            "triggers",
            "nothing at the server itself stops a DROP that does not come by the gate",
            "CREATE EVENT TRIGGER … ON sql_drop with a function that does RAISE EXCEPTION",
        )


def examine_slots(rows: Rows) -> Iterator[Finding]:
    """Slots that nobody reads from."""
    for name, kind, kept in rows:
        yield warning(
            "slots",
            f"nobody reads from the {kind} replication slot {name}, which keeps {kept or 'no'} WAL",
            f"start its reader, or SELECT pg_drop_replication_slot('{name}'): WAL fills the disk",
        )


def examine_extensions(rows: Rows) -> Iterator[Finding]:
    """What acts by itself, or reaches out."""
    for name, server in rows:
        if name == "server":
            what = f"the foreign server {server} is known here: statements may write there"
            yield note("ways", what, "put a gate before that one, too, or DROP SERVER")
        else:
            yield note(
                "ways",
                f"the extension {name} {_WAYS[name]}, which no gate sees",
                "read its jobs: SELECT * FROM cron.job"
                if name == "pg_cron"
                else "grant it to nobody who does not need it, or DROP EXTENSION",
            )
