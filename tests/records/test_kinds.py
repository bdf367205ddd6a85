"""Reading entries: any thread may be the first to read one of a kind."""

import subprocess
import sys

FROM_FOUR_THREADS = """
import enum, json, sys, threading
from datetime import datetime
from proxy.records import Entry
from proxy.records.kinds.kind import Payload, read

sys.setswitchinterval(1e-6)
said = {"color": "red", "names": ["a"], "at": "2026-11-26T00:00:00Z"}
entry = Entry(1, "new", "", "2026-11-26T00:00:00.000000Z", "ada", json.dumps(said), "0" * 64)
for _ in range(ROUNDS):
    Color = enum.Enum("Color", {"RED": "red"})
    New = type(Payload)(
        "New",
        (Payload,),
        {"__annotations__": {"color": Color, "names": list[str], "at": datetime}},
        frozen=True,
        kw_only=True,
    )
    together = threading.Barrier(4)
    read_at = []

    def first():
        together.wait()
        read_at.append(read(entry, New).at.year)

    threads = [threading.Thread(target=first) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read_at == [2026] * 4, read_at
"""


def test_several_threads_may_be_the_first_to_read_a_kind() -> None:
    """Msgspec crashed there, and with it a worker and its sessions, where a backup had just been recorded."""
    program = FROM_FOUR_THREADS.replace("ROUNDS", "500")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
