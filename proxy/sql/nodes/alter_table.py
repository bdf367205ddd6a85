"""ALTER TABLE: each of its subcommands, with its effect, risk and lock.

In: AlterTableStmt and its commands. Out: column.*, constraint.*, table.*, trigger.disable and their like;
an effect on a column or a constraint has the table for its target and the name as detail. Locks and
rewrites are those of the manual's sql-altertable page. Deliberately absent: RENAME and SET SCHEMA
(definitions.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from proxy.sql.effects import Risk, Target
from proxy.sql.functions import may_be_volatile
from proxy.sql.nodes.levels import Level
from proxy.sql.nodes.locks import BLOCKS_ALL, BLOCKS_NOTHING, BLOCKS_WRITES, REWRITES, of_options
from proxy.sql.nodes.tables import (
    flags,
    foreign_options,
    given_again,
    kind_effect,
    lock_referenced,
    relation_kind,
)
from proxy.sql.nodes.walk import Handler, Walk
from proxy.sql.parse import Json
from proxy.sql.tree import only, options, qualified, range_target, role_name, scalar, strings
from proxy.sql.vocabulary.objects import OBJECT_TYPES

_EVERY_ROW = Level(many=True)
_LOW, _MEDIUM = Risk.LOW, Risk.MEDIUM
_ALL, _WRITES, _NONE, _REWRITES = BLOCKS_ALL, BLOCKS_WRITES, BLOCKS_NOTHING, REWRITES


@dataclass(frozen=True, slots=True)
class _Sub:
    """What one subcommand of ALTER TABLE does; {kind} in effect is the altered relation's kind."""

    effect: str
    risk: Risk | None
    traits: frozenset[str]
    detail: str = ""


SUBCOMMANDS: Mapping[str, _Sub] = {
    "AT_DropNotNull": _Sub("column.not_null", _MEDIUM, _ALL, "drop"),
    "AT_SetNotNull": _Sub("column.not_null", _MEDIUM, _ALL),
    "AT_SetExpression": _Sub("column.default", _MEDIUM, _REWRITES),
    "AT_DropExpression": _Sub("column.default", _MEDIUM, _ALL, "drop"),
    "AT_SetStatistics": _Sub("column.alter", _LOW, _NONE),
    "AT_SetOptions": _Sub("column.alter", _LOW, _NONE),
    "AT_ResetOptions": _Sub("column.alter", _LOW, _NONE),
    "AT_SetStorage": _Sub("column.alter", _LOW, _ALL),
    "AT_SetCompression": _Sub("column.alter", _LOW, _ALL),
    "AT_DropColumn": _Sub("column.drop", None, _ALL),
    "AT_ValidateConstraint": _Sub("constraint.validate", None, _NONE),
    "AT_DropConstraint": _Sub("constraint.drop", None, _ALL),
    "AT_AlterColumnType": _Sub("column.retype", None, _REWRITES),
    "AT_AlterColumnGenericOptions": _Sub("column.alter", _MEDIUM, _ALL),
    "AT_ChangeOwner": _Sub("{kind}.owner", None, _ALL),
    "AT_ClusterOn": _Sub("{kind}.alter", _LOW, _NONE),
    "AT_DropCluster": _Sub("{kind}.alter", _LOW, _NONE),
    "AT_SetLogged": _Sub("table.rewrite", None, _REWRITES, "logged"),
    "AT_SetUnLogged": _Sub("table.unlog", None, _REWRITES),
    "AT_DropOids": _Sub("{kind}.alter", _LOW, _ALL),
    "AT_SetAccessMethod": _Sub("table.rewrite", None, _REWRITES, "access method"),
    "AT_SetTableSpace": _Sub("table.rewrite", None, _REWRITES, "tablespace"),
    "AT_SetRelOptions": _Sub("{kind}.alter", _LOW, _NONE),
    "AT_ResetRelOptions": _Sub("{kind}.alter", _LOW, _NONE),
    "AT_EnableTrig": _Sub("trigger.enable", None, _WRITES),
    "AT_EnableAlwaysTrig": _Sub("trigger.enable", None, _WRITES),
    "AT_EnableReplicaTrig": _Sub("trigger.disable", None, _WRITES, "replica only"),
    "AT_DisableTrig": _Sub("trigger.disable", None, _WRITES),
    "AT_EnableTrigAll": _Sub("trigger.enable", None, _WRITES, "ALL"),
    "AT_DisableTrigAll": _Sub("trigger.disable", None, _WRITES, "ALL"),
    "AT_EnableTrigUser": _Sub("trigger.enable", None, _WRITES, "USER"),
    "AT_DisableTrigUser": _Sub("trigger.disable", None, _WRITES, "USER"),
    "AT_EnableRule": _Sub("trigger.enable", None, _ALL, "rule"),
    "AT_EnableAlwaysRule": _Sub("trigger.enable", None, _ALL, "rule"),
    "AT_EnableReplicaRule": _Sub("trigger.disable", None, _ALL, "rule, replica only"),
    "AT_DisableRule": _Sub("trigger.disable", None, _ALL, "rule"),
    "AT_AddInherit": _Sub("table.attach", None, _ALL),
    "AT_DropInherit": _Sub("table.detach", None, _ALL),
    "AT_AddOf": _Sub("{kind}.alter", _MEDIUM, _ALL),
    "AT_DropOf": _Sub("table.untype", None, _ALL),
    "AT_ReplicaIdentity": _Sub("{kind}.alter", _MEDIUM, _ALL, "replica identity"),
    "AT_EnableRowSecurity": _Sub("row_security.enable", None, _ALL),
    "AT_DisableRowSecurity": _Sub("row_security.disable", None, _ALL),
    "AT_ForceRowSecurity": _Sub("row_security.enable", None, _ALL, "force"),
    "AT_NoForceRowSecurity": _Sub("row_security.disable", None, _ALL, "no force"),
    "AT_GenericOptions": _Sub("{kind}.alter", _MEDIUM, _ALL),
    "AT_AttachPartition": _Sub("table.attach", None, _NONE),
    "AT_DetachPartition": _Sub("table.detach", None, _ALL),
    "AT_DetachPartitionFinalize": _Sub("table.detach", None, _NONE),
    "AT_AddIdentity": _Sub("column.default", _LOW, _ALL, "identity"),
    "AT_DropIdentity": _Sub("column.default", _MEDIUM, _ALL, "drop"),
}
# Made by the server while it runs ALTER TABLE, never by the grammar.
INTERNAL = frozenset(
    {
        "AT_AddColumnToView",
        "AT_AddIndex",
        "AT_AddIndexConstraint",
        "AT_CookedColumnDefault",
        "AT_ReAddComment",
        "AT_ReAddConstraint",
        "AT_ReAddDomainConstraint",
        "AT_ReAddIndex",
        "AT_ReAddStatistics",
        "AT_ReplaceRelOptions",
    }
)


