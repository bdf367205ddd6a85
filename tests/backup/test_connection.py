"""Which database is meant, and what libpq's programs are told."""

from __future__ import annotations

import pytest

from proxy.backup.connection import parse_connection

_FORM = "postgresql://USER@HOST:PORT/DATABASE"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (
            "postgresql://app@127.0.0.1/shop",
            {"PGHOST": "127.0.0.1", "PGPORT": "5432", "PGUSER": "app", "PGDATABASE": "shop"},
        ),
        (
            "postgres://a%40b@db.example.com:5433/my%20shop",
            {
                "PGHOST": "db.example.com",
                "PGPORT": "5433",
                "PGUSER": "a@b",
                "PGDATABASE": "my shop",
                "PGSSLMODE": "verify-full",
                "PGSSLROOTCERT": "system",
            },
        ),
        (
            "postgresql://app@db.example.com/shop?sslmode=require&connect_timeout=3",
            {"PGSSLMODE": "require", "PGCONNECT_TIMEOUT": "3"},
        ),
        ("postgresql://app@/shop?host=/run/postgresql", {"PGHOST": "/run/postgresql"}),
    ],
)
def test_a_url_is_told_by_the_environment(url: str, told: dict[str, str]) -> None:
    environment = parse_connection(url).environment({"PATH": "/bin", "PGUSER": "somebody"})
    assert {name: environment.get(name) for name in told} == told
    assert environment["PATH"] == "/bin"
    assert "PGPASSWORD" not in environment


def test_a_server_on_this_host_needs_no_tls() -> None:
    assert "PGSSLMODE" not in parse_connection("postgresql://app@localhost/shop").environment({})


def test_a_mode_of_tls_that_is_set_stays() -> None:
    connection = parse_connection("postgresql://app@db.example.com/shop")
    assert connection.environment({"PGSSLMODE": "require"})["PGSSLMODE"] == "require"


def test_a_password_by_a_private_way_is_never_shown() -> None:
    connection = parse_connection("postgresql://app:s%2Fcret@127.0.0.1/shop", secret=True)
    assert connection.environment({})["PGPASSWORD"] == "s/cret"
    assert "cret" not in f"{connection} {connection!r}"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://app@h/shop", f"must be {_FORM}"),
        ("postgresql://h/shop", f"must name a user and a database: {_FORM}"),
        ("postgresql://app@h", f"must name a user and a database: {_FORM}"),
        ("postgresql://app@h:port/shop", f"is not a URL: write {_FORM}"),
        (
            "postgresql://app:hush@h/shop",
            "must not hold a password, which process lists show: leave it to PGPASSWORD, ~/.pgpass or "
            "--password-file",
        ),
        (
            "postgresql://a.b@aws-0-eu-central-1.pooler.supabase.com:6543/postgres",
            "leads to a transaction pooler, where pg_dump cannot keep one snapshot: take the direct "
            "connection, or the pooler's session mode on port 5432",
        ),
        (
            "postgresql://app@h/shop?pgbouncer=true",
            "leads to a transaction pooler (pgbouncer=…): take the direct connection",
        ),
        (
            "postgresql://app@h/shop?password=hush",
            "has a parameter that is not known here; known are channel_binding, connect_timeout, "
            "gssencmode, host, options, sslcert, sslkey, sslmode, sslnegotiation, sslrootcert",
        ),
    ],
)
def test_what_is_wrong_with_a_url(url: str, message: str) -> None:
    with pytest.raises(ValueError) as raised:
        parse_connection(url)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada@db.example.com:5433/shop",
        "postgresql://a%40b@[::1]:5432/a%20b?sslmode=require&sslrootcert=%2Fca.pem",
        "postgresql://ada@:5432/shop?host=%2Frun%2Fpostgresql",
    ],
)
def test_it_is_written_as_it_is_read_and_without_its_password(url: str) -> None:
    assert parse_connection(url, "hunter2").url == url
