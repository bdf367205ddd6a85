"""The table of built-in functions, as real servers have it.

`python -m tests.sql.pg_proc` starts a server of each major version and writes the names and OIDs of
`proxy/sql/builtins.py` anew: read the difference before it is committed.
"""

from __future__ import annotations

import re
import textwrap
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from proxy.backup.cluster import Cluster
from proxy.sql import builtins
from tests.servers.postgres import MAJORS, binaries

# Below are those that pg_proc.dat numbers by hand; above, initdb counts.
FIRST_GENERATED_OID = 10000
NEWER = 99
_QUERY = """
SELECT oid, proname, provolatile FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace ORDER BY 1
"""

Rows = list[tuple[int, str, str]]


def built_in(server: Cluster) -> Rows:
    """(OID, name, volatility) of each built-in function of a server."""
    rows = (line.split("|") for line in server.execute(_QUERY).splitlines())
    return [(int(oid), name, volatility) for oid, name, volatility in rows]


def spans(servers: Mapping[int, Rows]) -> dict[tuple[int, int], list[str]]:
    """(first major, last major) -> "name OID OID …" of each function that these versions have."""
    majors: dict[str, list[int]] = defaultdict(list)
    numbers: dict[str, set[int]] = defaultdict(set)
    for major, rows in servers.items():
        for oid, name, _ in rows:
            majors[name].append(major)
            if oid < FIRST_GENERATED_OID:
                numbers[name].add(oid)
    found: dict[tuple[int, int], list[str]] = defaultdict(list)
    for name, there in sorted(majors.items()):
        last = NEWER if max(there) == max(servers) else max(there)
        found[min(there), last].append(" ".join([name, *map(str, sorted(numbers[name]))]))
    return dict(sorted(found.items()))


def _block(lines: list[str]) -> str:
    return textwrap.fill(" ".join(lines), 110, break_long_words=False, break_on_hyphens=False)


def _written(servers: Mapping[int, Rows]) -> Iterator[str]:
    found = spans(servers)
    yield f'_FUNCTIONS = """\n{_block(found.pop((min(servers), NEWER)))}\n"""'
    for (first, last), lines in found.items():
        yield f'        ({first}, {last}): """\n{_block(lines)}\n""",'


def rewrite(path: Path, servers: Mapping[int, Rows]) -> None:
    """Write the blocks of the module anew."""
    every, *some = _written(servers)
    text = path.read_text()
    text = re.sub(r'_FUNCTIONS = """.*?"""', lambda _: every, text, count=1, flags=re.DOTALL)
    text = re.sub(
        r'        \(\d+, \d+\): """.*"""(?=,\n    \}\n)',
        lambda _: "\n".join(some).removesuffix(","),
        text,
        count=1,
        flags=re.DOTALL,
    )
    path.write_text(text)


def main() -> None:
    """Write the module from servers of all versions."""
    found: dict[int, Rows] = {}
    for major in MAJORS:
        with Cluster(binaries(major)) as server:
            found[major] = built_in(server)
    rewrite(Path(builtins.__file__), found)


if __name__ == "__main__":
    main()
