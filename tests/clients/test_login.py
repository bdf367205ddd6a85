"""Logging in through the gate: every way to ask for a password, with TLS to the server and without."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import psycopg
import pytest

from proxy.backup.cluster import Cluster
from tests.clients.conftest import Serve
from tests.clients.gate import Gate, serving, until, upstream_of
from tests.clients.programs import Done, Program
from tests.conftest import Programs
from tests.relay.certificates import Certificates
from tests.servers.node import Node
from tests.session.wired import Bare, error_fields

OPEN = "version: 1\nname: open\nenvironment: test\nrules: []\n"
SECRETS = {"scram": "pässwörd 🐘", "md5": "md5-s3cret", "password": "cleartext's"}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "tls"])
def tls(request: pytest.FixtureRequest) -> bool:
    """Whether the server behind the gate speaks TLS."""
    return request.param is True


@pytest.fixture(scope="module")
def guarded(tls: bool, programs: Programs, certificates: Certificates) -> Iterator[Cluster]:
    """A server that asks each role in its own way; over TLS it offers channel binding, too."""
    host = "hostssl" if tls else "host"
    with Cluster(
        programs(),
        auth="scram-sha-256",
        tls=certificates.loopback if tls else None,
        hba=[
            *(f"{host} all {role} 127.0.0.1/32 {way}" for role, way in
              (("scram", "scram-sha-256"), ("md5", "md5"), ("password", "password"))),
            "host all nobody 127.0.0.1/32 reject",
        ],
    ) as cluster:  # fmt: skip
        for role, secret in SECRETS.items():
            encryption = "md5" if role == "md5" else "scram-sha-256"
            literal = secret.replace("'", "''")
            cluster.execute(
                f"SET password_encryption = '{encryption}'; CREATE ROLE {role} LOGIN PASSWORD '{literal}'"
            )
        yield cluster


@pytest.fixture(scope="module")
def gate(
    guarded: Cluster, tls: bool, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gate]:
    folder = tmp_path_factory.mktemp("gate")
    (folder / "policy.yaml").write_text(OPEN)
    way = f"?sslmode=verify-full&sslrootcert={certificates.ca_file}" if tls else ""
    with serving(folder, folder / "policy.yaml", upstream_of(guarded) + way, log_level="debug") as gate:
        yield gate
        said = gate.log.text + gate.refusals.text
    assert [secret for secret in SECRETS.values() if secret in said] == []


@pytest.mark.parametrize("role", SECRETS)
@pytest.mark.parametrize("binding", ["prefer", "disable"])
def test_psycopg(gate: Gate, role: str, binding: str) -> None:
    url = gate.url(user=role, channel_binding=binding)
    with psycopg.connect(url, password=SECRETS[role]) as connection:
        assert connection.execute("SELECT current_user, session_user").fetchone() == (role, role)
        assert connection.pgconn.used_password


@pytest.mark.parametrize("role", SECRETS)
def test_psql(gate: Gate, psql: Program, role: str) -> None:
    flags = "--tuples-only", "--no-align", "-c", "SELECT current_user"
    assert psql(gate.url(user=role), *flags, PGPASSWORD=SECRETS[role]) == Done(0, f"{role}\n", "")


@pytest.mark.parametrize("role", SECRETS)
async def test_asyncpg(gate: Gate, role: str) -> None:
    connection = await asyncpg.connect(gate.url(user=role), password=SECRETS[role])
    assert await connection.fetchval("SELECT current_user") == role
    await connection.close()


@pytest.mark.parametrize("role", SECRETS)
def test_node(gate: Gate, node: Node, role: str) -> None:
    script = """
