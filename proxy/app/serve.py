"""Starting and ending a gate.

Enters: settings. Leaves: processes that serve until they are told to stop; a StartError with plain lines
where they cannot begin. Here is the order that matters: what can be wrong is tried first, then the fork
server is made, and only then is there a thread or an event loop. Deliberately absent: what runs meanwhile
(workers/).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import uvloop

from proxy.app.log import logger, start_log
from proxy.app.policies import Attempt, try_to_load
from proxy.app.settings import Settings
from proxy.app.sources import Loaded
from proxy.app.starting import StartError
from proxy.app.workers.counts import SharedCounts
from proxy.app.workers.cpus import usable_cpus
from proxy.app.workers.doors import Doors, open_doors
from proxy.app.workers.forkserver import ForkServer
from proxy.app.workers.runtime import RuntimeFolder
from proxy.app.workers.supervisor import Supervisor
from proxy.app.workers.worker import Origin, work
from proxy.session.cancelkeys import MAX_WORKER

__all__ = ["StartError", "run"]

_LOG_CLOSE_S = 5.0


def run(loaded: Loaded) -> None:
    """Serve until SIGTERM or SIGINT, then drain.

    Raises:
        StartError: before the first client could have connected.
    """
    settings = loaded.settings
    attempts = _load_policies(settings)
    workers = settings.workers or min(usable_cpus(), MAX_WORKER)
    doors = open_doors(
        [listener.listen for listener in settings.listeners],
        workers,
        shared=settings.so_reuseport,
        unix_mode=settings.unix_socket_mode,
    )
    try:
        runtime = RuntimeFolder(settings.runtime_dir)
    except StartError:
        doors.release()
        raise
    try:
        policies = {path: a.policy for path, a in attempts.items() if a.policy is not None}
        counts = SharedCounts(workers) if workers > 1 else None
        forks = ForkServer(doors, partial(work, Origin(loaded, policies, runtime, workers, counts)))
        lines = start_log(settings.log_level, settings.log_format, runtime.error_lock)
        try:
            uvloop.run(_supervise(loaded, attempts, forks, doors, workers, runtime))
        finally:
            forks.stop()
            lines.close(_LOG_CLOSE_S)
    finally:
        doors.release()
        runtime.remove()


async def _supervise(
    loaded: Loaded,
    attempts: Mapping[str, Attempt],
    forks: ForkServer,
    doors: Doors,
    workers: int,
    runtime: RuntimeFolder,
) -> None:
    log = logger()
    for warning in loaded.warnings:
        log.warning(warning)
    await Supervisor(loaded, attempts, forks, doors, workers, runtime, log).run()


def _load_policies(settings: Settings) -> dict[str, Attempt]:
    attempts = {path: try_to_load(path) for path in dict.fromkeys(door.policy for door in settings.listeners)}
    broken = {path: attempt.problem for path, attempt in attempts.items() if attempt.policy is None}
    if broken:
        lines = [
            line for path, problem in broken.items() for line in (f"the policy {path} does not load", problem)
        ]
        raise StartError(*lines, wrong_setting=True)
    return attempts
