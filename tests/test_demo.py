"""The demonstration: what it prints, its exit codes, and that nothing of it stays."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.conftest import Programs

_ROOT = Path(__file__).resolve().parent.parent
_DEMO = [sys.executable, "-m", "proxy.app.demo"]


@pytest.fixture
def elsewhere(tmp_path: Path) -> dict[str, str]:
    # Own temporary files, so that what is left over can be seen; below /tmp, where the server's account may go.
    return os.environ | {"PYTHONPATH": str(_ROOT), "PGWARDEN_LISTEN": "not for the demonstration"}


def test_once_shows_a_refusal_and_ends(programs: Programs, elsewhere: dict[str, str]) -> None:
    programs()
    done = subprocess.run([*_DEMO, "--once"], capture_output=True, text=True, env=elsewhere, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.sub(r"127\.0\.0\.1:\d+|port \d+|PostgreSQL [\d.]+", "#", done.stdout) == _SHOWN
