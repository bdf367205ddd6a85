"""Who somebody is, and as what, by the claims of an ID token.

Enters: claims that have been checked. Leaves: a name and a role, or why there is none. Deliberately absent:
checking claims (idtoken.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from proxy.console.oidc.idtoken import BadToken, Claims
from proxy.console.people import Role

_LONGEST: Final = 255


@dataclass(frozen=True, slots=True)
class People:
    """How claims are read.

    Attributes:
        name_claim: names somebody; None for an e-mail address that the provider has verified, else the user's
            name there, else `sub`.
        role_claim: a word, or a list of them.
        roles: by such words.
        default: the role of those for whom none of them stands; None lets them not in.
    """

    name_claim: str | None
    role_claim: str
    roles: Mapping[str, Role]
    default: Role | None

    def name(self, claims: Claims) -> str:
        """What the ledger calls them.

        Raises: BadToken.
        """
        if self.name_claim is not None:
            found = claims.get(self.name_claim)
        elif claims.get("email_verified") is True and _fit(claims.get("email")):
            found = claims["email"]
        else:  # whoever calls themselves as an address that is somebody else's is not called so
            called = claims.get("preferred_username")
            found = called if _fit(called) and "@" not in str(called) else claims.get("sub")
        if not _fit(found):
            raise BadToken(f"it says no name: there is no {self.name_claim or 'sub'} of use")
        return str(found)

    def role(self, claims: Claims) -> Role | None:
        """The highest of theirs."""
        said = claims.get(self.role_claim)
        words = said if isinstance(said, list) else [said]
        found = [self.roles[word] for word in words if isinstance(word, str) and word in self.roles]
        return max(found, default=self.default)


def _fit(name: object) -> bool:
    """Whether it can stand in a log and a page as it is."""
    return isinstance(name, str) and 0 < len(name) <= _LONGEST and name.isprintable() and name == name.strip()
