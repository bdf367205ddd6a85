"""Some work with bare libpq while libpq traces it: `python -m tests.relay.libpq URL FILE`.

A process of its own, because psycopg's blocking calls would stop the event loop that they talk to.
"""

import sys
from pathlib import Path

from psycopg import pq
from psycopg.pq.abc import PGconn


def work(connection: PGconn) -> None:
    connection.exec_(b"SELECT 1, NULL, E'\\303\\244\\n'")
    connection.exec_(b"")
    connection.exec_(b"SELECT nothing")
    connection.prepare(b"s", b"SELECT $1::int, $2::bytea")
    connection.describe_prepared(b"s")
    connection.exec_prepared(b"s", [b"7", b"\xff\0"], [0, 1], 1)
    connection.exec_params(b"SELECT $1::text WHERE false", [None])
    connection.exec_(b"COPY (SELECT 1) TO STDOUT")
    while connection.get_copy_data(0)[0] > 0:
        pass
    while connection.get_result():
        pass
    connection.exec_(b"DO $$ BEGIN RAISE NOTICE 'seen'; END $$")


def main(url: str, file: str) -> None:
    connection = pq.PGconn.connect(f"{url}?sslmode=disable".encode())
    with Path(file).open("wb", buffering=0) as written:
        connection.trace(written.fileno())
        connection.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS)
        work(connection)
        connection.untrace()
    connection.finish()


if __name__ == "__main__":
    main(*sys.argv[1:])
