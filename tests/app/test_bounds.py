"""Limits, time-outs, addresses and balancers from settings; what of them does not go together."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from proxy.app import bounds
from proxy.app.kinds import Address, Networks
from proxy.app.refusals import TurnedAway
from proxy.app.settings import ListenerSettings, Settings
from proxy.app.sources import SettingsError, load_settings
from proxy.relay import Capacity, KeepAlive, ProxyProtocol, Upstream
from proxy.session import Standing

SHORT = {"listen": "127.0.0.1:6432", "upstream": "postgresql://127.0.0.1:5432", "policy": "p.yaml"}


def load(config: str = "", **flags: str) -> Settings:
    given = {**SHORT, **flags} if not config else {**SHORT, **flags, "config": "c.yaml"}
    return load_settings(given, {}, {"c.yaml": config}.__getitem__).settings


def door(**flags: str) -> ListenerSettings:
    return load(**flags).listeners[0]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("127.0.0.1:1", [("127.0.0.1", 1)]),
        ("127.0.0.1:1, [::1]:1,*:2", [("127.0.0.1", 1), ("::1", 1), ("*", 2)]),
        ("/run/pgwarden:6432", [("/run/pgwarden", 6432)]),
        ("unix:/run/pgwarden:6432", [("/run/pgwarden", 6432)]),
        ("unix:/run/pgwarden/.s.PGSQL.6432", [("/run/pgwarden", 6432)]),
        ("/run/pgwarden/:6432,:6432", [("/run/pgwarden", 6432), ("*", 6432)]),
        ("/:6432", [("/", 6432)]),
    ],
)
def test_addresses(text: str, places: list[tuple[str, int]]) -> None:
    assert [(address.host, address.port) for address in door(listen=text).listen] == places


def test_addresses_in_the_file() -> None:
    config = "listeners: [{listen: ['127.0.0.1:1', '/run/x:2'], upstream: 'postgresql://h:1', policy: p}]"
    listen = (
        load_settings({"config": "c.yaml"}, {}, {"c.yaml": config}.__getitem__).settings.listeners[0].listen
    )
    assert listen == (Address("127.0.0.1", 1), Address("/run/x", 2))
    assert str(listen) == "127.0.0.1:1,/run/x:2"


@pytest.mark.parametrize(
    ("config", "counts"),
    [
        ("max_user_connections: 5", {"*": 5}),
        ("max_user_connections: '5'", {"*": 5}),
        ("max_user_connections: {app: 20, '*': 5, 7: 1}", {"app": 20, "*": 5, "7": 1}),
        ("max_user_connections: app=20, *=5,a=b=1", {"app": 20, "*": 5, "a=b": 1}),
    ],
)
def test_numbers_for_names(config: str, counts: dict[str, int]) -> None:
    assert load(config).max_user_connections == counts


@pytest.mark.parametrize(
    ("text", "ms"), [("30000", 30000), ("30s", 30000), ("500ms", 500), ("0", 0), ("1.5s", 1500)]
)
def test_milliseconds(text: str, ms: int) -> None:
    assert load(tcp_user_timeout=text).tcp_user_timeout == ms


@pytest.mark.parametrize(("text", "mode"), [("0770", 0o770), ("700", 0o700), ("0660", 0o660)])
def test_modes(text: str, mode: int) -> None:
    assert load(unix_socket_mode=text).unix_socket_mode == mode
    assert load(f"unix_socket_mode: {text}").unix_socket_mode == mode


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("listen", "127.0.0.1:1,", '"" is not HOST:PORT'),
        ("listen", "/run/x", '"/run/x" is not /DIRECTORY:PORT'),
        ("listen", "/run/x:0", '"/run/x:0" is not /DIRECTORY:PORT'),
        ("listen", "127.0.0.1:1,127.0.0.1:1", "127.0.0.1:1 is taken by --listen"),
        ("proxy_protocol", "v3", '"v3" is none of off, v1, v2, any'),
        ("proxy_protocol", "v2", "needs proxy_protocol_from: anybody could write any address into a header"),
        ("proxy_protocol_from", "10.0.0.0/8", "does nothing while proxy_protocol is off"),
        ("proxy_protocol_from", "10.0.0.1/8", '"10.0.0.1/8" is not a network such as 10.0.0.0/8, nor unix'),
        ("proxy_protocol_from", "lb.internal", '"lb.internal" is not a network such as 10.0.0.0/8, nor unix'),
        ("max_client_conn", "-1", '"-1" is not a whole number from 0'),
        ("max_user_connections", "app=", '"" is not a whole number from 0, of "app"'),
        ("max_user_connections", "app=1,app=2", '"app" is there twice'),
        ("max_db_connections", "shop=1,2", '"2" is not NAME=NUMBER'),
        ("reserved_connections", "3", '"3" does not say for whom: write NAME=NUMBER'),
        ("reserved_connections", "a=3",
         "keeps 3 connections, and max_client_conn is 0: nobody else could connect"),
        ("tcp_keepidle", "40000", '"40000" is too much: at most 32767'),
        ("tcp_keepcnt", "128", '"128" is too much: at most 127'),
        ("tcp_user_timeout", "30d", '"30d" is not a number of seconds'),
        ("tcp_user_timeout", "3000000000", '"3000000000" is too much: at most 2147483647'),
        ("unix_socket_mode", "rwx", '"rwx" is not a mode such as 0770'),
        ("unix_socket_mode", "0070", '"0070" is not a mode such as 0770'),
        ("unix_socket_mode", "504", '"504" is not a mode such as 0770'),  # YAML's 0o770
        ("unix_socket_mode", "0888", '"0888" is not a mode such as 0770'),
        ("client_idle_timeout_s", "soon", '"soon" is not a number of seconds'),
    ],
)  # fmt: skip
def test_mistakes(name: str, text: str, problem: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load(**{name: text})
    assert raised.value.problems == (f"--{name.replace('_', '-')}: {problem}",)


def test_balancers() -> None:
    assert bounds.proxy_protocol(door()) is None
    given = door(proxy_protocol="any", proxy_protocol_from="10.0.0.0/8, 2001:db8::1, unix")
    networks = (ip_network("10.0.0.0/8"), ip_network("2001:db8::1/128"))
    assert given.proxy_protocol_from == Networks(networks, True)
    assert bounds.proxy_protocol(given) == ProxyProtocol(frozenset({1, 2}), networks, True)


def test_what_the_relay_gets() -> None:
    settings = load(client_idle_timeout_s="1min", query_timeout_s="5", tcp_keepalive="off", tcp_keepidle="7")
    relay = bounds.relay_settings(settings)
    assert relay.standing_s == {
        Standing.IDLE: 60, Standing.TRANSACTION: 0, Standing.QUERY: 5, Standing.WRITING: 900,
    }  # fmt: skip
    assert relay.keep_alive == KeepAlive(False, 7, 10, 6, 0)


def test_the_servers_sockets_are_kept_alive_the_same_way() -> None:
    (upstream,) = load_settings({**SHORT, "tcp_keepcnt": "3"}, {}).upstreams
    assert upstream == Upstream("127.0.0.1", 5432, upstream.sslmode, keep_alive=KeepAlive(tcp_keepcnt=3))


@pytest.mark.parametrize(
    ("given", "files", "clients", "logins"),
    [
        ({}, 20_000, 9_436, 1_000),
        ({"max_client_conn": "100"}, 20_000, 100, 1_000),
        ({"max_client_conn": "10000"}, 20_000, 9_436, 1_000),
        ({"max_logins": "0"}, 20_000, 7_452, 4_968),
        ({}, 1_024, 336, 224),
        ({}, 64, 1, 1),
    ],
)
def test_never_more_clients_than_files(given: dict[str, str], files: int, clients: int, logins: int) -> None:
    capacity = bounds.capacity(load(**given), files)
    assert (capacity.max_client_conn, capacity.max_logins) == (clients, logins)


def test_limits() -> None:
    settings = load(
        max_client_conn="50",
        reserved_connections="ada=2",
        max_user_connections="10",
        max_db_connections="shop=20",
        max_logins="30",
        max_logins_per_address="4",
    )
    assert bounds.capacity(settings, 20_000) == Capacity(
        50, {"ada": 2}, {"*": 10}, {"shop": 20}, 30, 4, own_clients=(20_000 - 128 - 30) // 2, own_logins=30
    )


@pytest.fixture
def few_files() -> Iterator[int]:
    """A soft limit under the hard one, as systems have it."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, before[1]), before[1]))
    yield before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_as_many_files_as_may_be_are_asked_for(few_files: int) -> None:
    assert bounds.open_files() == few_files
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (few_files, few_files)


def test_a_flood_does_not_fill_the_log() -> None:
    lines: list[tuple[str, dict[str, object]]] = []

    class Log:
        def warning(self, event: str, **fields: object) -> None:
            lines.append((event, fields))

    now = [0.0]
    turned_away = TurnedAway(Log(), lambda: now[0])  # type: ignore[arg-type]
    for second in range(61):
        now[0] = float(second)
        turned_away("max_logins", "10.0.0.1", "")
        turned_away("proxy_protocol", None, "it is late")
    logged = [(fields["reason"], fields["client"], fields["more_before"]) for _, fields in lines]
    assert logged == [
        ("max_logins", "10.0.0.1", 0),
        ("proxy_protocol: it is late", "unknown", 0),
        ("max_logins", "10.0.0.1", 59),
        ("proxy_protocol: it is late", "unknown", 59),
    ]
