"""What the extensions of the contrib tree bring: each function is classified, or stays an unknown call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from proxy.backup.cluster import Cluster
from proxy.backup.programs import ClusterError
from proxy.sql import functions
from tests.conftest import ServerAt
from tests.servers.database import Database
from tests.servers.postgres import MAJORS

_FUNCTIONS = """
SELECT e.extname, p.proname, bool_or(p.provolatile = 'v') FROM pg_proc p
JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
WHERE e.extname <> 'plpgsql' GROUP BY 1, 2 ORDER BY 1, 2
"""
# Named like a function of PostgreSQL's own, which is what a call without a schema may mean as well.
_CITEXT = """
max min regexp_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table replace
split_part strpos texticlike texticnlike texticregexeq texticregexne translate
"""
_LIKE_BUILT_INS = {
    "citext": set(_CITEXT.split()),
    "intarray": {"querytree"},
    "pgcrypto": {"gen_random_uuid"},
}


def unknown_calls() -> Mapping[str, frozenset[str]]:
    """extensions.txt: the volatile functions that only compute and read, or that nobody need call."""
    lines = (Path(__file__).parent / "extensions.txt").read_text().splitlines()
    rows = (line.split(":") for line in lines if line and not line.startswith("#"))
    return {name: frozenset(names.split()) for name, names in rows}


def brought(database: Database) -> Mapping[str, Mapping[str, bool]]:
    """Extension -> function -> whether it is volatile, of each extension that can be had here."""
    found: dict[str, dict[str, bool]] = defaultdict(dict)
    available = database.execute(
        "SELECT name FROM pg_available_extensions WHERE installed_version IS NULL ORDER BY 1"
    )
    for name in available.splitlines():
        with suppress(ClusterError):  # its library cannot be loaded here
            database.execute(f'CREATE EXTENSION IF NOT EXISTS "{name}" CASCADE')
            found[name] = {}
    for line in database.execute(_FUNCTIONS).splitlines():
        name, function, volatile = line.split("|")
        found[name][function] = volatile == "t"
    return found


@pytest.fixture(scope="module")
def extensions(server_at: ServerAt) -> Mapping[str, Mapping[str, bool]]:
    """What each extension brings in any version."""
    found: dict[str, dict[str, bool]] = defaultdict(dict)
    for major in MAJORS:
        for name, there in _in_new_database(server_at(major)).items():
            for function, volatile in there.items():
                found[name][function] = found[name].get(function, False) or volatile
    return found


def _in_new_database(cluster: Cluster) -> Mapping[str, Mapping[str, bool]]:
    cluster.execute("CREATE DATABASE contrib")
    try:
        return brought(Database(cluster, "contrib"))
    finally:
        cluster.execute("DROP DATABASE contrib WITH (FORCE)")


def test_every_volatile_function_is_classified_or_listed(
    extensions: Mapping[str, Mapping[str, bool]],
) -> None:
    unclassified = {
        name: frozenset(
            function for function, volatile in there.items() if volatile and _is_unknown(function)
        )
        for name, there in extensions.items()
    }
    listed = unknown_calls()
    assert {name: names for name, names in unclassified.items() if names} == {
        name: names for name, names in listed.items() if name in extensions
    }


def test_no_function_of_an_extension_passes_as_harmless(
    extensions: Mapping[str, Mapping[str, bool]],
) -> None:
    harmless = {name: set(filter(_passes, there)) for name, there in extensions.items()}
    assert {name: found for name, found in harmless.items() if found} == {
        name: found for name, found in _LIKE_BUILT_INS.items() if name in extensions
    }


def _is_unknown(name: str) -> bool:
    return functions.known(None, name, min(MAJORS)) is None


def _passes(name: str) -> bool:
    return functions.known(None, name, min(MAJORS)) == functions.HARMLESS
