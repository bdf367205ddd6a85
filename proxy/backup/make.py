"""A backup from beginning to end: dumped, copied, described, proved.

Enters: an `Order`. Leaves: a `Result`, with the copies that are good, each proved as far as was asked, and
what went wrong with the others, of which nothing is left. Deliberately absent: the ledger; only what comes
back from here as good is ever recorded.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from shutil import copyfileobj
from typing import Final, Protocol

from proxy.backup.clients import BackupError, Clients, Damaged, find_clients
from proxy.backup.connection import Connection
from proxy.backup.copies import Copies
from proxy.backup.dump import Dump
from proxy.backup.manifest import SEALED, Count, Format, Manifest, spell_manifest
from proxy.backup.places import MANIFEST, Place, folder_name, trouble
from proxy.backup.proof import prove
from proxy.backup.restore import Stored
from proxy.backup.sealing import seal
from proxy.backup.session import Session, Snapshot, Table
from proxy.policy.facts import Verification

_ARCHIVES: Final = {"custom": "archive.dump", "directory": "archive.tar"}
_PIECE: Final = 1 << 20

Clock = Callable[[], datetime]


class Watcher(Protocol):
    """Is told how far it is; from any thread."""

    def step(self, text: str, total: int | None = None) -> None:
        """Something new begins; how much there is of it, where that is known."""
        ...

    def at(self, done: int) -> None:
        """So much of it is done."""
        ...

    def written(self, size_bytes: int) -> None:
        """So many bytes of the archive are written."""
        ...


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be backed up, how, and to where.

    Attributes:
        tables: as "schema.name"; none for the whole database.
        or_whole: take the whole database where one of them is no table with rows of its own, or has others
            below it, whose rows go with its own.
        recipients: age's public keys; none leaves the backup unencrypted.
        level: how far each copy has to be proved.
        identities: age's private keys, to prove with what is encrypted.
        scratch: see `prove`.
    """

    connection: Connection
    places: Sequence[Place]
    tables: Sequence[str] = ()
    or_whole: bool = False
    format: Format = "custom"
    jobs: int = 1
    compress: str = ""
    lock_wait_timeout_s: float = 60.0
    recipients: Sequence[object] = ()
    identities: Sequence[object] = ()
    level: Verification = Verification.CHECKSUM
    bin_dir: Path | None = None
    scratch: Connection | None = None


