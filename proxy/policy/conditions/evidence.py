"""The condition about a backup.

Enters: what the rule asks for. Leaves: a condition judged by the facts. Deliberately absent: making backups;
other evidence has modules of its own (approvals.py, migrations.py, ran.py).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from proxy.policy.calendar import moment_text
from proxy.policy.conditions.case import Case, Outcome, Proof, earliest
from proxy.policy.durations import describe_duration, describe_last
from proxy.policy.facts import Backup, Coverage, Verification
from proxy.policy.templates import clean
from proxy.sql.effects import Effect

WHOLE, SCHEMA, TARGETS = "whole", "schema", "targets"
_PROVED = {
    Verification.RECORDED: "only written down",
    Verification.EXISTS: "seen to exist",
    Verification.CHECKSUM: "checked by its checksum",
    Verification.TOC: "with a readable table of contents",
    Verification.FULL_READ: "read back in full",
    Verification.RESTORED: "proved by a restore",
}
_HELD = {WHOLE: "of the whole database", TARGETS: "of the tables concerned", SCHEMA: "of the schema"}


@dataclass(frozen=True, slots=True)
class BackupCondition:
    """Holds when one backup of the client's database meets everything asked at once.

    Attributes:
        covers: `whole` the whole database; `targets` the data of what the statement touches; `schema` the
            definitions.
        sources: who may have made it; none for anybody.
        zone: for moments in texts.
    """

    within: timedelta
    verified: Verification
    copies: int
    covers: str
    zone: ZoneInfo
    sources: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """As `explain` prints it."""
        return f"backup: within {describe_duration(self.within)}, {self._quality()}"

    def judge(self, case: Case) -> Outcome:
        """Look for a backup that is good enough now, and until when the answer stays."""
        now, database = case.context.now, case.context.database
        known = sorted(case.facts.backups_of(database), key=lambda backup: backup.finished)
        fit = [backup for backup in known if self._fits(backup, case.effects)]
        # One that claims to finish in the future proves nothing before then: some clock is wrong.
        valid = [backup for backup in fit if backup.finished <= now < backup.finished + self.within]
        coming = [backup.finished for backup in fit if backup.finished > now]
        if not case.trusted:
            found = f"the facts were read at {moment_text(case.facts.as_of, self.zone)} and are stale"
            missing = f"fresh facts to find {self._phrase(database)} in"
            return Outcome(False, found=found, missing=missing, evidence=True)
        if valid:
            until = valid[-1].finished + self.within
            found = f"a backup finished at {moment_text(valid[-1].finished, self.zone)}"
            return Outcome(
                True,
                until,
                found,
                cure=f"expires at {moment_text(until, self.zone)}",
                evidence=True,
                proofs=(Proof("backup", valid[-1].location),),
            )
        return Outcome(
            False,
            earliest(coming),
            found=self._best(known, database, now),
            missing=self._phrase(database),
            cure=f"would hold after {self._phrase(database)}",
            evidence=True,
        )

    def _fits(self, backup: Backup, effects: tuple[Effect, ...]) -> bool:
        return (
            backup.verified >= self.verified
            and backup.copies >= self.copies
            and (not self.sources or backup.source in self.sources)
            and _covers(backup.covers, self.covers, effects)
        )

    def _quality(self) -> str:
        words = [_HELD[self.covers]]
        if self.verified > Verification.RECORDED:
            words.append(_PROVED[self.verified])
        if self.copies > 1:
            words.append(f"in {self.copies} places")
        if self.sources:
            words.append(f"made by {' or '.join(sorted(self.sources))}")
        return ", ".join(words)

    def _phrase(self, database: str) -> str:
        return f"a backup of {clean(database)} from the last {describe_last(self.within)}, {self._quality()}"

    def _best(self, known: list[Backup], database: str, now: datetime) -> str:
        """What the newest backup is like: the first thing a person asks."""
        past = [backup for backup in known if backup.finished <= now]
        if not past:
            return f"no backup of {clean(database)} is known"
        newest = past[-1]
        places = "1 place" if newest.copies == 1 else f"{newest.copies} places"
        when = moment_text(newest.finished, self.zone)
        return f"the newest finished at {when}, {_PROVED[newest.verified]}, in {places}"

    def last(self, case: Case) -> str:
        """When the newest backup finished, for texts."""
        past = [
            b.finished for b in case.facts.backups_of(case.context.database) if b.finished <= case.context.now
        ]
        return moment_text(max(past).astimezone(UTC), self.zone) if past else "never"


def _covers(coverage: Coverage, asked: str, effects: tuple[Effect, ...]) -> bool:
    if asked == SCHEMA:
        return coverage.tables is None or _holds_targets(coverage, effects)
    if not coverage.data:
        return False
    if coverage.tables is None:
        return True
    return asked == TARGETS and _holds_targets(coverage, effects)


def _holds_targets(coverage: Coverage, effects: tuple[Effect, ...]) -> bool:
    """Whether every table touched is in a backup of some tables. A name without schema might be any table."""
    tables = coverage.tables or frozenset()
    return all(
        effect.target is not None
        and effect.target.schema is not None
        and effect.target.name is not None
        and "cascade" not in effect.traits
        and str(effect.target) in tables
        for effect in effects
    )
