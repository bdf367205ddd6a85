"""Addresses and networks, and whether one lies in others."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, TypeAlias

Network: TypeAlias = IPv4Network | IPv6Network
Networks: TypeAlias = tuple[Network, ...]

LOOPBACK: Final[Networks] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))


def network_of(text: str) -> Network | None:
    """The network that is written so, of an address the one that holds it alone; None where it is neither."""
    try:
        found = ip_network(text.strip(), strict=False)
    except ValueError:
        return None
    if isinstance(found, IPv6Network) and (inner := found.network_address.ipv4_mapped) is not None:
        return IPv4Network((inner, max(found.prefixlen - 96, 0)), strict=False)
    return found


def inside(network: Network | None, others: Iterable[Network]) -> bool:
    """Whether one of the others holds all of it."""
    if isinstance(network, IPv4Network):
        return any(isinstance(other, IPv4Network) and network.subnet_of(other) for other in others)
    if isinstance(network, IPv6Network):
        return any(isinstance(other, IPv6Network) and network.subnet_of(other) for other in others)
    return False


def shown(networks: Iterable[Network]) -> str:
    """As people write them: a single address without its length."""
    return ", ".join(
        str(network.network_address) if network.num_addresses == 1 else str(network) for network in networks
    )
