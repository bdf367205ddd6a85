"""Roles and privileges: who may do what.

In: CREATE/ALTER/DROP ROLE, GRANT, REVOKE, default privileges, owned objects. Out: role.*, privilege.*,
owner.*. Deliberately absent: SET ROLE, which is the session's (sessions.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from proxy.sql.effects import Risk, Target
from proxy.sql.nodes.definitions import object_target
from proxy.sql.nodes.walk import Handler, Walk
from proxy.sql.parse import Json
from proxy.sql.tree import options, qualified, range_target, role_name, scalar
from proxy.sql.vocabulary.objects import OBJECT_TYPES

_GRANT_KINDS: Mapping[str, str] = {"OBJECT_PARAMETER_ACL": "setting", "OBJECT_COLUMN": "table"}


def _role(name: str | None) -> Target:
    return Target("role", None, name)


def _described(body: Json) -> str:
    """The options given, in words; a password only as being there."""
    words = []
    for name, option in options(body):
        value = scalar(option.get("arg"))
        words.append(f"no{name}" if value == "false" else name)
    return ", ".join(words)


def _memberships(walk: Walk, body: Json, role: str) -> None:
    """IN ROLE, ROLE, ADMIN and ADD USER are grants."""
    for name, option in options(body):
        if name in {"addroleto", "rolemembers", "adminmembers"}:
            items = option.get("arg", {}).get("List", {}).get("items", [])
            others = [role_name(item.get("RoleSpec")) for item in items]
            effect = "privilege.revoke" if body.get("action", 1) < 0 else "privilege.grant"
            for other in others:
                granted, member = (other, role) if name == "addroleto" else (role, other)
                walk.emit(effect, _role(granted), detail=f"to {member}")


def _create(walk: Walk, body: Json) -> None:
    name = str(body.get("role", ""))
    walk.emit("role.create", _role(name), detail=_described(body))
    _memberships(walk, body, name)


def _alter(walk: Walk, body: Json) -> None:
    name = role_name(body.get("role"))
    walk.emit("role.alter", _role(name), detail=_described(body))
    _memberships(walk, body, name)


def _drop(walk: Walk, body: Json) -> None:
    traits = ["if_exists"] if body.get("missing_ok") else []
    for item in body.get("roles", []):
        walk.emit("role.drop", _role(role_name(item.get("RoleSpec"))), traits=traits)


def _grant_role(walk: Walk, body: Json) -> None:
    effect = "privilege.grant" if body.get("is_grant") else "privilege.revoke"
    members = ", ".join(role_name(item.get("RoleSpec")) for item in body.get("grantee_roles", []))
    for item in body.get("granted_roles", []):
        detail = f"{'to' if body.get('is_grant') else 'from'} {members}"
        walk.emit(effect, _role(item["AccessPriv"].get("priv_name")), detail=detail)


def _grant(walk: Walk, body: Json) -> None:
    granting = bool(body.get("is_grant"))
    what = body.get("objtype", "")
    kind = OBJECT_TYPES.get(what) or _GRANT_KINDS.get(what)
    if kind is None:
        walk.unknown(f"GrantStmt.{what}")
        return
    privileges = (
        ", ".join(item["AccessPriv"].get("priv_name", "all") for item in body.get("privileges", [])) or "all"
    )
    grantees = [role_name(item.get("RoleSpec")) for item in body.get("grantees", [])]
    # To everyone, or for good, is a loss of protection; to one role is the work of every migration.
    grave = "public" in grantees or bool(body.get("grant_option")) or what == "OBJECT_PARAMETER_ACL"
    for target in _granted(kind, body):
        walk.emit(
            "privilege.grant" if granting else "privilege.revoke",
            target,
            traits=["cascade"] if body.get("behavior") == "DROP_CASCADE" and not granting else [],
            risk=Risk.HIGH if grave else Risk.MEDIUM,
            detail=f"{privileges} {'to' if granting else 'from'} {', '.join(grantees)}",
        )


def _granted(kind: str, body: Json) -> list[Target]:
    objects = body.get("objects", [])
    if body.get("targtype") == "ACL_TARGET_ALL_IN_SCHEMA":
        return [Target(kind, scalar(item), None) for item in objects]
    found = []
    for item in objects:
        if "RangeVar" in item:
            found.append(range_target(item["RangeVar"], kind))
        elif "ObjectWithArgs" in item:
            found.append(Target(kind, *qualified(item["ObjectWithArgs"].get("objname", []))))
        else:
            found.append(object_target(kind, item)[0])
    return found or [Target(kind, None, None)]


def _defaults(walk: Walk, body: Json) -> None:
    action = body.get("action", {})
    granting = bool(action.get("is_grant"))
    grantees = ", ".join(role_name(item.get("RoleSpec")) for item in action.get("grantees", []))
    kind = OBJECT_TYPES.get(action.get("objtype", ""), "table")
    detail = f"default privileges {'to' if granting else 'from'} {grantees}"
    schemas = [
        scalar(item)
        for name, option in options(body)
        if name == "schemas"
        for item in option.get("arg", {}).get("List", {}).get("items", [])
    ]
    for schema in schemas or [None]:
        walk.emit(
            "privilege.grant" if granting else "privilege.revoke", Target(kind, schema, None), detail=detail
        )


def _drop_owned(walk: Walk, body: Json) -> None:
    traits = ["cascade"] if body.get("behavior") == "DROP_CASCADE" else []
    for item in body.get("roles", []):
        walk.emit("owner.drop", _role(role_name(item.get("RoleSpec"))), traits=traits)


def _reassign(walk: Walk, body: Json) -> None:
    for item in body.get("roles", []):
        target = _role(role_name(item.get("RoleSpec")))
        walk.emit("owner.reassign", target, detail=f"to {role_name(body.get('newrole'))}")


HANDLERS: Mapping[str, Handler] = {
    "AlterDefaultPrivilegesStmt": _defaults,
    "AlterRoleStmt": _alter,
    "CreateRoleStmt": _create,
    "DropOwnedStmt": _drop_owned,
    "DropRoleStmt": _drop,
    "GrantRoleStmt": _grant_role,
    "GrantStmt": _grant,
    "ReassignOwnedStmt": _reassign,
}

HARMLESS = frozenset({"AccessPriv", "RoleSpec"})
