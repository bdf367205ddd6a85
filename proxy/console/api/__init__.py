"""The HTTP API of the gate, below /api/v1 at the console's address.

`endpoints.py` is the one table of what can be asked; `server.py` answers by it, and `document.py` makes the
OpenAPI description of it. Public names: `Api`, and the port `ApiSource` that app implements.
"""

from proxy.console.api.server import PREFIX, Api
from proxy.console.api.source import ApiSource, Series, Stat

__all__ = ["PREFIX", "Api", "ApiSource", "Series", "Stat"]
