"""TLS between clients and the gate: real clients of every age, certificates, reload, and much data."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import psutil
import psycopg
import pytest

from proxy.backup.cluster import Cluster
from proxy.wire.startup import encode_startup
from tests.clients.gate import POLICY, Gate, serving, until, upstream_of
from tests.clients.programs import Done, Program
from tests.conftest import Programs
from tests.relay.certificates import Certificates
from tests.servers.node import Node
from tests.session.messages import Q
from tests.session.wired import ready_count, whole

MIB = 1024 * 1024
OPEN = "version: 1\nname: open\nenvironment: test\nrules: []\n"
MODES = ("disable", "allow", "require", "verify-ca", "verify-full")
PSQLS = (15, 17, 18)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def own(certificates: Certificates) -> dict[str, str]:
    certificate, key = certificates.loopback
    return {"client_tls_cert_file": str(certificate), "client_tls_key_file": str(key)}


@pytest.fixture(scope="module")
def gate(
    server: Cluster, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gate]:
    """A door for each mode, in order; the last one lets ci.example.com in as postgres."""
    folder = tmp_path_factory.mktemp("gate")
    (folder / "policy.yaml").write_text(POLICY)
    doors = [
        {
            "upstream": upstream_of(server),
            **own(certificates),
            "client_tls_sslmode": mode,
            **({"client_tls_ca_file": certificates.ca_file} if mode.startswith("verify") else {}),
        }
        for mode in MODES
    ]
    doors[-1]["client_tls_roles"] = "ci.example.com=postgres"
    with serving(folder, folder / "policy.yaml", *doors) as gate:
        yield gate


def psql_of(programs: Programs, major: int) -> Program:
    return Program(programs(major) / "psql", ("--no-psqlrc", "--tuples-only", "--no-align"))


def url(gate: Gate, mode: str = "require", **parameters: str) -> str:
    return gate.url(door=MODES.index(mode), **parameters)


def secured(done: Done) -> bool:
    """Whether psql's conninfo says that it speaks TLS; 18 says it in a table."""
    assert (done.code, done.err) == (0, "")
    return re.search(r"SSL connection \(|SSL Connection\|true", done.out) is not None


# -- every way in ------------------------------------------------------------------------------------------

_PLAIN = "FATAL:  This gate takes encrypted connections only."
_NO_TLS = "server does not support SSL, but SSL was required"


@pytest.mark.parametrize("major", PSQLS)
@pytest.mark.parametrize(
    ("mode", "sslmode", "outcome"),
    [
        ("disable", "disable", False),
        ("disable", "prefer", False),
        ("disable", "require", _NO_TLS),
        ("allow", "disable", False),
        ("allow", "allow", False),
        ("allow", "prefer", True),
        ("allow", "require", True),
        ("allow", "verify-ca", True),
        ("allow", "verify-full", True),
        ("require", "disable", _PLAIN),
        ("require", "allow", True),
        ("require", "prefer", True),
        ("require", "verify-full", True),
        ("verify-ca", "require", "FATAL:  connection requires a valid client certificate"),
        ("verify-ca", "disable", _PLAIN),
    ],
)
def test_psql(
    gate: Gate,
    certificates: Certificates,
    programs: Programs,
    major: int,
    mode: str,
    sslmode: str,
    outcome: bool | str,
) -> None:
    authority = {"sslrootcert": certificates.ca_file} if sslmode.startswith("verify") else {}
    done = psql_of(programs, major)(url(gate, mode, sslmode=sslmode, **authority), "-c", r"\conninfo")
    if isinstance(outcome, bool):
        assert secured(done) is outcome
    else:
        assert (done.code, outcome in done.err) == (2, True)


@pytest.mark.parametrize("major", PSQLS)
def test_a_client_that_checks_finds_a_stranger_out(
    gate: Gate, certificates: Certificates, programs: Programs, major: int
) -> None:
    authority = str(certificates.stranger.file)
    done = psql_of(programs, major)(url(gate, sslmode="verify-full", sslrootcert=authority), "-c", "SELECT 1")
    assert (done.code, "certificate verify failed" in done.err) == (2, True)


