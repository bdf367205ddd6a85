"""What nobody needs any more is given back by a thread, and all of it."""

import threading
import time
from typing import ClassVar
from weakref import WeakSet

from proxy.app.givingback import give_back_aside
from proxy.session.letting import Held

SOON_S = 30.0


class Thing:
    """What can be seen to be freed, and by whom."""

    freed_by: ClassVar[set[str]] = set()

    def __del__(self) -> None:
        self.freed_by.add(threading.current_thread().name)


def test_many_things_are_freed_by_the_thread_when_nobody_holds_them() -> None:
    give_back_aside()
    things = tuple(Thing() for _ in range(1_000))
    alive = WeakSet(things)
    held = Held(things, ())
    del things
    assert len(alive) == 1_000
    del held
    until = time.monotonic() + SOON_S
    while len(alive) and time.monotonic() < until:
        time.sleep(0.001)
    assert not alive
    assert Thing.freed_by == {"giving back"}
