"""Tables and what belongs to them: CREATE, indexes, sequences, TRUNCATE, LOCK.

In: their nodes. Out: table.*, index.create, sequence.*. Locks are those of the manual's explicit-locking
page. Deliberately absent: ALTER TABLE (alter_table.py), DROP, RENAME, OWNER and SET SCHEMA
(definitions.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from proxy.sql.effects import EFFECT_KINDS, Risk, Target
from proxy.sql.nodes.levels import Level
from proxy.sql.nodes.locks import BLOCKS_ALL, BLOCKS_NOTHING, BLOCKS_WRITES, REWRITES, mode_name, of_mode
from proxy.sql.nodes.walk import Handler, Walk
from proxy.sql.parse import Json
from proxy.sql.tree import options, range_target, scalar
from proxy.sql.vocabulary.objects import OBJECT_TYPES

_LOW, _MEDIUM, _HIGH = Risk.LOW, Risk.MEDIUM, Risk.HIGH
_EVERY_ROW = Level(many=True)
# Not a default: teams number invoices by one that counts on in a table.
_OF_EVERY_ROW = frozenset({"CONSTR_CHECK", "CONSTR_GENERATED"})


def relation_kind(objtype: str | None) -> str:
    """The kind's name; a table for what ALTER TABLE may be said of."""
    return OBJECT_TYPES.get(objtype or "", "table")


def kind_effect(kind: str, verb: str) -> str:
    """`kind.verb`, or the same of a table where this kind has no such verb."""
    name = f"{kind}.{verb}"
    return name if name in EFFECT_KINDS else f"table.{verb}"


def flags(body: Json) -> Iterator[str]:
    """The traits that CASCADE and IF [NOT] EXISTS are."""
    if body.get("behavior") == "DROP_CASCADE":
        yield "cascade"
    if body.get("missing_ok") or body.get("if_not_exists"):
        yield "if_exists"


def _constraint(walk: Walk, body: Json) -> None:
    """Expressions of a constraint run now when rows are there to be checked: ALTER TABLE walks it so."""
    with walk.at(_EVERY_ROW if body.get("contype") in _OF_EVERY_ROW else None):
        walk.children("Constraint", body, ("pktable",))


def persistence(relation: Json) -> list[str]:
    """["temporary"] for a relation created so."""
    return ["temporary"] if relation.get("relpersistence") == "t" else []


def _create(walk: Walk, body: Json) -> None:
    _create_kind(walk, body, "table")


def _create_kind(walk: Walk, body: Json, kind: str) -> None:
    relation = body["relation"]
    traits = [*persistence(relation), *flags(body)]
    walk.emit(
        f"{kind}.create", range_target(relation, kind), traits=traits, location=relation.get("location", -1)
    )
    for item in body.get("inhRelations", ()):
        walk.emit(
            "table.attach",
            range_target(item["RangeVar"]),
            traits=BLOCKS_ALL if "partbound" in body else BLOCKS_NOTHING,
            detail=str(relation.get("relname")),
        )
    _lock_referenced(walk, body, range_target(relation))
    if "partbound" in body:
        walk.typed("PartitionBoundSpec", body["partbound"])
    with walk.deferred():
        # Of a temporary heir no snapshot will ever tell.
        for item in body.get("inhRelations", ()) if persistence(relation) else ():
            _inserts_like(walk, item["RangeVar"], "INHERITS")
        walk.children("CreateStmt", body, ("relation", "inhRelations", "partbound"))


def _lock_referenced(walk: Walk, body: Json, table: Target) -> None:
    """The tables that a new table's foreign keys point at are locked against writers."""
    for element in body.get("tableElts", ()):
        constraints = [element, *element.get("ColumnDef", {}).get("constraints", ())]
        for constraint in constraints:
            referenced = constraint.get("Constraint", {}).get("pktable")
            if referenced is not None and range_target(referenced) != table:
                lock_referenced(walk, referenced)


def lock_referenced(walk: Walk, relation: Json) -> None:
    """Note that a table is locked because a foreign key points at it."""
    walk.emit("table.lock", range_target(relation), traits=BLOCKS_WRITES, detail="foreign key")


# What file_fdw makes of its options, as COPY would.
_FOREIGN_OPTIONS = {"program": "server.program", "filename": "server.file_read"}


def foreign_options(walk: Walk, body: Json, target: Target, field: str = "options") -> None:
    """Note what the options of a foreign table or server have the server do when it is read."""
    for name, option in options(body, field):
        effect = _FOREIGN_OPTIONS.get(name)
        if effect is not None and option.get("defaction") != "DEFELEM_DROP":
            file = None if effect == "server.program" else Target("file", None, scalar(option.get("arg")))
            walk.emit(effect, file, detail=f"{target.kind} {target}")


def _create_foreign(walk: Walk, body: Json) -> None:
    _create_kind(walk, body["base"], "foreign_table")
    foreign_options(walk, body, range_target(body["base"]["relation"], "foreign_table"))
    walk.children("CreateForeignTableStmt", body, ("base",))


def _like(walk: Walk, body: Json) -> None:
    """LIKE copies a definition, not rows."""
    _inserts_like(walk, body["relation"], "LIKE")


