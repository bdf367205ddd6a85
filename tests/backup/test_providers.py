"""Backups that others make: their own JSON, and Supabase's API as its documentation shapes it.

pgBackRest's, WAL-G's and Barman's samples are what pgBackRest 2.43, WAL-G 3 and Barman 3.19 write.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest

from proxy.backup.clients import BackupError
from proxy.backup.providers import barman, manifest, pgbackrest, walg
from proxy.backup.providers.known import Known, Listing
from proxy.backup.providers.supabase import Project
from proxy.policy.facts import Verification
from tests.servers.supabase import PROJECT, TOKEN, Api, started

PGBACKREST = (
    b'[{"archive":[{"database":{"id":1,"repo-key":1},"id":"13-1","max":"00000001000000000000000B","min":'
    b'"000000010000000000000003"}],"backup":[{"archive":{"start":"000000010000000000000005","stop":'
    b'"000000010000000000000005"},"backrest":{"format":5,"version":"2.43"},"database":{"id":1,"repo-key":1},'
    b'"error":false,"info":{"delta":24432739,"repository":{"delta":2986256,"size":2986256},"size":24432739},'
    b'"label":"20240119-062014F","lsn":{"start":"0/5000028","stop":"0/5000138"},"prior":null,"reference":null,'
    b'"timestamp":{"start":1705634414,"stop":1705634422},"type":"full"},{"archive":{"start":'
    b'"000000010000000000000007","stop":"000000010000000000000007"},"backrest":{"format":5,"version":"2.43"},'
    b'"database":{"id":1,"repo-key":2},"error":true,"info":{"delta":9902,"repository":{"delta":925,"size":'
    b'2986259},"size":24433039},"label":"20240119-062014F_20240119-064905D","prior":"20240119-062014F",'
    b'"reference":["20240119-062014F"],"timestamp":{"start":1705636145,"stop":1705636147},"type":"diff"}],'
    b'"cipher":"none","db":[{"id":1,"repo-key":1,"system-id":7325623126132625438,"version":"13"}],"name":"demo",'
    b'"repo":[{"cipher":"none","key":1,"status":{"code":0,"message":"ok"}}],"status":{"code":0,"lock":{"backup":'
    b'{"held":false}},"message":"ok"}}]'
)
WALG = (
    b'[{"backup_name":"base_000000010000000000000004","time":"2026-10-07T01:00:06Z","wal_file_name":'
    b'"000000010000000000000004","storage_name":"default","start_time":"2026-10-07T01:00:00.5Z","finish_time":'
    b'"2026-10-07T01:00:05Z","date_fmt":"%Y-%m-%dT%H:%M:%S.%fZ","hostname":"db","data_dir":"/var/lib/postgresql",'
    b'"pg_version":170010,"start_lsn":67108904,"finish_lsn":4865392896,"is_permanent":false,"system_identifier":'
    b'7677633060494876718,"uncompressed_size":24000000,"compressed_size":4096}]'
)
BARMAN = (
    b'{"_INFO": ["something"], "quagmire": [{"backup_id": "20240814T017504", "backup_type": "full", '
    b'"end_time": "Wed Aug 14 01:58:12 2024", "end_time_timestamp": "1723600692", "retention_status": "-", '
    b'"size": "22.4 MiB", "size_bytes": 23488102, "status": "DONE", "wal_size": "0 B", "wal_size_bytes": 0}, '
    b'{"backup_id": "20240815T010000", "backup_type": "full", "status": "FAILED"}, {"backup_id": '
    b'"20240816T010000", "backup_type": "full", "end_time": "Fri Aug 16 01:58:12 2024", '
    b'"end_time_timestamp": "1723773492", "size_bytes": 1, "status": "WAITING_FOR_WALS"}]}'
)
MANIFEST = (
    b'{"source": "nightly", "complete": true, "backups": [{"database": "shop", "location": '
    b'"s3://b/shop.dump", "finished": "2026-11-26T02:00:00Z", "verified": "checksum", "size_bytes": 1024}]}'
)


@pytest.mark.parametrize(
    ("read", "text", "listing"),
    [
        (
            pgbackrest.read,
            PGBACKREST,
            Listing(
                "pgbackrest",
                ("pgbackrest://demo/",),
                (
                    Known(
                        "pgbackrest://demo/repo1/20240119-062014F",
                        datetime(2024, 1, 19, 3, 20, 22, tzinfo=UTC),
                        size_bytes=24432739,
                        position="0/5000138",
                        tool="pgBackRest 2.43",
                        notes="full",
                    ),
                ),
            ),
        ),
        (
            walg.read,
            WALG,
            Listing(
                "walg",
                ("walg://default/",),
                (
                    Known(
                        "walg://default/base_000000010000000000000004",
                        datetime(2026, 10, 7, 1, 0, 5, tzinfo=UTC),
                        size_bytes=4096,
                        position="1/22000100",
                        tool="WAL-G",
                    ),
                ),
            ),
        ),
        (
            barman.read,
            BARMAN,
            Listing(
                "barman",
                ("barman://quagmire/",),
                (
                    Known(
                        "barman://quagmire/20240814T017504",
                        datetime(2024, 8, 14, 1, 58, 12, tzinfo=UTC),
                        size_bytes=23488102,
                        tool="Barman",
                        notes="full",
                    ),
                ),
            ),
        ),
        (
            manifest.read,
            MANIFEST,
            Listing(
                "nightly",
                ("",),
                (
                    Known(
                        "s3://b/shop.dump",
                        datetime(2026, 11, 26, 2, tzinfo=UTC),
                        Verification.CHECKSUM,
                        1024,
                        "shop",
                    ),
                ),
            ),
        ),
    ],
    ids=["pgbackrest", "walg", "barman", "manifest"],
)
def test_what_a_maker_prints(read: Callable[[bytes], Listing], text: bytes, listing: Listing) -> None:
    assert read(text) == listing


@pytest.mark.parametrize("read", [pgbackrest.read, walg.read, barman.read, manifest.read])
@pytest.mark.parametrize(
    "text", [b"", b"ERROR: no stanza", b'"x"', b'[{"backup_name": 1}]', b'{"s": 7}', b"\xff"]
)
def test_anything_else_is_refused(read: Callable[[bytes], Listing], text: bytes) -> None:
    with pytest.raises(BackupError, match=r"^this is n"):
        read(text)


@pytest.mark.parametrize("source", ["pgwarden", "supabase", "Nightly", ""])
def test_a_manifest_takes_nobody_elses_name(source: str) -> None:
    with pytest.raises(BackupError, match="a name of your own"):
        manifest.read(json.dumps({"source": source, "backups": []}).encode())


# -- Supabase ----------------------------------------------------------------------------------------------


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with started() as served:
        yield served


def project(api: Api, token: str = TOKEN) -> Project:
    return Project(PROJECT, token, api.url)


async def test_supabases_daily_backups_and_its_window(api: Api) -> None:
    listing = await project(api).listing()
    assert (listing.source, listing.scopes) == ("supabase", ("supabase://abcdefghijklmnopqrst/",))
    assert [
        (known.location.rpartition("qrst/")[2], known.finished, known.notes) for known in listing.backups
    ] == [
        ("backups/7", datetime(2026, 11, 26, 2, tzinfo=UTC), "physical"),
        (
            "point-in-time",
            datetime(2025, 9, 1, 4, 13, 20, tzinfo=UTC),
            "any moment since 2025-08-24T01:46:40+00:00",
        ),
    ]
    api.pitr = False
    assert len((await project(api).listing()).backups) == 1


async def test_a_restore_point_is_waited_for(api: Api) -> None:
    waited: list[float] = []
    known = await project(api).restore_point("before-0042", 60, waited.append, every_s=0)
    assert (known.location, known.finished) == (
        "supabase://abcdefghijklmnopqrst/restore-points/before-0042",
        datetime(2026, 11, 26, 4, tzinfo=UTC),
    )
    assert (len(waited), [method for method, _ in api.asked]) == (2, ["POST", "GET", "GET"])


@pytest.mark.parametrize(
    ("states", "message"),
    [
        (["FAILED"], "is FAILED"),
        (["PENDING", "REMOVED"], "is REMOVED"),
        (["PENDING"] * 5000, r"is not there after 0\.2 s"),
    ],
)
async def test_a_restore_point_that_does_not_come_is_none(api: Api, states: list[str], message: str) -> None:
    api.states = states
    with pytest.raises(BackupError, match=message):
        await project(api).restore_point("p", 0.2, lambda _: None, every_s=0)


async def test_what_the_api_refuses(api: Api) -> None:
    with pytest.raises(BackupError) as raised:
        await project(api, "wrong").listing()
    assert str(raised.value) == (
        "Supabase's API answered 401: SUPABASE_ACCESS_TOKEN is not valid (Unauthorized)"
    )
    with pytest.raises(BackupError, match="cannot be reached"):
        await Project("abcdefghijklmnopqrst", "t", "http://127.0.0.1:1").listing()
    with pytest.raises(BackupError, match="lower-case letters and digits alone"):
        Project("../x", "t")
    assert "sbp_secret" not in repr(project(api))