const { Client } = require("pg");
const [connectionString, password] = process.argv.slice(2);
(async () => {
  const url = new URL(connectionString);
  const { hostname: host, port, username: user } = url;
  const client = new Client({host, port, user, database: "postgres", password});
  await client.connect();
  console.log(JSON.stringify((await client.query("SELECT current_user AS me")).rows));
  await client.end();
})();
"""
    done = node.run(script, gate.url(user=role), SECRETS[role])
    assert (json.loads(done.stdout), done.stderr) == ([{"me": role}], "")


@pytest.mark.parametrize("role", SECRETS)
def test_a_wrong_password_is_the_servers_to_refuse(
    gate: Gate, guarded: Cluster, psql: Program, role: str
) -> None:
    before = guarded.log.count(f'password authentication failed for user "{role}"')
    done = psql(gate.url(user=role), "-c", "SELECT 1", PGPASSWORD="wrong")
    assert done == Done(
        2,
        "",
        f'psql: error: connection to server at "127.0.0.1", port {gate.port} failed: '
        f'FATAL:  password authentication failed for user "{role}"\n',
    )
    # Once: a gate that tries again would get its address banned.
    until(lambda: gate.connections == 0, "that the client has gone")
    assert guarded.log.count(f'password authentication failed for user "{role}"') == before + 1


def test_no_password_at_hand(gate: Gate, psql: Program) -> None:
    done = psql(gate.url(user="scram"), "--no-password", "-c", "SELECT 1")
    assert (done.code, done.err.partition("failed: ")[2]) == (2, "fe_sendauth: no password supplied\n")


def test_a_role_that_may_not_come_in(gate: Gate, psql: Program) -> None:
    done = psql(gate.url(user="nobody"), "-c", "SELECT 1")
    assert done.code == 2
    assert 'FATAL:  pg_hba.conf rejects connection for host "127.0.0.1", user "nobody"' in done.err


@pytest.mark.defect_16
def test_channel_binding_cannot_reach_through(gate: Gate) -> None:
    """The client's leg is plain, and it says so itself."""
    with pytest.raises(psycopg.OperationalError, match="channel binding required, but"):
        psycopg.connect(gate.url(user="scram", channel_binding="require"), password=SECRETS["scram"])


