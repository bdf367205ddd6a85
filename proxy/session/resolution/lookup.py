"""What is known of the bare names of one connection: its search_path, and the last answer of its server.

Enters: what runs, and what the server says. Leaves: the origin that permits are kept by, an ``Answer`` while
nothing has run since, and the messages of a question. PostgreSQL 15 to 17 do not report search_path, so what
may have changed it makes it unknown, and it is asked for again when a judgement hinges on it. Absent: when to
ask.
"""

from __future__ import annotations

from collections.abc import Iterable

from proxy.policy.context import Migration
from proxy.session.course import NOT_BEGUN
from proxy.session.gate import Gate
from proxy.session.meaning import Meaning
from proxy.session.resolution.freshness import NONE, Added, added_by
from proxy.session.resolution.inquiry import Answer, Asked, Inquiry
from proxy.session.who import Who


class Lookup:
    """What bare names stand for, as far as it is known.

    Attributes:
        who: where statements come from, and where their bare names are looked for.
        answer: what the server has said of names; None once anything has run.
        inquiry: the question that the server is answering.
        course: how far the session has come with its server.
        added: the columns that the transaction has added, and what it has made; forgotten in doubt.
        process_id: of the server's process, as it told at login; 0 when it did not. A pooler tells another,
            and may run each transaction in another process.
    """

    __slots__ = (
        "_gate",
        "_inside",
        "_shaken",
        "added",
        "answer",
        "course",
        "inquiry",
        "process_id",
        "who",
    )

    def __init__(self, gate: Gate, who: Who) -> None:
        """Begin with nothing known: roles and databases have a search_path of their own."""
        self._gate = gate
        self._shaken = False  # the end of the transaction may bring another search_path back
        self._inside = False  # the last question was asked inside of a batch
        self.who = who
        self.answer: Answer | None = None
        self.inquiry: Inquiry | None = None
        self.course = NOT_BEGUN
        self.process_id = 0
        self.added: frozenset[Added] = NONE

    @property
    def fresh(self) -> bool:
        """Nothing is known but the origin: another would know as much."""
        told = self.answer is not None or self.inquiry is not None
        return not (told or self._shaken or self._inside or self.added)

    def ask(self, names: Iterable[Asked], *, inside: bool, ascii_only: bool) -> bytes:
        """Begin to ask the server for these names, as ``Inquiry`` has it: what to send."""
        self.inquiry = Inquiry(names, self._gate.token(), inside=inside, ascii_only=ascii_only)
        self._inside = inside
        return self.inquiry.encode()

    def answered(self, status: str | None) -> None:
        """The question's last answer has come: ReadyForQuery with a status, or None inside of a batch.

        Where another process may run the next transaction, an answer is worth something inside of one only.
        """
        inquiry, self.inquiry = self.inquiry, None
        found = None if inquiry is None else inquiry.answer
        direct = found is not None and found.process_id == self.process_id
        if found is None or not (direct or status == "T"):
            found = Answer(None, 0, frozenset() if inquiry is None else inquiry.names)
        self.answer = found
        if direct and status != "E":
            self._look_in(found.search_path)
            self._shaken &= status in ("T", None)

    def runs(self, meaning: Meaning) -> None:
        """This goes to the server, and may change what names stand for."""
        free = frozenset() if self.answer is None else self.answer.free
        self.answer = None
        if self.added or meaning.adds:
            known = bool(meaning.statements) or (meaning.neutral and not meaning.transacts)
            self.added = added_by(meaning.statements, self.added, free) if known else NONE
        if meaning.renames:
            self._shaken = True
        if self._shaken and (meaning.renames or meaning.transacts):
            self._look_in(None)

    def batch_ends(self) -> None:
        """A batch ends, and its transaction where none was begun: SET LOCAL with it."""
        if self._inside:
            self._inside = False
            self.answer = None
            if self._shaken:
                self._look_in(None)

    def reported(self) -> None:
        """The server has reported that search_path has changed, as PostgreSQL 18 does."""
        self._look_in(None)
        self.added = NONE

    def shows(self, migration: Migration) -> None:
        """The session has shown this of a migration."""
        who = self.who
        self.who = self._gate.who(
            who.role, who.database, who.client_address, who.application, who.search_path, migration
        )

    def _look_in(self, search_path: tuple[str, ...] | None) -> None:
        if search_path != self.who.search_path:
            who = self.who
            self.who = self._gate.who(
                who.role, who.database, who.client_address, who.application, search_path, who.migration
            )
