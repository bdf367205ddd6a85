"""What is told of judgements: each is counted, and what people want to know of becomes an event.

Enters: decisions. Leaves: events and counts; for a refusal, what the client reads, with the same number as
its event. Absent: deciding (``judge``), and writing anything down.
"""

from __future__ import annotations

from typing import Final

from proxy.policy.context import Transaction
from proxy.policy.decision import Decision, Firing
from proxy.session.commands import Change
from proxy.session.events import MOST_LISTED, Event, Judged, LongText, Origin, Passed
from proxy.session.gate import Gate
from proxy.session.meaning import Meaning
from proxy.session.refusal import Denial, no_such_statement, unreadable
from proxy.session.resolution.lookup import Lookup
from proxy.sql.effects import Effect

_DECISION_ID_DIGITS: Final = 12


class Reporter:
    """Counts and tells of one session's judgements.

    Attributes:
        events: what is to be reported, oldest first; the session takes them away.
    """

    def __init__(self, gate: Gate, lookup: Lookup) -> None:
        """Begin with nothing to tell."""
        self._gate = gate
        self._lookup = lookup
        self.events: list[Event] = []

    def allow(self, meaning: Meaning, decision: Decision, now: float, transaction: Transaction) -> None:
        """An execution goes on, by a decision of its own."""
        tally = self._gate.tally
        tally.statement("shadowed" if decision.shadowed else "allowed", meaning.statement_class).value += 1
        if decision.shadowed:
            first, decision_id = decision.shadowed[0], self._new_id()
            message = first.message.replace("{decision_id}", decision_id)
            for firing in decision.shadowed:
                tally.block(firing.rule, "shadow").value += 1
            self._report(meaning, decision, first, "shadow", message, decision_id, now, transaction)
        self.passed(meaning, transaction)

    def refuse(self, meaning: Meaning, decision: Decision, now: float, transaction: Transaction) -> Denial:
        """What is refused does not go on: what the client reads instead."""
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
        """Refuse what no policy can allow: over-long, undecodable, read otherwise by the server."""
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

    def change(self, meaning: Meaning, decision: Decision, transaction: Transaction) -> Change:
        """What the ledger is to have of an execution before it goes on."""
        return Change(
            text=meaning.text,
            effects=tuple(dict.fromkeys(effect.name for effect in decision.effects))[:MOST_LISTED],
            targets=_targets(decision.effects),
            risk=max(effect.risk for effect in decision.effects).name.lower(),
            unreadable=meaning.error is not None,
            origin=self._origin(transaction),
        )

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

    def passed(self, meaning: Meaning, transaction: Transaction) -> None:
        """An execution goes on: told where every statement is logged."""
        if self._gate.log_statements and meaning.text is not None:
            names = tuple(effect.name for effect in meaning.effects[:MOST_LISTED])
            self.events.append(Passed(self._gate.clock(), meaning.text, names, self._origin(transaction)))

    def _origin(self, transaction: Transaction) -> Origin:
        who = self._lookup.who
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


def _targets(effects: tuple[Effect, ...]) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for effect in effects:
        if effect.target is not None:
            names[str(effect.target)] = None
        if len(names) == MOST_LISTED:
            break
    return tuple(names)
