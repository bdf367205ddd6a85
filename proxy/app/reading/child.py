"""What a child does: confine itself, then read one text after another.

Enters: requests on a socket. Leaves: answers on the same socket; the end of the process when the socket ends,
when a text has taken a lot of memory, or when the time is long over. Deliberately absent: the event loop,
files, any socket but its own.
"""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from proxy.app.reading import form
from proxy.app.reading.form import Bounds, Done, Failed, Hello, Part, Rejected
from proxy.sql.analyse import Analysis, SqlSyntaxError, Statement, UnreadableText, analyse
from proxy.sql.effects import NO_MENTIONS, Effect, Mentions, Prepares

STACK_BYTES: Final = 64 * 1024 * 1024
"""Of the main thread, which grows its stack as far as it needs: eight times the usual limit."""

MAX_EFFECTS: Final = 6_000
MAX_WEIGHT: Final = 10_000
"""Different things that one text may do; and how many with each different statement as one more."""

MAX_PREPARED: Final = 1_000
"""Different things that one statement may do that SQL prepares."""

MAX_NAMES: Final = 3_000
"""Different names through which one text may run code: columns, types, functions, operators."""

EXIT_FAILED: Final = 70
EXIT_MEMORY: Final = 71
# The parser ends the process itself (with 1) where not even its error finds room.
MEMORY_EXITS: Final = frozenset({1, EXIT_MEMORY})

PEAK_UNIT: Final = 1 if sys.platform == "darwin" else 1024
"""What ru_maxrss counts in."""

_GRACE_S: Final = 2.0
_NICENESS: Final = 5
_RETIRE_BYTES: Final = 192 * 1024 * 1024
_PR_SET_PDEATHSIG: Final = 1
_MEMORY_MESSAGES: Final = ("out of memory", "invalid memory alloc request", "cannot enlarge string buffer")

_prctl: Final[Callable[..., int] | None] = getattr(ctypes.CDLL(None), "prctl", None)


def die_with_parent(parent: int) -> None:
    """End at once when the parent ends, whatever is going on; beside that, a socket's end says so."""
    if sys.platform == "linux" and _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def confine(bounds: Bounds) -> None:
    """Take away what reading a text does not need."""
    used = _address_space()
    _lower(resource.RLIMIT_AS, used + bounds.memory_bytes)
    _lower(resource.RLIMIT_CORE, 0)  # it would hold what clients sent
    _lower(resource.RLIMIT_FSIZE, 0)
    _, most = resource.getrlimit(resource.RLIMIT_STACK)
    stack = STACK_BYTES if most == resource.RLIM_INFINITY else min(STACK_BYTES, most)
    resource.setrlimit(resource.RLIMIT_STACK, (stack, most))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # its default ends the process, in C code too
    os.nice(_NICENESS)  # whoever only passes statements on goes first


def serve(connection: socket.socket, bounds: Bounds) -> None:
    """Read texts until the gate closes the connection."""
    connection.sendall(form.encode(Hello(form.VERSION, os.getpid())))
    gc.disable()  # a tree of a million nodes is no garbage, and looking costs as much as reading
    limit = _peak() + _RETIRE_BYTES
    while (request := _receive(connection, form.REQUEST.size)) is not None:
        number, server_major, size = form.REQUEST.unpack(request)
        raw = _receive(connection, size)
        if raw is None:
            return
        signal.setitimer(signal.ITIMER_REAL, bounds.time_s + _GRACE_S)
        outcome = read(raw, server_major, bounds)
        retires = _peak() > limit
        for message in answer(number, outcome, retires):
            connection.sendall(message)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if retires:
            return  # memory once used is hardly ever given back; a new child is cheap
        del raw, outcome
        gc.collect()


def read(raw: bytes | bytearray, server_major: int, bounds: Bounds) -> Analysis | Exception:
    """What a text does, or why it cannot be read, or what went wrong."""
    try:
        analysis = analyse(raw.decode(), server_major)
        if _weight(analysis.statements) > form.PART_EFFECTS:
            analysis = folded(analysis)
        prepared = (
            len(act.effects)
            for statement in analysis.statements
            for act in statement.acts
            if isinstance(act, Prepares)
        )
        weight = _weight(analysis.statements)
        if weight > MAX_WEIGHT or weight - len(analysis.statements) > MAX_EFFECTS:
            return UnreadableText(f"it does more than {MAX_EFFECTS} different things")
        if any(count > MAX_PREPARED for count in prepared):
            return UnreadableText(f"it prepares what does more than {MAX_PREPARED} different things")
        if sum(map(_names, _all_mentions(analysis))) > MAX_NAMES:
            return UnreadableText(f"it names more than {MAX_NAMES} different things")
        return analysis
    except SqlSyntaxError as error:
        if error.message.lower().startswith(_MEMORY_MESSAGES):
            return too_large(bounds)
        return error
    except MemoryError:
        return too_large(bounds)
    except Exception as error:  # the edge of the box: the gate reports it and refuses
        return error


