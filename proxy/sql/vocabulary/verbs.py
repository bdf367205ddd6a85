"""What is done to any kind of object: each verb with its risk and classes, and the effects that come of it.

In: the kinds of objects.py. Out: their effects. Deliberately absent: all other effects (table.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from proxy.sql.vocabulary.kinds import EffectKind, Risk
from proxy.sql.vocabulary.objects import ObjectKind

MANUAL = "https://www.postgresql.org/docs/current/"

_VERBS: Mapping[str, tuple[str, Risk, frozenset[str]]] = MappingProxyType(
    {
        "create": ("is created", Risk.LOW, frozenset({"ddl"})),
        "alter": ("is altered", Risk.MEDIUM, frozenset({"ddl"})),
        "replace": ("may overwrite an earlier definition", Risk.MEDIUM, frozenset({"ddl", "destructive"})),
        "drop": ("is dropped", Risk.HIGH, frozenset({"ddl", "destructive"})),
        "rename": ("is renamed: the old name is gone", Risk.HIGH, frozenset({"ddl", "destructive"})),
        "move": (
            "goes to another schema: the old name is gone",
            Risk.HIGH,
            frozenset({"ddl", "destructive"}),
        ),
        "owner": ("changes its owner", Risk.MEDIUM, frozenset({"ddl", "privilege"})),
    }
)

# What guards or isolates: these belong to the privilege class as well.
_PROTECTING = frozenset({"policy", "user_mapping"})
# What reaches outside the database.
_SERVER_WIDE = frozenset(
    {"tablespace", "subscription", "publication", "foreign_server", "foreign_data_wrapper"}
)
# Who may connect to a database, and how many.
_SERVER_WIDE_CHANGES = frozenset({("database", "alter")})
# Beside the usual risk of the verb: a server leads to other data, and with file_fdw to files and programs;
# a policy that permits widens what is seen where row level security is on already.
_RISKS = {("foreign_server", "create"): Risk.MEDIUM, ("policy", "create"): Risk.MEDIUM}


def effects_on(kind: ObjectKind) -> Iterator[EffectKind]:
    """The effects on one kind of object, one for each verb that it knows."""
    for verb, (predicate, risk, classes) in _VERBS.items():
        example = kind.examples.get(verb)
        if example is None:
            continue
        extra = {"privilege"} if kind.name in _PROTECTING else set()
        if kind.name in _SERVER_WIDE or (kind.name, verb) in _SERVER_WIDE_CHANGES:
            extra.add("server")
        noun = kind.keyword.lower()
        article = "an" if noun[0] in "aeio" else "a"
        page = kind.page(
            "create" if verb == "replace" else "alter" if verb in {"rename", "move", "owner"} else verb
        )
        yield EffectKind(
            f"{kind.name}.{verb}",
            _RISKS.get((kind.name, verb), risk),
            classes | extra,
            f"{article} {noun} {predicate}",
            example,
            MANUAL + page,
        )
