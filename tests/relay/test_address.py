"""The upstream URL: what is read out of it, and each way to get it wrong."""

import pytest

from proxy.relay import SslMode, Upstream, parse_upstream
from tests.relay.certificates import Certificates


@pytest.mark.parametrize(
    ("url", "host", "port", "sslmode"),
    [
        ("postgresql://db.example.com:6543", "db.example.com", 6543, SslMode.VERIFY_FULL),
        ("postgres://db.example.com", "db.example.com", 5432, SslMode.VERIFY_FULL),
        ("postgresql://db.example.com:5432/", "db.example.com", 5432, SslMode.VERIFY_FULL),
        ("postgresql://db.example.com?sslmode=require", "db.example.com", 5432, SslMode.REQUIRE),
        ("postgresql://db.example.com?sslmode=disable", "db.example.com", 5432, SslMode.DISABLE),
        ("postgresql://10.0.0.1", "10.0.0.1", 5432, SslMode.VERIFY_FULL),
        ("postgresql://db.example.com?sslmode=prefer", "db.example.com", 5432, SslMode.PREFER),
        ("postgresql://localhost:1", "localhost", 1, SslMode.DISABLE),
        ("postgresql://LOCALHOST:1", "LOCALHOST", 1, SslMode.DISABLE),
        ("postgresql://127.0.0.53", "127.0.0.53", 5432, SslMode.DISABLE),
        ("postgresql://[::1]:5433", "::1", 5433, SslMode.DISABLE),
        ("postgresql://[::1]", "::1", 5432, SslMode.DISABLE),
        ("postgresql://[2001:DB8::1]:1", "2001:db8::1", 1, SslMode.VERIFY_FULL),
        ("postgresql://127.0.0.1?sslmode=verify-full", "127.0.0.1", 5432, SslMode.VERIFY_FULL),
        ("postgresql://%2Fvar%2Frun%2Fpostgresql:5433", "/var/run/postgresql", 5433, SslMode.DISABLE),
        ("postgresql:///?host=/tmp&port=5433", "/tmp", 5433, SslMode.DISABLE),
        ("postgresql://:5433?host=/tmp", "/tmp", 5433, SslMode.DISABLE),
        ("postgresql://?host=%2Ftmp&sslmode=prefer", "/tmp", 5432, SslMode.DISABLE),
        ("postgresql://?host=/tmp&sslmode=disable", "/tmp", 5432, SslMode.DISABLE),
        (" postgresql://localhost \n", "localhost", 5432, SslMode.DISABLE),
    ],
)
def test_servers(url: str, host: str, port: int, sslmode: SslMode) -> None:
    assert parse_upstream(url) == Upstream(host, port, sslmode)