@dataclass(frozen=True, slots=True)
class Good:
    """A copy, how far it is proved, and how long it took to restore where it was."""

    location: str
    verified: Verification
    restore_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it.

    Attributes:
        copies: the good ones.
        failures: a line for each place that has none, or none that is proved as far as was asked.
        schema: the definitions as SQL.
        notes: what is not as somebody may expect.
    """

    manifest: Manifest
    copies: tuple[Good, ...]
    failures: tuple[str, ...]
    schema: bytes
    notes: tuple[str, ...] = ()


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


def make_backup(order: Order, watcher: Watcher, clock: Clock = utc_now) -> Result:
    """Make a backup.

    Raises:
        BackupError: there is no good copy in any place, and nothing is left in one.
    """
    begun = clock()
    clients = _clients(order)
    for place in order.places:
        with suppress(Exception):  # whatever is wrong with the place, writing to it will say
            place.sweep(_folder_of(order), begun)
    folder = folder_name(order.connection.database, begun, secrets.token_hex(4))
    try:
        with Session(clients, order.connection) as session:
            snapshot = session.snapshot(order.lock_wait_timeout_s, order.tables)
            return _Making(order, clients, snapshot, folder, watcher).run(session, begun, clock)
    except BaseException:
        for place in order.places:
            _discard(place, folder)
        raise


def _folder_of(order: Order) -> str:
    return folder_name(order.connection.database, datetime.now(UTC), "").rpartition("/")[0]


def _clients(order: Order) -> Clients:
    """Programs that are not older than the server."""
    with Session(find_clients(order.bin_dir), order.connection) as session:
        number = int(session.ask("SELECT current_setting('server_version_num')::int"))
    return find_clients(order.bin_dir, number // 10_000)


@dataclass(frozen=True, slots=True)
class _Making:
    order: Order
    clients: Clients
    snapshot: Snapshot
    folder: str
    watcher: Watcher

    def run(self, session: Session, begun: datetime, clock: Clock) -> Result:
        order, snapshot = self.order, self.snapshot
        chosen = self._chosen()
        tables = list(snapshot.tables) if chosen is None else chosen
        dump = Dump(
            self.clients,
            order.connection,
            snapshot,
            chosen,
            order.format,
            order.jobs,
            order.compress,
            order.lock_wait_timeout_s,
        )
        name = _ARCHIVES[order.format] + (SEALED if order.recipients else "")
        with ThreadPoolExecutor(1) as pool:
            counting = pool.submit(self._count, session, tables)
            try:
                copies = self._copy(dump, name, tables)
                self.watcher.step("counting rows")
                counts = counting.result()
                schema, roles = dump.schema(), dump.roles()
            except BackupError:
                if counting.done():
                    counting.result()  # when this has failed, pg_dump's snapshot went with its session
                session.close()
                raise
            except BaseException:
                session.close()  # ends the counting, too
                raise
        beside = {"schema.sql": schema} | ({} if roles is None else {"roles.sql": roles})
        files = dict(self._sealed(file, body) for file, body in beside.items())
        finished = clock()
        manifest = Manifest(
            database=order.connection.database,
            format=order.format,
            archive=name,
            sha256=copies.sha256,
            size_bytes=copies.size_bytes,
            encrypted=bool(order.recipients),
            snapshot_at=snapshot.moment,
            finished=finished,
            duration_ms=round((finished - begun).total_seconds() * 1000),
            position=snapshot.position,
            server_version=snapshot.server_version,
            tool_version=self.clients.version,
            tables=None if chosen is None else tuple(map(str, chosen)),
            counts=counts,
            roles=snapshot.roles,
            files={file: sha256(body).hexdigest() for file, body in files.items()},
        )
        notes = ("the server does not let this role read the roles",) if roles is None else ()
        good, failures = self._settle(copies, manifest, files)
        return Result(manifest, good, failures, schema, notes)

    def _chosen(self) -> list[Table] | None:
        """The tables that are dumped; None: all."""
        names = self.order.tables
        if not names:
            return None
        known = {str(table): table for table in self.snapshot.tables}
        missing = [name for name in names if name not in known]
        if self.order.or_whole and (missing or any(known[name].has_heirs for name in names)):
            return None
        if missing:
            raise BackupError(
                f"there is no table {missing[0]} with rows of its own in {self.order.connection.database}: "
                "write schema.name, and the partitions of a partitioned table"
            )
        return [known[name] for name in names]

    def _count(self, session: Session, tables: Sequence[Table]) -> tuple[Count, ...]:
        return tuple(Count(table.schema, table.name, session.count(table)) for table in tables)

    def _copy(self, dump: Dump, name: str, tables: Sequence[Table]) -> Copies:
        """Dump into all places; the objects are there only once pg_dump has ended well."""
        sizes = {str(table): table.size_bytes for table in tables}
        done = 0
        self.watcher.step(f"dumping {self.order.connection.database}", sum(sizes.values()) or None)

        def on_table(table: str) -> None:
            # Of tables under way nobody knows how far they are: what has begun counts with the next one.
            nonlocal done
            self.watcher.at(done)
            done += sizes.get(table, 0)

        with Copies(self.order.places, f"{self.folder}/{name}") as copies, dump.archive(on_table) as archive:
            watched = _Watched(copies, self.watcher)
            if self.order.recipients:
                seal(archive, watched, self.order.recipients)
            else:
                copyfileobj(archive, watched, _PIECE)
            archive.finish()
            copies.complete()
        if len(copies.failures) == len(copies.copies):
            raise BackupError("no copy could be written: " + "; ".join(copies.failures))
        return copies

    def _sealed(self, name: str, body: bytes) -> tuple[str, bytes]:
        if not self.order.recipients:
            return name, body
        sealed = BytesIO()
        seal(BytesIO(body), sealed, self.order.recipients)
        return name + SEALED, sealed.getvalue()

    def _settle(
        self, copies: Copies, manifest: Manifest, files: dict[str, bytes]
    ) -> tuple[tuple[Good, ...], tuple[str, ...]]:
        """Describe and prove each copy; what fails is removed."""
        good: list[Good] = []
        failures = list(copies.failures)
        for copy in copies.copies:
            place = copy.place
            if copy.failure:
                _discard(place, self.folder)
                continue
            try:
                for name, body in {**files, MANIFEST: spell_manifest(manifest)}.items():
                    place.put(f"{self.folder}/{name}", body)
                    place.settle(f"{self.folder}/{name}")
                self.watcher.step(f"verifying {place.url}", manifest.size_bytes)
                stored = Stored(place, self.folder, manifest, self.order.identities, on_bytes=self.watcher.at)
                verified, restore_ms, doubt = self._proved(stored)
            except Exception as error:  # whatever a store raises: this copy is none
                failures.append(f"{place.url}: {trouble(error)}")
                _discard(place, self.folder)
            else:
                good.append(Good(place.location(self.folder), verified, restore_ms))
                failures += [f"{place.url}: {doubt}"] if doubt else []
        if not good:
            raise BackupError("no copy is good: " + "; ".join(failures))
        return tuple(good), tuple(failures)

    def _proved(self, stored: Stored) -> tuple[Verification, int | None, str]:
        """How far a copy is proved, how long the restore took, and why no farther.

        A restore that is not to be had here (no room, an extension that the scratch server lacks) must not
        cost the team its backup; what is damaged is none.
        """
        order = self.order
        try:
            took_ms = prove(stored, order.level, bin_dir=order.bin_dir, server=order.scratch)
            return order.level, took_ms, ""
        except Damaged:
            raise
        except BackupError as error:
            if order.level < Verification.RESTORED:
                raise
            prove(stored, Verification.FULL_READ, bin_dir=order.bin_dir)
            return Verification.FULL_READ, None, f"kept, but proved to full_read only: {error}"


@dataclass(frozen=True, slots=True)
class _Watched:
    """The sink of the archive, which tells how much there is."""

    copies: Copies
    watcher: Watcher

    def write(self, buffer: bytes, /) -> int:
        self.copies.write(bytes(buffer))
        self.watcher.written(self.copies.size_bytes)
        return len(buffer)

    def flush(self) -> None:
        """As files have it."""


def _discard(place: Place, folder: str) -> None:
    """Leave nothing, as far as the place lets us: it may be what has failed."""
    with suppress(Exception):
        place.discard(folder)
