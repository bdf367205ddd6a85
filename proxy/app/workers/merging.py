"""Adds up what several processes count, for one scrape.

Enters: what prometheus_client's collectors of each process say. Leaves: the families of the whole gate: sums
of counters, histograms and amounts, and of other gauges the highest or lowest, as the table of metrics says;
of exemplars the newest.
What workers have counted that are gone stays in the sums: a counter never goes down. Deliberately absent:
counting, and the text of the exposition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

import msgspec
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from proxy.app.metrickinds import METRICS, Merge

# What ProcessCollector of prometheus_client says of a process: the gate is all of its processes.
_OF_PROCESSES: Final[Mapping[str, Merge]] = {
    "process_virtual_memory_bytes": Merge.SUM,
    "process_resident_memory_bytes": Merge.SUM,
    "process_start_time_seconds": Merge.MIN,
    "process_cpu_seconds": Merge.SUM,
    "process_open_fds": Merge.SUM,
    "process_max_fds": Merge.SUM,
}
_RULES: Final[Mapping[str, Merge]] = {
    **_OF_PROCESSES,
    **{kind.name.removesuffix("_total").removesuffix("_info"): kind.merge for kind in METRICS.values()},
}
_MERGES: Final[Mapping[Merge, Callable[[float, float], float]]] = {
    Merge.SUM: lambda one, other: one + other,
    Merge.MAX: max,
    Merge.MIN: min,
}
_COUNTED: Final = ("counter", "histogram")

Labels: TypeAlias = tuple[tuple[str, str], ...]


class Family(msgspec.Struct, frozen=True, array_like=True):
    """One metric of one process.

    Attributes:
        samples: name, labels and value of each series.
        exemplars: name and labels of a series, the labels of its exemplar, its value and when that was.
    """

    name: str
    help: str
    kind: str
    samples: tuple[tuple[str, Labels, float], ...]
    exemplars: tuple[tuple[str, Labels, Labels, float, float], ...] = ()


def families_of(collector: Collector) -> tuple[Family, ...]:
    """What a collector says now, in a form that travels."""
    return tuple(
        Family(
            metric.name,
            metric.documentation,
            metric.type,
            tuple((s.name, tuple(s.labels.items()), float(s.value)) for s in metric.samples),
            tuple(
                (s.name, tuple(s.labels.items()), tuple(e.labels.items()), e.value, float(e.timestamp or 0))
                for s in metric.samples
                if (e := s.exemplar) is not None
            ),
        )
        for metric in collector.collect()
    )


def merged(reports: Iterable[Iterable[Family]]) -> tuple[Family, ...]:
    """The families of all processes as those of one, in the order in which they are first met."""
    heads: dict[str, Family] = {}
    values: dict[str, dict[tuple[str, Labels], float]] = {}
    newest: dict[str, dict[tuple[str, Labels], tuple[Labels, float, float]]] = {}
    for report in reports:
        for family in report:
            heads.setdefault(family.name, family)
            merge = _MERGES[_RULES[family.name]]
            series = values.setdefault(family.name, {})
            for name, labels, value in family.samples:
                key = (name, labels)
                series[key] = merge(series[key], value) if key in series else value
            seen = newest.setdefault(family.name, {})
            for name, labels, its, value, at in family.exemplars:
                if (name, labels) not in seen or seen[name, labels][2] < at:
                    seen[name, labels] = (its, value, at)
    return tuple(
        Family(
            name,
            head.help,
            head.kind,
            tuple((*key, value) for key, value in values[name].items()),
            tuple((*key, *exemplar) for key, exemplar in newest[name].items()),
        )
        for name, head in heads.items()
    )


def counted(report: Iterable[Family]) -> tuple[Family, ...]:
    """What stays of a process that is gone: what it has counted, not what it had."""
    return tuple(family for family in report if family.kind in _COUNTED)


class Merged(Collector):
    """Merged families as a collector, for prometheus_client to write."""

    def __init__(self, families: Iterable[Family]) -> None:
        """Show these."""
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """Each family as a metric."""
        for family in self._families:
            metric = Metric(family.name, family.help, family.kind)
            exemplars = {
                (name, labels): Exemplar(dict(its), value, at)
                for name, labels, its, value, at in family.exemplars
            }
            for name, labels, value in family.samples:
                metric.add_sample(name, dict(labels), value, exemplar=exemplars.get((name, labels)))
            yield metric
