"""What is told of judgements: each is counted, and what people want to know of becomes an event.

Enters: decisions. Leaves: events and counts; for a refusal, what the client reads, with the same number as
its event. Absent: deciding (``judge``), and writing anything down.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from proxy.policy.context import Transaction
from proxy.policy.decision import Decision, Firing
from proxy.policy.facts import Approved
from proxy.session.commands import Change, Use
from proxy.session.events import (
    MOST_LISTED,
    Concluded,
    Event,
    Judged,
    Lifted,
    LongText,
    Origin,
    Passed,
    RefusedText,
)
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
            first, decision_id = decision.shadowed[0], self.new_id()
            message = first.message.replace("{decision_id}", decision_id)
            for firing in decision.shadowed:
                tally.block(firing.rule, "shadow").add(decision_id, now)
            self._report(meaning, decision, first, "shadow", message, decision_id, now, transaction)
        if decision.lifted:
            self._lifted(meaning, decision, now, transaction)
        self.passed(meaning, transaction)

    def _lifted(self, meaning: Meaning, decision: Decision, now: float, transaction: Transaction) -> None:
        """It would have been refused, had nobody approved it."""
        for lift in decision.lifted:
            self._gate.tally.lift(lift.rule, "break_glass" if lift.break_glass else "approval").value += 1
        self.events.append(
            Lifted(
                at=now,
                lifts=decision.lifted,
                effects=_names(decision.effects),
                targets=_targets(decision.effects),
                origin=self._origin(transaction),
                text=meaning.text,
            )
        )

    def refuse(
        self, meaning: Meaning, decision: Decision, now: float, transaction: Transaction, held_as: str
    ) -> Denial:
        """What is refused does not go on: what the client reads instead.

        held_as: the number under which it was held, which its refusal keeps; "" where it was not.
        """
        tally = self._gate.tally
        tally.statement("refused", meaning.statement_class).value += 1
        decision_id = self._keep(meaning, decision, transaction, held_as)
        for firing in decision.enforced:
            tally.block(firing.rule, "enforce").add(decision_id, now)
        for firing in decision.shadowed:
            tally.block(firing.rule, "shadow").add(decision_id, now)
        refusal = decision.refusal(decision_id)
        denial = Denial(refusal.rule, refusal.sqlstate, refusal.message, refusal.detail, refusal.hint)
        if meaning.error is not None and refusal.rule == "unparsed":
            denial = unreadable(meaning.error, denial)
        elif meaning.missing is not None and refusal.rule == "unknown":
            denial = no_such_statement(meaning.missing)
        first = next(firing for firing in decision.enforced if firing.rule == refusal.rule)
        self._report(meaning, decision, first, "enforce", denial.message, decision_id, now, transaction)
        return denial

    def _keep(self, meaning: Meaning, decision: Decision, transaction: Transaction, held_as: str) -> str:
        """The refusal's number; what people may approve is kept for them."""
        texts, who = self._gate.refused_texts, self._lookup.who
        if texts is None or not decision.approvable or not meaning.digest:
            return held_as or self.new_id()
        rules = tuple(firing.rule for firing in decision.enforced)
        what = (who.role, who.database, who.client_address, meaning.digest, rules)
        size = len(str(meaning.text).encode())
        decision_id, kept = texts.admit(who.role, what, size, lambda: held_as or self.new_id())
        if kept and (text := self.refused_text(meaning, decision, transaction, decision_id)) is not None:
            self.events.append(text)
        return decision_id

    def refused_text(
        self, meaning: Meaning, decision: Decision, transaction: Transaction, decision_id: str = ""
    ) -> RefusedText | None:
        """What people may approve of what is refused; None where they cannot."""
        if not decision.approvable or not meaning.digest or not isinstance(meaning.text, str):
            return None
        return RefusedText(
            decision_id=decision_id,
            text=meaning.text,
            digest=meaning.digest,
            environment=self._gate.policy.environment,
            rules=tuple(firing.rule for firing in decision.enforced),
            effects=_names(decision.effects),
            targets=_targets(decision.effects),
            origin=self._origin(transaction),
        )

    def refuse_outright(
        self, denial: Denial, text: str | LongText | None, transaction: Transaction
    ) -> Denial:
        """Refuse what no policy can allow: over-long, undecodable, read otherwise by the server."""
        tally, now, decision_id = self._gate.tally, self._gate.clock(), self.new_id()
        tally.statement("refused", "opaque").value += 1
        tally.block(denial.rule, "enforce").add(decision_id, now)
        self.events.append(
            Judged(
                at=now,
                decision_id=decision_id,
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

    def change(
        self,
        meaning: Meaning,
        decision: Decision,
        transaction: Transaction,
        using: tuple[Approved, ...] = (),
    ) -> Change:
        """What the ledger is to have of an execution before it goes on, by these approvals."""
        return Change(
            text=meaning.text,
            effects=_names(decision.effects),
            targets=_targets(decision.effects),
            risk=max(effect.risk for effect in decision.effects).name.lower(),
            unreadable=meaning.error is not None,
            origin=self._origin(transaction),
            wording=meaning.wording,
            parts=_parts(decision.effects),
            proofs=decision.proofs,
            uses=tuple(_use(approved, decision) for approved in using),
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
                missing=_missing(decision.enforced or decision.shadowed),
            )
        )

    def passed(self, meaning: Meaning, transaction: Transaction) -> None:
        """An execution goes on: told where every statement is logged."""
        if self._gate.log_statements and meaning.text is not None:
            names = tuple(effect.name for effect in meaning.effects[:MOST_LISTED])
            self.events.append(Passed(self._gate.clock(), meaning.text, names, self._origin(transaction)))

    def concluded(self, event: Concluded) -> None:
        """It is known what became of a change."""
        self.events.append(event)

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
            environment=self._gate.policy.environment,
            run=who.migration.run,
        )

    def new_id(self) -> str:
        """A number for a decision, which people find it by."""
        return self._gate.token()[:_DECISION_ID_DIGITS]


def _missing(firings: Iterable[Firing]) -> tuple[str, ...]:
    """What rules require and did not find, the first MOST_LISTED, each once."""
    return tuple(dict.fromkeys(phrase for firing in firings for phrase in firing.missing))[:MOST_LISTED]


def _names(effects: tuple[Effect, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(effect.name for effect in effects))[:MOST_LISTED]


def _use(approved: Approved, decision: Decision) -> Use:
    lifts = [lift for lift in decision.lifted if lift.approval == approved.id]
    return Use(
        approval=approved.id,
        most=approved.uses,
        rules=tuple(lift.rule for lift in lifts),
        break_glass=any(lift.break_glass for lift in lifts),
    )


def _targets(effects: tuple[Effect, ...]) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for effect in effects:
        if effect.target is not None:
            names[str(effect.target)] = None
        if len(names) == MOST_LISTED:
            break
    return tuple(names)


def _parts(effects: tuple[Effect, ...]) -> tuple[tuple[str, str, str], ...]:
    parts: dict[tuple[str, str, str], None] = {}
    for effect in effects:
        target = "" if effect.target is None else str(effect.target)
        parts[effect.name, target, effect.detail] = None
        if len(parts) == MOST_LISTED:
            break
    return tuple(parts)
