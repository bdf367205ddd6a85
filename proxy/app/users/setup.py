"""What a listener's settings of authentication mean.

Enters: settings, the environment. Leaves: a listener's LogIn, its files read; or a LogInError that names the
setting. Deliberately absent: talking to servers.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from structlog.stdlib import BoundLogger

from proxy.app.asking import PasswordUnreadable, driver_tls, password_in
from proxy.app.settings import ListenerSettings, Settings, default_ledger
from proxy.app.users.directory import Directory
from proxy.app.users.keeper import UserFile, UserKeeper
from proxy.app.users.private import PrivateFileError, installation_secret
from proxy.app.users.query import DEFAULT_QUERY, QuerySource, VerifierQuery
from proxy.app.users.userlist import UserListError
from proxy.relay import Upstream
from proxy.session import Attempts, Authentication, AuthType, Credential

AUTH_PASSWORD: Final = "PGWARDEN_AUTH_PASSWORD"  # noqa: S105 - a variable's name

_LEARN: Final = (
    "If the password was changed at the server, those who run pgwarden have to learn it anew: "
    "pgwarden user learn."
)


class LogInError(Exception):
    """Settings of authentication do not go together, or a file is of no use.

    Attributes:
        setting: the one that is to be changed.
        problems: one line each.
    """

    def __init__(self, setting: str, *problems: str) -> None:
        """Keep both."""
        super().__init__("\n".join(problems))
        self.setting = setting
        self.problems = problems


@dataclass(frozen=True, slots=True)
class LogIn:
    """How one listener's clients log in, as its settings have it.

    Attributes:
        file: of users; None where there is none.
        users: what it said at first.
        source: who is asked for the users that are not in it.
        secret: by which users are made up; random where nobody is looked up.
        warnings: what their owner should hear although it is not wrong.
    """

    auth_type: AuthType = AuthType.PASSTHROUGH
    file: UserFile | None = None
    users: Mapping[str, Credential] = field(default_factory=dict, repr=False)
    source: QuerySource | None = None
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    warnings: tuple[str, ...] = ()

    @property
    def looks_up(self) -> bool:
        """Whether users are looked up at all."""
        return self.file is not None or self.source is not None

    def rules(self, failures: Attempts, refusals: Attempts) -> Authentication:
        """What the listener's sessions share.

        Args:
            failures: by address, at all listeners.
            refusals: of the server behind this one.
        """
        hint = _LEARN if self.auth_type is AuthType.PASSTHROUGH and self.file is not None else ""
        return Authentication(self.auth_type, self.looks_up, hint, self.secret, failures, refusals)


class Users:
    """One listener's users while the gate runs."""

    def __init__(self, log_in: LogIn, log: BoundLogger) -> None:
        """Join the parts."""
        self.keeper = None if log_in.file is None else UserKeeper(log_in.file, log_in.users, log)
        self._query = None if log_in.source is None else VerifierQuery(log_in.source)
        self.find = Directory(self.keeper, self._query, log_in.secret, log).find

    async def close(self) -> None:
        """Let go of the connection to the server."""
        if self._query is not None:
            await self._query.close()


def listener_log_in(
    listener: ListenerSettings, settings: Settings, upstream: Upstream, environment: Mapping[str, str]
) -> LogIn:
    """Read a listener's settings, and the files that they name.

    Raises: LogInError.
    """
    auth_type = AuthType(listener.auth_type)
    _check_together(listener, auth_type)
    file = None
    users: Mapping[str, Credential] = {}
    if listener.auth_file is not None:
        file = UserFile(listener.auth_file, auth_type is AuthType.MANAGED, environment)
        try:
            users = file.load()
        except UserListError as error:
            raise LogInError("auth_file", *error.problems) from error
    source = _source(listener, upstream, environment)
    warnings = _warnings(listener, auth_type)
    if file is None and source is None:
        return LogIn(auth_type, warnings=warnings)
    return LogIn(auth_type, file, users, source, _secret(settings), warnings)


def _check_together(listener: ListenerSettings, auth_type: AuthType) -> None:
    asks = ("auth_user", "auth_query", "auth_dbname", "auth_password_file")
    given = [name for name in asks if getattr(listener, name) is not None]
    if auth_type is AuthType.MANAGED and listener.auth_file is None:
        raise LogInError("auth_type", "managed needs auth_file, which pgwarden user add writes")
    if auth_type is AuthType.MANAGED and given:
        raise LogInError(given[0], "does nothing with auth_type managed: its users are those of auth_file")
    if auth_type is AuthType.PASSWORD and (given or listener.auth_file is not None):
        name = "auth_file" if listener.auth_file is not None else given[0]
        raise LogInError(name, "does nothing with auth_type password: the server alone checks passwords")
    if auth_type is AuthType.PASSWORD and listener.client_tls_mode == "disable":
        raise LogInError("auth_type", "password needs TLS with clients: client_tls_cert_file and its key")
    if given and listener.auth_user is None:
        raise LogInError(given[0], "does nothing without auth_user, the role that asks")


def _warnings(listener: ListenerSettings, auth_type: AuthType) -> tuple[str, ...]:
    if auth_type is AuthType.PASSTHROUGH and listener.client_tls_mode == "disable" and listener.auth_file:
        return ("auth_file does nothing without TLS with clients: their logins are passed on as they are",)
    return ()


def _source(
    listener: ListenerSettings, upstream: Upstream, environment: Mapping[str, str]
) -> QuerySource | None:
    if listener.auth_user is None:
        return None
    try:
        password = password_in(listener.auth_password_file, environment.get(AUTH_PASSWORD))
    except PasswordUnreadable as error:
        raise LogInError("auth_password_file", str(error)) from error
    return QuerySource(
        upstream.host,
        upstream.port,
        listener.auth_user,
        listener.auth_dbname or "postgres",
        password,
        driver_tls(upstream),
        listener.auth_query or DEFAULT_QUERY,
        upstream.connect_timeout_s,
    )


def _secret(settings: Settings) -> bytes:
    ledger = settings.ledger if "://" not in settings.ledger else default_ledger()
    path = settings.login_secret or str(Path(ledger).absolute().parent / "login.secret")
    try:
        return installation_secret(path)
    except PrivateFileError as error:
        raise LogInError("login_secret", str(error)) from error
