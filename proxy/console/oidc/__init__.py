"""Login by OpenID Connect: the code flow with PKCE, with one provider.

Public names: `Oidc`, the port `SingleSignOn` of logins.py, and what it is made of. The only part of the
gate that needs the extra `oidc`.
"""

from proxy.console.oidc.claims import People
from proxy.console.oidc.flow import Oidc
from proxy.console.oidc.provider import Client, Provider, ProviderError

__all__ = ["Client", "Oidc", "People", "Provider", "ProviderError"]
