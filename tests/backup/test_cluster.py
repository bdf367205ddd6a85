"""The scratch server: what it is asked to be, and that nothing of it stays."""

import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from proxy.backup.account import reachable, server_account
from proxy.backup.cluster import Auth, Cluster
from proxy.backup.programs import ClusterError
from tests.conftest import Programs

_ROOT = Path(__file__).resolve().parents[2]
_HOLDS_A_CLUSTER = """
import signal, sys
from pathlib import Path
from proxy.backup.cluster import Cluster
cluster = Cluster(Path(sys.argv[1])).start()
print(cluster.directory, flush=True)
signal.pause()
"""


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    paths = (tmp_path / "server.crt", tmp_path / "server.key")
    paths[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


def test_data_and_port_outlive_a_restart(programs: Programs) -> None:
    with Cluster(programs()) as cluster:
        port = cluster.port
        cluster.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
        cluster.restart()
        assert (cluster.port, cluster.execute("SELECT n, 'a' FROM kept")) == (port, "7|a")


@pytest.mark.parametrize("auth", ["scram-sha-256", "md5", "password"])
def test_a_password_is_asked_for(programs: Programs, auth: Auth) -> None:
    with Cluster(programs(), auth=auth, superuser="boss", password="s'cr t/@") as cluster:
        with psycopg.connect(cluster.dsn) as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("boss",)
        with pytest.raises(psycopg.OperationalError, match='password authentication failed for user "boss"'):
            psycopg.connect(cluster.url(password="wrong"))


def test_trust_asks_for_none(programs: Programs) -> None:
    with Cluster(programs()) as cluster:
        assert cluster.dsn == f"postgresql://postgres@127.0.0.1:{cluster.port}/postgres"
        with psycopg.connect(cluster.dsn) as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("postgres",)


def test_settings_hba_and_tls_are_as_said(programs: Programs, certificate: tuple[Path, Path]) -> None:
    with Cluster(
        programs(),
        settings={"bonjour_name": "it's"},
        tls=certificate,
        hba=["hostnossl all all 127.0.0.1/32 reject"],
    ) as cluster:
        with psycopg.connect(cluster.dsn, sslmode="require") as connection:
            shown = connection.execute(
                "SELECT ssl, current_setting('bonjour_name') FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            )
            assert shown.fetchone() == (True, "it's")
        with pytest.raises(psycopg.OperationalError, match="rejects connection"):
            psycopg.connect(cluster.dsn, sslmode="disable")


def test_a_standby_follows_its_primary(programs: Programs) -> None:
    with Cluster(programs()) as primary, Cluster(programs(), primary=primary) as standby:
        assert (
            primary.execute("SELECT pg_is_in_recovery()"),
            standby.execute("SELECT pg_is_in_recovery()"),
        ) == (
            "f",
            "t",
        )


def test_close_leaves_nothing(programs: Programs) -> None:
    cluster = Cluster(programs()).start()
    pid = cluster.pid
    assert pid is not None
    cluster.close()
    cluster.close()
    assert (cluster.pid, psutil.pid_exists(pid), cluster.directory.exists()) == (None, False, False)


@pytest.fixture
def holder(programs: Programs) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDS_A_CLUSTER, programs()], stdout=subprocess.PIPE, text=True, cwd=_ROOT
    ) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_outlives_a_killed_owner(holder: subprocess.Popen[str], number: signal.Signals) -> None:
    assert holder.stdout is not None
    directory = Path(holder.stdout.readline().strip())
    assert (directory / "data").is_dir()
    server_and_watcher = [os.pidfd_open(child.pid) for child in psutil.Process(holder.pid).children()]
    holder.send_signal(number)
    ended = [bool(select.select([child], [], [], 20)[0]) for child in server_and_watcher]
    for child in server_and_watcher:
        os.close(child)
    assert (ended, directory.exists()) == ([True, True], False)


def test_programs_that_the_account_cannot_reach_are_copied(programs: Programs, tmp_path: Path) -> None:
    account = server_account()
    if account is None:
        pytest.skip("only root runs servers as another account")
    tmp_path.chmod(0o700)
    hidden = tmp_path / "installation"
    shutil.copytree(programs().parent, hidden, symlinks=True, copy_function=os.link)
    assert not reachable(hidden / "bin", account)
    with Cluster(hidden / "bin") as cluster:
        assert cluster.execute("SELECT 1") == "1"


def test_a_directory_in_use_is_refused(programs: Programs, tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    with pytest.raises(ClusterError, match="is not empty"):
        Cluster(programs(), tmp_path).start()
    assert (tmp_path / "precious").exists()


def test_the_server_says_why_it_does_not_start(programs: Programs) -> None:
    with (
        pytest.raises(ClusterError, match='invalid value for parameter "work_mem": "lots"'),
        Cluster(programs(), settings={"work_mem": "lots"}),
    ):
        pytest.fail("it started")


def test_initdb_says_why_it_fails(programs: Programs) -> None:
    cluster = Cluster(programs(), superuser="pg_boss")
    with pytest.raises(ClusterError, match='superuser name "pg_boss" is disallowed'):
        cluster.start()
    assert not cluster.directory.exists()


def test_psql_says_what_is_wrong(server: Cluster) -> None:
    with pytest.raises(ClusterError, match='relation "nowhere" does not exist'):
        server.execute("SELECT 1; SELECT * FROM nowhere")