def _alter_table(walk: Walk, body: Json) -> None:
    if body.get("objtype") not in OBJECT_TYPES:
        walk.unknown(f"AlterTableStmt.{body.get('objtype')}")
    target = range_target(body["relation"], relation_kind(body.get("objtype")))
    location = body["relation"].get("location", -1)
    missing = ["if_exists"] if body.get("missing_ok") else []
    for item in body.get("cmds", []):
        command = item["AlterTableCmd"]
        subtype = str(command.get("subtype"))
        special = _SPECIAL.get(subtype)
        if special is not None:
            special(walk, command, target, location)
        else:
            _subcommand(walk, command, subtype, target, location, missing)
        if subtype not in _WALKS_ITSELF:
            with walk.at(_EVERY_ROW):
                walk.children("AlterTableCmd", command, ("newowner",))


def _subcommand(
    walk: Walk, command: Json, subtype: str, target: Target, location: int, missing: list[str]
) -> None:
    sub = SUBCOMMANDS.get(subtype)
    if sub is None:
        walk.unknown(subtype)
        return
    traits = sub.traits.union(flags(command), missing)
    if subtype in _STORAGE_OPTIONS:
        traits |= of_options(_option_names(command))
    effect = sub.effect
    if effect == "{kind}.owner":
        effect = kind_effect(target.kind, "owner")
    elif effect == "{kind}.alter" or (
        effect.startswith(("table.re", "column.alter")) and target.kind != "table"
    ):
        effect = kind_effect(target.kind, "alter")
    name = command.get("name") or only(command.get("def"))[1].get("conname", "")
    if "newowner" in command:
        name = f"to {role_name(command['newowner'])}"
    detail = ": ".join(part for part in (name, sub.detail) if part)
    walk.emit(effect, target, traits=traits, risk=sub.risk, location=location, detail=detail)


_STORAGE_OPTIONS = frozenset({"AT_SetRelOptions", "AT_ResetRelOptions"})


