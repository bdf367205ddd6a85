"""The console as a database: `psql -h gate pgwarden`, after PgBouncer's `pgbouncer`.

`server.py` takes the connections that workers pass on, `login.py` lets people in by SCRAM, `conversation.py`
speaks the protocol. `tokens.py` cuts a text into words, `grammar.py` reads commands by the table in
`statements.py`, `courtesies.py` answers what drivers ask unasked. `desk.py` has commands done, `views.py`
makes tables of what the gate knows, `tables.py` writes their rows. Deliberately absent: who may do what
(`Operations` asks that), a connection to any database.
"""

from proxy.console.psql.desk import Desk, PsqlSource
from proxy.console.psql.server import PsqlServer, PsqlSettings
from proxy.console.psql.views import ConfigLine, ListenerNow, StatementCount

__all__ = [
    "ConfigLine",
    "Desk",
    "ListenerNow",
    "PsqlServer",
    "PsqlSettings",
    "PsqlSource",
    "StatementCount",
]
