"""A witness of what goes to the server: while writes are frozen, nothing may that could write.

It knows what was sent and what the server said, and nothing of how the session keeps account. What it cannot
be sure of it lets pass, so that it never accuses wrongly.
"""

from __future__ import annotations

from functools import lru_cache

from proxy.policy.loading.load import load_policy
from proxy.session.replication import command
from proxy.sql.analyse import SqlSyntaxError, analyse
from proxy.sql.effects import Executes, Prepares
from proxy.wire.backend import decode_ready
from proxy.wire.framing import BACKEND, FRONTEND, Cutter
from proxy.wire.frontend import bind_names, decode_execute, decode_parse, decode_query

_WRITES = load_policy("p", lambda _: "{version: 1, rules: []}").freeze.writes.match.names
_COMPLETES = frozenset(("transaction.commit", "transaction.prepare", "statement.fetch"))

Names = frozenset[str]


@lru_cache(maxsize=4096)
def _does(text: bytes) -> tuple[Names, tuple[str, ...], tuple[str, ...]]:
    """The names of a text's effects, what it PREPAREs, and what it EXECUTEs."""
    try:
        found = analyse(text.decode(), 17)
    except (SqlSyntaxError, UnicodeDecodeError):
        return frozenset({"statement.unparsed"}), (), ()
    acts = [act for statement in found.statements for act in statement.acts]
    return (
        frozenset(effect.name for effect in found.effects),
        tuple(act.name for act in acts if isinstance(act, Prepares)),
        tuple(act.name for act in acts if isinstance(act, Executes)),
    )


class Witness:
    """Looks at one session's server.

    Attributes:
        frozen: the session knows of a freeze.
    """

    def __init__(self) -> None:
        self.frozen = False
        self._sent = Cutter(FRONTEND)
        self._sent.show_all = True
        self._said = Cutter(BACKEND)
        self._statements: dict[bytes, list[Names]] = {}
        self._portals: dict[bytes, list[Names]] = {}
        self._status = "I"
        self._begun = False  # a BEGIN was sent, and no ReadyForQuery has come since
        self._holds = False
        self._batch_wrote = False
        self._copy_sent = False
        self._copying = False

    # -- what the server says ----------------------------------------------------------------------------

    def server_says(self, data: bytes) -> None:
        """Take what may be garbage."""
        try:
            self._said.feed(data)
            while kind := self._said.next():
                self._hear(chr(kind))
        except Exception:  # what no server says ends the session
            self.frozen = False
        self._said.take()

    def _hear(self, kind: str) -> None:
        if kind == "Z":
            self._status = decode_ready(self._said.body())
            self._begun = self._copy_sent = False
            self._holds &= self._status != "I"
        elif kind == "E":
            self._batch_wrote = self._copying = self._copy_sent = False
        elif kind == "G":
            self._copying = self._copy_sent

    # -- what is sent ------------------------------------------------------------------------------------

    def sends(self, data: bytes) -> None:
        """Look at whole messages; anything that could write while writes are frozen is an error."""
        self._sent.feed(data)
        while kind := self._sent.next():
            self._look(chr(kind))
        self._sent.take()

    def _look(self, kind: str) -> None:
        body = self._sent.body()
        match kind:
            case "Q":
                self._query(bytes(decode_query(body)))
            case "P":
                self._parse(bytes(decode_parse(body).name), bytes(decode_parse(body).text))
            case "B":
                portal, statement = bind_names(self._sent)
                self._portals[portal] = list(self._statements.get(statement, ()))
            case "E":
                possible = self._portals.get(decode_execute(body)[0], [])
                self._runs(_surely(possible), by_itself=False)
            case "S" | "F":
                self._ends(kind)
            case "d" | "c":
                assert not (self.frozen and self._copying), "COPY data while writes are frozen"
            case "f":
                self._copying = False
            case _:
                pass

    def _query(self, text: bytes) -> None:
        if b"pgw_" in text:
            self._batch_wrote = False
            return
        if command(text) is not None:
            return
        self._ends(text)
        names, _, executed = _does(text)
        for name in executed:
            names |= _surely(self._statements.get(b"sql " + name.encode(), []))
        self._prepares(text)
        self._runs(names, by_itself=True)
        self._copy_sent = text.startswith(b"COPY t FROM")

    def _parse(self, name: bytes, text: bytes) -> None:
        if b"pgw_" in text:
            self._batch_wrote = False
        else:
            self._statements.setdefault(name, []).append(_does(text)[0])

    def _prepares(self, text: bytes) -> None:
        names, prepared, _ = _does(text)
        for name in prepared:
            self._statements.setdefault(b"sql " + name.encode(), []).append(names)

    def _runs(self, names: Names, *, by_itself: bool) -> None:
        writes = bool(names & _WRITES)
        assert not (self.frozen and writes), f"runs {set(names)}"
        completes = self.frozen and self._holds and self._status != "E"
        assert not (completes and names & _COMPLETES), f"completes {set(names)}"
        self._begun |= "transaction.begin" in names
        self._holds |= writes
        self._batch_wrote |= writes and not by_itself
        self._copy_sent = "statement.copy" in names and "row.insert" in names

    def _ends(self, by: object) -> None:
        """What ends a batch commits what that has written, unless it is inside of a transaction."""
        commits = self._batch_wrote and self._status == "I" and not self._begun
        assert not (self.frozen and commits), f"{by!r} commits"
        self._batch_wrote = False


def _surely(possible: list[Names]) -> Names:
    """What a name does whatever it stands for."""
    return frozenset.intersection(*possible) if possible else frozenset()
