"""A gate that judges nothing, to measure the judgement by: only benchmarks can start it.

Enters: the arguments of `pgwarden`. Leaves: a gate of which all is as it is, but that every statement that
works with rows or tables counts as one that reads, without a look at it: no screen, no parse, no rule. The
rest (BEGIN, COPY, SET) is read once and known from then on. Deliberately absent: a way to have this from the
product: there is no setting for it, and what is installed has no class that does this.
"""

import re
import sys
from functools import cache
from typing import Final

from proxy.app.cli import main
from proxy.session import gate
from proxy.sql.database import Database
from proxy.sql.screen import Screen, Screened

_WORKS: Final = re.compile(rb"select|insert|update|delete|with|drop", re.IGNORECASE)


class Blind(Screen):
    """In the place of a screen: what works with rows reads, whatever it is."""

    def sort(self, raw: bytes | memoryview) -> Screened | None:
        """Look at the first word alone."""
        return Screened.READS if _WORKS.match(raw) else None


@cache
def blind(server_major: int) -> Blind:
    """Return the one for servers of this major version."""
    return Blind(server_major)


def blindfold() -> None:
    """Have the gates of this process, and of all that are forked from it, take no other."""
    gate.plain_screen = blind  # type: ignore[attr-defined]
    Database.screen = property(lambda database: blind(database.server_major))  # type: ignore[assignment]


if __name__ == "__main__":
    blindfold()
    sys.exit(main())
