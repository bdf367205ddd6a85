"""Keeps the file of users, and the passwords of the roles behind them, fresh for one listener.

Enters: changes of files, SIGHUP. Leaves: credentials by user; a file that cannot be used is an error in the
log, with what was known before still in use. Looking a user up reads no file: known and unknown take the same
time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from structlog.stdlib import BoundLogger

from proxy.app.users.private import PrivateFileError, read_password, read_private
from proxy.app.users.userlist import User, UserListError, parse_userlist
from proxy.app.watching import Signature, signature_of, watch
from proxy.session import Credential
from proxy.wire.scram import DEFAULT_ITERATIONS


@dataclass(frozen=True, slots=True)
class UserFile:
    """Where users stand.

    Attributes:
        path: the file.
        managed: users are the gate's own, each with a role and a password for it.
        environment: where `password_env` looks.
    """

    path: str
    managed: bool
    environment: Mapping[str, str] = field(repr=False)

    def load(self) -> dict[str, Credential]:
        """Read all of it.

        Raises: UserListError, with every problem.
        """
        try:
            users = parse_userlist(read_private(self.path), self.path)
        except PrivateFileError as error:
            raise UserListError([str(error)]) from error
        credentials: dict[str, Credential] = {}
        problems: list[str] = []
        for user in users.values():
            try:
                credentials[user.name] = self._credential(user)
            except (ValueError, PrivateFileError) as error:
                problems.append(f"{self.path}:{user.line}: {error}")
        if problems:
            raise UserListError(problems)
        return credentials

    def files(self) -> list[str]:
        """All files that count: this one, and those with passwords, as far as it can be read."""
        try:
            users = parse_userlist(read_private(self.path), self.path)
        except (PrivateFileError, UserListError):
            return [self.path]
        return [self.path, *(self._place(user) for user in users.values() if user.password_file is not None)]

    def _credential(self, user: User) -> Credential:
        if not self.managed:
            if user.managed:
                raise ValueError("has a password for the server, which is for auth_type managed")
            return Credential(user.verifier)
        if user.verifier is None or not user.managed:
            raise ValueError("has no password_file and no password_env, as auth_type managed needs")
        return Credential(user.verifier, True, user.role, self._password(user))

    def _password(self, user: User) -> bytes:
        if user.password_file is not None:
            return read_password(self._place(user))
        password = self.environment.get(user.password_env or "", "")
        if not password:
            raise ValueError(f"the variable {user.password_env} is not set")
        return password.encode(errors="surrogateescape")

    def _place(self, user: User) -> str:
        return str(Path(self.path).parent / (user.password_file or ""))


class UserKeeper:
    """Holds what one file of users says, and reads it again.

    Attributes:
        users: credentials by user.
        iterations: what most of them have, so that a made-up user does not stand out.
    """

    def __init__(self, file: UserFile, users: Mapping[str, Credential], log: BoundLogger) -> None:
        """Begin with a file that has loaded.

        Args:
            file: where they stand.
            users: what it said.
            log: told of every reload.
        """
        self._file = file
        self._log = log
        self._files: Sequence[str] = [file.path]
        self._seen: Mapping[str, Signature] = {}
        self._lock = asyncio.Lock()
        self._told = ""
        self.users: Mapping[str, Credential] = users
        self.iterations = _usual_iterations(users)

    @property
    def failing(self) -> bool:
        """Whether the newest file does not load."""
        return self._told != ""

    async def reload(self, *, only_changed: bool) -> None:
        """Read again and swap what is good; never raises for a bad file.

        Args:
            only_changed: leave alone what lies there as it was (the watch); SIGHUP reads everything.
        """
        async with self._lock:
            files = await asyncio.to_thread(self._file.files)
            seen = await asyncio.to_thread(lambda: {file: signature_of(file) for file in files})
            self._files = files
            if only_changed and seen == self._seen:
                return
            self._seen = seen
            try:
                users = await asyncio.to_thread(self._file.load)
            except UserListError as error:
                self._complain(error)
                return
            self._told = ""
            if users != self.users:
                self.users, self.iterations = users, _usual_iterations(users)
                self._log.info("users loaded", file=self._file.path, users=len(users))

    def _complain(self, error: UserListError) -> None:
        if str(error) != self._told:
            self._told = str(error)
            self._log.error(
                "the users do not load; those before stay in use", error="; ".join(error.problems)
            )

    async def watch(self) -> None:
        """Reload whenever a file changes, until cancelled."""
        await watch(lambda: self._files, lambda: self.reload(only_changed=True), self._log)


def _usual_iterations(users: Mapping[str, Credential]) -> int:
    counts = Counter(user.verifier.iterations for user in users.values() if user.verifier is not None)
    return max(counts, key=lambda number: (counts[number], number), default=DEFAULT_ITERATIONS)
