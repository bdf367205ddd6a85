"""Fuzz the targets one after another: `python -m tests.fuzz [--runs N] [TARGET …]`.

What was found interesting is kept in `.cache/fuzz/TARGET` and begun with the next time. An input that breaks
a target is kept beside it, and its bytes and the traceback are shown; it becomes a case of the room's tests.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import re
import subprocess
import sys
import time
from pathlib import Path

from tests.fuzz import TARGETS

_ROOT = Path(__file__).resolve().parent.parent.parent
_CACHE = _ROOT / ".cache" / "fuzz"
_LIMITS = ("-timeout=20", "-rss_limit_mb=1024", "-print_final_stats=1")
_EXECUTED = re.compile(r"stat::number_of_executed_units: (\d+)")
_COVERED = re.compile(r"#\d+\s+DONE\s+cov: (\d+)")


def main() -> int:
    """Print a line for each target; 1 if one of them broke."""
    arguments = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    arguments.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    arguments.add_argument("--runs", type=int, default=1_000_000, help="inputs for each target")
    given = arguments.parse_args()
    unknown = set(given.targets) - set(TARGETS)
    if unknown:
        arguments.error(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    print(f"{'target':<12}{'inputs':>12}{'branches':>10}{'seconds':>9}")
    outcomes = [_fuzz(name, given.runs) for name in given.targets or TARGETS]
    return 0 if all(outcomes) else 1


def _fuzz(name: str, runs: int) -> bool:
    corpus = _CACHE / name
    corpus.mkdir(parents=True, exist_ok=True)
    target = importlib.import_module(f"tests.fuzz.{name}")
    for seed in target.SEEDS:
        (corpus / hashlib.sha1(seed, usedforsecurity=False).hexdigest()).write_bytes(seed)
    command = [sys.executable, "-m", "tests.fuzz.guided", name, str(corpus), f"-runs={runs}", *_LIMITS]
    command.append(f"-max_len={getattr(target, 'LONGEST', 4096)}")
    began = time.monotonic()
    done = subprocess.run(
        [*command, f"-artifact_prefix={_CACHE}/{name}-"],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    executed, covered = _EXECUTED.search(said), _COVERED.search(said)
    figures = f"{int(executed[1]) if executed else 0:>12,}{covered[1] if covered else '-':>10}"
    print(f"{name:<12}{figures}{time.monotonic() - began:>9.0f}", flush=True)
    if done.returncode:
        print(done.stdout.rpartition("INFO: ")[2], *done.stderr.splitlines()[-8:], sep="\n", flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
