"""Log lines on their way to the disk: nothing waits for it, and what is lost is counted."""

from __future__ import annotations

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from proxy.app.filelog import DescriptorSink, FileSink, Sink
from proxy.app.linewriter import LineWriter, LogFailures


class Gated:
    """A sink that a test lets through, and that can fail."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.lines = b""
        self.error: OSError | None = None

    def write(self, lines: bytes) -> None:
        self.entered.set()
        self.gate.wait()
        if self.error is not None:
            raise self.error
        self.lines += lines

    def reopen(self) -> None:
        self.lines += b"(reopened)\n"

    def close(self) -> None:
        self.lines += b"(closed)\n"


def writer(sink: Sink, said: list[str], max_waiting: int = 100) -> LineWriter[str]:
    def render(record: str) -> bytes:
        if record == "odd":
            raise ValueError("hunter2")
        return record.encode() + b"\n"

    made = LineWriter(
        name="refusal log", sink=sink, render=render, weigh=len, say=said.append, max_waiting=max_waiting
    )
    made.start()
    return made


def test_lines_are_written_in_order() -> None:
    sink, said = Gated(), list[str]()
    sink.gate.set()
    log = writer(sink, said)
    for record in ("a", "b"):
        log.put(record)
    log.reopen()
    log.put("c")
    log.close(10)
    assert sink.lines == b"a\nb\n(reopened)\nc\n(closed)\n"
    assert (log.failures, said) == (LogFailures(), [])


def test_a_slow_disk_drops_lines_and_stops_nobody() -> None:
    sink, said = Gated(), list[str]()
    log = writer(sink, said, max_waiting=2)
    log.put("first")
    sink.entered.wait()  # the thread is in the disk with the first; the queue is empty
    for record in ("second", "third", "fourth", "fifth"):
        log.put(record)
    sink.gate.set()
    log.close(10)
    assert sink.lines == b"first\nsecond\nthird\n(closed)\n"
    assert log.failures == LogFailures(dropped=2)
    assert said == ["the refusal log cannot keep up: lines are dropped"]


def test_long_records_fill_the_queue_sooner() -> None:
    sink, said = Gated(), list[str]()
    log = writer(sink, said)
    log.put("first")
    sink.entered.wait()
    large = "x" * (40 * 1024 * 1024)
    log.put(large)
    log.put(large)
    sink.gate.set()
    log.close(10)
    assert len(sink.lines) == len("first\n") + len(large) + len("\n(closed)\n")
    assert log.failures == LogFailures(dropped=1)


def test_a_full_disk_is_counted_and_said_once() -> None:
    sink, said = Gated(), list[str]()
    sink.error = OSError(errno.ENOSPC, "No space left on device")
    sink.gate.set()
    log = writer(sink, said)
    for _ in range(3):
        sink.entered.clear()
        log.put("x")
        sink.entered.wait()
    log.close(10)
    assert log.failures == LogFailures(unwritten=3)
    assert said == ["the refusal log cannot be written, lines are lost: No space left on device"]


def test_an_odd_record_does_not_hide_those_after_it() -> None:
    sink, said = Gated(), list[str]()
    sink.gate.set()
    log = writer(sink, said)
    for record in ("a", "odd", "b"):
        log.put(record)
    log.close(10)
    assert sink.lines == b"a\nb\n(closed)\n"
    assert log.failures == LogFailures(unrendered=1)
    assert said == ["a line of the refusal log cannot be made: ValueError"]


def test_closing_gives_up_on_a_disk_that_hangs() -> None:
    sink = Gated()
    log = writer(sink, [])
    log.put("x")
    sink.entered.wait()
    log.close(0.01)
    assert sink.lines == b""
    sink.gate.set()


def test_rotation_keeps_so_many_files(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "log", rotate_bytes=10, keep=2)
    for line in (b"1111\n", b"2222\n", b"3333\n", b"4444\n", b"5555\n", b"6666\n", b"7777\n"):
        sink.write(line)
    sink.close()
    contents = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert contents == {"log": b"7777\n", "log.1": b"5555\n6666\n", "log.2": b"3333\n4444\n"}


def test_rotation_that_keeps_nothing(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "log", rotate_bytes=10, keep=0)
    for line in (b"1111\n", b"2222\n", b"3333\n"):
        sink.write(line)
    sink.close()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"log": b"3333\n"}


def test_a_line_longer_than_a_file_is_still_written(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "log", rotate_bytes=3, keep=1)
    sink.write(b"longer\n")
    sink.write(b"next\n")
    sink.close()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "log": b"next\n",
        "log.1": b"longer\n",
    }


def test_a_file_that_was_there_goes_on(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"before\n")
    sink = FileSink(tmp_path / "log", rotate_bytes=12, keep=1)
    sink.write(b"now\n")
    sink.write(b"later\n")
    sink.close()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "log": b"later\n",
        "log.1": b"before\nnow\n",
    }


def test_a_file_that_cannot_be_rotated_grows_on(tmp_path: Path) -> None:
    (tmp_path / "log.1").mkdir()
    (tmp_path / "log.1" / "in the way").write_bytes(b"")
    sink = FileSink(tmp_path / "log", rotate_bytes=8, keep=1)
    for line in (b"1111\n", b"2222\n", b"3333\n"):
        sink.write(line)
    sink.close()
    assert (tmp_path / "log").read_bytes() == b"1111\n2222\n3333\n"


def test_a_file_moved_away_by_somebody_else(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "log", rotate_bytes=100, keep=1)
    sink.write(b"old\n")
    (tmp_path / "log").rename(tmp_path / "log-20261122")
    sink.reopen()
    sink.write(b"new\n")
    sink.close()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "log-20261122": b"old\n",
        "log": b"new\n",
    }


def test_after_a_write_cut_short_the_next_line_stands_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = FileSink(tmp_path / "log", rotate_bytes=100, keep=1)
    really_write = os.write
    room = [3, 0]

    def write_on_a_full_disk(descriptor: int, data: bytes) -> int:
        left = room.pop(0) if room else len(data)
        if left == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return really_write(descriptor, data[:left])

    monkeypatch.setattr(os, "write", write_on_a_full_disk)
    with pytest.raises(OSError, match="No space left"):
        sink.write(b"lost line\n")
    sink.write(b"kept\n")
    sink.close()
    assert (tmp_path / "log").read_bytes() == b"los\nkept\n"


def test_a_real_full_disk() -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    said: list[str] = []
    log = writer(DescriptorSink(descriptor), said)
    log.put("x")
    log.close(10)
    os.close(descriptor)
    assert log.failures == LogFailures(unwritten=1)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileSink(tmp_path / "absent" / "log", rotate_bytes=1, keep=1)


def test_several_writers_of_one_file_lose_and_tear_nothing(tmp_path: Path) -> None:
    """Two sinks are two open files, as in two processes: a lock of one is not a lock of the other."""
    sinks = [FileSink(tmp_path / "log", rotate_bytes=500, keep=1000) for _ in range(4)]

    def write(number: int) -> None:
        for line in range(100):
            sinks[number].write(f"{number}-{line} {'x' * 40}\n".encode())

    with ThreadPoolExecutor(4) as writers:
        list(writers.map(write, range(4)))
    lines = [line for file in tmp_path.iterdir() for line in file.read_text().splitlines()]
    assert sorted(lines) == sorted(f"{n}-{line} {'x' * 40}" for n in range(4) for line in range(100))
    assert max(file.stat().st_size for file in tmp_path.iterdir()) <= 500


def test_a_line_that_another_has_left_torn_is_ended_first(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "log", rotate_bytes=100, keep=1)
    sink.write(b"whole\n")
    with (tmp_path / "log").open("ab") as killed:
        killed.write(b"to")
    sink.write(b"next\n")
    sink.close()
    assert (tmp_path / "log").read_bytes() == b"whole\nto\nnext\n"


def test_a_file_moved_away_is_noticed_at_the_next_line(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "log", rotate_bytes=100, keep=1)
    sink.write(b"old\n")
    (tmp_path / "log").rename(tmp_path / "moved")
    sink.write(b"new\n")
    sink.close()
    assert ((tmp_path / "moved").read_bytes(), (tmp_path / "log").read_bytes()) == (b"old\n", b"new\n")


def test_writers_to_one_pipe_wait_for_each_other(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    sinks = [DescriptorSink(writing, tmp_path / "lock") for _ in range(2)]
    batches = [b"a" * 200_000 + b"\n", b"b" * 200_000 + b"\n"]
    with ThreadPoolExecutor(2) as writers:
        for sink, batch in zip(sinks, batches, strict=True):
            writers.submit(sink.write, batch)
        with os.fdopen(reading, "rb") as read:
            assert sorted(read.readline() for _ in batches) == batches
    for sink in sinks:
        sink.close()
    os.close(writing)
