"""A gate that judges nothing, to measure the judgement by: only benchmarks can start it.

Enters: the arguments of `pgwarden`. Leaves: a gate of which all is as it is, but that every statement that
works with rows or tables counts as one that reads, without a look at it: no screen, no parse, no rule. The
rest (BEGIN, COPY, SET) is read once and known from then on. Deliberately absent: a way to have this from the
product.
"""

import re
import sys
from typing import Final

from proxy.app.cli import main
from proxy.sql.screen import Screen, Screened

_WORKS: Final = re.compile(rb"select|insert|update|delete|with|drop", re.IGNORECASE)


def passes(self: Screen, raw: bytes | memoryview) -> Screened | None:
    """In the place of `Screen.sort`: it reads, whatever it is."""
    return Screened.READS if _WORKS.match(raw) else None


if __name__ == "__main__":
    Screen.sort = passes  # type: ignore[method-assign]
    sys.exit(main())
