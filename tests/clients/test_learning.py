"""`pgwarden user learn`, and what it is for: servers that nobody may ask, and poolers like Supabase's."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path

import psycopg
import pytest

from proxy.backup.account import server_account
from proxy.backup.cluster import Cluster
from tests.app.commands import Done, pgwarden
from tests.clients.gate import Gate, serving, until
from tests.conftest import Programs, ServerAt
from tests.relay.certificates import Certificates
from tests.servers.pgbouncer import PgBouncer

OPEN = "version: 1\nname: open\nenvironment: test\nrules: []\n"
SECRET = "pässwörd 🐘"
REF = "postgres.ref"
MAJORS = (15, 17, 18)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


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


@pytest.fixture(scope="module", params=MAJORS, ids=lambda major: f"pg{major}")
def cluster(
    request: pytest.FixtureRequest, programs: Programs, certificates: Certificates, sockets: Path
) -> Iterator[Cluster]:
    """A server on IPv4, IPv6 and a Unix socket, with TLS on the first two."""
    settings = {"listen_addresses": "127.0.0.1,::1", "unix_socket_directories": str(sockets)}
    hba = ["local all all scram-sha-256"]
    with Cluster(
        programs(request.param),
        auth="scram-sha-256",
        tls=certificates.loopback,
        settings=settings,
        hba=hba,
    ) as cluster:
        cluster.execute(f"CREATE ROLE app LOGIN PASSWORD '{SECRET}'")
        yield cluster


@pytest.fixture
def tls(certificates: Certificates) -> Mapping[str, str]:
    certificate, key = certificates.loopback
    return {"client_tls_cert_file": str(certificate), "client_tls_key_file": str(key)}


def learn(folder: Path, upstream: str, user: str = "app", secret: str = SECRET) -> Done:
    return pgwarden(
        "user", "learn", user, "--upstream", upstream, "--auth-file", str(folder / "users"), script=secret
    )


def who(gate: Gate, door: int = 0, user: str = "app", secret: str = SECRET, **parameters: str) -> object:
    url = gate.url(user=user, door=door, **{"sslmode": "require", **parameters})
    with psycopg.connect(url, password=secret) as connection:
        row = connection.execute("SELECT current_user, host(inet_server_addr())").fetchone()
        return row


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    (tmp_path / "policy.yaml").write_text(OPEN)
    return tmp_path / "policy.yaml"


def test_learnt_once_it_logs_in_bound_to_tls_until_the_password_changes(
    cluster: Cluster, certificates: Certificates, tls: Mapping[str, str], policy: Path, tmp_path: Path
) -> None:
    upstream = f"postgresql://127.0.0.1:{cluster.port}?sslmode=verify-full&sslrootcert={certificates.ca_file}"
    done = learn(tmp_path, upstream)
    assert done == Done(0, f"added app in {tmp_path}/users\n", "")
    kept = (tmp_path / "users").read_text()
    at_server = cluster.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'app'")
    assert kept == f'"app" "{at_server}"\n'
    assert (tmp_path / "users").stat().st_mode & 0o777 == 0o600
    door = {"upstream": upstream, **tls, "auth_file": str(tmp_path / "users")}
    with serving(tmp_path, policy, door) as gate:
        assert who(gate, channel_binding="require") == ("app", "127.0.0.1")
        cluster.execute("ALTER ROLE app PASSWORD 'other'")
        try:
            hint = "If the password was changed at the server, .* learn it anew: pgwarden user learn"
            with pytest.raises(psycopg.OperationalError, match=hint):
                who(gate, secret="other")
            with pytest.raises(
                psycopg.OperationalError, match=r"keeps another verifier by now(.|\n)*learn it anew"
            ):
                who(gate)
            assert learn(tmp_path, upstream, secret="other").out == f"changed app in {tmp_path}/users\n"
            gate.says("users loaded", users=1)  # type: ignore[arg-type]
            assert who(gate, secret="other") == ("app", "127.0.0.1")
        finally:
            cluster.execute(f"ALTER ROLE app PASSWORD '{SECRET}'")


@pytest.mark.parametrize("way", ["IPv4", "IPv6", "unix"])
def test_each_way_to_the_server(
    cluster: Cluster,
    certificates: Certificates,
    sockets: Path,
    tls: Mapping[str, str],
    policy: Path,
    tmp_path: Path,
    way: str,
) -> None:
    if way == "IPv6" and not _ipv6():
        pytest.skip("this machine has no IPv6")
    checked = f"?sslmode=verify-ca&sslrootcert={certificates.ca_file}"
    upstream = {
        "IPv4": f"postgresql://127.0.0.1:{cluster.port}{checked}",
        "IPv6": f"postgresql://[::1]:{cluster.port}{checked}",
        "unix": f"postgresql://?host={sockets}&port={cluster.port}",
    }[way]
    assert learn(tmp_path, upstream).code == 0
    (tmp_path / "role").write_text(SECRET)
    (tmp_path / "role").chmod(0o600)
    added = pgwarden(
        *("user", "add", "ada", "--role", "app", "--password-file", "role"),
        *("--auth-file", str(tmp_path / "own")),
        script="own",
    )
    assert added.code == 0, added
    (tmp_path / "asking").write_text("postgres")
    (tmp_path / "asking").chmod(0o600)
    asks = {"auth_user": "postgres", "auth_password_file": str(tmp_path / "asking")}
    modes: list[Mapping[str, str]] = [
        {"auth_file": str(tmp_path / "users")},
        asks,
        {"auth_type": "managed", "auth_file": str(tmp_path / "own")},
        {"auth_type": "password"},
        {},
    ]
    server = {"IPv4": "127.0.0.1", "IPv6": "::1", "unix": None}[way]
    with serving(tmp_path, policy, *({"upstream": upstream, **tls, **mode} for mode in modes)) as gate:
        assert who(gate, 0, channel_binding="require") == ("app", server)
        assert who(gate, 1, channel_binding="require") == ("app", server)
        assert who(gate, 2, user="ada", secret="own", channel_binding="require") == ("app", server)
        assert who(gate, 3) == ("app", server)
        assert who(gate, 4, sslmode="disable") == ("app", server)


def _ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.fixture(params=product(MAJORS, [False, True]), ids=lambda p: f"pg{p[0]}-{'tls' if p[1] else 'plain'}")
def pooler(
    request: pytest.FixtureRequest, server_at: ServerAt, certificates: Certificates
) -> Iterator[tuple[PgBouncer, str]]:
    """PgBouncer in transaction mode as a stand-in for Supabase's: user postgres.ref, and its URL."""
    major, encrypted = request.param
    server = server_at(major)
    server.execute(f"SET password_encryption = 'scram-sha-256'; CREATE ROLE pooled PASSWORD '{SECRET}'")
    verifier = server.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'pooled'")
    server.execute("DROP ROLE pooled")
    certificate, key = certificates.loopback
    files = {
        "users": f'"{REF}" "{verifier}"\n"clear" "{SECRET}"\n',
        "own.crt": certificate.read_text(),
        "own.key": key.read_text(),
    }
    settings = {"auth_type": "scram-sha-256", "auth_file": "users"}
    if encrypted:
        settings |= {
            "client_tls_sslmode": "require",
            "client_tls_cert_file": "own.crt",
            "client_tls_key_file": "own.key",
        }
    with PgBouncer(server.port, "transaction", settings=settings, files=files) as pgbouncer:
        checked = f"?sslmode=verify-full&sslrootcert={certificates.ca_file}" if encrypted else ""
        yield pgbouncer, f"postgresql://127.0.0.1:{pgbouncer.port}{checked}"


