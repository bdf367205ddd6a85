"""How much memory one request touches on its way through: cache lines and pages, of code and of data.

Enters: `python -m benchmarks.footprint [--only WORDS] [--top N]`. Leaves: a table on standard output, for the
relay that reads nothing and for the gate: distinct cache lines of code and of data, distinct pages, and
instructions, of one request and its answer, by library. What runs cold pays for these, rather than for what
it computes; and they are counted, so that they do not hang on what else the machine does. It needs valgrind
with its headers, and a C compiler: a simulated cache that forgets nothing, and is emptied before each read,
misses once for each line. Deliberately absent: sockets and the event loop, as in `hotpath`; a verdict.
"""

import argparse
import asyncio
import ctypes
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from benchmarks.hotpath import REQUESTS, Receive, hot_callbacks

_SAMPLES: Final = 12
_WARM: Final = 200
_MARKS: Final = """
#include <Python.h>
#include <valgrind/callgrind.h>
/* Emptied whenever it starts, the simulated cache sees nothing but this call. */
void counted(PyObject *receive, PyObject *data) {
    CALLGRIND_START_INSTRUMENTATION;
    PyObject *nothing = PyObject_CallOneArg(receive, data);
    CALLGRIND_STOP_INSTRUMENTATION;
    Py_XDECREF(nothing);
}
"""
_LIBRARIES: Final = ("pgwarden", "libpython", "libc", "other")
_EVENTS: Final = ("Ir", "ILmr", "DLmr", "DLmw")


def _counter(directory: Path) -> Callable[[Receive, bytes], None]:
    """Compile what stands around a read, and load it."""
    source, library = directory / "marks.c", directory / "marks.so"
    source.write_text(_MARKS)
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    include = "-I" + sysconfig.get_path("include")
    subprocess.run([*compiler, "-O2", "-shared", "-fPIC", include, "-o", library, source], check=True)
    counted = ctypes.PyDLL(str(library)).counted
    counted.argtypes = [ctypes.py_object, ctypes.py_object]
    counted.restype = None
    return counted


async def _exercise(target: str, name: str, directory: Path) -> None:
    """Under valgrind: some requests to get going, then the ones that are counted."""
    counted = _counter(directory)
    receive, requests, receive_answer, answer = await hot_callbacks(target, name, _WARM + _SAMPLES)
    for request in requests[:_WARM]:
        receive(request)
        receive_answer(answer)
    for request in requests[_WARM:]:
        counted(receive, request)
        counted(receive_answer, answer)


def _count(target: str, name: str, line: int, directory: Path) -> dict[tuple[str, str], Counter[str]]:
    """What one request and its answer cost, by library and function."""
    out = directory / f"{target}-{name}-{line}"
    cache = f"=67108864,16,{line}"
    command = [
        *("valgrind", "--tool=callgrind", "--instr-atstart=no", "--cache-sim=yes", "--compress-strings=no"),
        *("--compress-pos=no", f"--I1{cache}", f"--D1{cache}", f"--LL{cache}", f"--callgrind-out-file={out}"),
        *(sys.executable, "-m", "benchmarks.footprint", "--within", target, name, str(directory)),
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONHASHSEED": "0"},
    )
    if done.returncode:
        sys.exit(done.stderr)
    return read(out)


def read(profile: Path) -> dict[tuple[str, str], Counter[str]]:
    """Read what callgrind has written: each library's functions, with what each costs by itself."""
    found: dict[tuple[str, str], Counter[str]] = {}
    events: list[str] = []
    library = function = ""
    called = False
    for text in profile.read_text().splitlines():
        if text.startswith("events:"):
            events = text.split()[1:]
        elif text.startswith("ob="):
            library = text[3:]
        elif text.startswith("fn="):
            function = text[3:]
        elif text.startswith("calls="):
            called = True
        elif re.match(r"[0-9+*-]", text):
            if not called:
                costs = found.setdefault((_library(library), function), Counter())
                for event, number in zip(events, text.split()[1:], strict=False):
                    costs[event] += int(number)
            called = False
    return found


def _library(path: str) -> str:
    name = Path(path).name
    return next((known for known in _LIBRARIES if name.startswith(known)), "other")


def _show(target: str, name: str, top: int, directory: Path) -> None:
    lines, pages = (_count(target, name, line, directory) for line in (64, 4096))
    for library in (*_LIBRARIES, "all"):
        of_lines, of_pages = (
            sum((costs for (where, _), costs in counts.items() if library in (where, "all")), Counter[str]())
            for counts in (lines, pages)
        )
        figures = [
            of_lines["Ir"],
            of_lines["ILmr"],
            of_lines["DLmr"] + of_lines["DLmw"],
            of_pages["ILmr"],
            of_pages["DLmr"] + of_pages["DLmw"],
        ]
        print(f"{target:6} {name:15} {library:10}" + "".join(f"{each / _SAMPLES:9.0f}" for each in figures))
    ranked = sorted(lines.items(), key=lambda item: -sum(item[1][event] for event in _EVENTS[1:]))
    for (library, function), costs in ranked[:top]:
        figures = [costs["Ir"], costs["ILmr"], costs["DLmr"] + costs["DLmw"]]
        print(f"    {library:10}" + "".join(f"{each / _SAMPLES:8.1f}" for each in figures) + f"  {function}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments; count; print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.footprint", description=(__doc__ or "").split("\n", 1)[0]
    )
    parser.add_argument(
        "--only", type=str.split, default=[], help="all of these in names of target and request"
    )
    parser.add_argument("--top", type=int, default=0, help="how many functions are shown")
    parser.add_argument("--within", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.within:
        target, name, directory = options.within
        asyncio.run(_exercise(target, name, Path(directory)))
        return
    print("one request, its answer        instructions    code    data    code    data")
    print("                                              lines   lines   pages   pages")
    with tempfile.TemporaryDirectory() as directory:
        for target in ("relay", "gate"):
            for name in REQUESTS:
                if all(word in f"{target}-{name}" for word in options.only):
                    _show(target, name, options.top, Path(directory))


if __name__ == "__main__":
    main()
