"""What is done to any kind of object: DROP, RENAME, OWNER TO, SET SCHEMA, COMMENT, and the plain CREATEs.

In: their nodes. Out: `kind.verb` for the kinds of vocabulary/objects.py. Deliberately absent: tables, indexes
and sequences (tables.py), roles (roles.py), code (programs.py), and what names functions (hooks.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from proxy.sql.effects import EFFECT_KINDS, Risk, Target
from proxy.sql.nodes.alter_table import is_null
from proxy.sql.nodes.locks import BLOCKS_ALL, BLOCKS_NOTHING
from proxy.sql.nodes.tables import foreign_options, relation_kind
from proxy.sql.nodes.walk import Handler, Walk
from proxy.sql.parse import Json
from proxy.sql.tree import only, options, qualified, range_target, role_name, scalar, strings
from proxy.sql.vocabulary.objects import OBJECT_TYPES

_ON_TABLE = frozenset({"trigger", "rule", "policy"})
_RELATIONS = frozenset({"table", "view", "matview", "foreign_table", "sequence"})
_WITH_METHOD = frozenset({"operator_class", "operator_family"})
_OWN_KINDS: Mapping[str, str] = {
    # Kinds that COMMENT and SECURITY LABEL know beside OBJECT_TYPES.
    "OBJECT_COLUMN": "column",
    "OBJECT_ATTRIBUTE": "column",
    "OBJECT_TABCONSTRAINT": "constraint",
    "OBJECT_DOMCONSTRAINT": "constraint",
}


def object_target(kind: str, wrapped: Json) -> tuple[Target, str]:
    """The target that an object's node names, and the table it is on (or "")."""
    node, body = only(wrapped)
    if node == "List":
        return _listed(kind, body.get("items", []))
    if node in {"ObjectWithArgs", "TypeName"}:
        return Target(kind, *qualified(body["objname"] if "objname" in body else body.get("names", []))), ""
    return Target(kind, None, scalar(wrapped)), ""


def _listed(kind: str, items: list[Json]) -> tuple[Target, str]:
    names = strings(items)
    if kind in {"cast", "transform"}:
        return Target(kind, None, " AS ".join(scalar(item) or "" for item in items)), ""
    if kind == "constraint" and only(items[0] if items else None)[0] == "TypeName":
        domain, _ = object_target("domain", items[0])
        return Target(kind, domain.schema, names[-1] if names else None), f"domain {domain}"
    if len(names) != len(items):
        return object_target(kind, items[0]) if items else (Target(kind, None, None), "")
    if kind in _WITH_METHOD:
        names = names[1:]
    table = ""
    if kind in _ON_TABLE or kind in {"constraint", "column"}:
        table = ".".join(names[-3:-1])
        schema = names[-3] if len(names) > 2 else None
        return Target(kind, schema, names[-1] if names else None), table
    return Target(kind, names[-2] if len(names) > 1 else None, names[-1] if names else None), ""


def _flags(body: Json) -> Iterator[str]:
    if body.get("behavior") == "DROP_CASCADE":
        yield "cascade"
    if body.get("missing_ok") or body.get("if_not_exists"):
        yield "if_exists"
    if body.get("concurrent"):
        yield "concurrently"


def kind_of(walk: Walk, body: Json, field: str) -> str | None:
    """The kind's name that a field of a statement tells, or None when nobody named it."""
    kind = OBJECT_TYPES.get(body.get(field, ""))
    if kind is None:
        walk.unknown(f"{field} {body.get(field)}")
    return kind


# What ROUTINE may be beside a function, which OBJECT_TYPES has it for.
_ROUTINES = ("procedure", "aggregate")


def _kinds(walk: Walk, body: Json, field: str, verb: str) -> Iterator[str]:
    """The kinds that a field of a statement may mean, and that know this verb."""
    kind = kind_of(walk, body, field)
    if kind is not None:
        yield kind
    if body.get(field) == "OBJECT_ROUTINE":
        yield from (other for other in _ROUTINES if f"{other}.{verb}" in EFFECT_KINDS)


def emit_if_known(
    walk: Walk,
    kind: str,
    verb: str,
    target: Target,
    traits: Iterable[str] = (),
    detail: str = "",
    risk: Risk | None = None,
) -> None:
    """Note `kind.verb`; where the vocabulary has no such effect, nobody knows what the statement does."""
    name = f"{kind}.{verb}"
    if name in EFFECT_KINDS:
        walk.emit(name, target, traits=traits, detail=detail, risk=risk)
    else:
        walk.unknown(name)