def test_behind_a_pooler(
    pooler: tuple[PgBouncer, str], tls: Mapping[str, str], policy: Path, tmp_path: Path
) -> None:
    _, upstream = pooler
    assert learn(tmp_path, upstream, user=REF).out == f"added {REF} in {tmp_path}/users\n"
    (tmp_path / "role").write_text(SECRET)
    (tmp_path / "role").chmod(0o600)
    added = pgwarden(
        *(
            "user",
            "add",
            "ada",
            "--role",
            REF,
            "--password-file",
            "role",
            "--auth-file",
            str(tmp_path / "own"),
        ),
        script="own",
    )
    assert added.code == 0, added
    modes: list[Mapping[str, str]] = [
        {"auth_file": str(tmp_path / "users")},
        {},
        {"auth_type": "managed", "auth_file": str(tmp_path / "own")},
        {"auth_type": "password"},
    ]
    with serving(tmp_path, policy, *({"upstream": upstream, **tls, **mode} for mode in modes)) as gate:
        in_fact = ("postgres", "127.0.0.1")  # PgBouncer's own role at the server
        assert who(gate, 0, user=REF, channel_binding="require") == in_fact
        for binding in ("disable", "prefer"):
            assert who(gate, 1, user=REF, channel_binding=binding) == in_fact
            assert who(gate, 3, user=REF, channel_binding=binding) == in_fact
        assert who(gate, 1, user=REF, sslmode="disable") == in_fact
        assert who(gate, 2, user="ada", secret="own", channel_binding="require") == in_fact
        assert who(gate, 3, user="clear") == in_fact
        with pytest.raises(psycopg.OperationalError):
            who(gate, 3, user=REF, secret="wrong")
        until(lambda: gate.said("login failed"), "a failed login")


def test_a_pooler_that_makes_a_new_salt_each_time_cannot_be_learnt_from(
    pooler: tuple[PgBouncer, str], tmp_path: Path
) -> None:
    done = learn(tmp_path, pooler[1], user="clear")
    if pooler[0].version >= (1, 25):  # which keeps the secret that it made until it ends
        assert done == Done(0, f"added clear in {tmp_path / 'users'}\n", "")
        return
    assert done == Done(
        3,
        "",
        "pgwarden: not learnt: the server makes a new salt at each login, as poolers do that have passwords "
        "in clear: there is nothing to learn; use auth_type managed or password\n",
    )
    assert not (tmp_path / "users").exists()


@pytest.mark.parametrize(
    ("user", "secret", "code", "said"),
    [
        ("app", "wrong", 3, 'not learnt: the server said: password authentication failed for user "app"'),
        ("app", "", 2, "standard input must hold the password in one line"),
        ("app", "two\nlines", 2, "standard input must hold the password in one line"),
        ("a\nb", SECRET, 2, "USER: a user's name has no control characters in it"),
    ],
)
def test_what_cannot_be_learnt(
    cluster: Cluster, certificates: Certificates, tmp_path: Path, user: str, secret: str, code: int, said: str
) -> None:
    upstream = f"postgresql://127.0.0.1:{cluster.port}?sslmode=verify-full&sslrootcert={certificates.ca_file}"
    assert learn(tmp_path, upstream, user, secret) == Done(code, "", f"pgwarden: {said}\n")
    assert list(tmp_path.iterdir()) == []


def test_without_scram_there_is_nothing_to_learn(server: Cluster, tmp_path: Path) -> None:
    done = learn(tmp_path, f"postgresql://127.0.0.1:{server.port}", "postgres")
    assert done.code == 3
    assert done.err.startswith("pgwarden: not learnt: the server let the user in without SCRAM")
