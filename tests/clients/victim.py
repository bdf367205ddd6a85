"""A client that waits to be killed: opens connections, leaves each where it is told to, and says "ready".

Enters: on standard input, JSON of a port and, for each connection, messages that are answered and others
whose answer it does not wait for. Leaves: nothing. It runs by itself, on the standard library alone.
"""

import json
import signal
import socket
import sys

READY = b"Z\0\0\0\5"


def main() -> None:
    """Do it, and wait."""
    plan = json.load(sys.stdin)
    held = []
    for answered, left in plan["connections"]:
        connection = socket.create_connection(("127.0.0.1", plan["port"]))
        held.append(connection)
        for message in answered:
            connection.sendall(bytes.fromhex(message))
            tail = b""
            while READY not in tail:
                tail = tail[-8:] + connection.recv(65536)
        connection.sendall(bytes.fromhex(left))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    signal.pause()


if __name__ == "__main__":
    main()
