"""Unix sockets as PostgreSQL's clients look for them: /DIRECTORY/.s.PGSQL.PORT.

Enters: a directory, a port, a mode. Leaves: a listening socket, and later its files taken away. Deliberately
absent: making directories, since who may enter one is its owner's decision.

A socket's file outlives a process that was killed, and another process cannot bind that name. It may be taken
away only where nobody listens: whoever holds the lock on /DIRECTORY/.s.PGSQL.PORT.lock asks by connecting.
The lock is the kernel's and ends with the process; the process's number stands in the file, so that a
PostgreSQL server that is told to use the same name sees who has it.
"""

import errno
import fcntl
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Final

_LONGEST_BYTES: Final = 107
"""sizeof(sun_path) - 1 on Linux."""


class UnixSocket:
    """A bound Unix socket, which takes its files with it.

    Attributes:
        socket: listens once the event loop has it.
    """

    def __init__(self, directory: str, port: int, mode: int) -> None:
        """Bind it.

        Args:
            directory: where it is to lie.
            port: the number in its name.
            mode: who may connect, as chmod has it.

        Raises: OSError, EADDRINUSE where somebody listens there.
        """
        self._path = Path(directory, f".s.PGSQL.{port}")
        if len(os.fsencode(self._path)) > _LONGEST_BYTES:
            raise OSError(errno.ENAMETOOLONG, f"a socket's path has at most {_LONGEST_BYTES} bytes")
        self._lock_path = Path(f"{self._path}.lock")
        self._lock, fresh = self._take_lock()
        try:
            self._remove_stale()
            self.socket = self._bind(mode)
        except BaseException:
            if fresh:  # PostgreSQL does not start where a lock's file is empty
                self._lock_path.unlink()
            os.close(self._lock)
            raise
        self._inode = self._path.stat().st_ino

    def release(self) -> None:
        """Take the files away, if they are still its own; the sockets' owner closes those. Once is enough."""
        if self._lock < 0:
            return
        with suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()
                self._lock_path.unlink()
        self.let_go()

    def let_go(self) -> None:
        """Leave the files to another process that was forked, or that this one was forked from."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _take_lock(self) -> tuple[int, bool]:
        """Lock the file that now bears the name: whoever had it may take the one that was opened away.

        Returns: its descriptor, and whether it was not there before.
        """
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        while True:
            fresh = True
            try:
                lock = os.open(self._lock_path, flags | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                fresh = False
                lock = os.open(self._lock_path, flags | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(lock).st_ino == self._lock_path.stat().st_ino:
                    return lock, fresh
            except FileNotFoundError:
                pass
            except OSError as error:
                os.close(lock)
                raise (_in_use() if isinstance(error, BlockingIOError) else error) from None
            os.close(lock)

    def _remove_stale(self) -> None:
        """Take away a socket on which nobody listens; never anything else.

        Raises: OSError.
        """
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.setblocking(False)
                probe.connect(str(self._path))
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            if not self._path.is_socket():
                raise FileExistsError(errno.EEXIST, "there is something else by the socket's name") from None
            self._path.unlink()
        except BlockingIOError:
            raise _in_use() from None  # more clients wait there than its backlog holds
        else:
            raise _in_use()

    def _bind(self, mode: int) -> socket.socket:
        os.ftruncate(self._lock, 0)
        os.write(self._lock, f"{os.getpid()}\n".encode())
        bound = socket.socket(socket.AF_UNIX)
        try:
            bound.setblocking(False)
            bound.bind(str(self._path))
            self._path.chmod(mode)
        except BaseException:
            bound.close()
            raise
        return bound


def _in_use() -> OSError:
    return OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