def test_ca_file_and_time_out(certificates: Certificates) -> None:
    url = f"postgresql://db.example.com?sslrootcert={certificates.ca_file}&connect_timeout=3"
    assert parse_upstream(url) == Upstream(
        "db.example.com", ca_file=certificates.ca_file, connect_timeout_s=3
    )
    url = "postgresql://db.example.com"
    assert parse_upstream(url, ca_file=certificates.ca_file, connect_timeout_s=4) == Upstream(
        "db.example.com", ca_file=certificates.ca_file, connect_timeout_s=4
    )
    url = "postgresql://db.example.com?sslmode=verify-ca"
    assert parse_upstream(url, ca_file=certificates.ca_file).sslmode is SslMode.VERIFY_CA
    url = "postgresql://db.example.com?sslnegotiation=direct"
    assert parse_upstream(url) == Upstream("db.example.com", direct=True)
    url = "postgresql://db.example.com?sslrootcert=system"
    assert parse_upstream(url, ca_file=certificates.ca_file).ca_file is None


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "must begin with postgresql://"),
        ("localhost:5432", "must begin with postgresql://"),
        ("mysql://localhost", "must begin with postgresql://"),
        ("postgresql://", "must name the server: postgresql://HOST:PORT"),
        ("postgresql://:5432", "must name the server: postgresql://HOST:PORT"),
        ("postgresql://alice@h", "must not hold a user or a password: clients log in with their own"),
        ("postgresql://alice:hunter2@h", "must not hold a user or a password: clients log in with their own"),
        ("postgresql://h?user=alice", "has the parameter 'user', which is not one of "),
        ("postgresql://h?password=hunter2", "has the parameter 'password', which is not one of "),
        ("postgresql://h/shop", "must not name a database: clients choose their own"),
        ("postgresql://h#x", "must not name a database: clients choose their own"),
        ("postgresql://h:0", "has a port that is not a number from 1 to 65535"),
        ("postgresql://h:65536", "has a port that is not a number from 1 to 65535"),
        ("postgresql://h:x", "has a port that is not a number from 1 to 65535"),
        ("postgresql://h:-1", "has a port that is not a number from 1 to 65535"),
        ("postgresql://h:²", "has a port that is not a number from 1 to 65535"),
        ("postgresql://a:1,b:2", "must name one server"),
        ("postgresql://a?host=a,b", "must name one server"),
        ("postgresql://a?host=b", "must name one server"),
        ("postgresql://a:1?port=2", "must name one port"),
        ("postgresql://a b", "has a host that is no name and no address"),
        ("postgresql://a%zz", "has a host that is no name and no address"),
        ("postgresql://h?sslmode=disable&sslmode=verify-full", "has the parameter 'sslmode' twice"),
        ("postgresql://::1", "needs brackets round an IPv6 address: postgresql://[::1]:5432"),
        ("postgresql://[::1", "is not a URL: write postgresql://HOST:PORT"),
        ("postgresql://[x]", "is not a URL: write postgresql://HOST:PORT"),
        ("postgresql://h?sslmode", "is not a URL: write postgresql://HOST:PORT"),
        (
            "postgresql://h?sslmode=allow",
            "has an sslmode that is not one of disable, prefer, require, verify-ca, verify-full",
        ),
        (
            "postgresql://h?sslmode=",
            "has an sslmode that is not one of disable, prefer, require, verify-ca, verify-full",
        ),
        ("postgresql://h?connect_timeout=0", "has a connect_timeout that is not a number of seconds"),
        ("postgresql://h?connect_timeout=1.5", "has a connect_timeout that is not a number of seconds"),
        (
            "postgresql://h?sslmode=verify-ca",
            "sslmode=verify-ca needs sslrootcert=FILE; with the system's own, use verify-full",
        ),
        (
            "postgresql://h?sslmode=verify-ca&sslrootcert=system",
            "sslmode=verify-ca needs sslrootcert=FILE; with the system's own, use verify-full",
        ),
        (
            "postgresql://h?sslnegotiation=plain",
            "has an sslnegotiation that is neither postgres nor direct",
        ),
        (
            "postgresql://h?sslnegotiation=direct&sslmode=prefer",
            "has sslnegotiation=direct, which needs sslmode=require, or better verify-full",
        ),
        (
            "postgresql://localhost?sslnegotiation=direct",
            "has sslnegotiation=direct, which needs sslmode=require, or better verify-full",
        ),
        ("postgresql:///?host=/tmp&sslmode=require", "a Unix socket has no TLS: use sslmode=disable"),
        ("postgresql:///?host=/tmp&sslmode=verify-full", "a Unix socket has no TLS: use sslmode=disable"),
        ("postgresql:///?host=/a,/b", "must name one server"),
        ("postgresql://h?sslrootcert=/no/such", "/no/such cannot be read: No such file or directory"),
        ("postgresql://h?sslrootcert=/dev/null", "/dev/null holds no certificate in PEM format"),
    ],
)
def test_mistakes(url: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_upstream(url)
    assert str(caught.value).startswith(message)
    assert "hunter2" not in str(caught.value)
