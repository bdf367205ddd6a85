"""The catalogue of effects: every name a policy may speak of, with its risk, classes, example and source.

In: the object kinds of objects.py. Out: CATALOGUE, CLASSES and TRAITS, from which the policy's vocabulary,
its documentation and its tests are derived. Deliberately absent: how a statement gets its effects (nodes/).
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from proxy.sql.objects import OBJECTS, ObjectKind

MANUAL = "https://www.postgresql.org/docs/current/"


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
        "trigger": "the function called is a trigger's own: nothing else can call it",
    }
)

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


def _object_kinds(kind: ObjectKind) -> Iterator[EffectKind]:
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


_NONE, _LOW, _MEDIUM, _HIGH = Risk.NONE, Risk.LOW, Risk.MEDIUM, Risk.HIGH

# name, risk, classes, summary, example, manual page
_OTHERS: tuple[tuple[str, Risk, str, str, str, str], ...] = (
    ("row.read", _NONE, "read", "rows are read", "SELECT * FROM t", "sql-select.html"),
    ("row.insert", _LOW, "write", "rows are added", "INSERT INTO t VALUES (1)", "sql-insert.html"),
    (
        "row.update",
        _MEDIUM,
        "write",
        "rows are changed; low by key, high when unscoped",
        "UPDATE t SET a = 1 WHERE b > 2",
        "sql-update.html",
    ),
    (
        "row.delete",
        _MEDIUM,
        "write",
        "rows are removed; low by key, high when unscoped",
        "DELETE FROM t WHERE b > 2",
        "sql-delete.html",
    ),
    (
        "row.lock",
        _NONE,
        "read",
        "rows are locked as they are read",
        "SELECT * FROM t FOR UPDATE",
        "sql-select.html",
    ),
    ("table.truncate", _HIGH, "write destructive", "a table is emptied", "TRUNCATE t", "sql-truncate.html"),
    (
        "table.rewrite",
        _MEDIUM,
        "ddl",
        "a table is written anew",
        "ALTER TABLE t SET TABLESPACE x",
        "sql-altertable.html",
    ),
    (
        "table.unlog",
        _HIGH,
        "ddl destructive",
        "a table or sequence is no longer logged: a crash empties it",
        "ALTER TABLE t SET UNLOGGED",
        "sql-altertable.html",
    ),
    ("table.lock", _LOW, "read", "a table is locked by name", "LOCK TABLE t", "sql-lock.html"),
    (
        "table.attach",
        _LOW,
        "ddl",
        "a table becomes a partition or a child",
        "ALTER TABLE p ATTACH PARTITION t DEFAULT",
        "sql-altertable.html",
    ),
    (
        "table.detach",
        _HIGH,
        "ddl destructive",
        "a partition or child leaves its table, with its rows",
        "ALTER TABLE p DETACH PARTITION t",
        "sql-altertable.html",
    ),
    ("table.vacuum", _LOW, "server", "a table is vacuumed", "VACUUM t", "sql-vacuum.html"),
    (
        "table.cluster",
        _MEDIUM,
        "ddl",
        "a table is sorted by an index",
        "CLUSTER t USING i",
        "sql-cluster.html",
    ),
    ("table.analyze", _NONE, "server", "statistics of a table are gathered", "ANALYZE t", "sql-analyze.html"),
    ("index.reindex", _MEDIUM, "ddl", "indexes are built anew", "REINDEX TABLE t", "sql-reindex.html"),
    (
        "matview.refresh",
        _LOW,
        "write",
        "a materialized view is filled anew",
        "REFRESH MATERIALIZED VIEW m",
        "sql-refreshmaterializedview.html",
    ),
    (
        "matview.empty",
        _HIGH,
        "write destructive",
        "a materialized view is emptied",
        "REFRESH MATERIALIZED VIEW m WITH NO DATA",
        "sql-refreshmaterializedview.html",
    ),
    (
        "trigger.disable",
        _HIGH,
        "ddl destructive",
        "a trigger, event trigger or rule no longer fires as it did",
        "ALTER TABLE t DISABLE TRIGGER ALL",
        "sql-altertable.html",
    ),
    (
        "trigger.enable",
        _LOW,
        "ddl",
        "a trigger, event trigger or rule fires again",
        "ALTER TABLE t ENABLE TRIGGER x",
        "sql-altertable.html",
    ),
    (
        "row_security.disable",
        _HIGH,
        "ddl privilege destructive",
        "row level security no longer guards a table, or not its owner",
        "ALTER TABLE t DISABLE ROW LEVEL SECURITY",
        "sql-altertable.html",
    ),
    (
        "row_security.enable",
        _LOW,
        "ddl privilege",
        "row level security guards a table",
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        "sql-altertable.html",
    ),
    (
        "sequence.advance",
        _NONE,
        "write",
        "a sequence gives its next value",
        "SELECT nextval('s')",
        "functions-sequence.html",
    ),
    (
        "sequence.reset",
        _HIGH,
        "write destructive",
        "a sequence is set to another value",
        "ALTER SEQUENCE s RESTART",
        "sql-altersequence.html",
    ),
    ("column.add", _LOW, "ddl", "a column is added", "ALTER TABLE t ADD c int", "sql-altertable.html"),
    (
        "column.drop",
        _HIGH,
        "ddl destructive",
        "a column is dropped",
        "ALTER TABLE t DROP c",
        "sql-altertable.html",
    ),
    (
        "column.retype",
        _HIGH,
        "ddl destructive",
        "a column changes its type, its values converted",
        "ALTER TABLE t ALTER c TYPE text USING d",
        "sql-altertable.html",
    ),
    (
        "column.rename",
        _HIGH,
        "ddl destructive",
        "a column is renamed: the old name is gone",
        "ALTER TABLE t RENAME c TO d",
        "sql-altertable.html",
    ),
    (
        "column.default",
        _LOW,
        "ddl",
        "a column's default, identity or generation changes; medium when one is lost",
        "ALTER TABLE t ALTER c SET DEFAULT 1",
        "sql-altertable.html",
    ),
    (
        "column.not_null",
        _MEDIUM,
        "ddl",
        "a column refuses NULL; or no longer does (detail: drop)",
        "ALTER TABLE t ALTER c SET NOT NULL",
        "sql-altertable.html",
    ),
    (
        "column.alter",
        _LOW,
        "ddl",
        "storage, compression, statistics or options of a column change",
        "ALTER TABLE t ALTER c SET STORAGE external",
        "sql-altertable.html",
    ),
    (
        "constraint.add",
        _MEDIUM,
        "ddl",
        "a constraint is added and rows are checked",
        "ALTER TABLE t ADD CHECK (a > 0)",
        "sql-altertable.html",
    ),
    (
        "constraint.drop",
        _HIGH,
        "ddl destructive",
        "a constraint is dropped",
        "ALTER TABLE t DROP CONSTRAINT c",
        "sql-altertable.html",
    ),
    (
        "constraint.rename",
        _MEDIUM,
        "ddl",
        "a constraint is renamed",
        "ALTER TABLE t RENAME CONSTRAINT c TO d",
        "sql-altertable.html",
    ),
    (
        "constraint.validate",
        _LOW,
        "ddl",
        "rows are checked against a NOT VALID constraint",
        "ALTER TABLE t VALIDATE CONSTRAINT c",
        "sql-altertable.html",
    ),
    (
        "constraint.alter",
        _MEDIUM,
        "ddl",
        "a constraint's enforcement, deferral or inheritance changes",
        "ALTER TABLE t ALTER CONSTRAINT c DEFERRABLE",
        "sql-altertable.html",
    ),
    (
        "constraint.unenforce",
        _HIGH,
        "ddl destructive",
        "a constraint is kept, and no longer holds",
        "ALTER TABLE t ALTER CONSTRAINT c NOT ENFORCED",
        "sql-altertable.html",
    ),
    (
        "domain.default",
        _LOW,
        "ddl",
        "a domain's default changes; medium when it is lost",
        "ALTER DOMAIN d SET DEFAULT 1",
        "sql-alterdomain.html",
    ),
    (
        "function.definer",
        _HIGH,
        "ddl privilege",
        "a function that is there runs with its owner's privileges, whoever calls it",
        "ALTER FUNCTION f(int) SECURITY DEFINER",
        "sql-alterfunction.html",
    ),
    (
        "type.value_rename",
        _HIGH,
        "ddl destructive",
        "a label of an enum type is renamed",
        "ALTER TYPE e RENAME VALUE 'a' TO 'b'",
        "sql-altertype.html",
    ),
    (
        "comment.set",
        _LOW,
        "ddl",
        "a comment is written or removed",
        "COMMENT ON TABLE t IS 'x'",
        "sql-comment.html",
    ),
    (
        "security_label.set",
        _HIGH,
        "ddl privilege",
        "a security label is written or removed",
        "SECURITY LABEL ON TABLE t IS 'x'",
        "sql-security-label.html",
    ),
    ("role.create", _HIGH, "privilege", "a role is created", "CREATE ROLE r", "sql-createrole.html"),
    (
        "role.alter",
        _HIGH,
        "privilege",
        "a role's attributes, password or members change",
        "ALTER ROLE r CREATEDB",
        "sql-alterrole.html",
    ),
    (
        "role.rename",
        _HIGH,
        "privilege",
        "a role is renamed",
        "ALTER ROLE r RENAME TO s",
        "sql-alterrole.html",
    ),
    ("role.drop", _HIGH, "privilege destructive", "a role is dropped", "DROP ROLE r", "sql-droprole.html"),
    (
        "role.set",
        _MEDIUM,
        "session privilege",
        "the session acts as another role",
        "SET ROLE r",
        "sql-set-role.html",
    ),
    (
        "privilege.grant",
        _HIGH,
        "privilege",
        "privileges or roles are granted",
        "GRANT SELECT ON t TO r",
        "sql-grant.html",
    ),
    (
        "privilege.revoke",
        _HIGH,
        "privilege",
        "privileges or roles are taken away",
        "REVOKE SELECT ON t FROM r",
        "sql-revoke.html",
    ),
    (
        "owner.reassign",
        _HIGH,
        "privilege ddl",
        "all that a role owns changes its owner",
        "REASSIGN OWNED BY r TO s",
        "sql-reassign-owned.html",
    ),
    (
        "owner.drop",
        _HIGH,
        "privilege ddl destructive",
        "all that a role owns is dropped",
        "DROP OWNED BY r",
        "sql-drop-owned.html",
    ),
    (
        "code.run",
        _MEDIUM,
        "opaque",
        "a block of code runs; what is read of it has effects of its own",
        "DO $$ BEGIN END $$",
        "sql-do.html",
    ),
    (
        "code.call",
        _MEDIUM,
        "opaque",
        "a function runs whose effects are not known",
        "SELECT f()",
        "sql-call.html",
    ),
    (
        "code.dynamic",
        _HIGH,
        "opaque",
        "SQL text runs that is built or given at run time",
        "SELECT query_to_xml($1, true, false, '')",
        "functions-xml.html",
    ),
    (
        "code.opaque",
        _HIGH,
        "opaque",
        "code whose effects cannot be read",
        "DO LANGUAGE plpython3u 'x'",
        "sql-do.html",
    ),
    (
        "statement.prepare",
        _NONE,
        "",
        "a statement is kept under a name",
        "PREPARE p AS SELECT 1",
        "sql-prepare.html",
    ),
    ("statement.execute", _NONE, "", "a kept statement runs", "EXECUTE p", "sql-execute.html"),
    ("statement.fetch", _NONE, "read", "rows are fetched from a cursor", "FETCH 10 FROM c", "sql-fetch.html"),
    ("statement.copy", _NONE, "", "rows pass in bulk", "COPY t TO STDOUT", "sql-copy.html"),
    (
        "code.unseen",
        _HIGH,
        "opaque",
        "what the database's own code does is not known, since its catalogue cannot be read",
        "-- none: the catalogue of the database tells, not the text",
        "catalogs.html",
    ),
    (
        "statement.unparsed",
        _HIGH,
        "opaque",
        "the text cannot be read",
        "-- none: a text that no parser reads",
        "sql-commands.html",
    ),
    (
        "statement.unknown",
        _HIGH,
        "opaque",
        "the statement holds what the analysis does not know",
        "-- none: every statement of today's grammar is known",
        "sql-commands.html",
    ),
    (
        "session.set",
        _LOW,
        "session",
        "a setting changes; high when that weakens protection",
        "SET work_mem = '4MB'",
        "sql-set.html",
    ),
    (
        "session.reset",
        _LOW,
        "session",
        "a setting returns to its default",
        "RESET work_mem",
        "sql-reset.html",
    ),
    ("session.discard", _LOW, "session", "the session's state is dropped", "DISCARD ALL", "sql-discard.html"),
    (
        "session.listen",
        _NONE,
        "session",
        "notifications are asked for or no longer",
        "LISTEN c",
        "sql-listen.html",
    ),
    ("session.notify", _LOW, "session", "a notification is sent", "NOTIFY c", "sql-notify.html"),
    ("transaction.begin", _NONE, "transaction", "a transaction begins", "BEGIN", "sql-begin.html"),
    ("transaction.commit", _NONE, "transaction", "a transaction is committed", "COMMIT", "sql-commit.html"),
    (
        "transaction.rollback",
        _NONE,
        "transaction",
        "a transaction is undone",
        "ROLLBACK",
        "sql-rollback.html",
    ),
    (
        "transaction.savepoint",
        _NONE,
        "transaction",
        "a savepoint is set, released or returned to",
        "SAVEPOINT s",
        "sql-savepoint.html",
    ),
    (
        "transaction.prepare",
        _MEDIUM,
        "transaction",
        "a transaction is kept for two-phase commit",
        "PREPARE TRANSACTION 'x'",
        "sql-prepare-transaction.html",
    ),
    (
        "transaction.commit_prepared",
        _MEDIUM,
        "transaction",
        "a kept transaction is committed",
        "COMMIT PREPARED 'x'",
        "sql-commit-prepared.html",
    ),
    (
        "transaction.rollback_prepared",
        _HIGH,
        "transaction destructive",
        "a kept transaction, and its work, is thrown away",
        "ROLLBACK PREPARED 'x'",
        "sql-rollback-prepared.html",
    ),
    (
        "server.file_read",
        _HIGH,
        "server",
        "the server reads its files",
        "COPY t FROM '/tmp/x'",
        "functions-admin.html",
    ),
    (
        "server.file_write",
        _HIGH,
        "server destructive",
        "the server writes or removes files",
        "COPY t TO '/tmp/x'",
        "sql-copy.html",
    ),
    (
        "server.program",
        _HIGH,
        "server opaque",
        "the server runs a program",
        "COPY t FROM PROGRAM 'x'",
        "sql-copy.html",
    ),
    (
        "server.network",
        _HIGH,
        "server opaque",
        "the server connects to another one",
        "SELECT * FROM dblink('host=x', 'SELECT 1') AS t(a int)",
        "contrib-dblink-function.html",
    ),
    (
        "server.setting",
        _HIGH,
        "server",
        "a setting of the server, a database or a role changes for good",
        "ALTER SYSTEM SET work_mem = '4MB'",
        "sql-altersystem.html",
    ),
    (
        "server.statistics",
        _MEDIUM,
        "server",
        "cumulative or planner statistics are reset or written",
        "SELECT pg_stat_reset()",
        "monitoring-stats.html",
    ),
    (
        "server.signal",
        _HIGH,
        "server",
        "other sessions or server processes are signalled",
        "SELECT pg_terminate_backend(1)",
        "functions-admin.html",
    ),
    (
        "server.checkpoint",
        _LOW,
        "server",
        "a checkpoint, or a switch of WAL, is forced",
        "CHECKPOINT",
        "sql-checkpoint.html",
    ),
    (
        "server.replication",
        _HIGH,
        "server",
        "slots, origins, recovery or backups are changed",
        "SELECT pg_drop_replication_slot('s')",
        "functions-admin.html",
    ),
    (
        "server.large_object",
        _HIGH,
        "write destructive",
        "large objects are written or removed",
        "SELECT lo_unlink(1)",
        "lo-funcs.html",
    ),
    (
        "large_object.create",
        _LOW,
        "write",
        "a large object is added",
        "SELECT lo_from_bytea(0, 'x')",
        "lo-funcs.html",
    ),
    ("server.load", _HIGH, "server opaque", "a shared library is loaded", "LOAD 'x'", "sql-load.html"),
)


def _everything() -> Iterator[EffectKind]:
    for kind in OBJECTS:
        yield from _object_kinds(kind)
    for name, risk, classes, summary, example, page in _OTHERS:
        yield EffectKind(name, risk, frozenset(classes.split()), summary, example, MANUAL + page)


CATALOGUE: Mapping[str, EffectKind] = MappingProxyType({kind.name: kind for kind in _everything()})

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
CLASSES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        name: frozenset(kind.name for kind in CATALOGUE.values() if name in kind.classes)
        for name in sorted(CLASS_ORDER)
    }
)
