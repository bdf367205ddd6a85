"""A server behind its Unix socket: clients log in, are cancelled and refused as over TCP; there is no TLS."""

from __future__ import annotations

import getpass
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from proxy.backup.account import server_account
from proxy.backup.cluster import Cluster
from tests.clients.conftest import Serve
from tests.clients.gate import POLICY, until
from tests.clients.test_cancel import DELIVERED, sleeping
from tests.conftest import Programs
from tests.servers.database import Database

ACCOUNT = getpass.getuser()
SECRET = "pässwörd 🐘"


@pytest.fixture(scope="module")
def sockets() -> Iterator[Path]:
    """A short path: a Unix socket's may have 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="pgw-"))
    account = server_account()
    if account is not None:
        shutil.chown(folder, account.uid, account.gid)
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def cluster(programs: Programs, sockets: Path) -> Iterator[Cluster]:
    """A server whose Unix socket asks for passwords, or who the account is, by the role."""
    hba = [f'local all "{ACCOUNT}",stranger peer', "local all all scram-sha-256"]
    with Cluster(programs(), settings={"unix_socket_directories": str(sockets)}, hba=hba) as cluster:
        cluster.execute(f"CREATE ROLE app LOGIN PASSWORD '{SECRET}'; CREATE ROLE stranger LOGIN")
        cluster.execute(f'CREATE ROLE "{ACCOUNT}" LOGIN')
        yield cluster


def seen(url: str, password: str | None = None) -> tuple[object, ...] | None:
    """Who the server takes somebody for, and what of the connection it sees."""
    with psycopg.connect(url, password=password) as connection:
        return connection.execute(
            "SELECT current_user::text, inet_client_addr(), ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        ).fetchone()


@pytest.mark.parametrize("form", ["?host={0}&port={1}", "/?host={0}&port={1}&sslmode=prefer", "{2}:{1}"])
def test_whoever_writes_its_directory_comes_to_it(
    cluster: Cluster, sockets: Path, serve: Serve, form: str
) -> None:
    upstream = form.format(sockets, cluster.port, str(sockets).replace("/", "%2F"))
    gate = serve(POLICY, f"postgresql://{upstream}")
    url = gate.url("postgres", user="app")
    assert seen(url, password=SECRET) == ("app", None, False)
    with pytest.raises(psycopg.OperationalError, match='password authentication failed for user "app"'):
        seen(url, password="wrong")
    with psycopg.connect(url, password=SECRET, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"\[rule "):
            connection.execute("DROP TABLE pg_catalog.pg_class")
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_by_peer_everybody_is_the_gates_own_account(cluster: Cluster, sockets: Path, serve: Serve) -> None:
    """As README.md says: to the server it is the gate that stands at the socket."""
    gate = serve(POLICY, f"postgresql://?host={sockets}&port={cluster.port}")
    assert seen(gate.url("postgres", user=ACCOUNT)) == (ACCOUNT, None, False)
    with pytest.raises(psycopg.OperationalError, match='Peer authentication failed for user "stranger"'):
        seen(gate.url("postgres", user="stranger"))


@pytest.mark.parametrize("way", ["cancel", "cancel_safe"])
def test_a_cancel_goes_the_same_way(cluster: Cluster, sockets: Path, serve: Serve, way: str) -> None:
    gate = serve(POLICY, f"postgresql://?host={sockets}&port={cluster.port}")
    url = gate.url("postgres", user="app")
    with psycopg.connect(url, password=SECRET, autocommit=True) as connection:
        with sleeping(connection, Database(cluster, "postgres"), "SELECT pg_sleep(71)") as ended:
            getattr(connection, way)()
            until(lambda: ended, "the end of the query")
        assert ended == ["57014"]
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert gate.metrics()[DELIVERED] == 1


def test_a_socket_that_is_not_there_is_named(sockets: Path, serve: Serve) -> None:
    gate = serve(POLICY, f"postgresql://?host={sockets}&port=1")
    with pytest.raises(psycopg.OperationalError) as refused:
        seen(gate.url("postgres", user="app"))
    assert f"The server {sockets}/.s.PGSQL.1 cannot be reached: No such file or directory." in str(
        refused.value
    )