def _drop(walk: Walk, body: Json) -> None:
    for kind in _kinds(walk, body, "removeType", "drop"):
        # What is dropped whole has nobody left to wait for it; its table has.
        locks = BLOCKS_ALL if kind in _ON_TABLE or (kind == "index" and not body.get("concurrent")) else ()
        for item in body.get("objects", []):
            target, table = object_target(kind, item)
            emit_if_known(walk, kind, "drop", target, (*_flags(body), *locks), f"on {table}" if table else "")


def _rename(walk: Walk, body: Json) -> None:
    what = body.get("renameType", "")
    new = f"to {body.get('newname', '')}"
    if what in {"OBJECT_COLUMN", "OBJECT_ATTRIBUTE"}:
        target = range_target(body["relation"], relation_kind(body.get("relationType")))
        traits = BLOCKS_ALL.union(_flags(body))
        walk.emit("column.rename", target, traits=traits, detail=f"{body.get('subname')} {new}")
        return
    if what in {"OBJECT_TABCONSTRAINT", "OBJECT_DOMCONSTRAINT"}:
        target = (
            range_target(body["relation"])
            if "relation" in body
            else object_target("domain", body["object"])[0]
        )
        locks = BLOCKS_ALL if "relation" in body else ()
        walk.emit(
            "constraint.rename",
            target,
            traits=(*_flags(body), *locks),
            detail=f"{body.get('subname')} {new}",
        )
        return
    for kind in _kinds(walk, body, "renameType", "rename"):
        target, table = _named(kind, body)
        detail = f"on {table} {new}" if table else new
        emit_if_known(walk, kind, "rename", target, (*_flags(body), *_locks(kind)), detail)


def _locks(kind: str) -> frozenset[str]:
    """Who waits while an object gets another name or schema: whoever uses it, or the table it is on."""
    return BLOCKS_ALL if kind in _RELATIONS or kind in _ON_TABLE else BLOCKS_NOTHING


def _named(kind: str, body: Json) -> tuple[Target, str]:
    """The target of ALTER kind … : a relation, something on one, an object, or a bare name."""
    if kind in _ON_TABLE and "relation" in body:
        table = range_target(body["relation"])
        name = body.get("subname") or scalar(next(iter(only(body.get("object"))[1].get("items", [])), None))
        return Target(kind, table.schema, name), str(table)
    if "relation" in body:
        return range_target(body["relation"], kind), ""
    if "object" in body:
        return object_target(kind, body["object"])
    return Target(kind, None, body.get("subname")), ""


def _owner(walk: Walk, body: Json) -> None:
    for kind in _kinds(walk, body, "objectType", "owner"):
        target, _ = _named(kind, body)
        emit_if_known(walk, kind, "owner", target, (), f"to {role_name(body.get('newowner'))}")


def _schema(walk: Walk, body: Json) -> None:
    for kind in _kinds(walk, body, "objectType", "move"):
        target, _ = _named(kind, body)
        traits = (*_flags(body), *_locks(kind))
        emit_if_known(walk, kind, "move", target, traits, f"to {body.get('newschema', '')}")


def _depends(walk: Walk, body: Json) -> None:
    for kind in _kinds(walk, body, "objectType", "alter"):
        target, table = _named(kind, body)
        what = "no longer depends on extension" if body.get("remove") else "depends on extension"
        emit_if_known(walk, kind, "alter", target, (), f"on {table}, {what}" if table else what)


def _commented(effect: str) -> Handler:
    def handle(walk: Walk, body: Json) -> None:
        what = body.get("objtype", "")
        kind = _OWN_KINDS.get(what) or OBJECT_TYPES.get(what)
        if kind is None:
            walk.unknown(f"objtype {what}")
            return
        target, table = object_target(kind, body.get("object", {}))
        walk.emit(effect, target, detail=f"on {table}" if table else "")

    return handle


def _alter_contents(walk: Walk, body: Json) -> None:
    kind = OBJECT_TYPES.get(body.get("objtype", ""), "")
    verb = "add" if body.get("action", 0) > 0 else "drop"
    member, _ = object_target(kind, body.get("object", {}))
    extension = Target("extension", None, body.get("extname"))
    walk.emit("extension.contents", extension, detail=f"{verb} {kind} {member}")


