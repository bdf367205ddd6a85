"""The command: `python -m benchmarks` measures, `compare A B` and `publish FILE` use what was measured.

Exit codes: 0 done; 1 compare found something worse, or the measurement broke off; 2 wrong usage; 130 Ctrl-C.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from benchmarks import machine, results
from benchmarks.compare import compare
from benchmarks.database import filled_server
from benchmarks.gauges import GAUGES, take
from benchmarks.measure import measure
from benchmarks.protocol import BenchmarkError
from benchmarks.report import report
from benchmarks.rows import WORKLOADS
from benchmarks.targets import STARTERS, Site, certified, checkout, start
from benchmarks.workloads import KEY_COUNT, chosen
from proxy.backup.account import NoAccount
from proxy.backup.programs import ClusterError

_HERE: Final = Path(__file__).resolve().parent
RESULTS: Final = _HERE / "results"
README: Final = _HERE / "README.md"
_BEGIN: Final = "<!-- results: begin (python -m benchmarks publish FILE) -->"
_END: Final = "<!-- results: end -->"
_BUSY_LOAD: Final = 0.5


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def run(options: argparse.Namespace) -> int:
    """Measure, print, and write the file."""
    names = chosen((workload.name for workload in WORKLOADS), options.only)
    targets = chosen(STARTERS, options.targets)
    gauges = chosen(GAUGES, options.only)
    if not (names or gauges) or not targets:
        _tell("nothing to measure: --only and --targets leave no cell")
        return 2
    here = machine.describe()
    if here.load > _BUSY_LOAD:
        _tell(f"!!! this machine is busy (load {here.load}): expect a wide spread, and do not publish")
    with ExitStack() as stack:
        _tell(f"PostgreSQL with {KEY_COUNT:,} keys …")
        certificate = stack.enter_context(certified())
        server = stack.enter_context(filled_server(KEY_COUNT, options.postgres, certificate))
        workloads = [workload for workload in WORKLOADS if workload.name in names]
        wanted = dict.fromkeys(
            (name, workload.setting) for workload in workloads for name in targets if name in workload.targets
        )
        site = Site(server, certificate)
        readings = tuple(take(gauges, site, certificate, _tell, quick=options.quick))
        running, missing = start(list(wanted), site, stack, _tell)
        if wanted and not running:
            return 1
        seconds: float = options.slice_seconds
        slices = measure(running, workloads, options.slices, seconds, _tell) if running else []
        found = results.Run(
            format=results.FORMAT,
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            machine=here,
            versions={target.name: target.version for target in running} | {"checkout": checkout()},
            missing=missing,
            slices_wanted=options.slices,
            slice_seconds=options.slice_seconds,
            key_count=KEY_COUNT,
            targets=tuple(name for name in STARTERS if any(target.name == name for target in running)),
            workloads=names,
            units={workload.name: workload.unit for workload in workloads if workload.unit}
            | {row: GAUGES[row] for row in gauges},
            readings=readings,
            slices=tuple(slices),
        )
    print(report(found), end="")
    _save(found, options)
    return 0


def _save(found: results.Run, options: argparse.Namespace) -> None:
    path: Path | None = options.output
    if path is None:
        if options.quick:
            _tell("a quick run is a try-out: nothing written (--output FILE writes it)")
            return
        path = RESULTS / f"{datetime.fromisoformat(found.date):%Y%m%dT%H%M%SZ}.json"
    results.save(found, path)
    _tell(f"written: {path}")


def publish(options: argparse.Namespace) -> int:
    """Put a run's tables between the markers of the README."""
    text = README.read_text()
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        _tell(f"{README}: the markers are gone")
        return 1
    tables = report(results.load(options.file))
    README.write_text(f"{before}{begin}\n\nFrom results/{options.file.name}:\n\n{tables}\n{end}{after}")
    return 0


def compare_files(options: argparse.Namespace) -> int:
    """Print two runs side by side."""
    text, worse = compare(results.load(options.before), results.load(options.after))
    print(text, end="")
    return 1 if worse else 0


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _seconds(text: str) -> float:
    if (number := float(text)) <= 0:
        raise argparse.ArgumentTypeError("more than 0")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=(__doc__ or "").split("\n", 1)[0]
    )
    parser.set_defaults(act=run)
    parser.add_argument("--slices", type=_positive, help="clean slices a cell (20; with --quick 3)")
    parser.add_argument("--slice-seconds", type=_seconds, help="length of a slice (0.25; with --quick 0.2)")
    parser.add_argument(
        "--only", type=_words, default=[], help="workloads: parts of names or globs, with commas"
    )
    parser.add_argument("--targets", type=_words, default=[], help=f"of {', '.join(STARTERS)}, with commas")
    parser.add_argument(
        "--quick", action="store_true", help="a try-out of two minutes; writes no file by itself"
    )
    parser.add_argument("--postgres", type=Path, help="directory of PostgreSQL's programs")
    parser.add_argument("--output", type=Path, help="the file to write instead of results/DATE.json")
    commands = parser.add_subparsers(title="commands", metavar="", required=False)
    versus = commands.add_parser("compare", help="hold two runs together")
    versus.add_argument("before", type=Path)
    versus.add_argument("after", type=Path)
    versus.set_defaults(act=compare_files)
    public = commands.add_parser("publish", help="put a run's tables into README.md")
    public.add_argument("file", type=Path)
    public.set_defaults(act=publish)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; see the module's docstring for the exit codes."""
    options = _parser().parse_args(arguments)
    options.slices = options.slices or (3 if options.quick else 20)
    options.slice_seconds = options.slice_seconds or (0.2 if options.quick else 0.25)
    try:
        code: int = options.act(options)
    except (BenchmarkError, ClusterError, NoAccount, OSError, ValueError, msgspec.MsgspecError) as error:
        _tell(f"!!! {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    # Without this a SIGTERM would leave the targets running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main())
