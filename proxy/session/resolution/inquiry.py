"""What bare names stand for now: a question that the gate puts to the session's own server connection.

Enters: the names, then the server's answers, message by message. Leaves: the messages that ask, and in the
end an ``Answer``. Asked between two messages of the client's, in the client's own transaction, with nothing
in flight: so the answer is what the client's next statement will find. Absent: when to ask, and what follows.

No search_path reaches this text: every function, operator and type says its schema. It is asked under names
that no client can guess, so it touches no statement and no portal of the client's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from proxy.session.resolution.freshness import Grown, Growth
from proxy.session.resolution.making import Made, asked_of
from proxy.session.resolution.vacancy import Place
from proxy.wire.backend import decode_data_row
from proxy.wire.errors import ProtocolViolation
from proxy.wire.frontend import (
    BindMessage,
    encode_bind,
    encode_close,
    encode_execute,
    encode_flush,
    encode_parse,
    encode_sync,
)

MOST_NAMES: Final = 100
"""A text with more bare names than these is not asked about."""

_QUESTION: Final = """\
/* pgwarden: what do these names stand for? */
SELECT pg_catalog.current_setting('search_path'), CURRENT_USER, pg_catalog.pg_backend_pid(), a.name,
  c.relkind::pg_catalog.text, c.relhastriggers OR c.relhasrules,
  EXISTS (SELECT FROM pg_catalog.pg_depend AS d WHERE d.deptype OPERATOR(pg_catalog.=) 'n' AND (
    d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
      AND d.refobjid OPERATOR(pg_catalog.=) c.oid
    OR d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_type'::pg_catalog.regclass
      AND d.refobjid OPERATOR(pg_catalog.=) ANY (ARRAY[c.reltype,
        (SELECT t.typarray FROM pg_catalog.pg_type AS t WHERE t.oid OPERATOR(pg_catalog.=) c.reltype)]))
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS k
      WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_constraint'::pg_catalog.regclass
        AND k.oid OPERATOR(pg_catalog.=) d.objid AND k.contype OPERATOR(pg_catalog.=) 'f'))
FROM (VALUES (NULL), %s) AS a(name) LEFT JOIN pg_catalog.pg_class AS c
  ON c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(a.name)
  AND c.relnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()
  AND c.relpersistence OPERATOR(pg_catalog.=) 't'
  AND c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p', 'v', 'S', 'i', 'I']::pg_catalog."char"[])
"""
# Only tables of the same session can refer to a temporary one by a foreign key: those it leaves aside.

_GROWN: Final = """\
UNION ALL SELECT NULL, a.attname, NULL, g.name, '+', c.relhasrules OR EXISTS (
  SELECT FROM pg_catalog.pg_trigger AS t
  WHERE t.tgrelid OPERATOR(pg_catalog.=) c.oid AND NOT t.tgisinternal), NULL
FROM (VALUES %s) AS g(name) JOIN pg_catalog.pg_class AS c
  ON c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(g.name)
  AND c.relkind OPERATOR(pg_catalog.=) 'r' AND NOT c.relhassubclass
  AND (pg_catalog.cardinality(pg_catalog.parse_ident(g.name)) OPERATOR(pg_catalog.=) 2 OR NOT EXISTS (
    SELECT FROM pg_catalog.pg_class AS o WHERE o.relname OPERATOR(pg_catalog.=) c.relname
      AND o.oid OPERATOR(pg_catalog.<>) c.oid))
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid OPERATOR(pg_catalog.=) c.oid
  AND a.xmin OPERATOR(pg_catalog.=) pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.xid
WHERE pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.=) 'read committed'
"""
# A row of pg_attribute is written anew by much, so no other table may have a bare name: code may move the
# search_path.

_MADE: Final = """\
UNION ALL SELECT NULL, NULL, NULL, m.key, '=', NULL, NULL
FROM (VALUES %s) AS m(key, kind, name),
  (SELECT pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.xid) AS this(xid)
