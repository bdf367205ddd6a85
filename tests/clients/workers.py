"""Clients of a gate with several workers, and which of them serves each."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack

import psutil
import psycopg

from tests.clients.gate import WAIT_S, Gate
from tests.servers.database import Database


def connect(gate: Gate, database: Database) -> psycopg.Connection:
    return psycopg.connect(gate.url(database.name), autocommit=True, connect_timeout=int(WAIT_S))


def worker_of(gate: Gate, connection: psycopg.Connection) -> int:
    """The number of the worker that serves a client."""
    with socket.socket(fileno=os.dup(connection.fileno())) as ours:
        address = ours.getsockname()
    for number, pid in gate.workers.items():
        if any(c.raddr == address for c in psutil.Process(pid).net_connections("tcp4")):
            return number
    raise AssertionError("no worker serves it")


def one_each(gate: Gate, database: Database, stack: ExitStack, count: int = 2) -> list[psycopg.Connection]:
    """A client of each worker, by number."""
    found: dict[int, psycopg.Connection] = {}
    while len(found) < count:
        connection = stack.enter_context(connect(gate, database))
        found.setdefault(worker_of(gate, connection), connection)
    return [found[number] for number in range(count)]