def _inserts_like(walk: Walk, relation: Json, detail: str) -> None:
    """Note that an INSERT into what is created runs the code that one into another table runs."""
    walk.emit("row.insert", range_target(relation), detail=detail)


def _into(walk: Walk, body: Json) -> None:
    relation = body["rel"]
    walk.emit(
        "table.create",
        range_target(relation),
        traits=persistence(relation),
        location=relation.get("location", -1),
    )
    walk.children("IntoClause", body, ("rel",))


def _create_as(walk: Walk, body: Json) -> None:
    relation = body["into"]["rel"]
    kind = relation_kind(body.get("objtype"))
    walk.emit(
        f"{kind}.create",
        range_target(relation, kind),
        traits=[*persistence(relation), *flags(body)],
        location=relation.get("location", -1),
    )
    walk.children("IntoClause", body["into"], ("rel",))
    walk.children("CreateTableAsStmt", body, ("into",))


def _index(walk: Walk, body: Json) -> None:
    relation = body["relation"]
    table = range_target(relation)
    concurrently = bool(body.get("concurrent"))
    traits = [*flags(body), "concurrently" if concurrently else "blocks_writes"]
    location = relation.get("location", -1)
    walk.emit(
        "index.create",
        Target("index", table.schema, body.get("idxname")),
        traits=traits,
        risk=_LOW if concurrently else _MEDIUM,
        location=location,
        detail=f"on {table}",
    )
    if not concurrently:
        walk.emit("table.lock", table, traits=BLOCKS_WRITES, location=location, detail="index")
    with walk.at(_EVERY_ROW):
        walk.children("IndexStmt", body, ("relation",))


def _truncate(walk: Walk, body: Json) -> None:
    detail = "restart identity" if body.get("restart_seqs") else ""
    for item in body.get("relations", []):
        relation = item["RangeVar"]
        walk.emit(
            "table.truncate",
            range_target(relation),
            traits=BLOCKS_ALL.union(flags(body)),
            location=relation.get("location", -1),
            detail=detail,
        )


def _lock(walk: Walk, body: Json) -> None:
    mode = int(body.get("mode", 0))
    traits = of_mode(mode)
    for item in body.get("relations", []):
        relation = item["RangeVar"]
        walk.emit(
            "table.lock",
            range_target(relation),
            traits=traits,
            risk=_MEDIUM if traits else _LOW,
            location=relation.get("location", -1),
            detail=mode_name(mode),
        )


def _sequence(walk: Walk, body: Json) -> None:
    relation = body["sequence"]
    traits = [*persistence(relation), *flags(body)]
    walk.emit(
        "sequence.create",
        range_target(relation, "sequence"),
        traits=traits,
        location=relation.get("location", -1),
    )
    walk.children("CreateSeqStmt", body, ("sequence",))


def given_again(name: str, option: Json) -> str | None:
    """What makes a sequence give values that it has given before, as far as an option says; None: nothing."""
    value = scalar(option.get("arg")) or ""
    if name == "restart":
        return value
    if (name == "cycle" and value != "false") or (name == "increment" and value.startswith("-")):
        return name
    return None


def _alter_sequence(walk: Walk, body: Json) -> None:
    relation = body["sequence"]
    target = range_target(relation, "sequence")
    given = {name for name, _ in options(body)}
    value = next((repeats for option in options(body) if (repeats := given_again(*option)) is not None), None)
    if value is not None:
        walk.emit(
            "sequence.reset",
            target,
            traits=BLOCKS_WRITES.union(flags(body)),
            location=relation.get("location", -1),
            detail=value,
        )
    if given - {"restart"}:
        risk = _LOW if given <= {"restart", "owned_by"} else None
        walk.emit(
            "sequence.alter",
            target,
            traits=BLOCKS_WRITES.union(flags(body)),
            risk=risk,
            location=relation.get("location", -1),
            detail=", ".join(sorted(given)),
        )


def _move_all(walk: Walk, body: Json) -> None:
    kind = relation_kind(body.get("objtype"))
    effect = "table.rewrite" if kind == "table" else kind_effect(kind, "alter")
    walk.emit(
        effect,
        Target(kind, None, None),
        traits=REWRITES,
        detail=f"tablespace {body.get('new_tablespacename')}",
    )


HANDLERS: Mapping[str, Handler] = {
    "AlterTableMoveAllStmt": _move_all,
    "AlterSeqStmt": _alter_sequence,
    "Constraint": _constraint,
    "CreateForeignTableStmt": _create_foreign,
    "CreateSeqStmt": _sequence,
    "CreateStmt": _create,
    "CreateTableAsStmt": _create_as,
    "IndexStmt": _index,
    "IntoClause": _into,
    "LockStmt": _lock,
    "TableLikeClause": _like,
    "TruncateStmt": _truncate,
}

HARMLESS = frozenset(
    {
        "ColumnDef",
        "DefElem",
        "IndexElem",
        "PartitionBoundSpec",
        "PartitionElem",
        "PartitionRangeDatum",
        "PartitionSpec",
        "StatsElem",
    }
)
