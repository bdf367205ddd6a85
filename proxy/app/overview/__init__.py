"""The gate as the console shows it, gathered in the supervisor's process.

Public names: `GateView`, which implements the console's port, `PsqlView`, which does so for psql's console,
and `GateParts`, what they are gathered from.
"""

from proxy.app.overview.psql import PsqlView
from proxy.app.overview.view import GateParts, GateView

__all__ = ["GateParts", "GateView", "PsqlView"]
