"""Whether a statement belongs to a migration: one that the gate runs, that is registered, or that looks so.

Enters: how sure the rule wants to be. Leaves: a condition judged by what the session has shown and by the
runs under way. What a client calls itself plays no part. Deliberately absent: noticing a tool's bookkeeping
(session/registration.py).
"""

from dataclasses import dataclass
from enum import IntEnum
from zoneinfo import ZoneInfo

from proxy.policy.calendar import moment_text
from proxy.policy.conditions.case import Case, Outcome, Proof
from proxy.policy.context import Context
from proxy.policy.facts import Facts, Run


class Sureness(IntEnum):
    """How sure it is that a statement belongs to a migration, least first. A level takes in those above."""

    RESEMBLES = 1
    """The session has done the bookkeeping of a migration tool."""
    REGISTERED = 2
    """The very text was registered on the session just before, by its checksum."""
    RUN = 3
    """The session belongs to a run of `pgwarden migrate`."""

    def __str__(self) -> str:
        """As written in a policy."""
        return self.name.lower()


_WANTED = {
    Sureness.RUN: "a migration run that the gate has opened (pgwarden migrate)",
    Sureness.REGISTERED: "a migration that its tool has registered just before",
    Sureness.RESEMBLES: "the session of a migration tool",
}


@dataclass(frozen=True, slots=True)
class MigrationCondition:
    """Holds when the statement belongs to a migration, at least as surely as asked.

    The exact words by which a tool makes its own table belong to one whatever is asked.
    """

    asked: Sureness
    zone: ZoneInfo

    @property
    def name(self) -> str:
        """As `explain` prints it."""
        return f"migration: {self.asked}"

    def judge(self, case: Case) -> Outcome:
        """Look for the surest sign."""
        shown, wording = case.context.migration, case.context.wording
        if wording.bookkeeping:
            return Outcome(True, found=f"it is how {wording.bookkeeping} makes its own table")
        run = run_of(case.context, case.facts)
        if run is not None and case.trusted:
            found = (
                f"it belongs to migration run {run.number}" if run.number else "it belongs to a migration run"
            )
            cure = f"that ends at {moment_text(run.until, self.zone)} at the latest"
            proofs = (Proof("migration", f"run {run.number}"),)
            return Outcome(True, run.until, found, cure=cure, evidence=True, proofs=proofs)
        if self.asked <= Sureness.REGISTERED and shown.registered and shown.registered == wording.checksum:
            found = "its tool has registered it on this session just before"
            return Outcome(True, found=found, proofs=(Proof("migration", shown.name or shown.registered),))
        if self.asked <= Sureness.RESEMBLES and shown.resembles:
            return Outcome(True, found=f"the session does the bookkeeping of {shown.resembles}")
        return Outcome(
            False,
            found=self._found(case),
            missing=_WANTED[self.asked],
            cure=f"would hold in {_WANTED[self.asked]}",
            evidence=bool(shown.run),
        )

    def _found(self, case: Case) -> str:
        shown = case.context.migration
        if shown.run:
            return (
                "its migration run is over" if case.trusted else "the facts about its migration run are stale"
            )
        if shown.registered:
            return "another text than this was registered just before"
        if shown.resembles:
            return f"the session does the bookkeeping of {shown.resembles}, and no more is known"
        return "it belongs to no migration"


def run_of(context: Context, facts: Facts) -> Run | None:
    """The run under way whose token the session has shown."""
    if not context.migration.run:
        return None
    return next(
        (
            run
            for run in facts.runs
            if run.token == context.migration.run and run.admits(context.role, context.database, context.now)
        ),
        None,
    )
