"""What settings bound connections by, in the relay's terms: limits, time-outs, sockets, balancers.

Enters: settings. Leaves: the relay's values; what of the settings does not go together. Also how many files
the process may open, which bounds them all. Deliberately absent: how a single setting is read (kinds.py).
"""

from __future__ import annotations

import resource
from collections.abc import Iterator

from proxy.app.settings import ListenerSettings, Settings
from proxy.relay import Capacity, KeepAlive, ProxyProtocol, RelaySettings
from proxy.session import Standing

# Besides clients: logs, the ledger, policies, readers of texts and catalogues, cancels on their way.
_OTHER_FILES = 128
_FILES_OF_A_CLIENT = 2


def doubts(settings: Settings) -> Iterator[tuple[str, str]]:
    """Settings of the whole gate that do not go together: each with what is wrong with it."""
    kept = sum(settings.reserved_connections.values())
    if kept and kept >= settings.max_client_conn:
        yield (
            "reserved_connections",
            f"keeps {kept} connections, and max_client_conn is {settings.max_client_conn}: "
            "nobody else could connect",
        )


def doubts_of_door(settings: ListenerSettings) -> Iterator[tuple[str, str]]:
    """Settings of a listener that do not go together."""
    if settings.proxy_protocol and settings.proxy_protocol_from is None:
        yield (
            "proxy_protocol",
            "needs proxy_protocol_from: anybody could write any address into a header",
        )
    if not settings.proxy_protocol and settings.proxy_protocol_from is not None:
        yield "proxy_protocol_from", "does nothing while proxy_protocol is off"


def keep_alive(settings: Settings) -> KeepAlive:
    """How sockets notice that nobody is there any more."""
    return KeepAlive(
        settings.tcp_keepalive,
        settings.tcp_keepidle,
        settings.tcp_keepintvl,
        settings.tcp_keepcnt,
        settings.tcp_user_timeout,
    )


def relay_settings(settings: Settings) -> RelaySettings:
    """Bounds of each listener's connections."""
    return RelaySettings(
        login_timeout_s=settings.login_timeout_s,
        standing_s={standing: getattr(settings, standing.value) for standing in Standing},
        keep_alive=keep_alive(settings),
        unix_socket_mode=settings.unix_socket_mode,
    )


def proxy_protocol(settings: ListenerSettings) -> ProxyProtocol | None:
    """The headers of one listener's connections."""
    balancers = settings.proxy_protocol_from
    if not settings.proxy_protocol or balancers is None:
        return None
    return ProxyProtocol(settings.proxy_protocol, balancers.networks, balancers.unix)


def capacity(settings: Settings, files: int, workers: int = 1) -> Capacity:
    """Limits on connections, such that no process ever wants more than this many open files.

    They are those of all workers together; what fits is each one's own.
    """
    files = max(files - _OTHER_FILES, _FILES_OF_A_CLIENT)
    own_logins = max(files // 4, 1)
    logins = min(settings.max_logins or workers * own_logins, workers * own_logins)
    own_logins = min(own_logins, logins)
    own_clients = max((files - own_logins) // _FILES_OF_A_CLIENT, 1)
    fitting = workers * own_clients
    return Capacity(
        max_client_conn=min(settings.max_client_conn or fitting, fitting),
        reserved_connections=settings.reserved_connections,
        max_user_connections=settings.max_user_connections,
        max_db_connections=settings.max_db_connections,
        max_logins=logins,
        max_logins_per_address=settings.max_logins_per_address,
        own_clients=own_clients,
        own_logins=own_logins,
    )


def open_files() -> int:
    """Let the process open as many files as it may; returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return 1 << 20 if hard == resource.RLIM_INFINITY else hard
