"""What a walsender's texts are to the policy: its own commands, read as its scanner reads them, and SQL."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.session.replication import asked_for, command
from proxy.wire.startup import StartupMessage

_COMMANDS = ("BASE_BACKUP", "DROP_REPLICATION_SLOT", "SHOW")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, ""),
        *((value, "") for value in ("false", "FALSE", "fal", "off", "of", "no", "n", "0")),
        *((value, "physical") for value in ("true", "t", "on", "yes", "1", "", "Database", "nonsense", "o")),
        ("database", "database"),
    ],
)
def test_what_is_asked_for(value: str | None, kind: str) -> None:
    parameters = (("user", "u"),) if value is None else (("user", "u"), ("replication", value))
    assert asked_for(StartupMessage(3, 0, parameters, b"")) == kind


@pytest.mark.parametrize(
    ("text", "effects"),
    [
        ("IDENTIFY_SYSTEM", []),
        ("SHOW wal_level", []),
        ("TIMELINE_HISTORY 1", []),
        ("READ_REPLICATION_SLOT s", []),
        ("\t\n START_REPLICATION SLOT s LOGICAL 0/0", ["connection.replication None HIGH"]),
        ("BASE_BACKUP", ["connection.replication None HIGH"]),
        ("BASE_BACKUP(LABEL 'x')", ["connection.replication None HIGH"]),
        ("UPLOAD_MANIFEST;", ["connection.replication None HIGH"]),
        ("CREATE_REPLICATION_SLOT s PHYSICAL", ["server.replication s HIGH"]),
        ('CREATE_REPLICATION_SLOT "S""x" TEMPORARY PHYSICAL', ['server.replication S"x LOW']),
        ("CREATE_REPLICATION_SLOT Tmp TEMPORARY LOGICAL p", ["server.replication tmp LOW"]),
        ('CREATE_REPLICATION_SLOT "TEMPORARY" LOGICAL p', ["server.replication TEMPORARY HIGH"]),
        ("DROP_REPLICATION_SLOT s TEMPORARY", ["server.replication s HIGH"]),
        ("ALTER_REPLICATION_SLOT s (FAILOVER)", ["server.replication s HIGH"]),
        ("DROP_REPLICATION_SLOT", ["server.replication *unknown* HIGH"]),
    ],
)
def test_commands(text: str, effects: list[str]) -> None:
    meaning = command(text.encode())
    assert meaning is not None
    assert [f"{each.name} {each.target} {each.risk.name}" for each in meaning.effects] == effects


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "",
        "identify_system",
        "Base_Backup",
        "BASE_BACKUPS",
        "BASE_BACKUPÿ",
        "BASE_BACKUP$",
        "/**/ BASE_BACKUP",
        "; BASE_BACKUP",
        "\u00a0BASE_BACKUP",
        '"BASE_BACKUP"',
    ],
)
def test_what_the_walsender_reads_as_sql(text: str) -> None:
    assert command(text.encode()) is None


@given(st.binary(max_size=60), st.sampled_from(["", *_COMMANDS]).map(str.encode))
def test_garbage_is_a_command_or_sql(rest: bytes, beginning: bytes) -> None:
    meaning = command(beginning + rest)
    if meaning is not None:
        assert isinstance(meaning.text, str)
        assert meaning.text.lstrip(" \t\n\r\f\v").startswith(_COMMANDS)
