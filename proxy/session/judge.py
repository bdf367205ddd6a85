"""Put what a session is about to run before the policy.

Enters: a Meaning, the names it may use, the transaction as far as it is known. Leaves: a Denial or None; or
whom to ask first. Absent: how a judgement is reached (``weighing``).
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeAlias

from proxy.policy.context import Context, Transaction
from proxy.policy.recording import to_be_recorded, unrecorded
from proxy.policy.rules import Policy
from proxy.session.commands import Change, Ponder, Recorded, Unrecorded
from proxy.session.consequences import Consequences
from proxy.session.gate import Gate, Who
from proxy.session.meaning import Meaning, Permit
from proxy.session.overlay import Overlay
from proxy.session.refusal import Denial
from proxy.session.reporting import Reporter
from proxy.session.resolution.inquiry import Answer
from proxy.session.resolution.lookup import Lookup
from proxy.session.weighing import FOREVER, Basis, Weighed, weigh
from proxy.sql.database import TooMuch

_MOST_PERMITS: Final = 64


@dataclass(frozen=True, slots=True)
class Ask:
    """The answer hinges on what these names stand for: ask the server, and judge again."""

    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Await:
    """The answer hinges on what the database holds now: have its catalogue read, and judge again.

    at_once: what is in flight defines nothing, so its end need not be waited for.
    """

    at_once: bool


@dataclass(frozen=True, slots=True)
class Write:
    """It may go on once this is recorded: have that done, and judge again."""

    change: Change


Judgement: TypeAlias = Denial | Ask | Await | Write | Ponder | None
"""None: it may go on. Ponder: work that out elsewhere, tell ``pondered``, and judge again."""


class Judge:
    """Judges for one session.

    Attributes:
        lookup: what is known of bare names.
        consequences: what statements cause in this session's database.
        defines: what the session has defined once that runs which was just let go on; None: nothing more.
        relexes: the database's own code in it changes how later texts are read.
        reporter: counts, and tells of, what it decides.
        recorded: what became of the last ``Write``, and how many messages had been sent then: it counts for
            the next alone.
        sent: how many have been sent.
        since: when the last yes was given, in POSIX seconds; it is none before, on a clock that was set back.
        until: when it has to be looked at again.
    """

    def __init__(self, gate: Gate, who: Who) -> None:
        """Judge what this client sends."""
        self._gate = gate
        self.lookup = Lookup(gate, who)
        self.consequences = Consequences(gate, self.lookup)
        self.defines: Overlay | None = None
        self.relexes = False
        self.reporter = Reporter(gate, self.lookup)
        self.recorded: tuple[Recorded | Unrecorded, int] | None = None
        self.sent: Callable[[], int] = int
        self.since = -FOREVER
        self.until = FOREVER
        self._pondering: tuple[object, ...] | None = None
        self._started = 0.0
        self._pondered: tuple[tuple[object, ...], Weighed] | None = None

    def permit(self, meaning: Meaning) -> Permit | None:
        """The plain yes that this meaning still has; None when it must be judged."""
        permit = meaning.permits.get(self.lookup.who)
        if permit is None or self.consequences.overlay is not None:
            return None
        gate = self._gate
        if permit.policy_epoch != gate.policy_epoch or not permit.since <= gate.clock() < permit.until:
            return None
        if permit.facts_epoch not in (-1, gate.facts_epoch):
            return None
        return permit

    def judge(
        self,
        meaning: Meaning,
        transactions: tuple[Transaction, ...],
        *,
        runs: bool,
        bound: Set[str] | None = None,
    ) -> Judgement:
        """Judge a meaning whose EXECUTEs have been resolved.

        Args:
            meaning: what is about to go on.
            transactions: every state that the server's transaction may be in.
            runs: True when this is an execution (counted, and reported where it is shadowed); False for
                Parse and Bind.
            bound: as ``bare.resolved`` has it.
        """
        permit = self.permit(meaning)
        if permit is None:
            overlay = self.consequences.overlay
            if overlay is not None and self.consequences.may_await(meaning):
                return Await(not overlay.begun)
            gate = self._gate
            weighed = self._weigh(meaning, transactions, gate.policy, self.lookup.answer, bound)
            if isinstance(weighed, Ponder):
                return weighed
            return self._act(meaning, weighed, transactions, gate.policy, runs=runs)
        self.since = permit.since
        self.until = permit.until
        self.defines = permit.defines
        self.relexes = permit.relexes
        if runs:
            permit.count.value += 1
            self.reporter.passed(meaning, transactions[0])
        return None

    def judge_login(self, meaning: Meaning, *, runs: bool) -> Denial | None:
        """Judge what a startup packet sets: there are few of that, and no server yet to ask."""
        gate = self._gate
        basis = self._basis(("none",), gate.policy, None, None, None)
        weighed = weigh(meaning, replace(basis, may_ask=False))
        judged = self._act(meaning, weighed, ("none",), gate.policy, runs=runs, record=False)
        return judged if isinstance(judged, Denial) else None

    def judge_again(
        self,
        meaning: Meaning,
        policy: Policy,
        transactions: tuple[Transaction, ...],
        answer: Answer | None,
    ) -> Denial | Ponder | None:
        """Judge what is under way by the policy that it began under: one execution, one policy."""
        weighed = self._weigh(meaning, transactions, policy, answer, None)
        if isinstance(weighed, Ponder):
            return weighed
        verdict = self._act(meaning, weighed, transactions, policy, runs=False)
        return verdict if isinstance(verdict, Denial) else None

    def pondered(self, weighed: Weighed) -> None:
        """The last Ponder has come to this: it counts if nothing has changed when it is asked for again."""
        if self._pondering is not None:
            self._pondered = (self._pondering, weighed)

    # -- weighing ----------------------------------------------------------------------------------------

    def _weigh(
        self,
        meaning: Meaning,
        transactions: tuple[Transaction, ...],
        policy: Policy,
        answer: Answer | None,
        bound: Set[str] | None,
    ) -> Weighed | Ponder:
        """Judge here and now if that is soon done."""
        gate = self._gate
        pondered, self._pondered, self._pondering = self._pondered, None, None
        key = (
            *(gate.policy_epoch, gate.facts_epoch, id(policy), transactions, self.lookup.who),
            *(self.consequences.overlay, answer, bound, self.lookup.may_ask()),
            *(meaning.effects, meaning.statements, meaning.mentions, meaning.renames),
        )
        if pondered is not None and pondered[0] == key and pondered[1].holds(gate.clock()):
            meaning.reading_s += gate.timer() - self._started
            return pondered[1]
        self._started = gate.timer()
        basis = self._basis(transactions, policy, answer, bound, gate.limits.judged_effects)
        try:
            weighed = weigh(meaning, basis)
        except TooMuch:
            self._pondering = key
            return Ponder(partial(weigh, meaning, replace(basis, world=replace(basis.world, most=None))))
        meaning.reading_s += gate.timer() - self._started
        return weighed

    def _basis(
        self,
        transactions: tuple[Transaction, ...],
        policy: Policy,
        answer: Answer | None,
        bound: Set[str] | None,
        most: int | None,
    ) -> Basis:
        gate = self._gate
        now = gate.clock()
        return Basis(
            policy,
            gate.facts,
            tuple(self._context(now, state) for state in transactions),
            self.consequences.world(most),
            answer,
            bound,
            self.lookup.may_ask(),
        )

    def _context(self, now: float, transaction: Transaction) -> Context:
        who = self.lookup.who
        return Context(
            role=who.role,
            database=who.database,
            client_address=who.client_address,
            application=who.application,
            now=datetime.fromtimestamp(now, UTC),
            transaction=transaction,
        )

    # -- what follows ------------------------------------------------------------------------------------

    def _act(
        self,
        meaning: Meaning,
        weighed: Weighed,
        transactions: tuple[Transaction, ...],
        policy: Policy,
        *,
        runs: bool,
        record: bool = True,
    ) -> Denial | Ask | Write | None:
        if weighed.ask is not None:
            return Ask(weighed.ask)
        gate, decision = self._gate, weighed.decision
        gate.tally.judged(meaning.reading_s)
        meaning.reading_s = 0.0
        now = gate.clock()
        change = record and gate.recording and decision.allowed and to_be_recorded(decision.effects, policy)
        if change and runs:
            recorded = self._recorded()
            if recorded is None:
                return Write(self.reporter.change(meaning, decision, transactions[0]))
            if isinstance(recorded, Unrecorded):
                decision = unrecorded(decision, recorded.reason)
        if not decision.allowed:
            return self.reporter.refuse(meaning, decision, now, transactions[0])
        if runs:
            self.reporter.allow(meaning, decision, now, transactions[0])
        self.since = weighed.since
        self.until = weighed.until
        self.defines = weighed.defines
        self.relexes = weighed.relexes
        kept = policy is gate.policy and self.consequences.overlay is None
        if kept and not change and not weighed.closer:
            self._keep(meaning, weighed)
        return None

    def _recorded(self) -> Recorded | Unrecorded | None:
        """What became of recording the very message that is judged, once."""
        recorded, self.recorded = self.recorded, None
        return recorded[0] if recorded is not None and recorded[1] == self.sent() else None

    def _keep(self, meaning: Meaning, weighed: Weighed) -> None:
        """A plain yes that holds for every session like this one is given again without judging."""
        gate, decision = self._gate, weighed.decision
        if not decision.shadowed and not decision.transaction_used:
            epoch = gate.facts_epoch if decision.facts_used else -1
            count = gate.tally.statement("allowed", meaning.statement_class)
            if len(meaning.permits) > _MOST_PERMITS:
                meaning.permits.clear()
            meaning.permits[self.lookup.who] = Permit(
                gate.policy_epoch,
                epoch,
                weighed.since,
                weighed.until,
                count,
                defines=weighed.defines,
                relexes=weighed.relexes,
            )