WHERE pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.=) 'read committed'
  AND CASE m.kind
    WHEN 'routine' THEN (SELECT pg_catalog.bool_and(p.xmin OPERATOR(pg_catalog.=) this.xid
        AND EXISTS (SELECT FROM pg_catalog.pg_depend AS b
          WHERE b.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
            AND b.objid OPERATOR(pg_catalog.=) p.oid AND b.xmin OPERATOR(pg_catalog.=) this.xid
            AND b.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass))
      FROM pg_catalog.pg_proc AS p WHERE p.proname OPERATOR(pg_catalog.=) m.name::pg_catalog.name
      HAVING pg_catalog.count(*) OPERATOR(pg_catalog.=) 1)
    WHEN 'type' THEN (SELECT pg_catalog.bool_and(t.xmin OPERATOR(pg_catalog.=) this.xid
        AND EXISTS (SELECT FROM pg_catalog.pg_depend AS b
          WHERE b.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_type'::pg_catalog.regclass
            AND b.objid OPERATOR(pg_catalog.=) t.oid AND b.xmin OPERATOR(pg_catalog.=) this.xid
            AND b.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass))
      FROM pg_catalog.pg_type AS t WHERE t.typname OPERATOR(pg_catalog.=) m.name::pg_catalog.name
      HAVING pg_catalog.count(*) OPERATOR(pg_catalog.=) 1)
    ELSE EXISTS (SELECT FROM pg_catalog.pg_class AS c
      WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(m.name)
        AND c.relkind::pg_catalog.text OPERATOR(pg_catalog.=) m.kind
        AND c.xmin OPERATOR(pg_catalog.=) this.xid
        AND EXISTS (SELECT FROM pg_catalog.pg_depend AS b
          WHERE b.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
            AND b.objid OPERATOR(pg_catalog.=) c.oid AND b.xmin OPERATOR(pg_catalog.=) this.xid
            AND b.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass)
        AND NOT c.relispartition AND NOT c.relhassubclass
        AND (NOT c.relhasrules OR c.relkind OPERATOR(pg_catalog.<>) 'r')
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute AS a
          WHERE a.attnum OPERATOR(pg_catalog.<) 0 AND a.xmin OPERATOR(pg_catalog.<>) this.xid
            AND a.attrelid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT c.oid
              UNION ALL SELECT k.conrelid FROM pg_catalog.pg_constraint AS k
                WHERE k.confrelid OPERATOR(pg_catalog.=) c.oid AND k.contype OPERATOR(pg_catalog.=) 'f'
              UNION ALL SELECT d.objid FROM pg_catalog.pg_depend AS d
                WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
                  AND d.refobjid OPERATOR(pg_catalog.=) c.oid AND d.deptype OPERATOR(pg_catalog.<>) 'n'
                  AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass))))
  END
"""
# A row of pg_class is written anew by ALTER TABLE or CREATE TRIGGER, of pg_proc by ALTER FUNCTION. Those of a
# table's system columns are of its creation, and so is, of everything, the one that says its schema.
# What refers to it, and a sequence that goes with it, have to be as new: DELETE may reach the one, DROP the
# other.

_FREE: Final = """\
UNION ALL SELECT NULL, NULL, NULL, f.key, '-', NULL, NULL
FROM (VALUES %s) AS f(key, family, schema, name)
WHERE pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.=) 'read committed'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks AS l
    WHERE l.locktype OPERATOR(pg_catalog.=) 'relation' AND l.mode OPERATOR(pg_catalog.=) 'AccessExclusiveLock'
      AND l.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()
      AND l.database OPERATOR(pg_catalog.=) (SELECT d.oid FROM pg_catalog.pg_database AS d
        WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()))
  AND CASE f.family%s END
"""
# A snapshot of before would not show what others have committed since, though the next statement finds it. An
# exclusive lock may be a creation, or a renaming, that is not committed yet.

_TAKEN: Final = """
    WHEN '{family}' THEN NOT EXISTS (SELECT FROM pg_catalog.{catalogue} AS o
      WHERE o.{name} OPERATOR(pg_catalog.=) f.name::pg_catalog.name{schema})"""

_IN_SCHEMA: Final = """ AND (f.schema IS NULL OR EXISTS (
        SELECT FROM pg_catalog.pg_namespace AS n WHERE n.oid OPERATOR(pg_catalog.=) o.{column}
          AND n.nspname OPERATOR(pg_catalog.=) f.schema::pg_catalog.name))"""

_ON_TABLE: Final = """ AND (f.schema IS NULL OR EXISTS (
        SELECT FROM pg_catalog.pg_class AS c WHERE c.oid OPERATOR(pg_catalog.=) o.{column}
          AND c.relname OPERATOR(pg_catalog.=) f.schema::pg_catalog.name))"""

_CATALOGUES: Final = {
    "relation": ("pg_class", "relname", "relnamespace"),
    "type": ("pg_type", "typname", "typnamespace"),
    "routine": ("pg_proc", "proname", "pronamespace"),
    "constraint": ("pg_constraint", "conname", "conrelid"),
    "trigger": ("pg_trigger", "tgname", "tgrelid"),
    "policy": ("pg_policy", "polname", "polrelid"),
    "schema": ("pg_namespace", "nspname", ""),
    "extension": ("pg_extension", "extname", ""),
    "publication": ("pg_publication", "pubname", ""),
    "database": ("pg_database", "datname", ""),
    "rule": ("pg_rewrite", "rulename", "ev_class"),
    "event_trigger": ("pg_event_trigger", "evtname", ""),
    "statistics": ("pg_statistic_ext", "stxname", "stxnamespace"),
    "collation": ("pg_collation", "collname", "collnamespace"),
    "foreign_server": ("pg_foreign_server", "srvname", ""),
}
"""Family of names -> the catalogue that has them, the name's column, and that of its schema or table."""

