"""What a FunctionCall means: it names its function by number, and nobody sees its arguments.

Enters: an OID, and what is known of the database. Leaves: a Meaning, the same object each time, so that its
permits last.
"""

from __future__ import annotations

from proxy.session.meaning import Meaning, gravest
from proxy.sql.analyse import analyse
from proxy.sql.builtins import builtin_by_oid
from proxy.sql.database import Database
from proxy.sql.effects import EFFECT_KINDS, Effect, Mentions, Target


class Functions:
    """The functions of servers of one major version."""

    def __init__(self, server_major: int) -> None:
        """0 where the version is not known."""
        self._server_major = server_major
        self._known: dict[str | Target | None, Meaning] = {}

    def meaning(self, oid: int, database: Database | None) -> Meaning:
        """What calling this function does: a built-in's effects, a call of the users', or anything."""
        name: str | Target | None = builtin_by_oid(oid, self._server_major)
        if name is None and database is not None:
            name = database.function(oid)
        if name is None:
            return _opaque(oid)
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = self._builtin(name) if isinstance(name, str) else _users(name)
        return found

    def _builtin(self, name: str) -> Meaning:
        """As a call without arguments is read: what they would tell is not known."""
        quoted = name.replace('"', '""')
        analysis = analyse(f'SELECT pg_catalog."{quoted}"()', self._server_major)
        return Meaning(
            analysis.effects,
            relexes=analysis.may_change_lexing,
            statement_class=analysis.statement_class,
            mentions=analysis.mentions,
        )


def _users(target: Target) -> Meaning:
    effect = Effect("code.call", target, risk=EFFECT_KINDS["code.call"].risk)
    mentions = Mentions(functions=frozenset({(target.schema, str(target.name))}))
    return Meaning((effect,), relexes=True, statement_class="opaque", mentions=mentions)


def _opaque(oid: int) -> Meaning:
    opaque = EFFECT_KINDS["code.opaque"]
    effect = Effect(opaque.name, Target("function", None, f"oid {oid}"), risk=opaque.risk)
    return Meaning((effect,), relexes=True, statement_class=gravest(opaque.classes))
