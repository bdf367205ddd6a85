"""One target under atheris, in a process of its own: `python -m tests.fuzz.guided TARGET [FLAGS]`."""

from __future__ import annotations

import importlib
import sys

import atheris


def main() -> None:
    """Never returns: libFuzzer ends the process."""
    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=["proxy"]):
        target = importlib.import_module(f"tests.fuzz.{name}")
    atheris.Setup(sys.argv, target.fuzz)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
