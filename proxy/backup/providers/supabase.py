"""Supabase's own backups, by its Management API (https://supabase.com/docs/reference/api/introduction).

Enters: a project's reference, an access token. Leaves: daily backups, the window of point-in-time recovery,
restore points, made and waited for; and whom the project's network lets in. Deliberately absent: restoring,
which replaces the whole project.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, TypeVar

import aiohttp
import msgspec

from proxy.backup.clients import BackupError
from proxy.backup.providers.known import Known, Listing, Row, decode

SOURCE: Final = "supabase"
API: Final = "https://api.supabase.com"
_REFERENCE: Final = re.compile(r"[a-z0-9]{4,40}")
_POINT: Final = re.compile(r"[A-Za-z0-9_.-]{1,20}")
_TIMEOUT: Final = aiohttp.ClientTimeout(total=30)
_TOOL: Final = "Supabase"


class _Backup(Row, frozen=True):
    status: str
    inserted_at: datetime
    id: int | None = None
    is_physical_backup: bool = False


class _Window(Row, frozen=True):
    earliest_physical_backup_date_unix: int | None = None
    latest_physical_backup_date_unix: int | None = None


class _Backups(Row, frozen=True):
    backups: tuple[_Backup, ...] = ()
    pitr_enabled: bool = False
    physical_backup_data: _Window | None = None


class _Point(Row, frozen=True):
    name: str
    status: Literal["AVAILABLE", "PENDING", "REMOVED", "FAILED"]
    completed_on: datetime | None = None


class _Cidr(Row, frozen=True):
    address: str


class _Allowed(Row, frozen=True):
    dbAllowedCidrs: tuple[str | _Cidr, ...] | None = None
    dbAllowedCidrsV6: tuple[str | _Cidr, ...] | None = None


class _NetworkRestrictions(Row, frozen=True):
    entitlement: str
    config: _Allowed
    status: str = ""


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Restrictions:
    """Whom the project's network lets in.

    Attributes:
        entitled: whether the plan has them.
        networks: as they are written; None where nothing was ever restricted.
        applied: False where they are stored and not in force.
    """

    entitled: bool
    networks: tuple[str, ...] | None
    applied: bool


@dataclass(frozen=True, slots=True)
class Project:
    """One project, and who asks.

    Attributes:
        token: a personal access token; never shown.
        api: the API's address.
    """

    reference: str
    token: str
    api: str = API

    def __post_init__(self) -> None:
        """Refuse what would lead to another address."""
        if not _REFERENCE.fullmatch(self.reference):
            raise BackupError("a project's reference has lower-case letters and digits alone")

    def __repr__(self) -> str:
        return f"Project({self.reference})"

    @property
    def scope(self) -> str:
        """What the locations of its backups begin with."""
        return f"{SOURCE}://{self.reference}/"

    async def listing(self) -> Listing:
        """What Supabase keeps of the project.

        Raises:
            BackupError: the API could not be asked.
        """
        said = await self._call("GET", "database/backups", _Backups)
        found = [self._daily(row) for row in said.backups if row.status == "COMPLETED"]
        window = said.physical_backup_data
        if said.pitr_enabled and window is not None and window.latest_physical_backup_date_unix:
            latest = datetime.fromtimestamp(window.latest_physical_backup_date_unix, UTC)
            since = datetime.fromtimestamp(window.earliest_physical_backup_date_unix or 0, UTC)
            notes = f"any moment since {since.isoformat()}"
            found.append(Known(f"{self.scope}point-in-time", latest, tool=_TOOL, notes=notes))
        return Listing(SOURCE, (self.scope,), tuple(found))

    async def restrictions(self) -> Restrictions:
        """Whom the network lets in (https://supabase.com/docs/reference/api/v1-get-network-restrictions).

        Raises:
            BackupError: the API could not be asked.
        """
        said = await self._call("GET", "network-restrictions", _NetworkRestrictions)
        lists = (said.config.dbAllowedCidrs, said.config.dbAllowedCidrsV6)
        given = [row for rows in lists for row in rows or ()]
        networks = tuple(row if isinstance(row, str) else row.address for row in given)
        never = (lists == (None, None) or not networks) and said.status != "applied"
        return Restrictions(
            said.entitlement == "allowed", None if never else networks, said.status == "applied"
        )

    async def restore_point(
        self, name: str, timeout_s: float, waiting: Callable[[float], None], every_s: float = 2.0
    ) -> Known:
        """Create a restore point, and wait until it can be restored.

        Args:
            waiting: told how many seconds it has taken, again and again.

        Raises:
            BackupError: it failed, or is not there in time.
        """
        if not _POINT.fullmatch(name):
            raise BackupError("a restore point's name has at most 20 letters, digits, dots, _ and -")
        loop = asyncio.get_running_loop()
        begun = loop.time()
        point = await self._call("POST", "database/backups/restore-point", _Point, json={"name": name})
        while point.status == "PENDING":
            if loop.time() - begun > timeout_s:
                raise BackupError(f"the restore point {name} is not there after {timeout_s:g} s")
            waiting(loop.time() - begun)
            await asyncio.sleep(every_s)
            point = await self._call("GET", "database/backups/restore-point", _Point, params={"name": name})
        if point.status != "AVAILABLE":
            raise BackupError(f"the restore point {name} is {point.status}")
        finished = point.completed_on or datetime.now(UTC)
        if finished.tzinfo is None:
            finished = finished.replace(tzinfo=UTC)
        return Known(f"{self.scope}restore-points/{point.name}", finished, tool=_TOOL)

    def _daily(self, row: _Backup) -> Known:
        moment = row.inserted_at if row.inserted_at.tzinfo else row.inserted_at.replace(tzinfo=UTC)
        name = str(row.id) if row.id is not None else f"{moment:%Y%m%dT%H%M%SZ}"
        notes = "physical" if row.is_physical_backup else "logical"
        return Known(f"{self.scope}backups/{name}", moment, tool=_TOOL, notes=notes)

    async def _call(
        self,
        method: str,
        path: str,
        shape: type[T],
        *,
        json: dict[str, str] | None = None,
        params: dict[str, str] | None = None,
    ) -> T:
        url = f"{self.api.rstrip('/')}/v1/projects/{self.reference}/{path}"
        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT, headers=headers) as session,
                session.request(method, url, json=json, params=params, allow_redirects=False) as answer,
            ):
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise BackupError(f"Supabase's API cannot be reached: {type(error).__name__}") from error
        if answer.status >= 300:
            raise BackupError(_refused(answer.status, body))
        return decode(body, shape, "Supabase's Management API")


def _refused(status: int, body: bytes) -> str:
    try:
        message = str(msgspec.json.decode(body)["message"])[:200]
    except (msgspec.DecodeError, KeyError, TypeError, UnicodeDecodeError):
        message = ""
    hint = {
        401: ": SUPABASE_ACCESS_TOKEN is not valid",
        403: ": the token may not read this of the project",
        404: ": there is no such project, or its plan does not have this",
    }
    return f"Supabase's API answered {status}{hint.get(status, '')}" + (f" ({message})" if message else "")
