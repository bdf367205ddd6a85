"""What the gate and Prisma's own history say: is this a gate that knows the run, and what has been applied?

Enters: the gate's address, a run's token. Leaves: an answer, or a `GateTrouble` of one line. One driver
connection each. Deliberately absent: writing anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

import asyncpg  # type: ignore[import-untyped]

from proxy.app.catalogue.source import FAULTS
from proxy.app.migrating.address import GateAddress
from proxy.session.runtoken import OPTION, SETTING, UNKNOWN_RUN

_TIMEOUT_S: Final = 10.0
_LEARNING_S: Final = 5.0
"""A gate on another host learns of a run within a second of its entry."""
_AGAIN_S: Final = 0.2
_HISTORY: Final = """
SELECT migration_name, checksum, finished_at IS NOT NULL, rolled_back_at IS NOT NULL
FROM _prisma_migrations ORDER BY started_at
"""


class GateTrouble(Exception):
    """The gate cannot be asked; the message is one line without a secret."""


@dataclass(frozen=True, slots=True)
class Applied:
    """A row of Prisma's history.

    Attributes:
        checksum: SHA-256 of its script, in hexadecimal.
        finished: it ran to its end.
        rolled_back: somebody has said that nothing of it stays.
    """

    name: str
    checksum: str
    finished: bool
    rolled_back: bool

    @property
    def failed(self) -> bool:
        """It began, did not end, and nobody has resolved it: Prisma runs no other until then."""
        return not self.finished and not self.rolled_back


def check_gate(gate: GateAddress, token: str) -> None:
    """Return once the gate lets this run's sessions in.

    Raises: GateTrouble; also where no gate stands there, so that the command would reach the server itself.
    """
    asyncio.run(_check(gate, token))


def prisma_history(gate: GateAddress, token: str = "") -> tuple[Applied, ...] | None:
    """Prisma's history, oldest first; None where it has none yet.

    Raises: GateTrouble.
    """
    return asyncio.run(_history(gate, token))


async def _check(gate: GateAddress, token: str) -> None:
    deadline = asyncio.get_running_loop().time() + _LEARNING_S
    while True:
        try:
            (row,) = await _ask(gate, token, f"SELECT current_setting('{SETTING}', true)")
        except asyncpg.InvalidAuthorizationSpecificationError as error:
            if UNKNOWN_RUN.message not in str(error):
                raise _trouble(gate, error) from error
            if asyncio.get_running_loop().time() > deadline:
                raise GateTrouble(
                    f"the gate at {gate} does not know this run: does it keep its records in this ledger?"
                ) from error
            await asyncio.sleep(_AGAIN_S)
            continue
        except FAULTS as error:
            raise _trouble(gate, error) from error
        if row[0]:
            raise GateTrouble(f"there is no gate at {gate}: the run's token reached the server itself")
        return


async def _history(gate: GateAddress, token: str) -> tuple[Applied, ...] | None:
    try:
        return tuple(map(_applied, await _ask(gate, token, _HISTORY)))
    except asyncpg.UndefinedTableError:
        return None
    except FAULTS as error:
        raise _trouble(gate, error) from error


def _applied(row: Sequence[object]) -> Applied:
    name, checksum, finished, undone = row
    return Applied(str(name), str(checksum), bool(finished), bool(undone))


async def _ask(gate: GateAddress, token: str, sql: str) -> Sequence[Sequence[object]]:
    authority = f"{gate.host if ':' not in gate.host else f'[{gate.host}]'}:{gate.port}"
    local = gate.host.startswith("/")
    query = urlencode([*gate.tls, *([("host", gate.host), ("port", str(gate.port))] if local else ())])
    connection = await asyncpg.connect(
        f"postgresql://{'' if local else authority}/{quote(gate.database, safe='')}?{query}",
        user=gate.role,
        password=gate.password,
        timeout=_TIMEOUT_S,
        command_timeout=_TIMEOUT_S,
        statement_cache_size=0,
        server_settings={"options": f"{OPTION}{token}"} if token else {},
    )
    try:
        rows: Sequence[Sequence[object]] = await connection.fetch(sql)
    finally:
        with suppress(*FAULTS):
            await connection.close(timeout=1)
    return rows


def _trouble(gate: GateAddress, error: BaseException) -> GateTrouble:
    if isinstance(error, TimeoutError):
        reason = "it did not answer in time"
    elif isinstance(error, OSError) and error.strerror:
        reason = error.strerror
    else:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
    return GateTrouble(f"the gate at {gate} cannot be asked: {reason}")
