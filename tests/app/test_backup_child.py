"""The process that makes a backup leaves nothing behind when it is stopped."""

from __future__ import annotations

import subprocess
import sys
import time

import msgspec
import psutil

from proxy.app.backups.child import Errand, Failed
from proxy.backup.connection import parse_connection
from proxy.policy.facts import Verification

ERRAND = Errand(
    connection=parse_connection("postgresql://ada@localhost/app"),
    tables=None,
    level=Verification.CHECKSUM,
    places=(),
    recipients=(),
    identity=None,
    scratch=None,
    bin_dir=None,
    lock_wait_s=1,
)
# A signal that comes while Popen works leaves a program that nobody holds: here it comes just after.
STOPPED_WHILE_STARTING = """
import os, signal, subprocess, sys, time
from proxy.app.backups import child

def make(order, watcher):
    program = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print(program.pid, file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(600)

child.make_backup = make
sys.exit(child.main())
"""
WAIT_S = 20.0


def test_a_program_that_was_just_being_started_is_ended_too() -> None:
    with subprocess.Popen(
        [sys.executable, "-P", "-c", STOPPED_WHILE_STARTING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        process.stdin.write(msgspec.json.encode(ERRAND) + b"\n")
        process.stdin.flush()
        program = int(process.stderr.readline())
        assert msgspec.json.decode(process.stdout.readline(), type=Failed) == Failed("it was stopped")
        assert process.wait(WAIT_S) == 1
    deadline = time.monotonic() + WAIT_S
    while psutil.pid_exists(program) and psutil.Process(program).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "it still runs"
        time.sleep(0.01)
