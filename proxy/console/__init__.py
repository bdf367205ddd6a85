"""People's side of the gate: for now the admin server that monitoring asks.

Public names: `AdminServer`, `AdminSource`.
"""

from proxy.console.admin import AdminServer, AdminSource

__all__ = ["AdminServer", "AdminSource"]
