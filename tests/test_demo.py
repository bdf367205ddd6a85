"""The demonstration: what it prints, its exit codes, and that nothing of it stays."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.conftest import Programs

_ROOT = Path(__file__).resolve().parent.parent
_DEMO = [sys.executable, "-u", "-m", "proxy.app.demo"]
_SHOWN = """\
PostgreSQL # on port #, the gate in front of it with production.yaml.

A query passes:

$ psql postgresql://app@127.0.0.1:#/shop -c 'SELECT id, name FROM users ORDER BY id'
 id |   name   
----+----------
  1 | Ada
  2 | Grace
  3 | Margaret
(3 rows)

What would lose data does not:

$ psql postgresql://app@127.0.0.1:#/shop -c 'DROP TABLE users'
ERROR:  DROP TABLE on users would lose data. [rule no-drop]
DETAIL:  A table is dropped: users (high risk). Also refused by: #
HINT:  Keep it, or ask the owners of this database; Prisma: migrate deploy, not migrate reset or db push.

yes  the SELECT was answered
yes  the DROP was refused by a rule
yes  the table is still there
"""


def _without_numbers(text: str) -> str:
    # Which other rules refuse it depends on the hour: there is one for peak hours.
    text = re.sub(r"(PostgreSQL |port |127\.0\.0\.1:)[\d.]+", r"\1#", text)
    return re.sub(r"(Also refused by: ).*", r"\1#", text)


@pytest.fixture
def temporary(programs: Programs) -> Iterator[Path]:
    """Where the demonstration puts what it makes; not pytest's, which only its owner may enter."""
    programs()
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def environment(temporary: Path) -> dict[str, str]:
    # Settings of another gate, which the demonstration is not to take for its own.
    return os.environ | {"TMPDIR": str(temporary), "PGWARDEN_LISTEN": "elsewhere", "PGHOST": "elsewhere"}


def test_once_shows_a_refusal_and_ends(environment: dict[str, str], temporary: Path) -> None:
    done = subprocess.run(
        [*_DEMO, "--once"], cwd=_ROOT, capture_output=True, text=True, env=environment, check=False
    )
    assert (_without_numbers(done.stdout), done.stderr, done.returncode) == (_SHOWN, "", 0)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_serves_until_it_is_told_to_stop(
    environment: dict[str, str], temporary: Path, number: signal.Signals
) -> None:
    with subprocess.Popen(
        _DEMO, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as demo:
        try:
            assert demo.stdout is not None
            url = next(line.partition("DATABASE_URL=")[2] for line in demo.stdout if "DATABASE_URL=" in line)
            with psycopg.connect(url.strip(), autocommit=True) as client:
                assert client.execute("SELECT count(*) FROM users").fetchone() == (3,)
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"\[rule no-drop\]"):
                    client.execute("DROP TABLE users")
            started = psutil.Process(demo.pid).children()
            demo.send_signal(number)
            output, errors = demo.communicate(timeout=30)
        finally:
            demo.kill()
    assert (output.splitlines()[-1], errors, demo.returncode) == ("Stopping the gate and the server.", "", 0)
    assert [process for process in started if process.is_running()] == []
    assert list(temporary.iterdir()) == []


def test_a_missing_server_is_one_line() -> None:
    script = (
        "import sys; from proxy.app import demo\n"
        "def none(): raise demo.ClusterError('no server programs')\n"
        "demo.find_binaries = none\n"
        "sys.exit(demo.main(['--once']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=_ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == (
        "",
        "The demonstration cannot be given: no server programs\n",
        3,
    )
