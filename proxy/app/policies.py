"""Loads the policies, watches their files, and swaps what loads.

Enters: paths, changes of files, SIGHUP. Leaves: a new policy in force, or an error in the log with the old
one still in force. Files are read and compiled in a thread that gives way to others. Deliberately absent:
judging; which policy an execution under way is judged by is the session's.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from structlog.stdlib import BoundLogger

from proxy.app.metrics import Reloads
from proxy.app.sources import read_text
from proxy.app.watching import Signature, signature_of, watch
from proxy.policy.loading.load import load_policy
from proxy.policy.rules import Policy
from proxy.source.diagnostics import Diagnostic, SourceError

_NICE: Final = 15


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at loading a policy.

    Attributes:
        policy: None when it did not load.
        problem: why not, with places in the files.
        seen: every file that was asked for, as it was just before it was read.
        readable: False when the policy's own file cannot be read.
        mistakes: those that have a place in a file; `problem` holds them, too.
        texts: what stood in each file.
    """

    policy: Policy | None
    problem: str
    seen: Mapping[str, Signature]
    readable: bool = True
    mistakes: tuple[Diagnostic, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)

    def outdated(self) -> bool:
        """Whether any of the files is another one now."""
        return any(signature_of(path) != signature for path, signature in self.seen.items())


def try_to_load(path: str) -> Attempt:
    """Load a policy file and what it includes."""
    seen: dict[str, Signature] = {path: signature_of(path)}
    texts: dict[str, str] = {}
    unreadable: set[str] = set()

    def read(name: str) -> str:
        seen[name] = signature_of(name)
        try:
            texts[name] = read_text(name)
        except OSError:
            unreadable.add(name)
            raise
        return texts[name]

    try:
        return Attempt(load_policy(path, read), "", seen, texts=texts)
    except SourceError as error:
        readable = path not in unreadable
        return Attempt(None, str(error), seen, readable=readable, mistakes=error.diagnostics)
    except OSError as error:
        return Attempt(None, f"{path}: cannot be read: {error.strerror or error}", seen, readable=False)
    except UnicodeDecodeError:
        return Attempt(None, f"{path}: is not UTF-8 text", seen)


Swap: TypeAlias = Callable[[str, Policy, Mapping[str, str]], Awaitable[None]]
"""Puts a path's new policy in force, given its files' texts too; returns when it is."""


class PolicyKeeper:
    """Holds the policies by path, and has them enforced."""

    def __init__(self, attempts: Mapping[str, Attempt], swap: Swap, log: BoundLogger) -> None:
        """Begin with attempts that all loaded.

        Args:
            attempts: by the path given in the settings.
            swap: puts a path's new policy in force.
            log: told of every reload.
        """
        self._attempts = dict(attempts)
        self._digests = {path: a.policy.digest for path, a in attempts.items() if a.policy is not None}
        self._swap = swap
        self._log = log
        self._lock = asyncio.Lock()
        self._aside = ThreadPoolExecutor(1, "policies", initializer=_give_way)
        self.reloads = Reloads()

    @property
    def attempts(self) -> Mapping[str, Attempt]:
        """What came of reading each policy's files the last time, by its path."""
        return self._attempts

    async def reload(self, *, only_changed: bool) -> None:
        """Load again and swap what loads; never raises for a bad policy.

        Args:
            only_changed: leave alone what lies there as it was (the watch); SIGHUP loads everything.
        """
        async with self._lock:
            for path, attempt in list(self._attempts.items()):
                if only_changed and not await asyncio.to_thread(attempt.outdated):
                    continue
                self._attempts[path] = await self._load(path)

    async def _load(self, path: str) -> Attempt:
        try:
            attempt = await asyncio.get_running_loop().run_in_executor(self._aside, try_to_load, path)
        except Exception as error:  # a fault of the loader must not cost the policy that is in force
            self._log.exception("the policy loader failed", file=path)
            attempt = Attempt(
                None, f"{path}: the loader failed: {type(error).__name__}", {path: signature_of(path)}
            )
        if attempt.policy is None:
            self.reloads.results["failed"] += 1
            self.reloads.failing.add(path)
            self._log.error(
                "the policy does not load; the one before stays in force", file=path, errors=attempt.problem
            )
            return attempt
        self.reloads.failing.discard(path)
        if attempt.policy.digest == self._digests[path]:
            self.reloads.results["unchanged"] += 1
            self._log.info("the policy is unchanged", file=path, digest=attempt.policy.digest)
            return attempt
        await self._swap(path, attempt.policy, attempt.texts)
        self._digests[path] = attempt.policy.digest
        self.reloads.results["loaded"] += 1
        announce(self._log, "policy loaded", path, attempt.policy)
        return attempt

    async def watch(self) -> None:
        """Reload whenever a file changes, until cancelled."""
        await watch(
            lambda: (file for attempt in self._attempts.values() for file in attempt.seen),
            lambda: self.reload(only_changed=True),
            self._log,
        )


def _give_way() -> None:
    """Let the workers of the gate have the processors first: a thousand rules take a fifth of a second."""
    if sys.platform == "linux":  # elsewhere it would be the whole process's
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)


def announce(log: BoundLogger, event: str, path: str, policy: Policy) -> None:
    """Say which policy is in force; one that only watches is said loudly."""
    log.info(
        event,
        file=path,
        name=policy.name,
        environment=policy.environment,
        mode=policy.mode,
        digest=policy.digest,
    )
    if policy.mode != "enforce":
        log.warning(f"THIS POLICY REFUSES NOTHING: its mode is {policy.mode}", file=path, name=policy.name)