@pytest.mark.defect_15
@pytest.mark.parametrize("major", [17, 18])
@pytest.mark.parametrize("mode", ["allow", "require"])
def test_psql_with_direct_tls(
    gate: Gate, certificates: Certificates, programs: Programs, major: int, mode: str
) -> None:
    way = {"sslmode": "verify-full", "sslrootcert": certificates.ca_file, "sslnegotiation": "direct"}
    assert secured(psql_of(programs, major)(url(gate, mode, **way), "-c", r"\conninfo"))


@pytest.mark.parametrize("major", PSQLS)
def test_work_and_a_refusal(gate: Gate, programs: Programs, major: int) -> None:
    done = psql_of(programs, major)(
        url(gate, sslmode="require"), "-c", "SELECT 41 + 1", "-c", "DROP TABLE users"
    )
    assert (done.code, done.out) == (1, "42\n")
    assert done.err.splitlines()[0] == "ERROR:  DROP TABLE on users would lose data. [rule no-drop]"


# -- client certificates -----------------------------------------------------------------------------------

_OTHER = 'FATAL:  certificate authentication failed for user "postgres"'


@pytest.mark.parametrize(
    ("mode", "name", "outcome"),
    [
        ("verify-ca", "anybody", True),
        ("verify-full", "postgres", True),
        ("verify-full", "ci.example.com", True),
        ("verify-full", "anybody", _OTHER),
        ("verify-full", "stranger", "unknown ca"),
        ("verify-full", "expired", "certificate expired"),
        ("allow", "stranger", True),  # without an authority nobody asks
    ],
)
def test_client_certificates(
    gate: Gate, certificates: Certificates, programs: Programs, mode: str, name: str, outcome: bool | str
) -> None:
    certificate, key = {
        "stranger": lambda: certificates.self_made,
        "expired": lambda: certificates.expired,
    }.get(name, lambda: certificates.trusted.certify(name))()
    shown = {"sslcert": str(certificate), "sslkey": str(key)}
    done = psql_of(programs, 17)(url(gate, mode, sslmode="require", **shown), "-c", r"\conninfo")
    if isinstance(outcome, bool):
        assert secured(done) is outcome
    else:
        assert (done.code, outcome in done.err) == (2, True)


# -- passwords ---------------------------------------------------------------------------------------------

SECRETS = {"scram": "scram-s3cret", "md5": "md5-s3cret", "password": "clear-s3cret"}


@pytest.fixture(scope="module")
def guarded(programs: Programs, certificates: Certificates) -> Iterator[Cluster]:
    """A server that asks each role in its own way, with TLS and without."""
    ways = {"scram": "scram-sha-256", "md5": "md5", "password": "password"}
    hba = [f"host all {role} 127.0.0.1/32 {way}" for role, way in ways.items()]
    with Cluster(programs(), auth="scram-sha-256", tls=certificates.loopback, hba=hba) as cluster:
        for role, secret in SECRETS.items():
            encryption = "md5" if role == "md5" else "scram-sha-256"
            cluster.execute(
                f"SET password_encryption = '{encryption}'; CREATE ROLE {role} LOGIN PASSWORD '{secret}'"
            )
        yield cluster


@pytest.fixture(scope="module")
def legs(
    guarded: Cluster, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gate]:
    """TLS with clients; a door to the server without TLS, one with TLS asked for, one with TLS at once."""
    folder = tmp_path_factory.mktemp("legs")
    (folder / "policy.yaml").write_text(OPEN)
    checked = f"sslmode=verify-full&sslrootcert={certificates.ca_file}"
    ways = ("sslmode=disable", checked, "sslmode=prefer")
    doors = [{"upstream": f"{upstream_of(guarded)}?{way}", **own(certificates)} for way in ways]
    with serving(folder, folder / "policy.yaml", *doors) as gate:
        yield gate


