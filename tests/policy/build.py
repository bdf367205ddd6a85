"""Policies, effects and circumstances for tests, written short."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from proxy.policy.context import Context
from proxy.policy.decide import decide
from proxy.policy.decision import Decision
from proxy.policy.facts import Backup, Facts
from proxy.policy.loading.load import load_policy
from proxy.policy.rules import Policy
from proxy.sql.effects import EFFECT_KINDS, Effect, Risk, Target

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)  # a Tuesday
CONTEXT = Context(
    role="app", database="shop", client_address="10.1.2.3", application="web", now=NOW, transaction="none"
)
NO_FACTS = Facts(backups=(), as_of=NOW)
HEAD = "version: 1\nname: test\n"


def reader(files: Mapping[str, str]) -> "FileReader":
    """Files that are only texts."""
    return FileReader(files)


class FileReader:
    """Reads from a mapping, and fails as the file system does."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files

    def __call__(self, path: str) -> str:
        if path not in self.files:
            raise FileNotFoundError(2, "No such file or directory", path)
        return self.files[path]


def policy(text: str, **packs: str) -> Policy:
    """A policy from the text that follows its head; packs are named by keyword."""
    files = {f"{name}.yaml": HEAD + pack for name, pack in packs.items()}
    return load_policy("p.yaml", reader({"p.yaml": HEAD + text, **files}))


def effect(
    name: str,
    target: str | None = "public.users",
    *traits: str,
    kind: str = "table",
    risk: Risk | None = None,
    detail: str = "",
) -> Effect:
    """An effect; the target as `schema.name`, `name`, `*unknown*`, or None for none."""
    made: Target | None = None
    if target is not None:
        schema, _, last = target.rpartition(".")
        made = Target(kind, schema or None, None if last == "*unknown*" else last)
    return Effect(
        name,
        made,
        frozenset(traits),
        (EFFECT_KINDS[name].risk if name in EFFECT_KINDS else Risk.NONE) if risk is None else risk,
        detail=detail,
    )


def at(moment: str, context: Context = CONTEXT) -> Context:
    """The same circumstances at another moment, in UTC where it names no offset."""
    when = datetime.fromisoformat(moment)
    return replace(context, now=when if when.tzinfo is not None else when.replace(tzinfo=UTC))


def backup(hours_ago: float, *, now: datetime = NOW, **fields: object) -> Backup:
    """A backup of the test's database."""
    made = Backup(database="shop", finished=now - timedelta(hours=hours_ago), location="s3://backups/1")
    return replace(made, **fields)  # type: ignore[arg-type]


def facts(*backups: Backup, stale: bool = False) -> Facts:
    """A snapshot with these backups."""
    return Facts(backups=backups, as_of=NOW, stale=stale)


def judge(
    policy: Policy,
    *effects: Effect,
    context: Context = CONTEXT,
    facts: Facts = NO_FACTS,
) -> Decision:
    """Judge these effects."""
    return decide(effects, context, policy, facts)


def refusing(decision: Decision) -> list[str]:
    """The ids of the enforced rules that fired, sorted."""
    return sorted(firing.rule for firing in decision.enforced)


def watching(decision: Decision) -> list[str]:
    """The ids of the shadow rules that fired, sorted."""
    return sorted(firing.rule for firing in decision.shadowed)
