"""Who dumps and where copies go, as people write it: the settings, and the line about what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyrage
import pytest

from proxy.app.backups.setup import BackupSource, in_vain
from proxy.app.sources import Loaded, SettingsError, load_settings
from proxy.backup.connection import Connection
from proxy.policy.facts import Verification
from proxy.policy.wanting import BackupMeans, Means
from tests.policy.build import policy

SHORT = {"listen": "127.0.0.1:6432", "upstream": "postgresql://127.0.0.1:5433", "policy": "p.yaml"}
BACKUP = {"backup": "postgresql://dumper@", "backup_to": "/srv/a s3://bucket/b"}
KEY = pyrage.x25519.Identity.generate()


def read(path: str) -> str:
    return {"pw": "s3cret\n"}[path]


def load(environment: Mapping[str, str] | None = None, **flags: str) -> Loaded:
    return load_settings({**SHORT, **flags}, environment or {}, read)


def source(environment: Mapping[str, str] | None = None, **flags: str) -> BackupSource:
    (found,) = load(environment, **{**BACKUP, **flags}).backups
    assert found is not None
    return found


def test_nothing_is_dumped_unless_it_is_asked_for() -> None:
    assert load(backup_to="/srv/a").backups == (None,)


@pytest.mark.parametrize(
    ("url", "upstream", "expected"),
    [
        ("postgresql://dumper@", "postgresql://127.0.0.1:5433", ("127.0.0.1", 5433, "dumper", {})),
        (
            "postgresql://d%40d@",
            "postgresql://127.0.0.1?sslmode=disable",
            ("127.0.0.1", 5432, "d@d", {"PGSSLMODE": "disable"}),
        ),
        ("postgresql://dumper@localhost:6000", "postgresql://127.0.0.1", ("localhost", 6000, "dumper", {})),
    ],
)
def test_the_address_is_the_upstreams_unless_it_says_another(
    url: str, upstream: str, expected: tuple[str, int, str, dict[str, str]]
) -> None:
    found = source(backup=url, upstream=upstream).connection("my shop")
    host, port, user, variables = expected
    assert found == Connection(host, port, user, "my shop", None, variables)


def test_the_password_comes_from_a_file_or_the_environment_and_is_never_shown(tmp_path: Path) -> None:
    environment = {"PGWARDEN_BACKUP_PASSWORD": "other"}
    file = tmp_path / "pw"
    file.touch(mode=0o600)
    file.write_text("s3cret\n")
    filed, given = source(environment, backup_password_file=str(file)), source(environment)
    assert (filed.connection("d").password, given.connection("d").password) == ("s3cret", "other")
    assert "s3cret" not in repr(filed)
    file.write_text("rotated")
    assert filed.connection("d").password == "rotated"
    file.unlink()
    with pytest.raises(ValueError, match="cannot be read"):
        filed.connection("d")


def test_places_and_keys_are_what_the_command_reads_from_its_variables(tmp_path: Path) -> None:
    variables = {
        "PGWARDEN_BACKUP_TO": "/srv/a s3://bucket/b",
        "PGWARDEN_BACKUP_RECIPIENTS": f"{KEY.to_public()} {KEY.to_public()}",
        "PGWARDEN_BACKUP_URL": "postgresql://u@h/d",
    }
    loaded = load(variables, backup="postgresql://dumper@")
    (found,) = loaded.backups
    assert found is not None
    assert (found.places, found.recipients) == (
        ("file:///srv/a", "s3://bucket/b"),
        (str(KEY.to_public()),) * 2,
    )
    assert loaded.warnings == ()


def test_what_can_be_proved_follows_from_the_keys(tmp_path: Path) -> None:
    assert source().means == Means(BackupMeans(2, Verification.RESTORED))
    sealed = {"backup_recipients": str(KEY.to_public())}
    assert source(None, **sealed).means == Means(BackupMeans(2, Verification.CHECKSUM))
    (tmp_path / "key").write_text(str(KEY))
    assert source(None, **sealed, backup_identity=str(tmp_path / "key")).means == source().means


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ({"backup_to": ""}, "--backup: needs backup_to: where shall the copies go?"),
        (
            {"backup": "postgresql://d:hunter2@"},
            "--backup: must not hold a password: put it into a file, and name that in backup_password_file",
        ),
        (
            {"upstream": "postgresql://aws-0.pooler.supabase.com:6543"},
            "--backup: leads to a transaction pooler, where pg_dump cannot keep one snapshot: take the "
            "direct connection, or the pooler's session mode on port 5432",
        ),
        ({"backup_to": "/a /a/"}, "--backup-to: names one place twice: two copies in one place are one copy"),
        (
            {"backup_to": "ftp://x"},
            "--backup-to: must be a folder, file:///FOLDER, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or "
            "az://CONTAINER/PREFIX",
        ),
        (
            {"backup_recipients": "age1nonsense"},
            "--backup-recipients: is no public key of age: they begin with age1 or ssh-ed25519",
        ),
        ({"backup_identity": "gone"}, "--backup-identity: gone cannot be read"),
        ({"backup_scratch": "h"}, "--backup-scratch: must be postgresql://USER@HOST:PORT/DATABASE"),
        ({"backups_at_once": "0"}, "--backups-at-once: must be at least 1"),
    ],
)
def test_what_is_wrong_is_one_line_without_a_secret(flags: dict[str, str], line: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load(None, **{**BACKUP, **flags})
    assert raised.value.problems == (line,)


def test_rules_that_would_take_a_backup_in_vain() -> None:
    need = "match: {{effects: [table.drop]}}, require: {{backup: {{within: 1h{0}}}}}"
    made = policy(
        "rules:\n"
        f"  - {{id: a, {need.format('')}, else: backup}}\n"
        f"  - {{id: b, {need.format(', copies: 3')}, else: backup}}\n"
        f"  - {{id: c, {need.format(', copies: 3')}}}\n"
        f"  - {{id: d, {need.format(', copies: 3')}, else: backup, mode: shadow}}\n"
    )
    unset = "this gate is not set up to take backups"
    assert in_vain(made, None) == {"a": unset, "b": unset}
    assert in_vain(made, source()) == {"b": "this gate has 2 of the 3 places that backups have to go to"}