def test_tls_is_on_where_it_was_asked_for(gate: Gate, tls: bool) -> None:
    with psycopg.connect(gate.url(user="scram"), password=SECRETS["scram"]) as connection:
        secured = connection.execute("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        assert secured.fetchone() == ((True, "TLSv1.3") if tls else (False, None))


def test_much_data_and_a_cancel(gate: Gate) -> None:
    """TLS records of every size, both ways; the cancel goes through TLS as well."""
    with psycopg.connect(gate.url(user="scram"), password=SECRETS["scram"], autocommit=True) as connection:
        connection.execute("CREATE TEMP TABLE much (id int, text text)")
        with connection.cursor().copy("COPY much FROM STDIN") as copy:
            for number in range(3000):
                copy.write_row((number, "x" * (number * 7)))
        total = sum(number * 7 for number in range(3000))
        assert connection.execute("SELECT sum(length(text)) FROM much").fetchone() == (total,)
        rows = connection.execute("SELECT id, text FROM much ORDER BY id").fetchall()
        assert [(number, len(text)) for number, text in rows] == [(n, n * 7) for n in range(3000)]
        sleeps = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'"
        pid = [connection.info.backend_pid]
        with (
            psycopg.connect(gate.url(user="scram"), password=SECRETS["scram"], autocommit=True) as observer,
            pytest.raises(psycopg.errors.QueryCanceled),
            connection.pipeline(),
        ):
            cursor = connection.execute("SELECT pg_sleep(60)")
            until(lambda: observer.execute(sleeps, pid).fetchone(), "that it sleeps: a cancel before is lost")
            connection.cancel_safe()
            cursor.fetchone()
        assert connection.execute("SELECT 1").fetchone() == (1,)


# -- servers that cannot be trusted ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def elsewhere(programs: Programs, certificates: Certificates) -> Iterator[Cluster]:
    """A server whose certificate is for another name."""
    with Cluster(programs(), tls=certificates.elsewhere) as cluster:
        yield cluster


AUTHORITY = "Put the file of the authority that signed it into the upstream URL as sslrootcert=FILE."
NAME = "Write the name that the certificate bears into the upstream URL."
WAYS = [
    "sslmode=verify-full",
    "sslmode=verify-full&sslrootcert={stranger}",
    "sslmode=verify-full&sslrootcert={trusted}",
    "sslmode=require&sslrootcert={stranger}",
    "sslmode=require",
    "sslmode=require&sslrootcert={trusted}",
]


@pytest.fixture(scope="module")
def doors(
    elsewhere: Cluster, server: Cluster, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gate]:
    """A gate with a door for each of these ways to that server, and one to a server without TLS."""
    folder = tmp_path_factory.mktemp("doors")
    (folder / "policy.yaml").write_text(OPEN)
    files = {"stranger": certificates.stranger.file, "trusted": certificates.ca_file}
    ways = [f"{upstream_of(elsewhere)}?{way.format(**files)}" for way in WAYS]
    with serving(folder, folder / "policy.yaml", *ways, f"{upstream_of(server)}?sslmode=require") as gate:
        yield gate


@pytest.mark.parametrize(
    ("door", "reason", "hint"),
    [
        (0, "unable to get local issuer certificate.", AUTHORITY),
        (1, "unable to get local issuer certificate.", AUTHORITY),
        (2, "IP address mismatch, certificate is not valid for '127.0.0.1'.", NAME),
        (3, "unable to get local issuer certificate.", AUTHORITY),
    ],
    ids=["not by the system", "not by this CA", "not for this name", "not by this CA, with require"],
)
def test_a_server_that_is_not_trusted_is_told_at_once(
    doors: Gate, elsewhere: Cluster, psql: Program, door: int, reason: str, hint: str
) -> None:
    assert psql(doors.url(door=door), "-c", "SELECT 1", timeout_s=5) == Done(
        2,
        "",
        f'psql: error: connection to server at "127.0.0.1", port {doors.ports[door]} failed: FATAL:  '
        f"The certificate of the server 127.0.0.1:{elsewhere.port} is not trusted: {reason}\n"
        f"HINT:  {hint}\n",
    )
    with closing(Bare(doors.ports[door], "postgres")) as client:
        client.exchange(client.startup())
        assert error_fields(client.inbox)["C"] == "08001"


@pytest.mark.parametrize("door", [4, 5])
def test_require_takes_a_server_of_another_name(doors: Gate, door: int) -> None:
    with psycopg.connect(doors.url(door=door)) as connection:
        secured = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        assert secured.fetchone() == (True,)


def test_a_server_without_tls(doors: Gate, server: Cluster, psql: Program) -> None:
    assert psql(doors.url(door=6), "-c", "SELECT 1", timeout_s=5) == Done(
        2,
        "",
        f'psql: error: connection to server at "127.0.0.1", port {doors.ports[6]} failed: FATAL:  The server '
        f"127.0.0.1:{server.port} does not offer TLS, and sslmode=require asks for it.\n"
        "HINT:  Turn on ssl in the server's postgresql.conf, or put sslmode=disable into the upstream URL if "
        "the network between is trusted.\n",
    )


def test_the_ca_file_may_be_a_setting(serve: Serve, elsewhere: Cluster, certificates: Certificates) -> None:
    gate = serve(OPEN, f"{upstream_of(elsewhere)}?sslmode=require", sslrootcert=certificates.ca_file)
    with psycopg.connect(gate.url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_ca_file_that_is_none_is_told_before_the_start(
    serve: Serve, elsewhere: Cluster, tmp_path: Path
) -> None:
    wanted = r"gate\.yaml:1:\d+: .*/absent\.pem cannot be read: No such file or directory"
    with pytest.raises(AssertionError, match=wanted):
        serve(OPEN, f"{upstream_of(elsewhere)}?sslmode=require&sslrootcert={tmp_path}/absent.pem")