def _enum_change(walk: Walk, body: Json) -> None:
    target = Target("type", *qualified(body.get("typeName", [])))
    if "oldVal" in body:
        walk.emit("type.value_rename", target, detail=f"{body['oldVal']} to {body.get('newVal')}")
    else:
        traits = ["if_exists"] if body.get("skipIfNewValExists") else []
        walk.emit("type.alter", target, traits=traits, risk=Risk.LOW, detail=f"add {body.get('newVal')}")


_DOMAIN = {
    "C": ("constraint.add", "def"),
    "X": ("constraint.drop", "name"),
    "V": ("constraint.validate", "name"),
    "T": ("domain.default", ""),
    "N": ("domain.alter", "drop not null"),
    "O": ("domain.alter", "set not null"),
}


_CHECKS_ROWS = frozenset("CVO")


def _domain_change(walk: Walk, body: Json) -> None:
    target = Target("domain", *qualified(body.get("typeName", [])))
    found = _DOMAIN.get(body.get("subtype", ""))
    if found is None:
        walk.unknown(f"AlterDomainStmt.{body.get('subtype')}")
        return
    effect, detail = found
    traits = list(_flags(body))
    if only(body.get("def"))[1].get("skip_validation"):
        traits.append("not_valid")
    name = (
        body.get("name") or only(body.get("def"))[1].get("conname", "")
        if detail in {"def", "name"}
        else detail
    )
    if body.get("subtype") == "T":
        dropped = is_null(body.get("def"))
        walk.emit(
            "domain.default", target, risk=Risk.MEDIUM if dropped else None, detail="drop" if dropped else ""
        )
        with walk.deferred():
            walk.children("AlterDomainStmt", body)
    else:
        if body.get("subtype") in _CHECKS_ROWS and "not_valid" not in traits:
            # The tables with columns of the domain are locked (SHARE) and read.
            traits.append("blocks_writes")
        walk.emit(effect, target, traits=traits, detail=str(name))
        walk.children("AlterDomainStmt", body)


def _create_schema(walk: Walk, body: Json) -> None:
    name = body.get("schemaname") or role_name(body.get("authrole")) or None
    walk.emit("schema.create", Target("schema", None, name), traits=_flags(body))
    walk.field(body, "schemaElts")


def _create_domain(walk: Walk, body: Json) -> None:
    walk.emit("domain.create", Target("domain", *qualified(body.get("domainname", []))))
    with walk.deferred():
        walk.children("CreateDomainStmt", body)


def _create_statistics(walk: Walk, body: Json) -> None:
    walk.emit(
        "statistics.create", Target("statistics", *qualified(body.get("defnames", []))), traits=_flags(body)
    )
    with walk.deferred():
        walk.field(body, "exprs")


def simple(effect: str, field: str, *, deferred: bool = True) -> Handler:
    """A statement with one named object: its effect, and whatever expressions are below it."""
    kind = effect.split(".")[0]

    def name_of(body: Json) -> Target:
        value = body.get(field)
        if type(value) is list:
            return Target(kind, *qualified(value))
        if type(value) is dict:
            return range_target(value, kind)
        return Target(kind, None, value)

    def handle(walk: Walk, body: Json) -> None:
        words = ", ".join(name for name, _ in options(body))
        walk.emit(effect, name_of(body), traits=_flags(body), detail=words)
        if deferred:
            with walk.deferred():
                _below(walk, body)

    return handle


def _below(walk: Walk, body: Json) -> None:
    """Walk the lists and nodes of a definition that may hold expressions."""
    for value in body.values():
        if type(value) is list:
            walk.nodes(value)


def _publication(effect: str) -> Handler:
    """Adding takes nothing away, as making a publication does not."""

    def handle(walk: Walk, body: Json) -> None:
        action = str(body.get("action", "")).removeprefix("AP_").removesuffix("Objects").lower()
        tables = [
            str(range_target(item["PublicationObjSpec"]["pubtable"]["relation"]))
            for item in body.get("pubobjects", [])
            if "pubtable" in item["PublicationObjSpec"]
        ]
        detail = " ".join([action, ", ".join(tables)]).strip() or (
            "all tables" if body.get("for_all_tables") else ""
        )
        adds = action == "add" and "pubobjects" in body  # of options the action is the same
        risk = Risk.LOW if effect == "publication.alter" and adds else None
        walk.emit(effect, Target("publication", None, body.get("pubname")), risk=risk, detail=detail)
        with walk.deferred():
            for item in body.get("pubobjects", []):
                walk.field(item["PublicationObjSpec"].get("pubtable", {}), "whereClause")

    return handle