@pytest.mark.parametrize(
    ("door", "role", "binding"),
    [
        (0, "scram", "prefer"),
        (0, "scram", "disable"),
        (0, "md5", "prefer"),
        (0, "password", "prefer"),
        (1, "md5", "prefer"),
        (1, "password", "prefer"),
        (1, "scram", "disable"),
        (2, "md5", "prefer"),
    ],
)
def test_passwords_over_tls(legs: Gate, door: int, role: str, binding: str) -> None:
    address = legs.url(user=role, door=door, sslmode="require", channel_binding=binding)
    with psycopg.connect(address, password=SECRETS[role]) as connection:
        assert connection.pgconn.ssl_in_use
        told = connection.execute(
            "SELECT current_user, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        ).fetchone()
        assert told == (role, door > 0)


def test_direct_tls_to_the_server(programs: Programs, certificates: Certificates, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(OPEN)
    with Cluster(programs(18), tls=certificates.loopback) as cluster:
        way = f"sslmode=verify-full&sslrootcert={certificates.ca_file}&sslnegotiation=direct"
        with (
            serving(tmp_path, tmp_path / "policy.yaml", f"{upstream_of(cluster)}?{way}") as gate,
            psycopg.connect(gate.url()) as connection,
        ):
            told = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
            assert told == (True,)


# -- drivers -----------------------------------------------------------------------------------------------


def trusting(certificates: Certificates) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certificates.ca_file)
    context.set_alpn_protocols(["postgresql"])
    return context


@pytest.mark.defect_28
@pytest.mark.parametrize("direct", [False, True])
async def test_asyncpg(gate: Gate, certificates: Certificates, direct: bool) -> None:
    """Rows and values of megabytes; an error, and then more work."""
    connection = await asyncpg.connect(url(gate), ssl=trusting(certificates), direct_tls=direct)
    rows = await connection.fetch("SELECT n, repeat('x', n * 100000) AS x FROM generate_series(1, 20) AS n")
    assert [(row["n"], len(row["x"])) for row in rows] == [(n, n * 100_000) for n in range(1, 21)]
    value = os.urandom(5 * MIB)
    assert await connection.fetchval("SELECT $1::bytea", value) == value
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="would lose data"):
        await connection.execute("DROP TABLE users")
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()


def test_node(gate: Gate, node: Node, certificates: Certificates) -> None:
    """node-postgres reads sslmode=require as verify-full: with the authority it connects, without it not."""
    script = """
const { Client } = require("pg");
const [connectionString, file] = process.argv.slice(2);
(async () => {
  const url = new URL(connectionString);
  const ca = file ? require("fs").readFileSync(file).toString() : undefined;
  const client = new Client({host: "localhost", port: url.port, user: "postgres", database: "postgres",
                             ssl: {ca, rejectUnauthorized: true}});
  try {
    await client.connect();
    console.log(JSON.stringify((await client.query("SELECT 1 AS one")).rows));
    await client.end();
  } catch (error) { console.log(JSON.stringify(error.code)); }
})();
"""
    told = [json.loads(node.run(script, url(gate), *files).stdout) for files in ((certificates.ca_file,), ())]
    assert told == [[{"one": 1}], "UNABLE_TO_VERIFY_LEAF_SIGNATURE"]


# -- flow --------------------------------------------------------------------------------------------------


@pytest.mark.defect_28
def test_much_data_both_ways_in_flat_memory(gate: Gate) -> None:
    process = psutil.Process(gate.workers[0])
    with psycopg.connect(url(gate, sslmode="require"), autocommit=True) as connection:
        connection.execute("CREATE TEMP TABLE much (id int, text text)")
        before = process.memory_info().rss
        piece = "".join(f"{number}\t{'x' * 1000}\n" for number in range(1000))
        with connection.cursor().copy("COPY much FROM STDIN") as copy:
            for _ in range(60):
                copy.write(piece)
        received = 0
        with connection.cursor().copy("COPY much TO STDOUT") as copy:
            for data in copy:
                received += len(data)
        assert received == 60 * len(piece)
        assert process.memory_info().rss - before < 32 * MIB


@pytest.mark.defect_26
async def test_a_slow_reader_that_pipelines(gate: Gate, certificates: Certificates) -> None:
    """Every text and every answer is longer than a record; the client reads late, little, then all."""
    text, number = "y" * 30_000, 200
    query = Q(f"SELECT repeat('x', 60000), '{text}'")
    async with asyncio.timeout(60):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", gate.ports[MODES.index("require")], ssl=trusting(certificates), limit=2**16
        )
        writer.write(encode_startup(3, 0, [("user", "postgres"), ("database", "postgres")]))
        writing = asyncio.create_task(_write(writer, query, number))
        inbox = bytearray()
        while ready_count(bytes(inbox)) == 0:
            inbox += await reader.read(100)
        del inbox[: whole(bytes(inbox))]  # the first answer may have begun already
        ready = size = 0
        while ready < number:
            inbox += await reader.read(1_000 if size < 200_000 else 2**16)
            end = whole(bytes(inbox))
            ready += ready_count(bytes(inbox[:end]))
            size += end
            del inbox[:end]
        await writing
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    assert size > number * 90_000


