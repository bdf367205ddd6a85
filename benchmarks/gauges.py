"""The rows that are no rates: memory, the longest wait, microseconds of a judgement.

Enters: names of rows, where PostgreSQL listens. Leaves: readings; the table shows their median. A new row is
a new entry of `GAUGES`. Deliberately absent: how each is measured (crowd.py, micro.py).
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

from benchmarks import crowd, micro
from benchmarks.results import Reading
from benchmarks.targets import Site
from benchmarks.workloads import Setting

_PLAIN, _TLS = "memory-idle", "memory-idle-tls"
_OUT, _IN = "memory-out", "memory-in"
_QUIET, _RELOAD = "wait-quiet", "wait-reload"

GAUGES: Final[Mapping[str, str]] = {
    _PLAIN: "kB a connection",
    _TLS: "kB a connection",
    _OUT: "MB more at most",
    _IN: "MB more at most",
    _QUIET: "ms at most",
    _RELOAD: "ms at most",
    **micro.READINGS,
}
"""By row, what it is measured in."""


def take(
    rows: Collection[str],
    site: Site,
    certificate: tuple[Path, Path],
    tell: Callable[[str], None],
    *,
    quick: bool,
) -> Iterator[Reading]:
    """Measure these rows, one after the other.

    Raises: BenchmarkError, OSError: something answered otherwise than it should.
    """
    wanted = set(rows)
    share = 10 if quick else 1
    if wanted & set(micro.READINGS):
        tell("judgements alone")
        yield from (found for found in micro.readings(3 if quick else 9) if found.row in wanted)
    if wanted & {_OUT, _IN}:
        tell("a gigabyte either way" if share == 1 else "100 MB either way")
        found = crowd.stream(_OUT, _IN, site, crowd.GIGABYTE // share, tell)
        yield from (each for each in found if each.row in wanted)
    many = crowd.room_for(crowd.CROWD // share)
    for row, setting in ((_PLAIN, Setting.PLAIN), (_TLS, Setting.TLS)):
        if row in wanted:
            tell(f"{many:,} idle connections, {setting.value}")
            yield from crowd.idle(row, setting, many, certificate, tell)
    if wanted & {_QUIET, _RELOAD}:
        tell(f"reloads, with {many:,} sessions")
        found = crowd.reload(_RELOAD, _QUIET, many, tell)
        yield from (each for each in found if each.row in wanted)
