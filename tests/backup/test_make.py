"""Backups by the real pg_dump: what is made, and that nothing is called good that is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Literal

import msgspec
import psutil
import psycopg
import pyrage
import pytest

from proxy.backup.clients import BackupError, Damaged
from proxy.backup.cluster import Cluster
from proxy.backup.connection import Connection
from proxy.backup.make import Order, make_backup
from proxy.backup.manifest import read_manifest
from proxy.backup.places import Place, place_of
from proxy.backup.proof import prove
from proxy.backup.restore import Stored
from proxy.policy.facts import Verification
from tests.backup.conftest import ROWS, Watch, connection, rest_of
from tests.backup.stores import Bucket
from tests.conftest import Programs, ServerAt
from tests.servers.database import Database

_ROOT = Path(__file__).resolve().parents[2]


def stored(location: str, identities: list[object] | None = None) -> Stored:
    place, folder = place_of(location)
    return Stored(place, folder, read_manifest(place, folder), identities or [])


@pytest.mark.parametrize(
    ("form", "jobs", "sealed"),
    [("custom", 1, False), ("custom", 1, True), ("directory", 2, False), ("directory", 2, True)],
)
def test_a_backup_is_whole_in_each_place_and_restores(
    form: Literal["custom", "directory"], jobs: int, sealed: bool, to_shop: Connection, places: list[Place]
) -> None:
    key = pyrage.x25519.Identity.generate()
    order = Order(
        to_shop,
        places,
        format=form,
        jobs=jobs,
        recipients=[key.to_public()] if sealed else [],
        identities=[key] if sealed else [],
        level=Verification.RESTORED,
        scratch=to_shop.to("postgres") if sealed else None,
    )
    result = make_backup(order, Watch())
    assert (len(result.copies), result.failures, result.notes) == (2, (), ())
    manifest = result.manifest
    assert {(c.table, c.rows) for c in manifest.counts or ()} == {
        ("users", 1000),
        ("orders_eu", 50),
        ("blobs", 12000),
    }
    assert (manifest.database, manifest.tables, manifest.encrypted) == (to_shop.database, None, sealed)
    assert manifest.position.count("/") == 1
    assert b"CREATE TABLE public.users" in result.schema
    end = ".age" if sealed else ""
    archive = ("archive.dump" if form == "custom" else "archive.tar") + end
    for location in (copy.location for copy in result.copies):
        place, folder = place_of(location)
        names = sorted(name.rpartition("/")[2] for name in place.names(folder))
        assert names == sorted([archive, f"schema.sql{end}", f"roles.sql{end}", "manifest.json"])
        if sealed:
            with pytest.raises(BackupError, match="is encrypted"):
                prove(stored(location), Verification.FULL_READ)


def test_the_schema_of_two_backups_is_the_same_text(to_shop: Connection, places: list[Place]) -> None:
    first, second = (make_backup(Order(to_shop, places), Watch()).schema for _ in range(2))
    assert first == second


def test_only_the_tables_named_are_in_it(to_shop: Connection, places: list[Place]) -> None:
    scratch = to_shop.to("postgres")
    order = Order(to_shop, places[:1], tables=["public.users"], level=Verification.RESTORED, scratch=scratch)
    manifest = make_backup(order, Watch()).manifest
    assert (manifest.tables, [(c.table, c.rows) for c in manifest.counts or ()]) == (
        ("public.users",),
        [("users", 1000)],
    )
    with pytest.raises(BackupError, match=r"there is no table public.nowhere with rows of its own"):
        make_backup(replace(order, tables=["public.nowhere"]), Watch())


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["public.users"], ("public.users",)),
        (["public.nowhere"], None),
        (["public.users", "public.orders"], None),  # its rows are its partition's
        (["public.orders_eu"], ("public.orders_eu",)),
        (["public.parent"], None),
        (["public.it's"], ("public.it's",)),
    ],
)
def test_where_the_tables_are_not_all_there_is_the_whole_is_taken(
    shop: Database,
    to_shop: Connection,
    places: list[Place],
    names: list[str],
    expected: tuple[str, ...] | None,
) -> None:
    shop.execute("CREATE TABLE parent (id int); CREATE TABLE heir () INHERITS (parent)")
    shop.execute("""CREATE TABLE "it's" (id int); DROP TABLE blobs""")
    order = Order(to_shop, places[:1], tables=names, or_whole=True)
    assert make_backup(order, Watch()).manifest.tables == expected


def test_dump_and_counts_are_of_one_moment(shop: Database, to_shop: Connection, places: list[Place]) -> None:
    def write(size_bytes: int) -> None:
        shop.execute("DELETE FROM users; INSERT INTO orders VALUES (51, 'eu', 'late')")

    scratch = to_shop.to("postgres")
    order = Order(to_shop, places[:1], level=Verification.RESTORED, scratch=scratch)
    result = make_backup(order, Watch(write))
    assert {c.table: c.rows for c in result.manifest.counts or ()}["users"] == 1000


@pytest.mark.parametrize("major", [15, 18])
def test_servers_of_other_versions(
    major: int,
    server_at: ServerAt,
    programs: Programs,
    new_database: Callable[[Cluster], Database],
    tmp_path: Path,
) -> None:
    database = new_database(server_at(major))
    database.execute(ROWS)
    order = Order(
        connection(database.cluster, database.name),
        [Place(str(tmp_path))],
        level=Verification.RESTORED,
        bin_dir=programs(major),
    )
    assert make_backup(order, Watch()).manifest.server_version.startswith(str(major))


def test_an_older_pg_dump_is_told_apart(to_shop: Connection, places: list[Place], programs: Programs) -> None:
    with pytest.raises(BackupError) as raised:
        make_backup(Order(to_shop, places, bin_dir=programs(15)), Watch())
    assert str(raised.value) == (
        "the server is PostgreSQL 17, and pg_dump is 15.19: a pg_dump older than its server makes no backup. "
        "Install the client programs of version 17, or name their directory with --bin-dir"
    )


# -- what goes wrong ---------------------------------------------------------------------------------------


def kill_pg_dump(size_bytes: int) -> None:
    (dump,) = [p for p in psutil.Process().children() if p.name() == "pg_dump"]
    dump.kill()


def interrupt(size_bytes: int) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("sealed", [False, True])
def test_a_dump_cut_short_is_no_backup(
    sealed: bool, shop: Database, to_shop: Connection, places: list[Place], tmp_path: Path
) -> None:
    def cut(size_bytes: int) -> None:
        shop.cluster.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{shop.name}'"
        )

    key = pyrage.x25519.Identity.generate()
    order = Order(to_shop, places, compress="none", recipients=[key.to_public()] if sealed else [])
    with pytest.raises(BackupError, match="pg_dump failed with code 1"):
        make_backup(order, Watch(cut))
    assert rest_of(tmp_path) == []


@pytest.fixture
def blinkered(shop: Database) -> Iterator[str]:
    """A role that may read all tables, but not all rows of the last."""
    role = f"reader_of_{shop.name}"
    shop.execute(f"CREATE ROLE {role} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role};")
    shop.execute("ALTER TABLE users ENABLE ROW LEVEL SECURITY")
    yield role
    shop.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.mark.parametrize(("form", "jobs"), [("custom", 1), ("directory", 2)])
def test_rows_that_cannot_be_seen_make_no_backup(
    form: Literal["custom", "directory"],
    jobs: int,
    blinkered: str,
    to_shop: Connection,
    places: list[Place],
    tmp_path: Path,
) -> None:
    with pytest.raises(BackupError, match="row-level security policy for table"):
        make_backup(Order(replace(to_shop, user=blinkered), places, format=form, jobs=jobs), Watch())
    assert rest_of(tmp_path) == []


@pytest.mark.parametrize(
    ("deed", "raises"),
    [(kill_pg_dump, BackupError), (interrupt, KeyboardInterrupt)],
    ids=["killed", "Ctrl-C"],
)
@pytest.mark.parametrize("sealed", [False, True])
def test_nothing_is_left_of_a_dump_that_was_stopped(
    sealed: bool,
    deed: Callable[[int], None],
    raises: type[BaseException],
    to_shop: Connection,
    places: list[Place],
    tmp_path: Path,
) -> None:
    recipients = [pyrage.x25519.Identity.generate().to_public()] if sealed else []
    with pytest.raises(raises):
        make_backup(Order(to_shop, places, compress="none", recipients=recipients), Watch(deed))
    assert rest_of(tmp_path) == []
    assert [p for p in psutil.Process().children() if p.name() in ("pg_dump", "psql")] == []


def test_a_server_that_is_killed(programs: Programs, places: list[Place], tmp_path: Path) -> None:
    with Cluster(programs()) as cluster:
        cluster.execute(ROWS)
        order = Order(connection(cluster, "postgres"), places, compress="none")
        with pytest.raises(BackupError):
            make_backup(order, Watch(lambda _: cluster.stop("immediate")))
    assert rest_of(tmp_path) == []


_KILLED = """
import os, signal, sys
from proxy.backup.connection import parse_connection
from proxy.backup.make import Order, make_backup
from proxy.backup.places import Place
from tests.backup.conftest import Watch
make_backup(Order(parse_connection(sys.argv[1]), [Place(sys.argv[2])], format=sys.argv[3], compress="none"),
            Watch(lambda _: os.kill(os.getpid(), signal.SIGKILL)))
