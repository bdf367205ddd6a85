"""pgwarden: a PostgreSQL wire-protocol gate that refuses what would lose data.

The rooms import one way: app > console > relay | backup > session | records > policy | wire > sql > source.
"""

__version__ = "0.1.0"
