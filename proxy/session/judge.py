"""Put what a session is about to run before the policy.

Enters: a Meaning, the names it may use, the transaction as far as it is known. Leaves: a Denial or None, and
the events that tell of it. Where several states are possible each is judged, and the worst counts.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Literal

from proxy.policy.context import Context
from proxy.policy.decide import decide
from proxy.policy.decision import Decision, Firing
from proxy.policy.rules import Policy
from proxy.session.events import Event, Judged, Origin, Passed
from proxy.session.gate import Gate, Who
from proxy.session.meaning import Meaning, Permit, worst
from proxy.session.names import Names
from proxy.session.refusal import Denial
from proxy.sql.analyse import SqlSyntaxError
from proxy.sql.effects import CATALOGUE, Effect, Prepares

Transaction = Literal["none", "open"]
TRANSACTIONS: Final[tuple[Transaction, ...]] = ("none", "open")

_FOREVER: Final = float("inf")
_DEEPEST_EXECUTE: Final = 8
_DECISION_ID_DIGITS: Final = 12


class Judge:
    """Judges for one session.

    Attributes:
        events: what is to be reported, oldest first; the session takes them away.
        until: when the last yes has to be looked at again, in POSIX seconds.
    """

    def __init__(self, gate: Gate, who: Who) -> None:
        """Judge what this client sends."""
        self._gate = gate
        self._who = who
        self.events: list[Event] = []
        self.until = _FOREVER

    def permit(self, meaning: Meaning) -> Permit | None:
        """The plain yes that this meaning still has; None when it must be judged."""
        permit = meaning.permits.get(self._who)
        if permit is None:
            return None
        gate = self._gate
        if permit.policy_epoch != gate.policy_epoch or gate.clock() >= permit.until:
            return None
        if permit.facts_epoch not in (-1, gate.facts_epoch):
            return None
        return permit

    def judge(self, meaning: Meaning, transactions: tuple[Transaction, ...], *, runs: bool) -> Denial | None:
        """Judge a meaning whose EXECUTEs have been resolved.

        Args:
            meaning: what is about to go on.
            transactions: every state that the server's transaction may be in.
            runs: True when this is an execution (counted, and reported where it is shadowed); False for
                Parse and Bind.

        Returns: None when it may go on.
        """
        permit = self.permit(meaning)
        if permit is None:
            return self._decide(meaning, transactions, runs, self._gate.policy)
        self.until = permit.until
        if runs:
            permit.count.value += 1
            if self._gate.log_statements:
                self._report_passed(meaning, transactions[0])
        return None

    def judge_again(
        self, meaning: Meaning, policy: Policy, transactions: tuple[Transaction, ...]
    ) -> Denial | None:
        """Judge what is under way by the policy that it began under: one execution, one policy."""
        return self._decide(meaning, transactions, runs=False, policy=policy)

    def _decide(
        self, meaning: Meaning, transactions: tuple[Transaction, ...], runs: bool, policy: Policy
    ) -> Denial | None:
        gate = self._gate
        started = gate.timer()
        now = gate.clock()
        facts = gate.facts
        states = transactions if policy.uses_transaction else transactions[:1]
        decisions = [
            decide(meaning.effects, self._context(now, state), policy, facts) for state in states
        ]  # one snapshot of policy and facts for all of them
        decision = next((d for d in decisions if not d.allowed), decisions[0])
        gate.tally.judged(gate.timer() - started + meaning.reading_s)
        meaning.reading_s = 0.0
        if not decision.allowed:
            return self._refuse(meaning, decision, now, states[0])
        if runs:
            self._allow(meaning, decision, now, states[0])
        self.until = min(each.holds_until.timestamp() if each.holds_until else _FOREVER for each in decisions)
        if policy is gate.policy and not decision.shadowed and not policy.uses_transaction:
            epoch = gate.facts_epoch if decision.facts_used else -1
            count = gate.tally.statement("allowed", meaning.statement_class)
            if len(meaning.permits) > 64:
                meaning.permits.clear()
            meaning.permits[self._who] = Permit(gate.policy_epoch, epoch, self.until, count)
        return None

    def _context(self, now: float, transaction: Transaction) -> Context:
        return Context(
            role=self._who.role,
            database=self._who.database,
            client_address=self._who.client_address,
            application=self._who.application,
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
            self._report(meaning, first, decision.shadowed, "shadow", message, decision_id, now, transaction)
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
        fired = (*decision.enforced, *decision.shadowed)
        self._report(meaning, first, fired, "enforce", denial.message, decision_id, now, transaction)
        return denial

    def refuse_outright(self, denial: Denial, text: str | None, transaction: Transaction) -> Denial:
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
        first: Firing,
        fired: tuple[Firing, ...],
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
                rules=tuple(firing.rule for firing in fired),
                effects=tuple(effect.name for effect in meaning.effects),
                targets=_targets(meaning.effects),
                origin=self._origin(transaction),
                text=meaning.text,
                unreadable=meaning.error is not None,
            )
        )

    def _report_passed(self, meaning: Meaning, transaction: Transaction) -> None:
        if meaning.text is not None:
            names = tuple(effect.name for effect in meaning.effects)
            self.events.append(Passed(self._gate.clock(), meaning.text, names, self._origin(transaction)))

    def _origin(self, transaction: Transaction) -> Origin:
        who = self._who
        return Origin(
            who.role, who.database, who.client_address, who.application, transaction, self._gate.policy.digest
        )

    def _new_id(self) -> str:
        return self._gate.token()[:_DECISION_ID_DIGITS]


def resolve(meaning: Meaning, statements: Names, batch: int, depth: int = 0) -> Meaning:
    """Add what a meaning EXECUTEs by name; itself when it EXECUTEs nothing.

    A name that nothing is known of is statement.unknown: what cannot be judged is not run.
    """
    if not meaning.executes:
        return meaning
    parts = [meaning]
    prepared_here = {act.name for group in meaning.acts for act in group if isinstance(act, Prepares)}
    for name in meaning.executes:
        known = statements.meanings(name.encode(), batch)
        if depth < _DEEPEST_EXECUTE:
            parts += [resolve(found, statements, batch, depth + 1) for found in known]
        if (not known and name not in prepared_here) or depth >= _DEEPEST_EXECUTE:
            risk = CATALOGUE["statement.unknown"].risk
            effect = Effect("statement.unknown", risk=risk, detail=f'prepared statement "{name}"')
            parts.append(Meaning((effect,), statement_class="opaque", missing=name))
    whole = worst(parts)
    whole.text = meaning.text
    if whole.acts == meaning.acts:
        whole.several = meaning.several
    return whole


def no_such_statement(name: str) -> Denial:
    """What the server would say: the gate has seen every name that was prepared on this connection."""
    message = (
        f'prepared statement "{name}" does not exist' if name else "unnamed prepared statement does not exist"
    )
    detail = "It was not prepared on this connection, so pgwarden cannot tell what it would do."
    return Denial("unknown", "26000", message, detail, "Prepare the statement on this connection first.")


def unreadable(error: SqlSyntaxError, denial: Denial) -> Denial:
    """The parser's own message and position, as the server would have given them."""
    detail = "pgwarden could not read this statement, so it did not go on to the server."
    return Denial(denial.rule, "42601", error.message, detail, denial.hint, error.position)


def _targets(effects: tuple[Effect, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(effect.target) for effect in effects if effect.target is not None))
