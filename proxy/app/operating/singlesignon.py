"""Login at an OpenID Connect provider, as the settings have it.

Enters: settings, the environment. Leaves: the port `SingleSignOn`; or a ConsoleError that says what is
missing. Deliberately absent: speaking with the provider.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Final
from urllib.parse import urlsplit

from proxy.app.asking import PasswordUnreadable, password_in
from proxy.app.kinds import is_loopback_host
from proxy.app.operating.doors import ConsoleError, place_of
from proxy.app.settings import Settings
from proxy.console.logins import SingleSignOn
from proxy.console.people import Role, read_role

OIDC_SECRET: Final = "PGWARDEN_CONSOLE_OIDC_SECRET"  # noqa: S105 - a variable's name
_SETTINGS: Final = (
    "console_oidc_client_id",
    "console_oidc_secret_file",
    "console_oidc_name_claim",
    "console_oidc_roles",
    "console_oidc_default_role",
)


def single_sign_on(settings: Settings, environment: Mapping[str, str]) -> SingleSignOn | None:
    """The provider at which people log in; None where none is set.

    Raises: ConsoleError.
    """
    issuer, client = settings.console_oidc_issuer, settings.console_oidc_client_id
    if issuer is None:
        for name in _SETTINGS:
            if getattr(settings, name):
                raise ConsoleError(name, f"{name} needs a console_oidc_issuer")
        return None
    if client is None:
        raise ConsoleError("console_oidc_issuer", "console_oidc_issuer needs a console_oidc_client_id")
    back = _public_url(settings) + "/login/oidc/back"
    roles = _roles(settings)
    default = _default_role(settings)
    secret = _secret(settings, environment)
    if find_spec("joserfc") is None:
        raise ConsoleError(
            "console_oidc_issuer", "needs more than is installed: pip install 'pgwarden[oidc]'"
        )
    from proxy.console.oidc import Client, Oidc, People, Provider

    provider = Provider(Client(issuer, client, secret, settings.console_oidc_scopes, back))
    return Oidc(
        provider, People(settings.console_oidc_name_claim, settings.console_oidc_role_claim, roles, default)
    )


def _public_url(settings: Settings) -> str:
    """Where browsers reach the console, which has to be what the console is."""
    url = settings.console_url
    if settings.console is None or url is None:
        raise ConsoleError(
            "console_oidc_issuer",
            "a login at a provider needs a console, and console_url, where browsers reach it: "
            "the provider sends them back there",
        )
    place, scheme = place_of(settings), urlsplit(url).scheme
    if (scheme == "https") != place.encrypted:
        speaks = "TLS" if place.encrypted else "no TLS: set console_tls_cert_file"
        raise ConsoleError("console_url", f"{url} is {scheme}, and the console speaks {speaks}")
    if place.local and not is_loopback_host(urlsplit(url).hostname or ""):
        raise ConsoleError(
            "console_url",
            f"{url} is not of this machine, and a console at {settings.console} answers no other name",
        )
    return url


def _roles(settings: Settings) -> Mapping[str, Role]:
    """The highest role of each word; the roles' own words where none is set."""
    if not settings.console_oidc_roles:
        return {role.word: role for role in Role}
    try:
        return {word: max(map(read_role, roles)) for word, roles in settings.console_oidc_roles.items()}
    except ValueError as error:
        raise ConsoleError("console_oidc_roles", str(error)) from None


def _default_role(settings: Settings) -> Role | None:
    if settings.console_oidc_default_role is None:
        return None
    try:
        return read_role(settings.console_oidc_default_role)
    except ValueError as error:
        raise ConsoleError("console_oidc_default_role", str(error)) from None


def _secret(settings: Settings, environment: Mapping[str, str]) -> Callable[[], str] | None:
    """What gives the client's secret; None for a public client, which has PKCE alone."""
    try:
        found = password_in(settings.console_oidc_secret_file, environment.get(OIDC_SECRET))
    except PasswordUnreadable as error:
        raise ConsoleError("console_oidc_secret_file", str(error)) from None
    if found is None or callable(found):
        return found
    return lambda: found
