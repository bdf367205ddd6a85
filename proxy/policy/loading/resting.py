"""The reserved rules about writes that rest: while they are frozen, and while a freeze may have been missed.

Enters: the policy's mode and zone. Leaves: rules, two for either: about what writes, and about what would
complete what a transaction has written already. Deliberately absent: when they are judged (decide.py).
"""

from typing import Final
from zoneinfo import ZoneInfo

from proxy.policy.conditions.matching import Match, Part
from proxy.policy.conditions.moments import FreezeCondition
from proxy.policy.context import Context
from proxy.policy.rules import Mode, Resting, Rule
from proxy.policy.templates import parse_template
from proxy.sql.effects import CLASSES, EFFECT_KINDS, Effect

FROZEN_CLASSES: Final = ("write", "ddl", "destructive", "privilege", "opaque")
_HARMLESS: Final = frozenset({"role.set"})  # it changes its session alone, and readers send it all day
_WRITES: Final = (
    frozenset().union(*(CLASSES[name] for name in FROZEN_CLASSES)) | {"transaction.commit_prepared"}
) - _HARMLESS
# What a transaction that has written may go on with: nothing of this commits, fires what is deferred, or runs
# a portal. Whatever is in no list is refused.
_GOES_ON: Final = (
    (CLASSES["read"] - {"statement.fetch"})
    | _HARMLESS
    | {"transaction.begin", "transaction.rollback", "transaction.savepoint"}
    | {"session.set", "session.reset", "session.listen", "session.notify"}
    | {"statement.prepare", "statement.execute", "statement.copy"}
)
_FIRES: Final = ("session.set", "constraints")
"""SET CONSTRAINTS … IMMEDIATE runs the deferred triggers."""


def freeze_rules(mode: Mode, zone: ZoneInfo) -> Resting:
    """No approval lifts them: who may end a freeze ends it. What cannot be read may write."""
    when = (FreezeCondition(True, zone),)
    return Resting(
        Rule(
            id="freeze",
            mode=mode,
            match=Match(_WRITES, ()),
            when=when,
            deny=parse_template("Writes are frozen, and {effect} on {targets} is one."),
            hint=parse_template("Wait until the freeze has ended, or ask who declared it."),
        ),
        Rule(
            id="freeze",
            mode=mode,
            match=_COMPLETES,
            when=when,
            deny=parse_template("Writes are frozen, and {effect} would complete those of this transaction."),
            hint=parse_template("Run the transaction again when the freeze has ended."),
        ),
    )


def ledger_rules(mode: Mode) -> Resting:
    """Facts so old that a freeze may have been missed; whoever heeds no stale facts heeds not this either."""
    hint = parse_template(
        "Run it again in a moment; if that does not help, the gate's log tells those who run it why."
    )
    return Resting(
        Rule(
            id="ledger",
            mode=mode,
            match=Match(_WRITES, ()),
            deny=parse_template(
                "{effect} on {targets} was not run: the ledger is out of reach, and writes may have been "
                "frozen meanwhile."
            ),
            hint=hint,
        ),
        Rule(
            id="ledger",
            mode=mode,
            match=_COMPLETES,
            deny=parse_template(
                "{effect} was not run in a transaction that has written: the ledger is out of reach, and "
                "writes may have been frozen meanwhile."
            ),
            hint=hint,
        ),
    )


def _holds(_effect: Effect, context: Context) -> bool:
    return context.holds_writes


def _completes(effect: Effect, _context: Context) -> bool:
    return effect.name not in _GOES_ON or (
        effect.target is not None and (effect.name, effect.target.name) == _FIRES
    )


_COMPLETES: Final = Match(
    (frozenset(EFFECT_KINDS) - _WRITES - _GOES_ON) | {_FIRES[0]},
    (Part("in a transaction that has written", _holds), Part("completing it", _completes)),
)
