"""Who sends a statement: roles, databases, addresses, and what the client calls itself.

Enters: the `who` block with its set. Leaves: a test on the context, either lenient (might be one of these:
for rules that forbid) or strict (certainly is: for exceptions). They differ only where the address cannot be
known. Deliberately absent: role membership, which only the server knows.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from proxy.policy.conditions.case import Case, Outcome
from proxy.policy.conditions.globs import compile_glob
from proxy.policy.context import Context

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class WhoShape:
    """The keys of one block or set; each is None where it says nothing."""

    roles: tuple[str, ...] | None = None
    databases: tuple[str, ...] | None = None
    cidrs: tuple[str, ...] | None = None
    applications: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Who:
    """All keys of all blocks must fit; within a key one entry is enough.

    Attributes:
        shapes: what it was compiled from.
    """

    text: str
    shapes: tuple[WhoShape, ...]
    tests: tuple[Callable[[Context, bool], bool], ...]

    def may_fit(self, context: Context) -> bool:
        """Whether the client is one of these, or might be."""
        return all(test(context, True) for test in self.tests)

    def must_fit(self, context: Context) -> bool:
        """Whether the client certainly is one of these."""
        return all(test(context, False) for test in self.tests)


@dataclass(frozen=True, slots=True)
class WhoCondition:
    """`who` inside `unless`: an exception, so it has to be certain."""

    who: Who

    @property
    def name(self) -> str:
        """As `explain` prints it."""
        return f"who: {self.who.text}"

    def judge(self, case: Case) -> Outcome:
        """Time plays no part in who someone is."""
        context = case.context
        found = (
            f"role {context.role}, database {context.database}, address {context.client_address or 'unknown'}"
        )
        return Outcome(self.who.must_fit(context), found=found)


def compile_who(shapes: Iterable[WhoShape]) -> Who:
    """Compile blocks that must all fit (a block and the set that it names)."""
    blocks = tuple(shapes)
    tests: list[Callable[[Context, bool], bool]] = []
    words: list[str] = []
    for shape in blocks:
        if shape.roles is not None:
            tests.append(_names(shape.roles, lambda context: context.role))
            words.append(f"roles {', '.join(shape.roles)}")
        if shape.databases is not None:
            tests.append(_names(shape.databases, lambda context: context.database))
            words.append(f"databases {', '.join(shape.databases)}")
        if shape.cidrs is not None:
            tests.append(_addresses(tuple(parse_cidr(cidr) for cidr in shape.cidrs)))
            words.append(f"addresses {', '.join(shape.cidrs)}")
        if shape.applications is not None:
            tests.append(_names(shape.applications, lambda context: context.application or ""))
            words.append(f"applications {', '.join(shape.applications)}")
    return Who("; ".join(words), blocks, tuple(tests))


def parse_cidr(text: str) -> Network:
    """Read an address or a network.

    Raises:
        ValueError: with a sentence for the writer of the policy.
    """
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f'"{text}" is no network; write it as 203.0.113.0/24 or 2001:db8::/32') from None
    raise ValueError(f'"{text}" has bits set beyond its prefix; the network is {network}')


def _names(patterns: tuple[str, ...], of: Callable[[Context], str]) -> Callable[[Context, bool], bool]:
    globs = tuple(compile_glob(pattern) for pattern in patterns)
    return lambda context, _: any(glob(of(context)) for glob in globs)


def _addresses(networks: tuple[Network, ...]) -> Callable[[Context, bool], bool]:
    def test(context: Context, doubtful: bool) -> bool:
        address = address_of(context.client_address)
        if address is None:
            return doubtful
        return any(address in network for network in networks if network.version == address.version)

    return test


@lru_cache(maxsize=1024)
def address_of(text: str | None) -> IPv4Address | IPv6Address | None:
    """The client's address; IPv4 in IPv6's clothes counts as IPv4."""
    try:
        address = ip_address((text or "").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
