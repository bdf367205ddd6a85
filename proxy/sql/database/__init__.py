"""What a database holds that may run unseen: functions, triggers, rules, views, policies, checks, defaults.

`Snapshot` is what was read of a server's catalogue, `Database` answers what a statement causes there. Pure:
nothing here asks a server.
"""

from proxy.sql.database.behaviour import Readings
from proxy.sql.database.closure import TooMuch
from proxy.sql.database.database import Database
from proxy.sql.database.snapshot import Snapshot

__all__ = ["Database", "Readings", "Snapshot", "TooMuch"]
