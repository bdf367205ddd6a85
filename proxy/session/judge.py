"""Put what a session is about to run before the policy.

Enters: a Meaning, the names it may use, the transaction as far as it is known. Leaves: a Denial or None; or
whom to ask first. Absent: how a judgement is reached (``weighing``).
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeAlias

from proxy.policy.context import Context, Transaction
from proxy.policy.decision import ApprovalWanted, Decision, Wanted
from proxy.policy.facts import Approved, Facts
from proxy.policy.recording import spent, to_be_recorded, unrecorded
from proxy.policy.rules import Policy
from proxy.policy.wanting import not_held, outside
from proxy.session.commands import Change, GivenUp, Hold, Ponder, Recorded, Released, Unrecorded
from proxy.session.consequences import Consequences
from proxy.session.gate import Gate
from proxy.session.holding import Ground
from proxy.session.meaning import Meaning, Permit
from proxy.session.overlay import Overlay
from proxy.session.refusal import Denial
from proxy.session.registration import Registered
from proxy.session.reporting import Reporter
from proxy.session.resolution.inquiry import Answer, Asked
from proxy.session.resolution.lookup import Lookup
from proxy.session.weighing import FOREVER, Basis, Weighed, weigh, weigh_aside
from proxy.session.who import Who
from proxy.sql.database import TooMuch

_UNAPPROVABLE: Final = "nobody can approve it: it is too long, or what it does is not in its text"


@dataclass(frozen=True, slots=True)
class Ask:
    """The answer hinges on what these names stand for: ask the server, and judge again."""

    names: frozenset[Asked]


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


@dataclass(frozen=True, slots=True)
class Settle:
    """It might be held, if it stands on clear ground once all that was sent is answered: judge again then."""


Judgement: TypeAlias = Denial | Ask | Await | Write | Hold | Settle | Ponder | None
"""None: it may go on. Ponder: work that out elsewhere, tell ``pondered``, and judge again."""


class Judge:
    """Judges for one session.

    Attributes:
        lookup: what is known of bare names.
        consequences: what statements cause in this session's database.
        defines: what the session has defined once that runs which was just let go on; None: nothing more.
        relexes: the database's own code in it changes how later texts are read.
        writes: what was just let go on writes, or may.
        reporter: counts, and tells of, what it decides.
        recorded: what became of the last ``Write``, and how many messages had been sent then: it counts for
            the next alone.
        registered: what was registered just before what is judged; None for nothing.
        since: when the last yes was given, in POSIX seconds; it is none before, on a clock that was set back.
        until: when it has to be looked at again.
    """

    def __init__(self, gate: Gate, who: Who, lookup: Lookup | None = None) -> None:
        """Judge what this client sends; ``lookup`` is what is known of its bare names already."""
        self._gate = gate
        self._clock = gate.clock
        self.lookup = Lookup(gate, who) if lookup is None else lookup
        self.consequences = Consequences(gate, self.lookup)
        self.defines: Overlay | None = None
        self.relexes = False
        self.writes = False
        self.reporter = Reporter(gate, self.lookup)
        self.recorded: tuple[Recorded | Unrecorded, int] | None = None
        self._using: tuple[Approved, ...] = ()  # what the last Write takes a use of
        self.registered: Registered | None = None
        # What became of holds for one message, when so many had been sent.
        self._held: dict[type[Wanted], Released | GivenUp] | None = None
        self._held_at = 0
        self._held_id = ""
        self.since = -FOREVER
        self.until = FOREVER
        self._pondering: tuple[object, ...] | None = None
        self._started = 0.0
        self._pondered: tuple[tuple[object, ...], Weighed] | None = None

    @property
    def still(self) -> bool:
        """Nothing is asked, told or remembered of what comes next."""
        asked = self._pondering is not None or self._pondered is not None or self.recorded is not None
        held = self._held is not None or bool(self._using) or self.registered is not None
        return not (asked or held or self.reporter.events) and self.consequences.overlay is None

    def permit(self, meaning: Meaning) -> Permit | None:
        """The plain yes that this meaning still has; None when it must be judged."""
        permit = meaning.permit_for(self.lookup.who)
        if permit is None or self.consequences.overlay is not None:
            return None
        gate = self._gate
        if permit.policy_epoch != gate.policy_epoch:
            return None
        if not permit.always and not permit.since <= self._clock() < permit.until:
            return None
        facts_epoch = permit.facts_epoch
        if facts_epoch != -1 and facts_epoch != gate.facts_epoch:
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
            holds = runs and self.lookup.course.holds_writes
            weighed = self._weigh(meaning, transactions, gate.policy, self.lookup.answer, bound, holds=holds)
            if isinstance(weighed, Ponder):
                return weighed
            return self._act(meaning, weighed, transactions, gate.policy, runs=runs)
        if meaning.reading_s > 0.0:
            self._gate.tally.judged(meaning.reading_s)
            meaning.reading_s = 0.0
        self.since = permit.since
        self.until = permit.until
        self.defines = permit.defines
        self.relexes = permit.relexes
        self.writes = permit.writes
        if runs:
            permit.count.value += 1
            self.reporter.passed(meaning, transactions[0])
        return None

    def judge_login(self, meaning: Meaning, *, runs: bool) -> Denial | None:
        """Judge what a startup packet sets; there is no server yet to ask."""
        if not runs and self.permit(meaning) is not None:
            return None
        return self._judge_at_once(meaning, ("none",), runs=runs)

    def judge_commit(self, meaning: Meaning, transactions: tuple[Transaction, ...]) -> Denial | None:
        """Judge a commit that no statement of its own stands for: the end of a batch that has written."""
        return self._judge_at_once(meaning, transactions, runs=False)

    def _judge_at_once(
        self, meaning: Meaning, transactions: tuple[Transaction, ...], *, runs: bool
    ) -> Denial | None:
        gate = self._gate
        holds = self.lookup.course.holds_writes
        basis = self._basis(meaning, transactions, gate.policy, None, None, None, holds=holds)
        weighed = weigh(meaning, replace(basis, may_ask=False))
        judged = self._act(meaning, weighed, transactions, gate.policy, runs=runs, record=False, hold=False)
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
        verdict = self._act(meaning, weighed, transactions, policy, runs=False, hold=False)
        return verdict if isinstance(verdict, Denial) else None

    def pondered(self, weighed: Weighed) -> None:
        """The last Ponder has come to this: it counts if nothing has changed when it is asked for again."""
        if self._pondering is not None:
            self._pondered = (self._pondering, weighed)

    def held(self, wanted: Wanted, outcome: Released | GivenUp) -> None:
        """The last Hold, for this, has come to that; the message that it is for comes next."""
        sent = self.lookup.course.sent
        if self._held is None or self._held_at != sent:
            self._held = {}
        self._held_at = sent
        self._held[type(wanted)] = outcome

    def forget_held(self) -> None:
        """The message that was held is gone: what comes next is another."""
        self._held = None
        if self._using:
            self._using = ()

    # -- weighing ----------------------------------------------------------------------------------------

    def _weigh(
        self,
        meaning: Meaning,
        transactions: tuple[Transaction, ...],
        policy: Policy,
        answer: Answer | None,
        bound: Set[str] | None,
        *,
        holds: bool = False,
    ) -> Weighed | Ponder:
        """Judge here and now if that is soon done."""
        gate = self._gate
        pondered, self._pondered, self._pondering = self._pondered, None, None
        key = (
            *(gate.policy_epoch, gate.facts_epoch, id(policy), transactions, self.lookup.who),
            *(self.registered, holds),
            *(self.consequences.overlay, answer, bound, self.lookup.added, self.lookup.course.may_ask()),
            *(meaning.effects, meaning.statements, meaning.mentions, meaning.renames),
            *(self._digest(meaning), self._used()),
        )
        if pondered is not None and pondered[0] == key and pondered[1].holds(gate.clock()):
            meaning.reading_s += gate.timer() - self._started
            return pondered[1]
        self._started = gate.timer()
        most = gate.limits.judged_effects
        basis = self._basis(meaning, transactions, policy, answer, bound, most, holds=holds)
        try:
            weighed = weigh(meaning, basis)
        except TooMuch:
            self._pondering = key
            return Ponder(partial(weigh_aside, meaning, basis))
        meaning.reading_s += gate.timer() - self._started
        return weighed

    def _basis(
        self,
        meaning: Meaning,
        transactions: tuple[Transaction, ...],
        policy: Policy,
        answer: Answer | None,
        bound: Set[str] | None,
        most: int | None,
        *,
        holds: bool,
    ) -> Basis:
        gate = self._gate
        now = gate.clock()
        return Basis(
            policy,
            self._facts(),
            tuple(self._context(now, state, meaning, holds=holds) for state in transactions),
            self.consequences.world(most),
            answer,
            bound,
            self.lookup.added,
            self.lookup.course.may_ask(),
        )

    def _digest(self, meaning: Meaning) -> str:
        """What approvals are looked for by; most of the time there is none."""
        return meaning.digest if self._gate.facts.approvals or self._used() else ""

    def _statement(self, meaning: Meaning) -> str:
        """What approvals of a run's files are looked for by."""
        shown = self.lookup.who.migration.run and self._gate.facts.approvals
        return meaning.single if shown else ""

    def _used(self) -> tuple[Approved, ...]:
        """The approvals of which a use has been taken for the very message that is judged."""
        if not self._using or self.recorded is None or self.recorded[1] != self.lookup.course.sent:
            return ()
        return self._using if isinstance(self.recorded[0], Recorded) else ()

    def _facts(self) -> Facts:
        """What is known, with the approvals that may have ended by this very message's use."""
        facts, used = self._gate.facts, self._used()
        if not used:
            return facts
        ids = {each.id for each in used}
        others = (each for each in facts.approvals if each.id not in ids)
        return replace(facts, approvals=(*others, *used))

    def _context(self, now: float, transaction: Transaction, meaning: Meaning, *, holds: bool) -> Context:
        who = self.lookup.who
        migration = who.migration
        if self.registered is not None:
            migration = replace(migration, registered=self.registered.checksum, name=self.registered.name)
        return Context(
            role=who.role,
            database=who.database,
            client_address=who.client_address,
            application=who.application,
            now=datetime.fromtimestamp(now, UTC),
            transaction=transaction,
            migration=migration,
            wording=meaning.wording,
            holds_writes=holds,
            digest=self._digest(meaning),
            statement=self._statement(meaning),
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
        hold: bool = True,
    ) -> Denial | Ask | Write | Hold | Settle | None:
        if weighed.ask is not None:
            return Ask(weighed.ask)
        gate, decision = self._gate, weighed.decision
        gate.tally.judged(meaning.reading_s)
        meaning.reading_s = 0.0
        now = gate.clock()
        change = record and gate.recording and decision.allowed and to_be_recorded(decision.effects, policy)
        lifted = decision.allowed and bool(decision.lifted)
        if runs and lifted and not (record and gate.recording):
            decision = unrecorded(decision, "nobody records here that an approval is used")
        elif runs and (change or lifted):
            written = self._write(meaning, decision, transactions[0])
            if isinstance(written, Write):
                return written
            decision = written
        if decision.wanted and hold:
            held = self._hold(meaning, decision, transactions[0])
            if not isinstance(held, Decision):
                return held
            decision = held
        if not decision.allowed:
            return self.reporter.refuse(meaning, decision, now, transactions[0], self._held_as())
        if runs:
            self.reporter.allow(meaning, decision, now, transactions[0])
        if (change or lifted) and runs:
            self.lookup.course.goes_on(meaning)
        self.since = weighed.since
        self.until = weighed.until
        self.defines = weighed.defines
        self.relexes = weighed.relexes
        self.writes = weighed.writes
        kept = policy is gate.policy and self.consequences.overlay is None
        if kept and not change and not lifted and not weighed.closer and self.registered is None:
            self._keep(meaning, weighed)
        return None

    def _hold(
        self, meaning: Meaning, decision: Decision, transaction: Transaction
    ) -> Hold | Settle | Decision:
        """What is wanted next for a message; or its refusal, which says why it is not held."""
        wanted = decision.wanted[0]
        held = self._held if self._held_at == self.lookup.course.sent else None
        outcome = None if held is None else held.get(type(wanted))
        if outcome is not None:
            note = outcome.reason if isinstance(outcome, GivenUp) else outcome.note
            return not_held(decision, note or "what was waited for is there, and does not suffice any more")
        for each in decision.wanted:
            lacking = self._gate.means.lacking(each)
            if lacking:
                return not_held(decision, lacking)
        ground = self.lookup.course.ground()
        if ground is Ground.CLEAR:
            text = self.reporter.refused_text(meaning, decision, transaction)
            if isinstance(wanted, ApprovalWanted) and text is None:
                return not_held(decision, _UNAPPROVABLE)
            change = self.reporter.change(meaning, decision, transaction)
            self._held_id = self._held_as() or self.reporter.new_id()
            return Hold(wanted, change, text, self._held_id)
        if ground is Ground.UNSETTLED:
            return Settle()
        return not_held(decision, ground.value, "" if ground is Ground.WALSENDER else outside(wanted))

    def _held_as(self) -> str:
        """The number under which the very message that is judged was held; "" where it was not."""
        return self._held_id if self._held and self._held_at == self.lookup.course.sent else ""

    def _write(self, meaning: Meaning, decision: Decision, transaction: Transaction) -> Write | Decision:
        """What has to be recorded first; once that was tried, what follows from it."""
        used = {each.id for each in self._used()}
        recorded = self._recorded()
        if recorded is None:
            wanted = decision.uses
            self._using = tuple(each for each in self._gate.facts.approvals if each.id in wanted)
            return Write(self.reporter.change(meaning, decision, transaction, self._using))
        self._using = ()
        if isinstance(recorded, Unrecorded):
            rested = {lift.approval for lift in decision.lifted}
            if recorded.spent in rested:
                return spent(decision, recorded.spent)
            return unrecorded(decision, recorded.reason)
        if not used.issuperset(decision.uses):
            return unrecorded(decision, "by now it would need another approval")
        return decision

    def _recorded(self) -> Recorded | Unrecorded | None:
        """What became of recording the very message that is judged, once."""
        recorded, self.recorded = self.recorded, None
        return recorded[0] if recorded is not None and recorded[1] == self.lookup.course.sent else None

    def _keep(self, meaning: Meaning, weighed: Weighed) -> None:
        """A plain yes that holds for every session like this one is given again without judging."""
        gate, decision = self._gate, weighed.decision
        if not decision.shadowed and not decision.transaction_used:
            epoch = gate.facts_epoch if decision.facts_used else -1
            count = gate.tally.statement("allowed", meaning.statement_class)
            meaning.permit(
                self.lookup.who,
                Permit(
                    gate.policy_epoch,
                    epoch,
                    weighed.since,
                    weighed.until,
                    count,
                    defines=weighed.defines,
                    relexes=weighed.relexes,
                    writes=weighed.writes,
                ),
            )
