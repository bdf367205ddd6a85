"""The words that a policy may use of statements: effects, classes, traits, risks, and kinds of objects.

Out: the tables, and what is derived of them: a sentence's words for an effect (`wording`), the page of
all effects (`reference`). Deliberately absent: one statement's effects (sql/effects.py), and what a database
holds (sql/database/).
"""

from proxy.sql.vocabulary.kinds import CLASS_MEANINGS, CLASS_ORDER, TRAITS, EffectKind, Risk
from proxy.sql.vocabulary.table import CLASSES, EFFECT_KINDS

__all__ = [
    "CLASSES",
    "CLASS_MEANINGS",
    "CLASS_ORDER",
    "EFFECT_KINDS",
    "TRAITS",
    "EffectKind",
    "Risk",
]
