"""Put what a session is about to run before the policy.

Enters: a Meaning, the names it may use, the transaction as far as it is known. Leaves: a Denial or None; or
whom to ask first. Where several states are possible each is judged, and the worst counts.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from proxy.policy.context import Context, Transaction
from proxy.policy.decide import decide
from proxy.policy.decision import Decision
from proxy.policy.facts import Facts
from proxy.policy.recording import to_be_recorded, unrecorded
from proxy.policy.rules import Policy
from proxy.session.commands import Change, Recorded, Unrecorded
from proxy.session.consequences import Consequences
from proxy.session.gate import Gate, Who
from proxy.session.meaning import Meaning, Permit
from proxy.session.overlay import defines
from proxy.session.refusal import Denial
from proxy.session.reporting import Reporter
from proxy.session.resolution.bare import hopeful, questions, resolved
from proxy.session.resolution.inquiry import MOST_NAMES, Answer
from proxy.session.resolution.lookup import Lookup
from proxy.sql.effects import Effect
from proxy.sql.settings import LEXING

_FOREVER: Final = float("inf")
_LEXING: Final = LEXING | {None}


@dataclass(frozen=True, slots=True)
class _Verdict:
    """The decisions of all states that are possible: the worst of them, and until when all hold."""

    worst: Decision
    firings: int
    until: float


@dataclass(frozen=True, slots=True)
class _Trial:
    """One snapshot of policy and facts, for every way in which one execution may be looked at.

    Attributes:
        contexts: they differ in the transaction's state alone.
    """

    policy: Policy
    facts: Facts
    contexts: tuple[Context, ...]

    def judge(self, effects: tuple[Effect, ...]) -> _Verdict:
        """Decide in each context."""
        first, *others = self.contexts
        decisions = [decide(effects, first, self.policy, self.facts)]
        if decisions[0].transaction_used:
            decisions += [decide(effects, context, self.policy, self.facts) for context in others]
        return _Verdict(
            next((each for each in decisions if not each.allowed), decisions[0]),
            sum(len(each.enforced) + len(each.shadowed) for each in decisions),
            min(each.holds_until.timestamp() if each.holds_until else _FOREVER for each in decisions),
        )


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


class Judge:
    """Judges for one session.

    Attributes:
        lookup: what is known of bare names.
        consequences: what statements cause in this session's database.
        defines: what was just let go on may change what the catalogue holds.
        relexes: ... and the database's own code in it changes how later texts are read.
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
        self.defines = False
        self.relexes = False
        self.reporter = Reporter(gate, self.lookup)
        self.recorded: tuple[Recorded | Unrecorded, int] | None = None
        self.sent: Callable[[], int] = int
        self.since = -_FOREVER
        self.until = _FOREVER

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
    ) -> Denial | Ask | Await | Write | None:
        """Judge a meaning whose EXECUTEs have been resolved.

        Args:
            meaning: what is about to go on.
            transactions: every state that the server's transaction may be in.
            runs: True when this is an execution (counted, and reported where it is shadowed); False for
                Parse and Bind.
            bound: as ``bare.resolved`` has it.

        Returns: None when it may go on.
        """
        permit = self.permit(meaning)
        if permit is None:
            overlay = self.consequences.overlay
            if overlay is not None and self.consequences.may_await(meaning):
                return Await(not overlay.begun)
            return self._decide(meaning, transactions, runs, self._gate.policy, self.lookup.answer, bound)
        self.since = permit.since
        self.until = permit.until
        self.defines = permit.defines
        self.relexes = permit.relexes
        if runs:
            permit.count.value += 1
            self.reporter.passed(meaning, transactions[0])
        return None

    def judge_again(
        self,
        meaning: Meaning,
        policy: Policy,
        transactions: tuple[Transaction, ...],
        answer: Answer | None,
    ) -> Denial | None:
        """Judge what is under way by the policy that it began under: one execution, one policy."""
        verdict = self._decide(meaning, transactions, False, policy, answer)
        return verdict if isinstance(verdict, Denial) else None

    def _decide(
        self,
        meaning: Meaning,
        transactions: tuple[Transaction, ...],
        runs: bool,
        policy: Policy,
        answer: Answer | None,
        bound: Set[str] | None = None,
    ) -> Denial | Ask | Write | None:
        gate = self._gate
        started = gate.timer()
        now = gate.clock()
        trial = _Trial(policy, gate.facts, tuple(self._context(now, state) for state in transactions))
        verdict = trial.judge(self.consequences.plain(meaning))
        closer = self._look_closer(meaning, trial, verdict, answer, bound) if verdict.firings else None
        if isinstance(closer, Ask):
            return closer
        verdict = closer or verdict
        gate.tally.judged(gate.timer() - started + meaning.reading_s)
        meaning.reading_s = 0.0
        decision = verdict.worst
        change = gate.recording and decision.allowed and to_be_recorded(decision.effects, policy)
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
        self.since = now
        self.until = verdict.until
        self.defines = gate.catalogue and defines(decision.effects)
        self.relexes = gate.catalogue and any(map(_changes_lexing, decision.effects))
        if closer is None and policy is gate.policy and self.consequences.overlay is None and not change:
            self._keep(meaning, decision)
        return None

    def _recorded(self) -> Recorded | Unrecorded | None:
        """What became of recording the very message that is judged, once."""
        recorded, self.recorded = self.recorded, None
        return recorded[0] if recorded is not None and recorded[1] == self.sent() else None

    def _look_closer(
        self,
        meaning: Meaning,
        trial: _Trial,
        verdict: _Verdict,
        answer: Answer | None,
        bound: Set[str] | None,
    ) -> _Verdict | Ask | None:
        """The verdict by what the server says of names; Ask when it should be asked; None: no difference."""
        statements, path = meaning.statements, self.lookup.who.search_path
        names = questions(statements)
        if answer is not None and names <= answer.asked:
            path = path if answer.search_path is None else answer.search_path
            return trial.judge(
                self.consequences.caused(meaning, resolved(statements, path, answer, bound), path)
            )
        if not statements or len(names) > MOST_NAMES or not self.lookup.may_ask():
            return None
        path = path or ()  # at best nothing of the database's own lies there: no lower(varchar)
        best = self.consequences.caused(meaning, hopeful(statements, path), path)
        return Ask(names) if trial.judge(best).firings < verdict.firings else None

    def _keep(self, meaning: Meaning, decision: Decision) -> None:
        """A plain yes that holds for every session like this one is given again without judging."""
        gate = self._gate
        if not decision.shadowed and not decision.transaction_used:
            epoch = gate.facts_epoch if decision.facts_used else -1
            count = gate.tally.statement("allowed", meaning.statement_class)
            if len(meaning.permits) > 64:
                meaning.permits.clear()
            meaning.permits[self.lookup.who] = Permit(
                gate.policy_epoch,
                epoch,
                self.since,
                self.until,
                count,
                defines=self.defines,
                relexes=self.relexes,
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


def _changes_lexing(effect: Effect) -> bool:
    target = effect.target
    return effect.name == "session.set" and target is not None and target.name in _LEXING
