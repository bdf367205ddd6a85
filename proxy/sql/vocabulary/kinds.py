"""The terms of the vocabulary: what every effect has (a risk, classes), what an effect may have (traits).

Out: `EffectKind`, and the meaning of each risk, trait and class. Deliberately absent: the effects themselves
(table.py).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


class Risk(enum.IntEnum):
    """How much an effect may cost: LOW adds; MEDIUM locks, rewrites or replaces; HIGH loses."""

    NONE = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3


@dataclass(frozen=True, slots=True)
class EffectKind:
    """One name of the vocabulary.

    risk is the usual one: a statement's effect may be graver (an unscoped row.delete) or lighter.
    example is SQL whose analysis has this effect (a test holds us to it), or says why none exists.
    """

    name: str
    risk: Risk
    classes: frozenset[str]
    summary: str
    example: str
    source: str


TRAITS: Mapping[str, str] = MappingProxyType(
    {
        "unscoped": "no conjunct of the WHERE restricts the target's own rows",
        "by_key": "a column of the target is compared for equality with a constant or a parameter",
        "cascade": "CASCADE: whatever depends on the target goes too, or the target goes with another",
        "if_exists": "IF EXISTS or IF NOT EXISTS: may do nothing",
        "temporary": "the object lives in the session's temporary schema",
        "fresh": "falls on what the same transaction has made, or columns that it has added: "
        "nothing of before is in it",
        "concurrently": "CONCURRENTLY: without the strong lock",
        "replaces": "OR REPLACE: an earlier definition may be overwritten",
        "dynamic": "runs text or code that this statement does not show",
        "rewrites_table": "the whole table is written anew",
        "blocks_reads": "readers of the target, or of the table it is on, wait; not said of what is dropped",
        "blocks_writes": "writers of the target, or of the table it is on, wait; not said of what is dropped",
        "not_valid": "NOT VALID: rows that are there are not checked",
        "deferred": "happens only when what is defined here runs: a view, a rule, a function's body",
        "effectful": "the function created here does more than compute and read",
        "shadows": "it has the name of a function or operator that is known: calls of that name may run this",
        "repeated": "the function called runs for each of many rows",
        "trigger": "the function called is a trigger's own: nothing else can call it",
    }
)

# Gravest first: Analysis.statement_class takes the first that fits.
CLASS_MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "destructive": "takes away or overwrites what is there: data, an object, a name, a protection",
        "opaque": "runs or keeps what cannot be read",
        "privilege": "changes who may do what",
        "server": "reaches beyond the database: files, programs, settings, other servers and sessions",
        "ddl": "changes the schema",
        "write": "changes rows, sequences or large objects",
        "session": "changes the session itself",
        "transaction": "begins, marks or ends a transaction",
        "read": "reads, or locks to read",
    }
)
CLASS_ORDER: tuple[str, ...] = tuple(CLASS_MEANINGS)
