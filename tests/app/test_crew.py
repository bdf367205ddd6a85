"""What the supervisor makes of workers: forked, dead, silent, of another policy; with real processes."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

SCRIPT = """
import asyncio, os, signal, socket, sys, threading
from structlog.testing import capture_logs
from proxy.app.kinds import Address, Addresses
from proxy.app.log import logger
from proxy.app.starting import StartError
from proxy.app.workers import crew as crews
from proxy.app.workers.crew import Crew
from proxy.app.workers.doors import open_doors
from proxy.app.workers.forkserver import ForkServer, ForkServerLost
from proxy.app.workers.messages import Begin, CannotStart, Channel, Enforce, Enforced, Serving, Stop

{worker}

def start():
    doors = open_doors([Addresses([Address("127.0.0.1", 0)])], 2, shared=False)
    return ForkServer(doors, work)

lost = []
forks = start()

async def main():
    loop = asyncio.get_running_loop()
    crew = Crew(forks, 2, logger(), lambda name, work: loop.create_task(work), lambda: lost.append(1))
{body}

try:
    asyncio.run(main())
finally:
    forks.stop()
"""
SERVES = """
def work(number, connected, sockets):
    async def run():
        channel = await Channel.over(connected)
        assert isinstance(await channel.receive(), Begin)
        channel.send(Serving())
        while (order := await channel.receive()) is not None:
            if isinstance(order, Stop):
                return
            if isinstance(order, Enforce):
                channel.send(Enforced(order.path, "", "ValueError" if number else ""))
    asyncio.run(run())
    return 0
"""


def run(worker: str, body: str) -> list[str]:
    """What a program with such workers prints; a process of its own, since workers are forked from it."""
    script = SCRIPT.format(worker=worker, body=textwrap.indent(textwrap.dedent(body), "    "))
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_a_worker_that_ends_before_it_serves_is_the_end() -> None:
    said = run(
        "def work(number, connected, sockets): return 7",
        """
        try:
            await crew.start()
        except StartError as error:
            print(error, error.wrong_setting)
        await crew.stop(0)
        """,
    )
    assert said == ["worker 0 ended before it served: ended with exit code 7 False"]


def test_what_a_worker_says_of_its_start_is_what_is_told() -> None:
    said = run(
        """
def work(number, connected, sockets):
    async def run():
        channel = await Channel.over(connected)
        if number:
            channel.send(CannotStart(("one", "two"), True))
            await channel.finish()
            return
        channel.send(Serving())
        while not isinstance(await channel.receive(), (Stop, type(None))):
            pass
    asyncio.run(run())
    return 0
""",
        """
        try:
            with capture_logs():
                await crew.start()
        except StartError as error:
            print(error.lines, error.wrong_setting)
        await crew.stop(0)
        """,
    )
    assert said == ["('one', 'two') True"]


def test_a_worker_that_says_nothing_is_told_of() -> None:
    said = run(
        SERVES,
        """
        with capture_logs():
            await crew.start()
        print(list(crew.silent()))
        crew.serving[1].answered -= 12.5
        print([(number, int(since_s)) for number, since_s in crew.silent()])
        await crew.stop(0)
        """,
    )
    assert said == ["[]", "[(1, 12)]"]


def test_a_worker_that_does_not_take_a_policy_is_told_of() -> None:
    said = run(
        SERVES,
        """
        with capture_logs() as logs:
            await crew.start()
            await crew.enforce("p.yaml", {})
        wrong = [line for line in logs if line["log_level"] == "error"]
        print([(line["worker"], line["file"], line["reason"]) for line in wrong])
        await crew.stop(0)
        """,
    )
    assert said == ["[(1, 'p.yaml', 'ValueError')]"]


@pytest.mark.parametrize("last", ["await asyncio.sleep(600)", "channel.close(); await asyncio.sleep(600)"])
def test_a_worker_that_does_not_end_is_killed(last: str) -> None:
    said = run(
        SERVES.replace("return\n", f"{last}\n"),
        """
        crews._KILL_AFTER_S = crews._END_S = 0.1
        with capture_logs() as logs:
            await crew.start()
            await crew.stop(0)
        print(sorted(line["worker"] for line in logs if line["event"] == "a worker does not end: killing it"))
        """,
    )
    assert said == ["[0, 1]"]


def test_a_fork_server_needs_a_process_without_threads() -> None:
    said = run(
        SERVES,
        """
        try:
            await asyncio.to_thread(start)
        except RuntimeError as error:
            print(error)
        """,
    )
    assert said == ["the fork server has to be forked before any thread"]
