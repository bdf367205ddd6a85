"""The server as a whole: databases, tablespaces, maintenance, configuration, libraries, other servers.

In: their nodes. Out: database.*, tablespace.*, subscription.*, table.vacuum and its like, server.*.
Deliberately absent: functions that do the same (sql/functions.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from proxy.sql import settings
from proxy.sql.effects import Risk, Target
from proxy.sql.nodes.locks import BLOCKS_ALL, REWRITES
from proxy.sql.nodes.sessions import is_on, redacted_value, set_setting, setting_value
from proxy.sql.nodes.tables import flags
from proxy.sql.nodes.walk import Handler, Walk
from proxy.sql.parse import Json
from proxy.sql.tree import options, range_target, role_name


def _missing(body: Json) -> list[str]:
    return ["if_exists"] if body.get("missing_ok") else []


def _words(body: Json) -> str:
    return ", ".join(name for name, _ in options(body))


def _database(effect: str) -> Handler:
    def handle(walk: Walk, body: Json) -> None:
        walk.emit(
            effect, Target("database", None, body.get("dbname")), traits=_missing(body), detail=_words(body)
        )

    return handle


def _tablespace(effect: str) -> Handler:
    def handle(walk: Walk, body: Json) -> None:
        walk.emit(
            effect,
            Target("tablespace", None, body.get("tablespacename")),
            traits=_missing(body),
            detail=_words(body),
        )

    return handle


def _set(walk: Walk, body: Json, where: str, least: Risk) -> None:
    """A setting kept by the server, a database or a role: sessions to come begin with it."""
    change = body.get("setstmt", {})
    kind = change.get("kind")
    name = str(change["name"]).lower() if "name" in change else None
    value = setting_value(change)
    if kind in {"VAR_RESET", "VAR_SET_DEFAULT", "VAR_RESET_ALL"}:
        risk, detail = Risk.LOW, "reset"
    elif kind in {"VAR_SET_VALUE", "VAR_SET_CURRENT"}:
        risk, detail = settings.risk_of(name, value), "" if value is None else redacted_value(name, value)
    else:
        walk.unknown(f"VariableSetStmt.{kind}")
        return
    text = " ".join(part for part in (detail, f"({where})") if part)
    walk.emit("server.setting", Target("setting", None, name), risk=max(risk, least), detail=text)
    if detail != "reset":
        with walk.deferred():
            set_setting(walk, name, value)


def _alter_system(walk: Walk, body: Json) -> None:
    _set(walk, body, "system", Risk.HIGH)


def _alter_database_set(walk: Walk, body: Json) -> None:
    _set(walk, body, f"database {body.get('dbname')}", Risk.MEDIUM)


def _alter_role_set(walk: Walk, body: Json) -> None:
    role = role_name(body.get("role")) or "all"
    database = f" in database {body['database']}" if "database" in body else ""
    _set(walk, body, f"role {role}{database}", Risk.MEDIUM)


def _vacuum(walk: Walk, body: Json) -> None:
    given = options(body)
    on = {name for name, option in given if is_on(option)}
    relations = [item["VacuumRelation"].get("relation") for item in body.get("rels", [])]
    for relation in relations or [None]:
        target = range_target(relation)
        location = (relation or {}).get("location", -1)
        if body.get("is_vacuumcmd"):
            full = "full" in on
            walk.emit(
                "table.vacuum",
                target,
                traits=REWRITES if full else (),
                risk=Risk.MEDIUM if full else None,
                location=location,
                detail="full" if full else "",
            )
            if full:
                walk.emit("table.rewrite", target, traits=REWRITES, location=location, detail="vacuum full")
        if not body.get("is_vacuumcmd") or on & {"analyze", "analyse"}:
            walk.emit("table.analyze", target, location=location)


def _cluster(walk: Walk, body: Json) -> None:
    relation = body.get("relation")
    walk.emit(
        "table.cluster",
        range_target(relation),
        traits=REWRITES,
        location=(relation or {}).get("location", -1),
        detail=body.get("indexname", ""),
    )


def _reindex(walk: Walk, body: Json) -> None:
    kind = str(body.get("kind", "")).removeprefix("REINDEX_OBJECT_").lower()
    concurrently = any(name == "concurrently" and is_on(option) for name, option in options(body, "params"))
    relation = body.get("relation")
    target = range_target(relation, kind) if relation else Target(kind, None, body.get("name"))
    # Writers wait for the table's lock; the planner looks at every index, so readers wait for the index's.
    traits: Iterable[str] = ("concurrently",) if concurrently else BLOCKS_ALL
    risk = Risk.LOW if concurrently else Risk.MEDIUM
    walk.emit(
        "index.reindex", target, traits=traits, risk=risk, location=(relation or {}).get("location", -1)
    )


def _refresh(walk: Walk, body: Json) -> None:
    relation = body["relation"]
    walk.emit(
        "matview.empty" if body.get("skipData") else "matview.refresh",
        range_target(relation, "matview"),
        traits=("concurrently", "blocks_writes") if body.get("concurrent") else REWRITES,
        location=relation.get("location", -1),
    )


def _load(walk: Walk, body: Json) -> None:
    walk.lexing = True
    walk.emit("server.load", Target("library", None, body.get("filename")))


def _checkpoint(walk: Walk, body: Json) -> None:
    walk.emit("server.checkpoint")


def _import_schema(walk: Walk, body: Json) -> None:
    server = str(body.get("server_name", ""))
    walk.emit("server.network", Target("foreign_server", None, server))
    walk.emit(
        "foreign_table.create",
        Target("foreign_table", body.get("local_schema"), None),
        detail=f"from {server}",
    )


def _subscription(effect: str) -> Handler:
    def handle(walk: Walk, body: Json) -> None:
        what = str(body.get("kind", "")).removeprefix("ALTER_SUBSCRIPTION_").lower()
        target = Target("subscription", None, body.get("subname"))
        walk.emit(effect, target, traits=flags(body), detail=what)
        # Creating, refreshing and dropping connect to the publisher, unless connect = false.
        if what not in {"options", "enabled", "skip"}:
            walk.emit("server.network", target)

    return handle


HANDLERS: Mapping[str, Handler] = {
    "AlterDatabaseRefreshCollStmt": _database("database.alter"),
    "AlterDatabaseSetStmt": _alter_database_set,
    "AlterDatabaseStmt": _database("database.alter"),
    "AlterRoleSetStmt": _alter_role_set,
    "AlterSubscriptionStmt": _subscription("subscription.alter"),
    "AlterSystemStmt": _alter_system,
    "AlterTableSpaceOptionsStmt": _tablespace("tablespace.alter"),
    "CheckPointStmt": _checkpoint,
    "ClusterStmt": _cluster,
    "CreateSubscriptionStmt": _subscription("subscription.create"),
    "CreateTableSpaceStmt": _tablespace("tablespace.create"),
    "CreatedbStmt": _database("database.create"),
    "DropSubscriptionStmt": _subscription("subscription.drop"),
    "DropTableSpaceStmt": _tablespace("tablespace.drop"),
    "DropdbStmt": _database("database.drop"),
    "ImportForeignSchemaStmt": _import_schema,
    "LoadStmt": _load,
    "RefreshMatViewStmt": _refresh,
    "ReindexStmt": _reindex,
    "VacuumStmt": _vacuum,
}

HARMLESS = frozenset({"VacuumRelation"})