def _all_mentions(analysis: Analysis) -> Iterator[Mentions]:
    """As they travel: prepared statements have their own."""
    for statement in analysis.statements:
        yield statement.mentions
        yield from (act.mentions for act in statement.acts if isinstance(act, Prepares))


def _names(mentions: Mentions) -> int:
    """How many there are."""
    named = (mentions.functions, mentions.operators, mentions.types, mentions.fields)
    here = sum(map(len, (*named, mentions.sets, mentions.fills)))
    return here if mentions.later is None else here + _names(mentions.later)


def too_large(bounds: Bounds) -> UnreadableText:
    """What to say of a text that does not fit into the memory it may take."""
    return UnreadableText(f"reading it needs more memory than {bounds.memory_bytes / 1024**2:g} MiB")


_effect_key: Final = attrgetter(*(name for name in Effect.__struct_fields__ if name != "location"))
_statement_key: Final = attrgetter(
    *(name for name in Statement.__struct_fields__ if name not in {"start", "end", "effects", "acts"})
)


def folded(analysis: Analysis) -> Analysis:
    """The analysis with each of its statements once: a dump of 50,000 INSERTs into 20 tables does 20 things.

    A statement that differs from an earlier one by its place alone adds nothing to what is judged. Where any
    acts on prepared statements all are kept: the session counts them as the server completes them. What is
    mentioned counts for the whole text, so the first statement has it all.
    """
    if not any(statement.acts for statement in analysis.statements):
        analysis = Analysis(tuple(_once(analysis.statements)))
    first, *others = analysis.statements
    return Analysis(
        (
            replace(first, mentions=analysis.mentions),
            *(replace(other, mentions=NO_MENTIONS) for other in others),
        )
    )


def _once(statements: tuple[Statement, ...]) -> Iterator[Statement]:
    seen: set[object] = set()
    for statement in statements:
        key = (_statement_key(statement), tuple(_effect_key(effect) for effect in statement.effects))
        if key not in seen:
            seen.add(key)
            yield statement


def answer(number: int, outcome: Analysis | Exception, retires: bool = False) -> Iterator[bytes]:
    """The messages that tell an outcome."""
    match outcome:
        case Analysis():
            parts = [
                form.encode(Part(form.encode_statements(statements), continues))
                for continues, statements in _parts(outcome.statements)
            ]
            if max(map(len, parts), default=0) > form.MAX_MESSAGE_BYTES:
                yield form.encode(Rejected(number, retires, "its values are too long to be judged", 0, True))
                return
            yield from parts
            yield form.encode(Done(number, retires))
        case SqlSyntaxError():
            limit = isinstance(outcome, UnreadableText)
            yield form.encode(Rejected(number, retires, outcome.message, outcome.position, limit))
        case _:
            frames = traceback.extract_tb(outcome.__traceback__)
            place = " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames[-6:]))
            yield form.encode(Failed(number, type(outcome).__name__, place))


def _parts(statements: tuple[Statement, ...]) -> Iterator[tuple[bool, list[Statement]]]:
    """Statements a part, and whether the first goes on with one of the part before: no piece lies within."""
    part: list[Statement] = []
    continues, weight = False, 0
    for goes_on, piece in chain.from_iterable(map(_pieces, statements)):
        continues = goes_on if not part else continues
        part.append(piece)
        weight += _weight((piece,))
        if weight >= form.PART_EFFECTS:
            yield continues, part
            part, weight = [], 0
    if part:
        yield continues, part


def _weight(statements: Iterable[Statement]) -> int:
    """What they do, those counted that they prepare, and each statement as one more."""
    return sum(
        1
        + len(statement.effects)
        + sum(len(act.effects) for act in statement.acts if isinstance(act, Prepares))
        for statement in statements
    )


def _pieces(statement: Statement) -> Iterator[tuple[bool, Statement]]:
    """A statement of many effects in pieces, with whether each goes on: the first tells all but effects."""
    most = form.PART_EFFECTS
    yield False, replace(statement, effects=statement.effects[:most])
    for at in range(most, len(statement.effects), most):
        effects = statement.effects[at : at + most]
        yield True, replace(statement, effects=effects, acts=(), mentions=NO_MENTIONS)


def _receive(connection: socket.socket, size: int) -> bytearray | None:
    """So many bytes; None when the gate is gone."""
    data = bytearray(size)
    view = memoryview(data)
    while view:
        count = connection.recv_into(view)
        if count == 0:
            return None
        view = view[count:]
    return data


def _lower(limit: int, to: int) -> None:
    _, most = resource.getrlimit(limit)
    lowest = to if most == resource.RLIM_INFINITY else min(to, most)
    with suppress(ValueError, OSError):
        resource.setrlimit(limit, (lowest, lowest))


def _address_space() -> int:
    """Bytes of address space in use, 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _peak() -> int:
    """The most memory this process ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT
