"""How the clients of one listener log in, and who has failed of late: what its sessions share."""

from __future__ import annotations

import hmac
from collections.abc import Hashable
from dataclasses import dataclass, field

from proxy.session.authentication.attempts import Attempts
from proxy.session.authentication.credentials import AuthType

SERVER_REFUSALS = 3


@dataclass(frozen=True, slots=True)
class Authentication:
    """One listener's.

    Attributes:
        auth_type: how clients log in.
        looks_up: users are looked up: there is a file of verifiers, or a query for them.
        hint: for whoever has failed, known or not.
        secret: random bytes; by them passwords that the server refused are told apart and not kept.
        failures: by address.
        refusals: what the server has said no to; it is not asked again and again: providers ban by address.
    """

    auth_type: AuthType = AuthType.PASSTHROUGH
    looks_up: bool = False
    hint: str = ""
    secret: bytes = field(default=b"", repr=False)
    failures: Attempts = field(default_factory=lambda: Attempts(20))
    refusals: Attempts = field(default_factory=lambda: Attempts(SERVER_REFUSALS))

    def key_of(self, role: str, material: bytes) -> Hashable:
        """What stands for a credential that is shown to the server."""
        return hmac.digest(self.secret, role.encode(errors="surrogateescape") + b"\0" + material, "sha256")