async def _write(writer: asyncio.StreamWriter, query: bytes, number: int) -> None:
    for _ in range(number):
        writer.write(query)
        await writer.drain()


# -- cancelling and ending ---------------------------------------------------------------------------------


@pytest.mark.parametrize("major", PSQLS)
def test_control_c_reaches_the_query(gate: Gate, server: Cluster, programs: Programs, major: int) -> None:
    """Psql cancels in the clear before 17, within TLS since."""
    psql = psql_of(programs, major)
    text = f"SELECT pg_sleep(60), {major}"
    process = subprocess.Popen(
        psql.command(url(gate, sslmode="require"), "-c", text),
        env=psql.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    running = f"SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = '{text}'"
    until(lambda: server.execute(running) == "1", "that the query runs")
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=20)
    assert "ERROR:  canceling statement due to user request" in complaint


def test_an_idle_client_is_told_within_tls_that_the_gate_goes(
    server: Cluster, certificates: Certificates, tmp_path: Path
) -> None:
    (tmp_path / "policy.yaml").write_text(OPEN)
    door = {"upstream": upstream_of(server), **own(certificates)}
    with (
        serving(tmp_path, tmp_path / "policy.yaml", door, drain_timeout_s="600") as gate,
        psycopg.connect(gate.url(sslmode="require")) as connection,
    ):
        connection.commit()
        assert gate.stop(wait_s=5) == 0
        with pytest.raises(psycopg.OperationalError, match="the gate is shutting down"):
            connection.execute("SELECT 1")


# -- another certificate -----------------------------------------------------------------------------------


def shown_by(gate: Gate) -> bytes:
    """The certificate that the gate shows now, in DER."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["postgresql"])
    with (
        socket.create_connection(gate.address, timeout=10) as plain,
        context.wrap_socket(plain) as tls,
    ):
        return tls.getpeercert(binary_form=True) or b""


NOT_AFTER = 'pgwarden_certificate_not_after_timestamp_seconds{listener="127.0.0.1:0"}'
LAST = "pgwarden_certificate_last_reload_successful"


def test_a_new_certificate_without_a_restart(
    server: Cluster, certificates: Certificates, tmp_path: Path
) -> None:
    (tmp_path / "policy.yaml").write_text(OPEN)
    names = {"client_tls_cert_file": tmp_path / "tls.crt", "client_tls_key_file": tmp_path / "tls.key"}

    def put(pair: tuple[Path, Path]) -> bytes:
        for source, target in zip(pair, names.values(), strict=True):
            shutil.copy(source, target)
        return ssl.PEM_cert_to_DER_cert(pair[0].read_text())

    first = put(certificates.trusted.certify("localhost", days=10))
    door: Mapping[str, str] = {
        "upstream": upstream_of(server),
        **{name: str(path) for name, path in names.items()},
    }
    with (
        serving(tmp_path, tmp_path / "policy.yaml", door) as gate,
        psycopg.connect(gate.url(sslmode="require"), autocommit=True) as before,
    ):
        assert shown_by(gate) == first
        expires = gate.metrics()[NOT_AFTER]
        second = put(certificates.trusted.certify("localhost", days=20))
        until(lambda: shown_by(gate) == second, "that the new certificate is shown")
        until(lambda: gate.metrics()[LAST] == 1, "that all is well")
        assert gate.metrics()[NOT_AFTER] == pytest.approx(expires + 10 * 86_400, abs=60)

        names["client_tls_key_file"].write_text("garbage")
        gate.signal(signal.SIGHUP)
        line = gate.says("the certificate does not load; the one before stays in use")
        assert str(line["error"]).endswith("are no certificate and key in PEM format")
        until(lambda: gate.metrics()[LAST] == 0, "that the files are of no use")
        assert shown_by(gate) == second

        third = put(certificates.trusted.certify("localhost", days=30))
        gate.signal(signal.SIGHUP)
        until(lambda: shown_by(gate) == third, "that the third certificate is shown")
        assert before.execute("SELECT 1").fetchone() == (1,)
        assert before.pgconn.ssl_in_use