def _policy(effect: str) -> Handler:
    def handle(walk: Walk, body: Json) -> None:
        table = range_target(body["table"])
        target = Target("policy", table.schema, body.get("policy_name"))
        # RESTRICTIVE only narrows.
        narrows = effect == "policy.create" and not body.get("permissive")
        walk.emit(
            effect,
            target,
            traits=BLOCKS_ALL,
            risk=Risk.LOW if narrows else None,
            location=body["table"].get("location", -1),
            detail=f"on {table}",
        )
        with walk.deferred():
            walk.field(body, "qual", "with_check")

    return handle


def _foreign_server(effect: str) -> Handler:
    emit = simple(effect, "servername", deferred=False)

    def handle(walk: Walk, body: Json) -> None:
        emit(walk, body)
        foreign_options(walk, body, Target("foreign_server", None, body.get("servername")))

    return handle


def _user_mapping(effect: str) -> Handler:
    def handle(walk: Walk, body: Json) -> None:
        target = Target("user_mapping", None, role_name(body.get("user")))
        walk.emit(effect, target, traits=_flags(body), detail=f"server {body.get('servername', '')}")

    return handle


_SIMPLE: Mapping[str, tuple[str, str]] = {
    "AlterCollationStmt": ("collation.alter", "collname"),
    "AlterExtensionStmt": ("extension.alter", "extname"),
    "AlterStatsStmt": ("statistics.alter", "defnames"),
    "AlterTSDictionaryStmt": ("text_search_dictionary.alter", "dictname"),
    "CompositeTypeStmt": ("type.create", "typevar"),
    "CreateEnumStmt": ("type.create", "typeName"),
    "CreateExtensionStmt": ("extension.create", "extname"),
    "CreateOpFamilyStmt": ("operator_family.create", "opfamilyname"),
}
# These hold names and options only, nothing that runs: their lists are not walked.
_INERT = frozenset(_SIMPLE) - {"CompositeTypeStmt"}


_change_configuration = simple("text_search_configuration.alter", "cfgname", deferred=False)


def _configuration(walk: Walk, body: Json) -> None:
    _change_configuration(walk, body)
    if body.get("kind") == "ALTER_TSCONFIG_DROP_MAPPING":
        target = Target("text_search_configuration", *qualified(body.get("cfgname", [])))
        walk.emit("text_search_configuration.drop", target, detail="a mapping of it")


HANDLERS: Mapping[str, Handler] = {
    **{kind: simple(*row, deferred=kind not in _INERT) for kind, row in _SIMPLE.items()},
    "AlterDomainStmt": _domain_change,
    "AlterEnumStmt": _enum_change,
    "AlterForeignServerStmt": _foreign_server("foreign_server.alter"),
    "AlterExtensionContentsStmt": _alter_contents,
    "AlterObjectDependsStmt": _depends,
    "AlterObjectSchemaStmt": _schema,
    "AlterOwnerStmt": _owner,
    "AlterPolicyStmt": _policy("policy.alter"),
    "AlterPublicationStmt": _publication("publication.alter"),
    "AlterTSConfigurationStmt": _configuration,
    "AlterUserMappingStmt": _user_mapping("user_mapping.alter"),
    "CommentStmt": _commented("comment.set"),
    "CreateDomainStmt": _create_domain,
    "CreateForeignServerStmt": _foreign_server("foreign_server.create"),
    "CreatePolicyStmt": _policy("policy.create"),
    "CreatePublicationStmt": _publication("publication.create"),
    "CreateSchemaStmt": _create_schema,
    "CreateStatsStmt": _create_statistics,
    "CreateUserMappingStmt": _user_mapping("user_mapping.create"),
    "DropStmt": _drop,
    "DropUserMappingStmt": _user_mapping("user_mapping.drop"),
    "RenameStmt": _rename,
    "SecLabelStmt": _commented("security_label.set"),
}

# Parts of definitions that name and never run anything.
HARMLESS = frozenset(
    {
        "PublicationObjSpec",
        "PublicationTable",
    }
)
