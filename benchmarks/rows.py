"""The table of all that is measured of every target. A new row is a new entry here."""

from typing import Final

from benchmarks.logins import LOGIN_ROWS
from benchmarks.statements import STATEMENT_ROWS
from benchmarks.transfers import TRANSFER_ROWS
from benchmarks.workloads import BY_SOCKET, RIVALS, Mode, Setting, Workload, select

WORKLOADS: Final[tuple[Workload, ...]] = (
    *(select(mode, concurrency) for mode in Mode for concurrency in (1, 8, 32)),
    *STATEMENT_ROWS,
    *TRANSFER_ROWS,
    *LOGIN_ROWS,
    *(
        select(mode, concurrency, Setting.TLS, RIVALS, name="tls")
        for mode, concurrency in ((Mode.SIMPLE, 1), (Mode.EXTENDED, 8), (Mode.PREPARED, 32))
    ),
    *(select(mode, 32, Setting.TWO, RIVALS, name="two") for mode in Mode),
    *(select(Mode.EXTENDED, count, Setting.KEEPING, RIVALS, name="keeping") for count in (1, 8, 32)),
    *(select(mode, count, Setting.UNIX, BY_SOCKET, name="unix") for mode in Mode for count in (1, 8, 32)),
)
