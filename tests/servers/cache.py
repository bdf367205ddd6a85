"""Build a directory once, for every test process of this checkout and every later run.

In: a name and a function that fills a directory. Out: the filled directory below .cache/.
"""

import fcntl
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".cache"


class Missing(Exception):
    """A program that tests need cannot be had here; the text says why."""


def build_once(name: str, build: Callable[[Path], None]) -> Path:
    """Return .cache/NAME, filling it first if it does not exist.

    Two processes may ask at the same moment: a lock lets one build, and the rename shows only whole
    directories.
    """
    target = CACHE / name
    if target.is_dir():
        return target
    CACHE.mkdir(exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir():
            return target
        unfinished = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=CACHE))
        try:
            unfinished.chmod(0o755)
            build(unfinished)
            unfinished.rename(target)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
    return target
