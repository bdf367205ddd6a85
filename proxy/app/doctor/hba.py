"""pg_hba.conf: whom the server lets in, from where, and how they prove who they are.

Enters: pg_hba_file_rules (https://www.postgresql.org/docs/current/view-pg-hba-file-rules.html). Leaves: a
finding for each line that lets in more than the gate, or too easily. Deliberately absent: lines that an
earlier line makes moot, but for rejections of whole networks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from typing import Any, Final

from proxy.app.catalogue.reader import Rows
from proxy.app.doctor.finding import Finding, Severity, fine
from proxy.app.doctor.networks import Network, Networks, inside, network_of, shown

HBA: Final = """
SELECT line_number, type, array_to_string(database, ','), array_to_string(user_name, ','), address, netmask,
       auth_method, error
FROM pg_hba_file_rules ORDER BY line_number
"""
_EVERYWHERE: Final = (ip_network("0.0.0.0/0"), ip_network("::/0"))


def examine_hba(rows: Rows, gates: Networks, *, by_socket: bool = False) -> Iterator[Finding]:
    """Lines that are wider than the gate's addresses, or prove too little.

    Args:
        rows: as HBA asks for them.
        gates: where the gate comes from.
        by_socket: it comes by the Unix socket.
    """
    rejected: list[Network] = []
    found = False
    for row in rows:
        number, kind, databases, users, address, netmask, method, error = row
        if error is not None:
            found = True
            do = "mend it: until then a reload keeps the rules from before"
            yield Finding(Severity.WARNING, "hba", f"pg_hba.conf:{number} is wrong: {error}", do)
            continue
        networks = _networks(address, netmask)
        if method == "reject":
            if (kind, databases, users) == ("host", "all", "all"):
                rejected += networks
            continue
        if networks and all(inside(network, rejected) for network in networks):
            continue
        if faults := list(_faults(row, networks, gates, by_socket)):
            found = True
            yield _finding(row, faults, gates, by_socket)
    if not found:
        yield fine("hba", f"pg_hba.conf lets in {shown(gates)} alone, each with a proof")


def _networks(address: str | None, netmask: str | None) -> tuple[Network, ...]:
    """What an address means; nothing for a Unix socket, a name, samehost or samenet."""
    if address == "all":
        return _EVERYWHERE
    network = None if address is None else network_of(f"{address}/{_length(netmask)}" if netmask else address)
    return () if network is None else (network,)


def _length(netmask: str) -> int:
    """The length of a mask: ipaddress reads none of IPv6."""
    network = network_of(netmask)
    return 0 if network is None else int(network.network_address).bit_count()


def _faults(
    row: Sequence[Any], networks: Networks, gates: Networks, by_socket: bool
) -> Iterator[tuple[Severity, str]]:
    _, kind, _, _, address, _, method, _ = row
    local = kind == "local" or (networks and all(network.is_loopback for network in networks))
    if not local and not (networks and all(inside(network, gates) for network in networks)):
        everybody = address == "all" or any(network.prefixlen == 0 for network in networks)
        if address != "samehost":
            yield Severity.CRITICAL, f"lets in {'any host' if everybody else 'others than the gate'}"
    if method == "trust":
        yield (Severity.WARNING if local else Severity.CRITICAL), "asks for no proof (trust)"
    elif method == "peer" and by_socket:
        yield Severity.WARNING, "takes whoever reaches the gate for the gate's own account (peer)"
    elif method == "password":
        yield (Severity.NOTE if local else Severity.WARNING), "has passwords sent as they are (password)"
    elif method == "md5":
        yield Severity.WARNING, "takes MD5 hashes, which are as good as the password (md5)"
    if not local and kind not in ("hostssl", "hostgssenc"):
        yield Severity.WARNING, "does not ask for TLS"


def _finding(
    row: Sequence[Any], faults: Sequence[tuple[Severity, str]], gates: Networks, by_socket: bool
) -> Finding:
    number, kind, databases, users, address, netmask, method, _ = row
    where = f" {address}{f' {netmask}' if netmask else ''}" if address else ""
    line = f"{kind} {databases} {users}{where} {method}"
    what = f"pg_hba.conf:{number} ({line}) {', and '.join(text for _, text in faults)}"
    networks = _networks(address, netmask)
    if kind == "local":
        better = f"local {databases} {users} {'scram-sha-256' if by_socket else 'peer'}"
    elif networks and all(network.is_loopback for network in networks):
        better = f"{kind} {databases} {users} {networks[0]} scram-sha-256"
    else:
        kept = networks if networks and all(inside(network, gates) for network in networks) else gates
        better = f"hostssl {databases} {users} {kept[0]} scram-sha-256"
    do = f"write {better} instead, then SELECT pg_reload_conf()"
    return Finding(max(severity for severity, _ in faults), "hba", what, do)
