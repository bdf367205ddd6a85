"""How an effect is undone: one line of a rollback plan, suggested to people.

Enters: an effect's name, what it fell on, its detail, and what backup there is. Leaves: a sentence. Each
effect that alters the schema or privileges, destroys, or has high risk has one, by its verb or in the table.
Deliberately absent: commands to run blindly, and whether undoing is wise.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from proxy.sql.vocabulary.kinds import EffectKind, Risk
from proxy.sql.vocabulary.objects import OBJECTS
from proxy.sql.vocabulary.table import EFFECT_KINDS

_NOUNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{kind.name: kind.keyword.lower() for kind in OBJECTS},
        **{"role": "role", "column": "column", "constraint": "constraint"},
    }
)
# Objects that hold rows: dropping one loses more than its definition.
_HOLDING: Final = frozenset({"database", "schema", "sequence", "table"})

# {target} is the object, {it} its kind and name,{detail} what the effect's name does not say
# (with a blank before it), {backup} where
# the data or the definition can be had from.
_VERBS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "create": "Drop {it}, if nothing needs it yet.",
        "alter": "Alter {it} back; how it was is in {backup}.",
        "replace": "Put the earlier definition of {it} back; it is in {backup}.",
        "drop": "Create {it} again; its definition is in {backup}.",
        "rename": "Rename {it} back.",
        "move": "Move {it} back to its schema (SET SCHEMA).",
        "owner": "Give {it} back to its owner (OWNER TO); who that was is in {backup}.",
    }
)
_LOST: Final = "Restore {it} with its rows from {backup}."
_OWN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "row.delete": "Bring the deleted rows of {target} back from {backup}.",
        "row.update": "Bring the earlier values of {target} back from {backup}.",
        "column.add": "Drop the column{detail} of {target}; what was written to it is lost with it.",
        "column.drop": "Add the column{detail} to {target} again, and fill it from {backup}.",
        "column.retype": "Change the type of{detail} of {target} back; what that lost is in {backup}.",
        "column.rename": "Rename the column of {target} back.",
        "column.default": "Set the earlier default of {target} again; it is in {backup}.",
        "column.not_null": "Turn NOT NULL of {target} back: SET or DROP NOT NULL.",
        "column.alter": "Set the column of {target} back to what it was; how that was is in {backup}.",
        "constraint.add": "Drop the new constraint of {target}.",
        "constraint.drop": "Add the constraint{detail} of {target} again; rows that break it must go first.",
        "constraint.alter": "Alter the constraint of {target} back.",
        "constraint.rename": "Rename the constraint of {target} back.",
        "constraint.unenforce": "Enforce the constraint of {target} again; rows that break it must go first.",
        "constraint.validate": "Nothing to undo: the rows of {target} were only checked.",
        "comment.set": "Write the earlier comment on {target} again; it is in {backup}.",
        "security_label.set": "Write the earlier security label of {target} again; it is in {backup}.",
        "domain.default": "Set the earlier default of {target} again; it is in {backup}.",
        "type.value_rename": "Rename the label of {target} back.",
        "function.definer": "Let {target} run as who calls it again: SECURITY INVOKER.",
        "function.leakproof": "Trust {target} no longer: NOT LEAKPROOF.",
        "index.reindex": "Nothing to undo: indexes were built anew.",
        "matview.empty": "Fill it again: REFRESH MATERIALIZED VIEW {target}.",
        "table.truncate": "Restore the rows of {target} from {backup}.",
        "table.rewrite": "Nothing to undo, unless values were converted: those are in {backup}.",
        "table.cluster": "Nothing to undo: {target} was only sorted.",
        "table.attach": "Detach {target} again: DETACH PARTITION, or NO INHERIT.",
        "table.detach": "Attach {target} again: ATTACH PARTITION, or INHERIT.",
        "table.untype": "Bind {target} to its type again: ALTER TABLE … OF.",
        "table.unidentify": "Set the replica identity of {target} again: DEFAULT, or what it was.",
        "foreign_table.redirect": "Set the earlier options of {target} again; they are in {backup}.",
        "extension.contents": "Turn it back: ALTER EXTENSION {target} ADD, or DROP.",
        "table.unlog": "Log {target} again: SET LOGGED.",
        "sequence.reset": "Set {target} back, past the largest value in use (setval).",
        "trigger.disable": "Enable {target} again.",
        "trigger.enable": "Disable {target} again.",
        "row_security.disable": "Guard {target} again: ENABLE, or FORCE, ROW LEVEL SECURITY.",
        "row_security.enable": "Take the guard of {target} away: DISABLE ROW LEVEL SECURITY.",
        "privilege.grant": "Revoke what was granted on {target}.",
        "privilege.revoke": "Grant again what was revoked on {target}; what that was is in {backup}.",
        "owner.reassign": "Give each object back to its owner; who that was is in {backup}.",
        "owner.drop": "Restore what {target} owned from {backup}, and grant its privileges again.",
        "role.set": "Nothing to undo: it concerned its session alone.",
        "transaction.commit_prepared": "Undo the changes that were in the prepared transaction {target}.",
        "transaction.rollback_prepared": "Do the work of the prepared transaction again: it is nowhere kept.",
        "server.file_read": "Nothing to undo; treat what the files held as known to whoever read them.",
        "server.file_write": "Put the server's files back from a backup of the host.",
        "server.large_object": "Restore the large objects from {backup}.",
        "server.program": "Find out what the program did on the server; the database cannot undo it.",
        "server.network": "Find out what was done on the other server; this one cannot undo it.",
        "server.setting": "Set {target} back (ALTER SYSTEM RESET, or SET), and reload.",
        "server.signal": "Nothing to undo: what was ended must be run again.",
        "server.replication": "Make {target} again, or drop it; consumers have to begin anew.",
        "server.load": "End the session; what the library did cannot be undone from here.",
        "connection.replication": "End the stream; treat what it copied as known to whoever read it.",
        "code.dynamic": "Read the code to see what it did; what was lost is in {backup}.",
        "code.opaque": "Read the code to see what it did; what was lost is in {backup}.",
        "code.unseen": "Read the code to see what it did; what was lost is in {backup}.",
        "statement.unparsed": "Read the statement to see what it did; what was lost is in {backup}.",
        "statement.unknown": "Read the statement to see what it did; what was lost is in {backup}.",
    }
)


def needs_plan(kind: EffectKind) -> bool:
    """Whether a change with this effect must say how it is undone."""
    return kind.risk >= Risk.HIGH or not kind.classes.isdisjoint(("ddl", "privilege", "destructive"))


def undoing(effect: str, target: str, detail: str, backup: str) -> str:
    """A sentence that says how one effect is undone; "" where there is nothing to say.

    Args:
        target: what it fell on, "" where that is not known.
        backup: as a noun, such as "the backup at /srv/backups/shop".
    """
    noun = _NOUNS.get(effect.partition(".")[0], "")
    return _form(effect).format(
        target=target or "it",
        it=f"the {noun} {target}" if target else "it",
        detail=f" {detail}" if detail else "",
        backup=backup,
    )


def _form(effect: str) -> str:
    own = _OWN.get(effect)
    if own is not None or effect not in EFFECT_KINDS:
        return own or ""
    thing, _, verb = effect.partition(".")
    if verb == "drop" and thing in _HOLDING:
        return _LOST
    return _VERBS.get(verb, "") if thing in _NOUNS else ""
