"""What a database's own code does, read from real servers: every statement of the golden files."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.backup.cluster import Cluster
from tests.conftest import ServerAt
from tests.servers.database import Database
from tests.sql.database.golden import FOLDER, Group, effects_of, groups, held_by
from tests.sql.database.test_names import check

GROUPS = [
    pytest.param(group, id=f"{path.stem}:{group.name}")
    for path in sorted(FOLDER.glob("*.txt"))
    for group in groups(path)
]

EVERY = [sql for path in sorted(FOLDER.glob("*.txt")) for group in groups(path) for sql, _ in group.cases]


@pytest.mark.parametrize("major", [15, 18])
@pytest.mark.parametrize("group", GROUPS)
def test_effects(
    group: Group, major: int, server_at: ServerAt, new_database: Callable[[Cluster], Database]
) -> None:
    database = new_database(server_at(major))
    database.execute(group.setup)
    held = held_by(database.dsn, database.name)
    assert {sql: effects_of(sql, held, major) for sql, _ in group.cases} == dict(group.cases)
    for sql in EVERY:
        check(held, sql)