def _option_names(command: Json) -> list[str]:
    items = only(command.get("def"))[1].get("items", [])
    return [item["DefElem"].get("defname", "").lower() for item in items]


def _add_column(walk: Walk, command: Json, target: Target, location: int) -> None:
    """ADD COLUMN rewrites when the new column's value differs from row to row."""
    _, column = only(command.get("def"))
    constraints = [item["Constraint"] for item in column.get("constraints", [])]
    type_name = strings(column.get("typeName", {}).get("names", []))[-1:]
    rewrites = (
        type_name[0].removeprefix("big").removeprefix("small") in {"serial", "serial4", "serial8", "serial2"}
        if type_name
        else False
    )
    for constraint in constraints:
        kind = constraint.get("contype")
        if kind == "CONSTR_DEFAULT":
            rewrites |= volatile(constraint.get("raw_expr", {}), walk.server_major)
        elif kind == "CONSTR_IDENTITY" or (
            kind == "CONSTR_GENERATED" and constraint.get("generated_kind") != "v"
        ):
            rewrites = True
        elif kind not in {"CONSTR_NULL", "CONSTR_NOTNULL", "CONSTR_GENERATED"}:
            _constraint_effect(walk, constraint, target, location)
    traits = (_REWRITES if rewrites else _ALL).union(flags(command))
    risk = _MEDIUM if rewrites else _LOW
    walk.emit(
        "column.add", target, traits=traits, risk=risk, location=location, detail=column.get("colname", "")
    )


def volatile(value: object, server_major: int) -> bool:
    """Whether an expression calls what may differ from row to row."""
    if type(value) is list:
        return any(volatile(item, server_major) for item in value)
    if type(value) is not dict:
        return False
    if "FuncCall" in value:
        schema, name = qualified(value["FuncCall"].get("funcname", []))
        if name is None or may_be_volatile(schema, name, server_major):
            return True
    return any(volatile(item, server_major) for item in value.values())


def _default(walk: Walk, command: Json, target: Target, location: int) -> None:
    dropped = is_null(command.get("def"))
    walk.emit(
        "column.default",
        target,
        traits=_ALL,
        risk=_MEDIUM if dropped else _LOW,
        location=location,
        detail=f"{command.get('name', '')}: drop" if dropped else command.get("name", ""),
    )
    with walk.deferred():
        walk.children("AlterTableCmd", command)


def is_null(value: Json | None) -> bool:
    """Whether a default is none: not given, or NULL of any type (AddRelationNewConstraints())."""
    kind, body = only(value)
    while kind in {"TypeCast", "CollateClause"}:
        kind, body = only(body.get("arg"))
    return not kind or (kind == "A_Const" and bool(body.get("isnull")))


def _set_identity(walk: Walk, command: Json, target: Target, location: int) -> None:
    walk.emit(
        "column.default", target, traits=_ALL, risk=_LOW, location=location, detail=command.get("name", "")
    )
    items = only(command.get("def"))[1].get("items", [])
    if any(given_again(*option) is not None for option in options({"options": items})):
        walk.emit(
            "sequence.reset",
            Target("sequence", target.schema, None),
            traits=_WRITES,
            location=location,
            detail=str(target),
        )


def _add_constraint(walk: Walk, command: Json, target: Target, location: int) -> None:
    _constraint_effect(walk, only(command.get("def"))[1], target, location)


def _constraint_effect(walk: Walk, constraint: Json, target: Target, location: int) -> None:
    kind = constraint.get("contype")
    traits = set(_WRITES if kind == "CONSTR_FOREIGN" else _ALL)
    risk = _MEDIUM
    if constraint.get("skip_validation"):
        traits.add("not_valid")
        risk = _LOW
    walk.emit(
        "constraint.add",
        target,
        traits=traits,
        risk=risk,
        location=location,
        detail=constraint.get("conname") or str(kind).removeprefix("CONSTR_").lower(),
    )
    if kind == "CONSTR_FOREIGN":
        lock_referenced(walk, constraint["pktable"])


def _alter_constraint(walk: Walk, command: Json, target: Target, location: int) -> None:
    _, change = only(command.get("def"))
    lost = bool(change.get("alterEnforceability")) and not change.get("is_enforced")
    walk.emit(
        "constraint.unenforce" if lost else "constraint.alter",
        target,
        traits=_ALL,
        location=location,
        detail=change.get("conname", ""),
    )


