"""Patterns over what an effect touches: `public.users`, `billing.*`, `setting:row_security`.

Enters: a pattern and an effect. Leaves: whether the effect may touch it, and whether it certainly does. The
first is asked where a rule forbids, the second where something is excepted: doubt is on the side of refusing.
A bare name may lie in each schema of its target's path, or in any where that is not known. Deliberately
absent: the catalogue: which of them has the name is not known here.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from proxy.policy.conditions.globs import ANYTHING, compile_glob
from proxy.sql.effects import CLASSES, Effect, Target

# Things that lie in no schema. A pattern over schema.name says nothing about them; one with a kind does.
OUTSIDE_SCHEMAS = frozenset(
    {
        "access_method",
        "cast",
        "channel",
        "cursor",
        "database",
        "event_trigger",
        "extension",
        "file",
        "foreign_data_wrapper",
        "foreign_server",
        "language",
        "large_object",
        "library",
        "parameter",
        "portal",
        "prepared_statement",
        "process",
        "program",
        "publication",
        "role",
        "savepoint",
        "schema",
        "server",
        "setting",
        "slot",
        "statement",
        "subscription",
        "tablespace",
        "transaction",
        "transform",
        "user_mapping",
    }
)
# What these do reaches objects that the statement does not name.
FAR_REACHING = frozenset(
    {"database.drop", "owner.drop", "owner.reassign", "extension.drop", "tablespace.drop"}
)
_OPAQUE = CLASSES["opaque"]
_PATTERN = re.compile(r'(?:([a-z_]+):)?(?:("(?:[^"]|"")*"|[^".:]+)\.)?("(?:[^"]|"")*"|[^".:]+)')


@dataclass(frozen=True, slots=True)
class TargetPattern:
    """One compiled pattern.

    Attributes:
        kind: "" for anything that lies in a schema.
        schema: None where the pattern names no schema.
    """

    text: str
    kind: str
    schema: Callable[[str], bool] | None
    any_schema: bool
    name: Callable[[str], bool]
    any_name: bool

    def may_match(self, effect: Effect) -> bool:
        """Whether the effect touches this, or might."""
        target = effect.target
        if target is None:
            return effect.name in _OPAQUE
        if self._reaches_further(effect):
            return True
        if self.kind:
            return target.kind == self.kind and self._may_name(target)
        if target.kind == "schema":
            # Who touches a schema touches what lies in it.
            return target.name is None or self.schema is None or self.schema(target.name)
        if target.kind in OUTSIDE_SCHEMAS:
            return target.name is None and effect.name in _OPAQUE
        return self._may_name(target)

    def must_match(self, effect: Effect) -> bool:
        """Whether the effect touches this and, as far as it says, nothing else."""
        target = effect.target
        if target is None or self._reaches_further(effect):
            return False
        if self.kind != target.kind and (self.kind or target.kind in OUTSIDE_SCHEMAS):
            return False
        name_fits = self.any_name or (target.name is not None and self.name(target.name))
        if target.kind in OUTSIDE_SCHEMAS:
            return name_fits
        schema_fits = self.any_schema or (
            self.schema is not None and target.schema is not None and self.schema(target.schema)
        )
        return name_fits and schema_fits

    def _reaches_further(self, effect: Effect) -> bool:
        """Whether it may touch what it does not name; with a database goes what lies in it, and no more."""
        if effect.name == "database.drop" and self.kind == "database":
            return False
        return "cascade" in effect.traits or effect.name in FAR_REACHING

    def _may_name(self, target: Target) -> bool:
        schemas = target.path if target.schema is None else (target.schema,)
        if schemas and self.schema is not None and not any(map(self.schema, schemas)):
            return False
        return target.name is None or self.name(target.name)


def compile_target(text: str) -> TargetPattern:
    """Read `[kind:][schema.]name`, each part with * and ?, or in double quotes as it is.

    Raises:
        ValueError: with a sentence for the writer of the policy.
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(
            f'"{text}" is no target; write schema.name, schema.* or kind:name, or the name of a set'
        )
    kind, schema, name = match[1] or "", match[2], match[3]
    if not kind and schema is None:
        raise ValueError(f'"{text}" is neither a set nor schema.name; for any schema write "*.{text}"')
    return TargetPattern(
        text=text,
        kind=kind,
        schema=None if schema is None else _part(schema),
        any_schema=schema is None or schema == ANYTHING,
        name=_part(name),
        any_name=name == ANYTHING,
    )


def _part(text: str) -> Callable[[str], bool]:
    if text.startswith('"'):
        return text[1:-1].replace('""', '"').__eq__
    return compile_glob(text)
