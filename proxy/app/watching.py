"""Notices that files have changed, also by an editor's rename or the symbolic links that Kubernetes swaps.

Enters: paths. Leaves: a call whenever one of them may be another file now. Deliberately absent: reading it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

from structlog.stdlib import BoundLogger
from watchfiles import awatch

# An editor writes a file in several steps; wait for them to end, but look at least this often: file events
# can get lost (a full queue, a network file system, a link further up the path).
_DEBOUNCE_MS = 100
_LOOK_AGAIN_MS = 5000
# How often its thread asks whether events have come, which it does by holding the interpreter.
_STEP_MS = 250

Signature: TypeAlias = tuple[str, int, int, int] | None


def signature_of(path: str) -> Signature:
    """What tells one state of a file from another; None when there is none."""
    try:
        real = Path(path).resolve(strict=True)
        status = real.stat()
    except (OSError, RuntimeError):
        return None
    return (str(real), status.st_ino, status.st_mtime_ns, status.st_size)


class Reloads(Protocol):
    """What keeps files' contents fresh."""

    async def reload(self, *, only_changed: bool) -> None:
        """Read them again: all of them, or those that are others than before."""


async def watch(
    files: Callable[[], Iterable[str]], look: Callable[[], Awaitable[None]], log: BoundLogger
) -> None:
    """Have a look whenever something changes beside the files, and every five seconds, until cancelled.

    Args:
        files: which they are; asked again after each look.
        look: finds out what has changed, and what it means.
    """
    while True:
        folders = _folders(files())
        try:
            async for _ in awatch(
                *folders,
                watch_filter=None,
                debounce=_DEBOUNCE_MS,
                step=_STEP_MS,
                rust_timeout=_LOOK_AGAIN_MS,
                yield_on_timeout=True,
                recursive=False,
            ):
                await look()
                if _folders(files()) != folders:
                    break
        except (OSError, RuntimeError) as error:
            # A folder has gone, or the system has no more watches to give: look without being told.
            log.debug("cannot watch the folders of files", reason=str(error))
            await asyncio.sleep(_LOOK_AGAIN_MS / 1000)
            await look()


def _folders(files: Iterable[str]) -> Sequence[str]:
    folders = {str(Path(file).absolute().parent) for file in files}
    return sorted(folder for folder in folders if Path(folder).is_dir())