_COLUMN: Final = _TAKEN.format(
    family="column",
    catalogue="pg_attribute",
    name="attname",
    schema=""" AND NOT o.attisdropped AND EXISTS (
        SELECT FROM pg_catalog.pg_class AS c WHERE c.oid OPERATOR(pg_catalog.=) o.attrelid
          AND c.relname OPERATOR(pg_catalog.=) f.schema::pg_catalog.name)""",
)

_SAME: Final = """
    WHEN 'same' THEN (SELECT pg_catalog.bool_and(
        pg_catalog.concat(l.lanname, ':', p.prosrc) OPERATOR(pg_catalog.=) f.schema
        AND p.prokind OPERATOR(pg_catalog.=) 'f' AND p.provolatile OPERATOR(pg_catalog.=) 'v'
        AND p.proparallel OPERATOR(pg_catalog.=) 'u' AND p.procost OPERATOR(pg_catalog.=) 100
        AND p.pronargs OPERATOR(pg_catalog.=) 0 AND p.proallargtypes IS NULL AND p.proconfig IS NULL
        AND p.prosqlbody IS NULL AND p.protrftypes IS NULL
        AND p.prosupport::pg_catalog.oid OPERATOR(pg_catalog.=) 0::pg_catalog.oid
        AND NOT (p.prosecdef OR p.proisstrict OR p.proleakproof OR p.proretset))
      FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_language AS l
        ON l.oid OPERATOR(pg_catalog.=) p.prolang
      WHERE p.proname OPERATOR(pg_catalog.=) f.name::pg_catalog.name
      HAVING pg_catalog.count(*) OPERATOR(pg_catalog.=) 1)"""

_WHERE_TAKEN: Final = (
    _SAME
    + _COLUMN
    + "".join(
        _TAKEN.format(
            family=family,
            catalogue=catalogue,
            name=name,
            schema=(_IN_SCHEMA if within.endswith("namespace") else _ON_TABLE).format(column=within)
            if within
            else "",
        )
        for family, (catalogue, name, within) in _CATALOGUES.items()
    )
)

_NOTHING: Final = "-"
_ORDINARY: Final = "+"
_OURS: Final = "="
_KINDS: Final = {"r": "table", "p": "table", "v": "view", "S": "sequence", "i": "index", "I": "index"}
"""What pg_class.relkind is as the kind of a target."""


_RELKINDS: Final = {"table": "r", "view": "v", "matview": "m", "sequence": "S"}
"""And back, for what a transaction has made."""

Asked: TypeAlias = str | Place | Grown | Made
"""A relation's name as ``spelled`` spells it, which may be the session's own; or something else to ask."""


