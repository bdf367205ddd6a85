"""Built-in functions: names, OIDs and volatility, as the real servers have them."""

from __future__ import annotations

import pytest

from proxy.sql import builtins, functions
from proxy.sql.builtins import builtin_by_oid
from tests.conftest import ServerAt
from tests.servers.postgres import MAJORS
from tests.sql.pg_proc import FIRST_GENERATED_OID, NEWER, Rows, built_in, spans


@pytest.fixture(scope="module")
def pg_proc(server_at: ServerAt) -> dict[int, Rows]:
    return {major: built_in(server_at(major)) for major in MAJORS}


def test_the_names_are_those_of_the_servers(pg_proc: dict[int, Rows]) -> None:
    found = {span: {line.split()[0] for line in lines} for span, lines in spans(pg_proc).items()}
    assert found.pop((min(MAJORS), NEWER)) == builtins.FUNCTIONS
    assert found == {
        span: {name for name, known in builtins.VERSIONED.items() if known == span}
        for span in set(builtins.VERSIONED.values())
    }


@pytest.mark.parametrize("major", MAJORS)
def test_every_oid_has_its_name(pg_proc: dict[int, Rows], major: int) -> None:
    wanted = {oid: name for oid, name, _ in pg_proc[major] if oid < FIRST_GENERATED_OID}
    assert {oid: builtin_by_oid(oid, major) for oid in wanted} == wanted
    generated = {oid for oid, _, _ in pg_proc[major] if oid >= FIRST_GENERATED_OID}
    assert {builtin_by_oid(oid, major) for oid in generated} == {None}


@pytest.mark.parametrize("major", MAJORS)
def test_every_volatile_function_is_classified(pg_proc: dict[int, Rows], major: int) -> None:
    volatile = {name for _, name, volatility in pg_proc[major] if volatility == "v"}
    assert {
        name for name in volatile - set(functions.classified()) if not name.startswith("binary_")
    } == set()


_PARAMETERS = """
SELECT DISTINCT proname, array_to_string(proargnames[1:{count}], ' ') FROM pg_proc
WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = '{name}'
    AND proargnames[1] <> '' AND pronargs > 0
"""


@pytest.mark.parametrize("major", MAJORS)
def test_arguments_that_matter_are_known_by_their_names(server_at: ServerAt, major: int) -> None:
    wrong = {}
    for name in functions.classified():
        found = functions.known("pg_catalog", name, major)
        if found is None or found.of_extension or not (found.runs or found.causes):
            continue
        count = 1 + max((*found.runs, *(cause.argument for cause in found.causes)), default=-1)
        rows = server_at(major).execute(_PARAMETERS.format(name=name, count=count)) if count else ""
        names = {line.split("|")[1] for line in rows.splitlines()}
        if names - {" ".join(found.parameters)}:
            wrong[name] = names
    assert wrong == {}


@pytest.mark.parametrize(
    ("oid", "major", "name"),
    [
        (964, 15, "lo_unlink"),
        (964, 0, "lo_unlink"),
        (4099, 15, "pg_rotate_logfile_old"),
        (4099, 17, None),
        (4099, 18, "pg_numa_available"),
        (4099, 0, None),
        (0, 15, None),
        (16384, 15, None),
        (2**32 - 1, 18, None),
    ],
)
def test_an_oid_is_a_name_of_its_version(oid: int, major: int, name: str | None) -> None:
    assert builtin_by_oid(oid, major) == name