"""


@pytest.mark.parametrize("form", ["custom", "directory"])
def test_what_a_kill_leaves_is_no_backup_and_swept_away(
    form: Literal["custom", "directory"], to_shop: Connection, tmp_path: Path
) -> None:
    url = f"postgresql://{to_shop.user}@127.0.0.1:{to_shop.port}/{to_shop.database}"
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, url, str(tmp_path), form],
        cwd=_ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert "manifest.json" not in rest_of(tmp_path)
    place = Place(str(tmp_path))
    assert place.listed(to_shop.database) == []
    assert place.sweep(to_shop.database, datetime.now(UTC)) == []  # it may be at work still
    place.sweep(to_shop.database, datetime.now(UTC) + timedelta(hours=2))
    while list(tmp_path.glob("pgwarden-backup-*")):  # the watcher is at it
        time.sleep(0.01)
    assert rest_of(tmp_path) == []


def test_a_lock_that_is_not_had_ends_the_dump(
    shop: Database, to_shop: Connection, places: list[Place]
) -> None:
    with psycopg.connect(shop.dsn) as holder:
        holder.execute("LOCK TABLE users")
        with pytest.raises(BackupError, match="canceling statement due to lock timeout"):
            make_backup(Order(to_shop, places, lock_wait_timeout_s=0.2), Watch())


_LIMITED = """
import resource, sys
from proxy.backup.connection import parse_connection
from proxy.backup.make import Order, make_backup
from proxy.backup.places import Place
from tests.backup.conftest import Watch
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
make_backup(Order(parse_connection(sys.argv[1]), [Place(sys.argv[2])], compress="none"), Watch())
"""


def test_a_place_without_room_has_no_copy(to_shop: Connection, tmp_path: Path) -> None:
    """A file that may not grow fails as one on a full disk does: write() returns an error half-way."""
    url = f"postgresql://{to_shop.user}@127.0.0.1:{to_shop.port}/{to_shop.database}"
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, url, str(tmp_path)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "proxy.backup.clients.BackupError: no copy could be written: file://" in done.stderr
    assert "File too large" in done.stderr
    assert rest_of(tmp_path) == []


# -- stores ------------------------------------------------------------------------------------------------


def test_a_store_of_each_kind(store: str, to_shop: Connection) -> None:
    place = Place(f"{store}/nightly")
    result = make_backup(Order(to_shop, [place], compress="none", level=Verification.FULL_READ), Watch())
    (location,) = (copy.location for copy in result.copies)
    assert location.startswith(f"{store}/nightly/{to_shop.database}/")
    proved = stored(location)
    prove(proved, Verification.RESTORED)
    place.put(proved.path, b"something else")
    with pytest.raises(Damaged, match="has 14 bytes"):
        prove(proved, Verification.EXISTS)
    place.discard(proved.folder)
    assert place.listed(to_shop.database) == []
    with pytest.raises(Damaged, match="holds no backup"):
        read_manifest(place, proved.folder)


def test_a_store_that_fails_half_way_has_no_copy_and_the_other_is_good(
    bucket: Bucket, to_shop: Connection, places: list[Place]
) -> None:
    order = Order(to_shop, [Place("s3://backups"), places[0]], compress="none")
    result = make_backup(order, Watch(lambda _: bucket.kill()))
    assert len(result.failures) == 1
    assert result.failures[0].startswith("s3://backups: ")
    assert [copy.location.startswith(places[0].url) for copy in result.copies] == [True]


# -- proofs ------------------------------------------------------------------------------------------------


def flip(file: Path, at: float) -> None:
    body = bytearray(file.read_bytes())
    body[int(len(body) * at)] ^= 1
    file.write_bytes(body)


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("form", ["custom", "directory"])
def test_a_flipped_bit_is_found(
    form: Literal["custom", "directory"], sealed: bool, to_shop: Connection, tmp_path: Path
) -> None:
    key = pyrage.x25519.Identity.generate()
    recipients = [key.to_public()] if sealed else []
    order = Order(to_shop, [Place(str(tmp_path))], format=form, recipients=recipients)
    (location,) = (copy.location for copy in make_backup(order, Watch()).copies)
    (archive,) = tmp_path.rglob("archive.*")
    for at in (0.1, 0.5, 0.9):
        flip(archive, at)
        for level in (Verification.CHECKSUM, Verification.FULL_READ):
            with pytest.raises(Damaged, match="its SHA-256 is another"):
                prove(stored(location, [key]), level)
        flip(archive, at)
    prove(stored(location, [key]), Verification.FULL_READ)


def test_a_file_that_was_forged_with_its_manifest_is_not_what_the_ledger_knows(
    shop: Database, to_shop: Connection, tmp_path: Path
) -> None:
    first = make_backup(Order(to_shop, [Place(str(tmp_path))]), Watch())
    shop.execute("DELETE FROM users")
    second = make_backup(Order(to_shop, [Place(str(tmp_path))]), Watch())
    forged = replace(stored(second.copies[0].location), sha256=first.manifest.sha256)
    with pytest.raises(Damaged, match="its SHA-256 is another"):
        prove(forged, Verification.CHECKSUM)


def test_pg_restore_finds_what_a_checksum_of_the_damage_hides(to_shop: Connection, tmp_path: Path) -> None:
    """A dump that was damaged before it was hashed: the table of contents would still read."""
    (location,) = (
        copy.location for copy in make_backup(Order(to_shop, [Place(str(tmp_path))]), Watch()).copies
    )
    good = stored(location)
    (archive,) = tmp_path.rglob("archive.dump")
    archive.write_bytes(archive.read_bytes()[: int(good.manifest.size_bytes * 0.6)])
    cut = msgspec.structs.replace(
        good.manifest, size_bytes=archive.stat().st_size, sha256=sha256(archive.read_bytes()).hexdigest()
    )
    prove(replace(good, manifest=cut), Verification.CHECKSUM)
    with pytest.raises(Damaged, match="pg_restore failed"):
        prove(replace(good, manifest=cut), Verification.FULL_READ)


def test_rows_that_are_not_as_many_are_found(to_shop: Connection, tmp_path: Path) -> None:
    (location,) = (
        copy.location for copy in make_backup(Order(to_shop, [Place(str(tmp_path))]), Watch()).copies
    )
    good = stored(location)
    counts = tuple(
        msgspec.structs.replace(count, rows=count.rows + (count.table == "users"))
        for count in good.manifest.counts or ()
    )
    wrong = replace(good, manifest=msgspec.structs.replace(good.manifest, counts=counts))
    with pytest.raises(Damaged, match="users has 1000 rows instead of 1001"):
        prove(wrong, Verification.RESTORED, server=to_shop.to("postgres"))


def test_a_scratch_server_that_is_not_there_costs_no_backup(to_shop: Connection, tmp_path: Path) -> None:
    nowhere = replace(to_shop, port=1)
    order = Order(to_shop, [Place(str(tmp_path))], level=Verification.RESTORED, scratch=nowhere)
    result = make_backup(order, Watch())
    assert [copy.verified for copy in result.copies] == [Verification.FULL_READ]
    assert "kept, but proved to full_read only: psql failed with code 2" in result.failures[0]


def test_a_scratch_server_is_left_as_it_was(shop: Database, to_shop: Connection, tmp_path: Path) -> None:
    order = Order(
        to_shop, [Place(str(tmp_path))], level=Verification.RESTORED, scratch=to_shop.to("postgres")
    )
    make_backup(order, Watch())
    assert shop.cluster.execute("SELECT count(*) FROM pg_database WHERE datname ~ '^pgwarden'") == "0"


# -- secrets -----------------------------------------------------------------------------------------------


def test_the_password_is_no_argument_and_nowhere_in_the_backup(
    programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def look(size_bytes: int) -> None:
        seen.extend(" ".join(p.cmdline()) for p in psutil.Process().children())

    with Cluster(programs(), auth="scram-sha-256", password="s3cr3t'/") as cluster:
        cluster.execute(ROWS)
        to = connection(cluster, "postgres")
        with pytest.raises(BackupError, match=r"psql failed with code 2: .*no password supplied"):
            make_backup(Order(to, [Place(str(tmp_path))]), Watch())
        monkeypatch.setenv("PGPASSWORD", "wrong")
        order = Order(replace(to, password="s3cr3t'/"), [Place(str(tmp_path))], compress="none")
        assert "s3cr3t" not in repr(order)
        make_backup(order, Watch(look))
    assert any("pg_dump" in line for line in seen)
    assert [line for line in seen if "s3cr3t" in line] == []
    assert [f for f in tmp_path.rglob("*") if f.is_file() and b"s3cr3t" in f.read_bytes()] == []
