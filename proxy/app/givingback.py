"""A thread that gives memory back, bit by bit: 16 MB take the system more than a millisecond.

Enters: what `wire.longframe` and `session.letting` hand over. Leaves: nothing. Deliberately absent: a choice
of what is long, or much.
"""

import os
from contextlib import suppress
from functools import cache
from mmap import mmap
from queue import SimpleQueue
from threading import Thread
from typing import Final

from proxy.session import Things, let_go_by
from proxy.wire.longframe import given_back_by

_AT_ONCE: Final = 200
"""Things that are freed before another thread may have its turn: a tenth of a millisecond."""


def give_back_aside() -> None:
    """From now on, in this process."""
    _begin(os.getpid())


@cache
def _begin(_pid: int) -> None:
    """Once a process: a fork has none of its parent's threads."""
    # Its put() may be called in the midst of another, by __del__.
    waiting: SimpleQueue[mmap | Things] = SimpleQueue()
    given_back_by(waiting.put)
    let_go_by(waiting.put)
    Thread(target=_give_back, args=(waiting,), name="giving back", daemon=True).start()


def _give_back(waiting: "SimpleQueue[mmap | Things]") -> None:
    while True:
        spare = waiting.get()
        if isinstance(spare, mmap):
            with suppress(BufferError):  # found in a circle with a view of it: freed with that
                spare.close()  # without the interpreter's lock
        else:
            things = [thing for several in spare for thing in several]
            del spare
            while things:
                del things[-_AT_ONCE:]
