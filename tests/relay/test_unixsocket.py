"""Unix sockets: where clients look for them, and never another's taken away."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from proxy.relay.unixsocket import UnixSocket

PORT = 6432


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory whose path is short enough for a socket's."""
    with TemporaryDirectory(prefix="pgw", dir="/tmp") as path:
        yield Path(path)


@contextmanager
def bound(folder: Path, mode: int = 0o777) -> Iterator[UnixSocket]:
    unix = UnixSocket(str(folder), PORT, mode)
    with closing(unix.socket):
        unix.socket.listen()
        yield unix
        unix.release()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_its_files_come_and_go(folder: Path) -> None:
    with bound(folder, 0o770):
        assert names(folder) == [".s.PGSQL.6432", ".s.PGSQL.6432.lock"]
        assert stat.S_IMODE((folder / ".s.PGSQL.6432").stat().st_mode) == 0o770
        assert (folder / ".s.PGSQL.6432.lock").read_text() == f"{os.getpid()}\n"
    assert names(folder) == []


def test_another_gates_socket_is_left_alone(folder: Path) -> None:
    with bound(folder), pytest.raises(OSError, match="Address already in use"):
        UnixSocket(str(folder), PORT, 0o777)
    assert names(folder) == []


def test_a_live_socket_without_a_lock_is_left_alone(folder: Path) -> None:
    """PostgreSQL's own, for one."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / ".s.PGSQL.6432"))
        server.listen(0)
        with pytest.raises(OSError, match="Address already in use"):
            UnixSocket(str(folder), PORT, 0o777)
        with pytest.raises(OSError, match="Address already in use"):  # its backlog is full now
            UnixSocket(str(folder), PORT, 0o777)
        assert names(folder) == [".s.PGSQL.6432"]
        assert (folder / ".s.PGSQL.6432").is_socket()


def test_what_a_killed_process_left_is_taken_over(folder: Path) -> None:
    code = (
        "import os, signal, sys; from proxy.relay.unixsocket import UnixSocket;"
        f"UnixSocket(sys.argv[1], {PORT}, 0o777).socket.listen(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(folder)], check=False).returncode == -9
    assert names(folder) == [".s.PGSQL.6432", ".s.PGSQL.6432.lock"]
    with bound(folder), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(folder / ".s.PGSQL.6432"))
    assert names(folder) == []


@pytest.mark.parametrize("thing", ["a file", "a directory", "a link to a file"])
def test_what_is_no_socket_stays(folder: Path, thing: str) -> None:
    path = folder / ".s.PGSQL.6432"
    if thing == "a directory":
        path.mkdir()
    elif thing == "a file":
        path.write_text("precious")
    else:
        (folder / "precious").write_text("precious")
        path.symlink_to(folder / "precious")
    with pytest.raises(OSError, match="something else by the socket's name"):
        UnixSocket(str(folder), PORT, 0o777)
    assert path.exists()


def test_a_lock_that_is_a_link_is_not_written_to(folder: Path) -> None:
    (folder / "precious").write_text("precious")
    (folder / ".s.PGSQL.6432.lock").symlink_to(folder / "precious")
    with pytest.raises(OSError, match="symbolic links"):
        UnixSocket(str(folder), PORT, 0o777)
    assert (folder / "precious").read_text() == "precious"


def test_releasing_takes_nobody_elses_files(folder: Path) -> None:
    with bound(folder):
        (folder / ".s.PGSQL.6432").unlink()
        (folder / ".s.PGSQL.6432").write_text("somebody else's")
    assert names(folder) == [".s.PGSQL.6432", ".s.PGSQL.6432.lock"]


def test_a_path_that_is_too_long(folder: Path) -> None:
    long = folder / ("x" * 100)
    long.mkdir()
    with pytest.raises(OSError, match="a socket's path has at most 107 bytes"):
        UnixSocket(str(long), PORT, 0o777)
    assert names(long) == []


def test_no_such_directory(folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        UnixSocket(str(folder / "absent"), PORT, 0o777)