# Options of foreign tables that only tune, whatever the wrapper.
_TUNING = frozenset(
    {
        "analyze_sampling",
        "async_capable",
        "batch_size",
        "fdw_startup_cost",
        "fdw_tuple_cost",
        "fetch_size",
        "keep_connections",
        "n_distinct",
        "truncatable",
        "updatable",
        "use_remote_estimate",
    }
)


def _generic_options(walk: Walk, command: Json, target: Target, location: int) -> None:
    """OPTIONS of a foreign table, or of its column: which table, column or file they stand for."""
    _subcommand(walk, command, str(command["subtype"]), target, location, [])
    given = only(command.get("def"))[1]
    changed = ", ".join(name for name, _ in options(given, "items") if name not in _TUNING)
    if changed:
        walk.emit("foreign_table.redirect", target, traits=_ALL, location=location, detail=changed)
    foreign_options(walk, given, target, "items")


def _replica_identity(walk: Walk, command: Json, target: Target, location: int) -> None:
    _subcommand(walk, command, str(command["subtype"]), target, location, [])
    if only(command.get("def"))[1].get("identity_type") == "n":
        walk.emit("table.unidentify", target, location=location)


_VIEW_GUARDS = ("security_invoker", "security_barrier")
_ON = frozenset({None, "true", "on", "yes", "1", "t", "y"})


def _relation_options(walk: Walk, command: Json, target: Target, location: int) -> None:
    """A view that takes its owner's rights, or its caller's conditions first, shows what was guarded.

    Without its check option it takes rows that it does not show.
    """
    subtype = str(command["subtype"])
    _subcommand(walk, command, subtype, target, location, [])
    for name, option in options(only(command.get("def"))[1], "items"):
        reset = subtype == "AT_ResetRelOptions"
        if name in _VIEW_GUARDS and (reset or scalar(option.get("arg")) not in _ON):
            walk.emit("row_security.disable", target, location=location, detail=name)
        if name == "check_option" and reset:
            walk.emit("constraint.drop", target, location=location, detail=name)


# INHERIT is said of the child, whose parent is only looked at; ATTACH and DETACH of the parent.
_OTHERS_LOCKS = {
    "AT_AttachPartition": _ALL,
    "AT_DetachPartition": _ALL,
    "AT_DetachPartitionFinalize": _ALL,
    "AT_AddInherit": _NONE,
    "AT_DropInherit": _NONE,
}


def _partition(walk: Walk, command: Json, target: Target, location: int) -> None:
    """ATTACH, DETACH, INHERIT, NO INHERIT: the parent and the child are both targets."""
    subtype = str(command["subtype"])
    sub = SUBCOMMANDS[subtype]
    kind, definition = only(command.get("def"))
    child = definition if kind == "RangeVar" else definition.get("name", {})
    own, others = sub.traits, _OTHERS_LOCKS[subtype]
    if definition.get("concurrent"):
        own, others = frozenset({"concurrently"}), others | {"concurrently"}
    effect = sub.effect if target.kind == "table" else kind_effect(target.kind, "alter")
    for each, traits in ((target, own), (range_target(child, target.kind), others)):
        walk.emit(effect, each, traits=traits, location=location, detail=f"{target} - {child.get('relname')}")
    if "bound" in definition:
        walk.typed("PartitionBoundSpec", definition["bound"])


_SPECIAL = {
    "AT_AddColumn": _add_column,
    "AT_ColumnDefault": _default,
    "AT_SetIdentity": _set_identity,
    "AT_AddConstraint": _add_constraint,
    "AT_AlterConstraint": _alter_constraint,
    "AT_GenericOptions": _generic_options,
    "AT_AlterColumnGenericOptions": _generic_options,
    "AT_ReplicaIdentity": _replica_identity,
    "AT_SetRelOptions": _relation_options,
    "AT_ResetRelOptions": _relation_options,
    "AT_AttachPartition": _partition,
    "AT_DetachPartition": _partition,
    "AT_DetachPartitionFinalize": _partition,
    "AT_AddInherit": _partition,
    "AT_DropInherit": _partition,
}
SPECIAL = frozenset(_SPECIAL)
_WALKS_ITSELF = frozenset(
    {
        "AT_ColumnDefault",
        "AT_AttachPartition",
        "AT_DetachPartition",
        "AT_DetachPartitionFinalize",
        "AT_AddInherit",
        "AT_DropInherit",
    }
)


HANDLERS: Mapping[str, Handler] = {"AlterTableStmt": _alter_table}

HARMLESS = frozenset({"ATAlterConstraint", "AlterTableCmd", "PartitionCmd", "ReplicaIdentityStmt"})
