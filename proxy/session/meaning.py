"""What a statement means to the session: its effects, and what it does to the session itself.

A Meaning is made once for each text and shared by every session of a gate. It keeps, for each origin, the
last decision that was a plain yes, so that a repeated statement costs two look-ups.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from itertools import chain
from operator import attrgetter
from typing import Final, TypeAlias

from proxy.policy.context import NO_WORDING, Wording
from proxy.session.events import LongText
from proxy.session.letting import Held
from proxy.session.overlay import Overlay
from proxy.session.resolution.bare import unsettles
from proxy.session.resolution.names import ADDS, UNSETTLING
from proxy.session.tally import Count
from proxy.sql.analyse import Analysis, SqlSyntaxError, Statement
from proxy.sql.bookkeeping import HISTORIES, maker
from proxy.sql.effects import (
    CLASS_ORDER,
    EFFECT_KINDS,
    NO_MENTIONS,
    Act,
    Effect,
    Executes,
    Mentions,
    Name,
    Registers,
    joined,
)
from proxy.sql.parting import single_digest
from proxy.sql.screen import Screened
from proxy.wire.framing import View


class Permit:
    """A plain yes that still holds: no rule fired, and none will until ``until`` while policy and facts stay.

    Attributes:
        since: when it was given, in POSIX seconds; before, on a clock that was set back, nobody has looked.
        until: POSIX seconds.
        always: it holds at any time; asking for that would be a call of the clock for each message.
        facts_epoch: the facts it rests on, -1 when it rests on none.
        defines: what a session has defined once it has run that; None: nothing.
        relexes: the database's own code, as its catalogue shows it, changes how later texts are read.
        writes: it writes, or may.
        count: the counter that each execution adds to.
    """

    __slots__ = (
        "always",
        "count",
        "defines",
        "facts_epoch",
        "policy_epoch",
        "relexes",
        "since",
        "until",
        "writes",
    )

    def __init__(
        self,
        policy_epoch: int,
        facts_epoch: int,
        since: float,
        until: float,
        count: Count,
        *,
        defines: Overlay | None,
        relexes: bool,
        writes: bool,
    ) -> None:
        """Bind the yes to the policy and the facts that it was given under."""
        self.policy_epoch = policy_epoch
        self.facts_epoch = facts_epoch
        self.since = since
        self.until = until
        self.always = since == -_FOREVER and until == _FOREVER
        self.count = count
        self.defines = defines
        self.relexes = relexes
        self.writes = writes


_FOREVER: Final = float("inf")
_MOST_PERMITS: Final = 64
_NAME: Final = attrgetter("name")
_ACTS: Final = attrgetter("acts")

_OF_ROWS: Final = frozenset(
    {"row.read", "row.insert", "row.update", "row.delete", "row.lock", "sequence.advance"}
)
_PLAIN: Final = _OF_ROWS | {
    "transaction.begin",
    "transaction.commit",
    "transaction.rollback",
    "transaction.savepoint",
}
_KEEPABLE: Final = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})

Expansion: TypeAlias = tuple[str, tuple[str, ...] | None, tuple[Effect, ...]]


class Meaning:
    """What one text, or one prepared statement, does.

    Attributes:
        statements: of the text that was read, in order; () where there is no text, or several are possible.
        text: None where there is no text (a message of the protocol), or several texts are possible.
        effects: of everything it contains or causes, what it EXECUTEs by name excepted.
        acts: for each of its statements, what that does to the session's prepared statements.
        executes: the names that it EXECUTEs.
        mentions: the names through which it may run code that the database holds.
        barrier: nothing may follow it until the server has answered (COPY FROM STDIN; a statement not
            understood).
        relexes: it may change how the server reads later texts.
        transacts: it may begin or end a transaction.
        renames: bare names may mean something else afterwards.
        adds: it may add a column to a table, or make something.
        several: it stands for more than one possible meaning.
        missing: a name that it EXECUTEs and that nothing is known of.
        neutral: it is about rows, or a plain transaction's: no other text means anything else afterwards.
        keepable: it is a statement about rows alone, so that the server may keep it prepared.
        error: why the text could not be read, if so; ``effects`` then holds statement.unparsed.
        expansion: what it did in one database by one search_path, with the digest of the one and the other:
            what was worked out last.
        screened_in: the digest of the database by whose names the screen has passed its text; "": no names.
        held: lets go of its effects and statements where they are many.
        like: the meaning of all texts that do the same, which has the same permits.
        reading_s: what reading the text took, in seconds, until it has been counted.
    """

    __slots__ = (
        "_digest",
        "_latest",
        "_latest_to",
        "_permits",
        "_single",
        "acts",
        "adds",
        "barrier",
        "effects",
        "error",
        "executes",
        "expansion",
        "held",
        "keepable",
        "like",
        "mentions",
        "missing",
        "neutral",
        "reading_s",
        "registers",
        "relexes",
        "renames",
        "screened_in",
        "several",
        "statement_class",
        "statements",
        "text",
        "transacts",
        "wording",
    )

    def __init__(
        self,
        effects: tuple[Effect, ...],
        *,
        text: str | LongText | None = None,
        statements: tuple[Statement, ...] = (),
        acts: tuple[tuple[Act, ...], ...] = (),
        barrier: bool = False,
        relexes: bool = False,
        statement_class: str = "other",
        several: bool = False,
        missing: str | None = None,
        error: SqlSyntaxError | None = None,
        mentions: Mentions = NO_MENTIONS,
        wording: Wording = NO_WORDING,
    ) -> None:
        """Hold what was found out; a text that acts on nothing keeps no acts at all."""
        self.text = text
        self.statements = statements
        self.effects = effects
        names = frozenset(map(_NAME, effects))
        self.transacts = any(map(_may_transact, names))
        self.renames = not UNSETTLING.isdisjoint(names) and unsettles(effects)
        self.adds = not ADDS.isdisjoint(names)
        self.acts = acts if any(acts) else ()
        self.executes = tuple(act.name for group in self.acts for act in group if isinstance(act, Executes))
        self.registers = (
            None
            if several or len(acts) != 1
            else next((act for act in acts[0] if isinstance(act, Registers)), None)
        )
        self.barrier = barrier
        self.relexes = relexes
        self.statement_class = statement_class
        self.several = several
        self.missing = missing
        self.error = error
        self.neutral = names <= _PLAIN and not (self.acts or barrier or self.renames or error is not None)
        self.keepable = (
            self.neutral
            and not several
            and names <= _OF_ROWS
            and len(statements) <= 1
            and all(statement.kind in _KEEPABLE for statement in statements)
        )
        self.mentions = mentions
        self.wording = wording
        self.expansion: Expansion | None = None
        self.screened_in = ""
        self.held: Held | None = None
        self.like: Meaning | None = None
        self.reading_s = 0.0
        self._permits: dict[object, Permit] = {}
        self._latest: Permit | None = None  # the one that was asked for last, and ...
        self._latest_to: object = None
        self._digest: str | None = None
        self._single: str | None = None

    def permit(self, who: object, permit: Permit) -> None:
        """Keep a yes for this origin."""
        if len(self._permits) > _MOST_PERMITS:
            self._permits.clear()
        self._permits[who] = self._latest = permit
        self._latest_to = who
        if self.like is not None:
            self.like.permit(who, permit)

    def permit_for(self, who: object) -> Permit | None:
        """The yes that was last given to this origin; most of the time it is the one that asked last."""
        if who is not self._latest_to:
            self._latest = self._permits.get(who)
            self._latest_to = who
        if self._latest is None and self.like is not None:
            return self.like.permit_for(who)
        return self._latest

    @property
    def digest(self) -> str:
        """SHA-256 of the text's bytes, in hexadecimal: what an approval is bound to.

        "" where nobody can approve it: there is no text, only its size is known, or what it does is not in it
        but in what the session has prepared.
        """
        if self._digest is None:
            whole = isinstance(self.text, str) and not self.executes
            self._digest = sha256(str(self.text).encode()).hexdigest() if whole else ""
        return self._digest

    @property
    def single(self) -> str:
        """What tells its only statement elsewhere; "" where it has not one, or nobody can approve it."""
        if self._single is None:
            self._single = single_digest(str(self.text), self.statements) if self.digest else ""
        return self._single


def _may_transact(effect_name: str) -> bool:
    """Transaction control, and what is not understood; a procedure can end only what it began."""
    return effect_name.startswith("transaction.") or effect_name in (
        "statement.unparsed",
        "statement.unknown",
    )


def of_analysis(text: str | LongText, analysis: Analysis, raw: View | None = None) -> Meaning:
    """The meaning of a text that was read; ``raw`` is all of it where ``text`` may be too long to keep."""
    if raw is None:
        raw = b"" if isinstance(text, LongText) else text.encode()
    return Meaning(
        analysis.effects,
        text=text,
        statements=analysis.statements,
        acts=tuple(map(_ACTS, analysis.statements)),
        barrier=analysis.barrier,
        relexes=analysis.may_change_lexing,
        statement_class=analysis.statement_class,
        mentions=analysis.mentions,
        wording=_wording(analysis, raw),
    )


def _wording(analysis: Analysis, raw: View) -> Wording:
    """What evidence knows a text by, where it changes something that evidence may speak of."""
    statements = tuple(statement.digest for statement in analysis.statements if statement.digest)
    if not statements:
        return NO_WORDING
    return Wording(sha256(raw).hexdigest(), statements, maker(statements))


def of_unread(text: str | LongText, error: SqlSyntaxError) -> Meaning:
    """The meaning of a text that the parser rejects: anything, so nothing may be assumed after it."""
    risk = EFFECT_KINDS["statement.unparsed"].risk
    effects = (Effect("statement.unparsed", risk=risk, detail=str(error)),)
    return Meaning(effects, text=text, barrier=True, relexes=True, statement_class="opaque", error=error)


def gravest(classes: Iterable[str]) -> str:
    """The class that a person should hear of first."""
    present = set(classes)
    return next((name for name in CLASS_ORDER if name in present), "other")


def worst(meanings: Iterable[Meaning]) -> Meaning:
    """One meaning that is at least as grave as each of those that a name may still have."""
    several = tuple(dict.fromkeys(meanings))
    if len(several) == 1:
        return several[0]
    return Meaning(
        tuple(chain.from_iterable(meaning.effects for meaning in several)),
        acts=tuple(group for meaning in several for group in meaning.acts),
        barrier=any(meaning.barrier for meaning in several),
        relexes=any(meaning.relexes for meaning in several),
        statement_class=gravest(meaning.statement_class for meaning in several),
        several=True,
        missing=next((meaning.missing for meaning in several if meaning.missing is not None), None),
        error=next((meaning.error for meaning in several if meaning.error), None),
        mentions=joined(meaning.mentions for meaning in several),
    )


def reading(meaning: Meaning, types: frozenset[Name]) -> Meaning:
    """The same, of parameters that are of these types."""
    return Meaning(
        meaning.effects,
        text=meaning.text,
        statements=meaning.statements,
        acts=meaning.acts,
        barrier=meaning.barrier,
        relexes=True,
        statement_class=meaning.statement_class,
        several=meaning.several,
        missing=meaning.missing,
        error=meaning.error,
        mentions=meaning.mentions | Mentions(types=types),
        wording=meaning.wording,
    )


def of_screened(screened: Screened, database: str = "") -> Meaning:
    """The meaning that all texts share of which the screen has said so much and no more."""
    meaning = Meaning(screened.effects, statement_class=screened.value)
    meaning.screened_in = database
    return meaning


def of_alike(analysis: Analysis) -> Meaning | None:
    """The meaning that all texts share that do this; None where each has to be read.

    It has no text, so what is to be told or recorded is read. One that acts on the session is, too: what it
    acts on may be named by a value. So is one that touches the history of a migration tool, whose very
    statements count.
    """
    if analysis.barrier or analysis.may_change_lexing:
        return None
    if any(statement.acts or statement.digest for statement in analysis.statements):
        return None
    if any(effect.target is not None and effect.target.name in HISTORIES for effect in analysis.effects):
        return None
    meaning = Meaning(
        analysis.effects,
        statements=analysis.statements,
        statement_class=analysis.statement_class,
        mentions=analysis.mentions,
    )
    return None if meaning.transacts or meaning.renames else meaning