@dataclass(frozen=True, slots=True)
class Own:
    """A relation of the session's own temporary schema, which a name stands for.

    Attributes:
        kind: as a target has it: table, view, sequence or index.
        plain: no trigger and no rule is on it, so writing it writes nothing else.
        alone: nothing hangs on it or on its row type but foreign keys of the session's own tables, so
            DROP ... CASCADE reaches nothing else.
    """

    kind: str
    plain: bool
    alone: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said.

    Attributes:
        search_path: the schemas that it lists, those that do not exist included; None where it cannot be
            read.
        process_id: of the server process that has answered.
        asked: what was asked.
        own: those that are relations of the session's own.
        free: the keys of those that nothing has.
        grown: of each table that is an ordinary one, what else there is to know.
        made: the keys of what is this transaction's work.
    """

    search_path: tuple[str, ...] | None
    process_id: int
    asked: frozenset[Asked]
    own: Mapping[str, Own] = field(default_factory=dict)
    free: frozenset[str] = frozenset()
    grown: Mapping[str, Growth] = field(default_factory=dict)
    made: frozenset[str] = frozenset()


def _literal(value: str | None) -> str:
    """A constant: nothing is asked unless standard_conforming_strings is on."""
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def _plain(made: Made) -> str:
    """The name as a catalogue has it; of a relation as ``spelled`` spells it."""
    return made.name if made.kind in _RELKINDS else made.name[1:-1].replace('""', '"')


class Inquiry:
    """One question on its way.

    Attributes:
        names: what is asked.
        inside: it is asked inside of a batch of the client's, which it must not end.
    """

    def __init__(
        self, names: Iterable[Asked], token: str, *, inside: bool = False, ascii_only: bool = False
    ) -> None:
        """Ask this.

        ascii_only: the server may read other characters otherwise; of names that have some it says nothing.
        """
        self.inside = inside
        self._ascii_only = ascii_only
        self._closed = 0
        self._label = f"pgw_{token}".encode()
        self.names = frozenset(names)
        self._own: dict[str, Own] = {}
        self._free: set[str] = set()
        self._made: set[str] = set()
        self._grown: dict[str, Growth] = {}
        self._search_path: tuple[str, ...] | None = None
        self._process_id = 0
        self._complete = False

    @property
    def answer(self) -> Answer | None:
        """What the server said, once it has said all; None also where it cannot answer."""
        if not self._complete:
            return None
        free, made = frozenset(self._free), frozenset(self._made)
        return Answer(self._search_path, self._process_id, self.names, self._own, free, self._grown, made)

    def encode(self) -> bytes:
        """Messages of the extended protocol: a Query would end the client's unnamed statement.

        Inside of a batch Flush brings the answers; Sync would end the batch, and commit it.
        """
        names = self._rows((name,) for name in sorted(name for name in self.names if isinstance(name, str)))
        text = _QUESTION % (names or "(NULL)")
        grown = self._rows((name.table,) for name in self.names if isinstance(name, Grown))
        if grown:
            text += _GROWN % grown
        made = self._rows(
            (each.key, _RELKINDS.get(each.kind, each.kind), _plain(each)) for each in asked_of(self.names)
        )
        if made:
            text += _MADE % made
        places = sorted((name for name in self.names if isinstance(name, Place)), key=lambda place: place.key)
        free = self._rows((place.key, place.family, place.schema, place.name) for place in places)
        if free:
            text += _FREE % (free, _WHERE_TAKEN)
        label = self._label
        return b"".join(
            (
                encode_parse(label, text.encode()),
                encode_bind(BindMessage(label, label)),
                encode_execute(label),
                encode_close("P", label),
                encode_close("S", label),
                encode_flush() if self.inside else encode_sync(),
            )
        )

    def _rows(self, rows: Iterable[tuple[str | None, ...]]) -> str:
        """Rows of VALUES, but for those that cannot be asked."""
        return ", ".join(f"({', '.join(map(_literal, row))})" for row in rows if self._may_say(row))

    def _may_say(self, values: Iterable[str | bytes | None]) -> bool:
        return not self._ascii_only or all(value is None or value.isascii() for value in values)

    def row(self, body: bytes) -> None:
        """A DataRow has come.

        Raises: ProtocolViolation when it is not one of this question's.
        """
        values = decode_data_row(body)
        if len(values) != 7:
            raise ProtocolViolation("the server answered something that was not asked")
        if not self._may_say(values):
            if values[3] is None:
                self._process_id = int(values[2] or 0)
            return
        path, user, process_id, name, kind, busy, leaned_on = (
            None if value is None else value.decode() for value in values
        )
        if name is None:
            self._search_path = split_path(path or "", user or "")
            self._process_id = int(process_id or 0)
        elif kind == _NOTHING:
            self._free.add(name)
        elif kind == _OURS:
            self._made.add(name)
        elif kind == _ORDINARY:
            columns = self._grown.get(name, Growth()).columns | ({user} if user else frozenset())
            self._grown[name] = Growth(columns, busy == "t")
        elif kind is not None:
            self._own[name] = Own(_KINDS[kind], plain=busy == "f", alone=leaned_on == "f")

    def completed(self) -> None:
        """CommandComplete has come: all rows were there."""
        self._complete = True

    def closed(self) -> bool:
        """CloseComplete has come: whether it was the last answer inside of a batch."""
        self._closed += 1
        return self.inside and self._closed == 2


def split_path(setting: str, user: str) -> tuple[str, ...] | None:
    """The schemas that a search_path lists, as SplitIdentifierString() of varlena.c reads it.

    Args:
        setting: its value.
        user: the current role, which "$user" stands for.

    Returns: None when it is no list of names.
    """
    schemas: list[str] = []
    rest = setting.strip()
    while rest:
        name, rest = _first_name(rest)
        if not name or (rest and not rest.startswith(",")):
            return None
        schemas.append(user if name == "$user" else name)
        if rest and not (rest := rest[1:].lstrip()):
            return None
    return tuple(schemas)


def _first_name(text: str) -> tuple[str, str]:
    """The first name of a list and what follows it; "" when there is none."""
    if not text.startswith('"'):
        name, comma, rest = text.partition(",")
        name = name.strip()
        return ("" if '"' in name or " " in name else name.lower()), comma + rest
    at = 1
    while (end := text.find('"', at)) >= 0:
        if not text.startswith('""', end):
            return text[1:end].replace('""', '"'), text[end + 1 :].lstrip()
        at = end + 2
    return "", text
