"""How an effect is called in a sentence for people: the words of SQL that they know, such as DROP COLUMN.

Enters: an effect's name, and its detail. Leaves: a few words. Most are the words that the effect's example
begins with; the table holds those where an example's beginning does not say it. Deliberately absent: whole
sentences (rules write those) and targets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from proxy.sql.vocabulary.table import EFFECT_KINDS

_BEGINNING = re.compile(r"[A-Z]+(?: [A-Z]+)*(?![\w(])")
# The example of these begins with ALTER and the object's keyword.
_SUFFIXES = {"rename": "RENAME", "move": "SET SCHEMA", "owner": "OWNER TO"}
_OWN: Mapping[str, str] = MappingProxyType(
    {
        "row.insert": "INSERT",
        "row.delete": "DELETE",
        "row.lock": "SELECT FOR UPDATE",
        "table.rewrite": "Rewriting a table",
        "table.unlog": "SET UNLOGGED",
        "table.untype": "NOT OF",
        "table.unidentify": "REPLICA IDENTITY NOTHING",
        "foreign_table.redirect": "Changing what a foreign table stands for",
        "extension.contents": "Changing what belongs to an extension",
        "table.attach": "ATTACH PARTITION",
        "table.detach": "DETACH PARTITION",
        "index.reindex": "REINDEX",
        "matview.empty": "REFRESH WITH NO DATA",
        "trigger.disable": "DISABLE TRIGGER",
        "trigger.enable": "ENABLE TRIGGER",
        "row_security.disable": "DISABLE ROW LEVEL SECURITY",
        "row_security.enable": "ENABLE ROW LEVEL SECURITY",
        "sequence.advance": "nextval",
        "sequence.reset": "Resetting a sequence",
        "column.add": "ADD COLUMN",
        "column.drop": "DROP COLUMN",
        "column.retype": "Changing a column's type",
        "column.rename": "RENAME COLUMN",
        "column.default": "Changing a column's default",
        "column.not_null": "Changing NOT NULL",
        "column.alter": "ALTER COLUMN",
        "constraint.add": "ADD CONSTRAINT",
        "constraint.drop": "DROP CONSTRAINT",
        "constraint.rename": "RENAME CONSTRAINT",
        "constraint.validate": "VALIDATE CONSTRAINT",
        "constraint.alter": "ALTER CONSTRAINT",
        "constraint.unenforce": "NOT ENFORCED",
        "domain.default": "Changing a domain's default",
        "function.definer": "SECURITY DEFINER",
        "function.leakproof": "LEAKPROOF",
        "type.value_rename": "RENAME VALUE",
        "comment.set": "COMMENT",
        "security_label.set": "SECURITY LABEL",
        "role.rename": "ALTER ROLE RENAME",
        "privilege.grant": "GRANT",
        "privilege.revoke": "REVOKE",
        "owner.reassign": "REASSIGN OWNED",
        "owner.drop": "DROP OWNED",
        "code.run": "DO",
        "code.call": "Calling a function",
        "code.dynamic": "Running SQL that is built at run time",
        "code.opaque": "Running code that cannot be read",
        "code.unseen": "Running what the database holds unread",
        "statement.unparsed": "A text that cannot be read",
        "statement.unknown": "A statement that is not known",
        "server.file_read": "Reading the server's files",
        "server.file_write": "Writing the server's files",
        "server.program": "Running a program on the server",
        "server.network": "Connecting to another server",
        "server.setting": "Changing a setting for good",
        "server.statistics": "Changing statistics",
        "server.signal": "Signalling other sessions",
        "server.replication": "Changing replication",
        "connection.replication": "Replication",
        "server.large_object": "Changing a large object",
        "large_object.create": "Adding a large object",
        "server.load": "LOAD",
    }
)


# Those whose detail is the name of a part of the target, without which a sentence says too little.
_NAMED: Mapping[str, str] = MappingProxyType(
    {
        "column.add": "ADD COLUMN",
        "column.drop": "DROP COLUMN",
        "column.retype": "Changing the type of column",
        "constraint.drop": "DROP CONSTRAINT",
    }
)


def words_of(effect_name: str, detail: str = "") -> str:
    """What people call an effect; a name that is not in the vocabulary is called as it is."""
    if detail and effect_name in _NAMED:
        return f"{_NAMED[effect_name]} {detail}"
    own = _OWN.get(effect_name)
    kind = EFFECT_KINDS.get(effect_name)
    if own is not None or kind is None:
        return own or effect_name
    begins = _BEGINNING.match(kind.example)
    words = begins[0].removesuffix(" FOR").removesuffix(" ON") if begins else effect_name
    suffix = _SUFFIXES.get(effect_name.rpartition(".")[2])
    return words if suffix is None else f"{words} {suffix}"
