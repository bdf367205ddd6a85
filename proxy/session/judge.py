"""Put what a session is about to run before the policy.

Enters: a Meaning, the names it may use, the transaction as far as it is known. Leaves: a Denial or None, and
the events that tell of it. Where several states are possible each is judged, and the worst counts.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from proxy.policy.context import Context
from proxy.policy.decide import decide
from proxy.policy.decision import Decision, Firing
from proxy.policy.facts import Facts
from proxy.policy.rules import Policy
from proxy.session.bare import hopeful, questions, resolved
from proxy.session.consequences import Consequences
from proxy.session.events import MOST_LISTED, Event, Judged, LongText, Origin, Passed
from proxy.session.gate import Gate, Who
from proxy.session.inquiry import MOST_NAMES, Answer
from proxy.session.lookup import Lookup
from proxy.session.meaning import Meaning, Permit
from proxy.session.overlay import defines
from proxy.session.refusal import Denial, no_such_statement, unreadable
from proxy.sql.effects import Effect
from proxy.sql.settings import LEXING

Transaction = Literal["none", "open"]
TRANSACTIONS: Final[tuple[Transaction, ...]] = ("none", "open")

_FOREVER: Final = float("inf")
_LEXING: Final = LEXING | {None}
_DECISION_ID_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class _Verdict:
    """The decisions of all states that are possible: the worst of them, and until when all hold."""

    worst: Decision
    firings: int
    until: float


@dataclass(frozen=True, slots=True)
class _Trial:
    """One snapshot of policy and facts, for every way in which one execution may be looked at."""

    policy: Policy
    facts: Facts
    contexts: tuple[Context, ...]

    def judge(self, effects: tuple[Effect, ...]) -> _Verdict:
        """Decide in each context."""
        decisions = [decide(effects, context, self.policy, self.facts) for context in self.contexts]
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


class Judge:
    """Judges for one session.

    Attributes:
        lookup: what is known of bare names.
        consequences: what statements cause in this session's database.
        defines: what was just let go on may change what the catalogue holds.
        relexes: ... and the database's own code in it changes how later texts are read.
        events: what is to be reported, oldest first; the session takes them away.
        until: when the last yes has to be looked at again, in POSIX seconds.
    """

    def __init__(self, gate: Gate, who: Who) -> None:
        """Judge what this client sends."""
        self._gate = gate
        self.lookup = Lookup(gate, who)
        self.consequences = Consequences(gate, self.lookup)
        self.defines = False
        self.relexes = False
        self.events: list[Event] = []
        self.until = _FOREVER

    def permit(self, meaning: Meaning) -> Permit | None:
        """The plain yes that this meaning still has; None when it must be judged."""
        permit = meaning.permits.get(self.lookup.who)
        if permit is None or self.consequences.overlay is not None:
            return None
        gate = self._gate
        if permit.policy_epoch != gate.policy_epoch or gate.clock() >= permit.until:
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
    ) -> Denial | Ask | Await | None:
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
        self.until = permit.until
        self.defines = permit.defines
        self.relexes = permit.relexes
        if runs:
            permit.count.value += 1
            if self._gate.log_statements:
                self._report_passed(meaning, transactions[0])
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
    ) -> Denial | Ask | None:
        gate = self._gate
        started = gate.timer()
        now = gate.clock()
        states = transactions if policy.uses_transaction else transactions[:1]
        trial = _Trial(policy, gate.facts, tuple(self._context(now, state) for state in states))
        verdict = trial.judge(self.consequences.plain(meaning))
        closer = self._look_closer(meaning, trial, verdict, answer, bound) if verdict.firings else None
        if isinstance(closer, Ask):
            return closer
        verdict = closer or verdict
        gate.tally.judged(gate.timer() - started + meaning.reading_s)
        meaning.reading_s = 0.0
        decision = verdict.worst
        if not decision.allowed:
            return self._refuse(meaning, decision, now, states[0])
        if runs:
            self._allow(meaning, decision, now, states[0])
        self.until = verdict.until
        self.defines = gate.catalogue and defines(decision.effects)
        self.relexes = gate.catalogue and any(map(_changes_lexing, decision.effects))
        if closer is None and policy is gate.policy and self.consequences.overlay is None:
            self._keep(meaning, decision)
        return None

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
        if not decision.shadowed and not gate.policy.uses_transaction:
            epoch = gate.facts_epoch if decision.facts_used else -1
            count = gate.tally.statement("allowed", meaning.statement_class)
            if len(meaning.permits) > 64:
                meaning.permits.clear()
            meaning.permits[self.lookup.who] = Permit(
                gate.policy_epoch,
                epoch,
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

    def _allow(self, meaning: Meaning, decision: Decision, now: float, transaction: Transaction) -> None:
        tally = self._gate.tally
        tally.statement("shadowed" if decision.shadowed else "allowed", meaning.statement_class).value += 1
        if decision.shadowed:
            first, decision_id = decision.shadowed[0], self._new_id()
            message = first.message.replace("{decision_id}", decision_id)
            for firing in decision.shadowed:
                tally.block(firing.rule, "shadow").value += 1
            self._report(meaning, decision, first, "shadow", message, decision_id, now, transaction)
        if self._gate.log_statements:
            self._report_passed(meaning, transaction)

    def _refuse(self, meaning: Meaning, decision: Decision, now: float, transaction: Transaction) -> Denial:
        tally = self._gate.tally
        tally.statement("refused", meaning.statement_class).value += 1
        for firing in decision.enforced:
            tally.block(firing.rule, "enforce").value += 1
        for firing in decision.shadowed:
            tally.block(firing.rule, "shadow").value += 1
        decision_id = self._new_id()
        refusal = decision.refusal(decision_id)
        denial = Denial(refusal.rule, refusal.sqlstate, refusal.message, refusal.detail, refusal.hint)
        if meaning.error is not None and refusal.rule == "unparsed":
            denial = unreadable(meaning.error, denial)
        elif meaning.missing is not None and refusal.rule == "unknown":
            denial = no_such_statement(meaning.missing)
        first = next(firing for firing in decision.enforced if firing.rule == refusal.rule)
        self._report(meaning, decision, first, "enforce", denial.message, decision_id, now, transaction)
        return denial

    def refuse_outright(
        self, denial: Denial, text: str | LongText | None, transaction: Transaction
    ) -> Denial:
        """Count and report what no policy can allow: over-long, undecodable, read otherwise by the server."""
        tally = self._gate.tally
        tally.statement("refused", "opaque").value += 1
        tally.block(denial.rule, "enforce").value += 1
        self.events.append(
            Judged(
                at=self._gate.clock(),
                decision_id=self._new_id(),
                rule=denial.rule,
                mode="enforce",
                sqlstate=denial.sqlstate,
                message=denial.message,
                rules=(denial.rule,),
                effects=(),
                targets=(),
                origin=self._origin(transaction),
                text=text,
                unreadable=True,
            )
        )
        return denial

    def _report(
        self,
        meaning: Meaning,
        decision: Decision,
        first: Firing,
        mode: str,
        message: str,
        decision_id: str,
        now: float,
        transaction: Transaction,
    ) -> None:
        self.events.append(
            Judged(
                at=now,
                decision_id=decision_id,
                rule=first.rule,
                mode=mode,
                sqlstate=first.sqlstate,
                message=message,
                rules=tuple(firing.rule for firing in (*decision.enforced, *decision.shadowed)),
                effects=tuple(effect.name for effect in decision.effects[:MOST_LISTED]),
                targets=_targets(decision.effects),
                origin=self._origin(transaction),
                text=meaning.text,
                unreadable=meaning.error is not None,
            )
        )

    def _report_passed(self, meaning: Meaning, transaction: Transaction) -> None:
        if meaning.text is not None:
            names = tuple(effect.name for effect in meaning.effects[:MOST_LISTED])
            self.events.append(Passed(self._gate.clock(), meaning.text, names, self._origin(transaction)))

    def _origin(self, transaction: Transaction) -> Origin:
        who = self.lookup.who
        return Origin(
            role=who.role,
            database=who.database,
            client_address=who.client_address,
            application=who.application,
            listener=self._gate.name,
            transaction=transaction,
            policy_digest=self._gate.policy.digest,
        )

    def _new_id(self) -> str:
        return self._gate.token()[:_DECISION_ID_DIGITS]


def _changes_lexing(effect: Effect) -> bool:
    target = effect.target
    return effect.name == "session.set" and target is not None and target.name in _LEXING


def _targets(effects: tuple[Effect, ...]) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for effect in effects:
        if effect.target is not None:
            names[str(effect.target)] = None
        if len(names) == MOST_LISTED:
            break
    return tuple(names)
