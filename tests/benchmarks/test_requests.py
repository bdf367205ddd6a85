"""What is asked: texts with their numbers put in, byte for byte; transfers of a known length."""

import socket
import threading
from collections.abc import Callable

import pytest

from benchmarks import protocol
from benchmarks.client import Address, Connection
from benchmarks.protocol import BenchmarkError
from benchmarks.statements import Number, Part, extended, script, simple, some_new
from benchmarks.transfers import copied_in, transferred, walked

PARTS: tuple[Part, ...] = (
    ("BEGIN", ()),
    ("UPDATE t SET a = $1, b = $2 WHERE c LIKE '%' AND id = $3", (7, f"x{Number('A', 4)}", Number("B", 3))),
)
READY = b"Z\0\0\0\5I"
LOGIN = b"R\0\0\0\x08\0\0\0\0" + READY


def test_numbers_are_put_in_where_they_belong() -> None:
    request = script(PARTS, simple, lambda number: {b"A": 1000 + number, b"B": 200 + number})
    assert request(5) == [
        protocol.query(b"BEGIN"),
        protocol.query(b"UPDATE t SET a = 7, b = 'x1005' WHERE c LIKE '%' AND id = 205"),
    ]


def test_values_are_parameters_in_the_extended_protocol() -> None:
    request = script(PARTS, extended, lambda number: {b"A": 1000 + number, b"B": 200 + number})
    begin, update = request(5)
    rest = protocol.describe_portal() + protocol.execute() + protocol.sync()
    assert begin == protocol.parse(b"", b"BEGIN") + protocol.bind(b"", ()) + rest
    text = b"UPDATE t SET a = $1, b = $2 WHERE c LIKE '%' AND id = $3"
    assert update == protocol.parse(b"", text) + protocol.bind(b"", (b"7", b"x1005", b"205")) + rest


@pytest.mark.parametrize(("percent", "distinct"), [(1, 100 * 1 + 99), (10, 100 * 10 + 90), (100, 10_000)])
def test_so_many_texts_are_new(percent: int, distinct: int) -> None:
    request = some_new(percent).request
    assert len({tuple(request(number)) for number in range(10_000)}) == distinct


def test_rows_are_packed_in_pieces() -> None:
    row = b"x" * 3_000
    assert (
        copied_in(5, row) == protocol.copy_data(row * 2) * 2 + protocol.copy_data(row) + protocol.copy_done()
    )
    assert copied_in(4, row) == protocol.copy_data(row * 2) * 2 + protocol.copy_done()


def answering(*answers: bytes) -> int:
    """A port that answers whatever comes with these, one after the other."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener, listener.accept()[0] as peer:
            for answer in answers:
                if not peer.recv(65536):
                    return
                peer.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    port: int = listener.getsockname()[1]
    return port


ROWS = b"D\0\0\0\6\0\0" * 3


@pytest.mark.parametrize(
    ("act", "answer", "said"),
    [
        (lambda it: walked(it, b"q", b"", 3), ROWS + READY, None),
        (lambda it: walked(it, b"q", b"", 4), ROWS + READY, "3 rows instead of 4"),
        (lambda it: transferred(it, b"q", b"", 27), ROWS + READY, None),
        (lambda it: transferred(it, b"q", b"", 26), ROWS + READY, "27 bytes instead of 26"),
        (lambda it: transferred(it, b"q", b"", 27), READY + ROWS, "another end"),
        (lambda it: transferred(it, b"q", b"", 28), ROWS + READY, "closed"),
        (lambda it: transferred(it, b"q", b"p", 28), ROWS + READY, "no leave to send rows"),
    ],
)
def test_an_answer_is_as_long_as_it_was(
    act: Callable[[Connection], int], answer: bytes, said: str | None
) -> None:
    with Connection(Address(answering(LOGIN, answer), "u", "d")) as connection:
        if said is None:
            assert act(connection) == 27
        else:
            with pytest.raises(BenchmarkError, match=said):
                act(connection)
