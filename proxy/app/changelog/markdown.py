"""A change as a section of a change log in Markdown.

The headings are those that teams write by hand: Description, Migration, Backup, Risk Level, Rollback Plan.
What clients and servers have said is written so that it cannot be read as markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from proxy.app.changelog.plan import backup_text, rollback_plan
from proxy.app.changelog.shown import RISKS, outcome_text
from proxy.records import BackupRecord
from proxy.records.changelog import ChangeRecord
from proxy.sql.effects import CLASSES
from proxy.sql.vocabulary.wording import words_of

_MARKUP = re.compile(r"([\\`*<\[\]|~]|(?<!\w)_|_(?!\w))")
_SCHEMA = CLASSES["ddl"] | CLASSES["privilege"]
_MOST_NAMED = 10


def section(change: ChangeRecord, copies: Sequence[BackupRecord]) -> str:
    """One change; ends with a blank line."""
    return "\n".join(_lines(change, copies)) + "\n"


def _lines(change: ChangeRecord, copies: Sequence[BackupRecord]) -> Iterator[str]:
    begun = change.begun
    what = "Schema" if _SCHEMA.intersection(begun.effects) else "Data"
    yield f"## {what} Change: {change.entry.moment:%Y-%m-%d %H:%M} UTC"
    yield ""
    yield f"**Description**: {_plain(_description(change))}  "
    yield f"**Migration**: {_plain(begun.migration or 'none known')}  "
    yield f"**Backup**: {_plain(backup_text(change, copies))}  "
    yield f"**Risk Level**: {RISKS.get(begun.risk, _plain(begun.risk))}  "
    if begun.approval:
        yield f"**Approval**: {_plain(begun.approval)}  "
    if begun.staging:
        yield f"**Staging**: {_plain(begun.staging)}  "
    yield f"**Outcome**: {_plain(outcome_text(change))}  "
    plan = rollback_plan(change, copies)
    if len(plan) == 1:
        yield f"**Rollback Plan**: {_plain(plan[0])}"
    else:
        yield "**Rollback Plan**:"
        yield ""
        yield from (f"{number}. {_plain(line)}" for number, line in enumerate(plan, 1))
    if begun.statement is not None:
        yield ""
        yield from _fenced(begun.statement)
    yield ""


def _description(change: ChangeRecord) -> str:
    """`ADD COLUMN on public.users, in shop by ada from 10.0.0.1 with psql (change 7)`."""
    begun = change.begun
    words = dict.fromkeys(
        [words_of(part.effect, part.detail) for part in begun.parts] or map(words_of, begun.effects)
    )
    done = ", ".join([*words][:_MOST_NAMED]) + (" …" if len(words) > _MOST_NAMED else "")
    on = ", ".join(begun.targets[:_MOST_NAMED]) + (" …" if len(begun.targets) > _MOST_NAMED else "")
    by = f"in {begun.database} by {begun.role} from {begun.client_address or 'a Unix socket'}"
    application = f" with {begun.application}" if begun.application else ""
    return f"{done}{f' on {on}' if on else ''}, {by}{application} (change {change.number})"


def _plain(text: str) -> str:
    """One line that Markdown shows as it is."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def _fenced(statement: str) -> Iterator[str]:
    """A block of SQL that nothing in it can close."""
    longest = max((len(run) for run in re.findall(r"`+", statement)), default=0)
    fence = "`" * max(3, longest + 1)
    yield f"{fence}sql"
    yield statement
    yield fence
