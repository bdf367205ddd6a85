"""Whether the same ran elsewhere, and was committed there.

Enters: the environment, and how long ago at most. Leaves: a condition judged by what the ledger knows to have
run. The same is the same text, byte for byte, as a migration's file is; or statements of the same words, each
of which ran. Deliberately absent: recording what runs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from proxy.policy.calendar import moment_text
from proxy.policy.conditions.case import Case, Outcome, Proof
from proxy.policy.durations import describe_last
from proxy.policy.templates import clean


@dataclass(frozen=True, slots=True)
class RanCondition:
    """Holds when the text, or each statement of it that does more than read, ran there lately enough."""

    environment: str
    within: timedelta | None
    zone: ZoneInfo

    @property
    def name(self) -> str:
        """As `explain` prints it."""
        return f"ran: {self.environment}{self._lately}"

    @property
    def _lately(self) -> str:
        return "" if self.within is None else f" within the last {describe_last(self.within)}"

    def judge(self, case: Case) -> Outcome:
        """Look for a run of the whole text, then of all its statements."""
        wording = case.context.wording
        if wording.bookkeeping:
            return Outcome(True, found=f"it is how {wording.bookkeeping} makes its own table")
        place = clean(self.environment)
        missing = f"a run of the same statement on {place}{self._lately}, without error"
        if not case.trusted:
            found = f"the facts were read at {moment_text(case.facts.as_of, self.zone)} and are stale"
            return Outcome(False, found=found, missing=missing, evidence=True)
        ran = self._newest(case, (wording.checksum,)) or self._newest(case, wording.statements)
        now = case.context.now
        until = None if ran is None or self.within is None else ran + self.within
        if ran is not None and ran <= now and (until is None or now < until):
            cure = "" if until is None else f"expires at {moment_text(until, self.zone)}"
            found = f"it ran on {place} at {moment_text(ran, self.zone)}"
            proofs = (Proof("staging", f"{self.environment} at {moment_text(ran, self.zone)}"),)
            return Outcome(True, until, found, cure=cure, evidence=True, proofs=proofs)
        found = (
            f"no such run on {place} is known"
            if ran is None
            else f"it ran on {place} at {moment_text(ran, self.zone)}"
        )
        return Outcome(
            False,
            ran if ran is not None and now < ran else None,
            found=found,
            missing=missing,
            cure=f"would hold after {missing}",
            evidence=True,
        )

    def _newest(self, case: Case, checksums: Iterable[str]) -> datetime | None:
        """When all of these had run, each at its latest; None where one is not known, or there is none."""
        moments: list[datetime] = []
        for checksum in checksums:
            ran = case.facts.ran.get((self.environment, checksum)) if checksum else None
            if ran is None:
                return None
            moments.append(ran)
        return min(moments, default=None)
