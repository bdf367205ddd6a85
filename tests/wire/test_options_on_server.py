"""The startup parameter `options` against its real reader: what one cannot read, the other refuses, too."""

import psycopg
import pytest

from proxy.backup.cluster import Cluster
from proxy.wire.errors import ProtocolViolation
from proxy.wire.startup import split_options

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0"

OPTIONS = [
    *("-c work_mem=1MB", "-cwork_mem=1MB", "--work-mem=1MB", "-c Work-Mem=1MB"),
    *("-ec work_mem=1MB", "-e-work-mem=1MB", "-esc", "-c work_mem=1MB --", "--"),
    *("-c\twork_mem=1MB\v-c\fwork_mem=2MB", r"-c application_name=a\ b\\c", "-c application_name=x\\"),
    *("-c", "-c work_mem", "--work_mem", "\\", "-", "work_mem=1MB", "-c work_mem=1MB c"),
    *("-- -c work_mem=1MB", "-é", "-:", "-W", "-d -c"),
    *(f"-{letter}" for letter in LETTERS),
    # The values of f and t have a grammar; F, i, l may not be set, which the server says before it reads on.
    *(f"-{letter} 1" for letter in LETTERS if letter not in "ftFil"),
]


def server_reads(cluster: Cluster, options: str) -> bool:
    """False when the server cannot read the options; that it may not set what they say is another matter."""
    try:
        psycopg.connect(cluster.dsn, options=options).close()
    except psycopg.OperationalError as error:
        text = str(error)
        return "invalid command-line argument" not in text and "requires a value" not in text
    return True


def gate_reads(options: str) -> bool:
    try:
        split_options(options)
    except ProtocolViolation:
        return False
    return True


@pytest.mark.defect_19
def test_both_read_the_same(every_server: Cluster) -> None:
    differing = {
        options: server_reads(every_server, options)
        for options in OPTIONS
        if server_reads(every_server, options) is not gate_reads(options)
    }
    assert differing == {}


@pytest.mark.parametrize(
    ("options", "setting", "value"),
    [
        (r"-c application_name=a\ b\\c", "application_name", r"a b\c"),
        ("-ec Work-Mem=1MB", "work_mem", "1MB"),
        ("-c work_mem=1MB --work-mem=2MB", "work_mem", "2MB"),
    ],
)
def test_both_read_the_same_values(server: Cluster, options: str, setting: str, value: str) -> None:
    assert split_options(options)[-1] == (setting, value)
    with psycopg.connect(server.dsn, options=options) as connection:
        row = connection.execute("SELECT current_setting(%s)", [setting]).fetchone()
    assert row == (value,)
