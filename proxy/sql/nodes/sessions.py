"""The session's own statements: settings, transactions, prepared statements, cursors, notifications.

In: their nodes. Out: session.*, transaction.*, statement.*, role.set, and the acts on prepared statements.
Deliberately absent: what an EXECUTE runs, which only the session knows.
"""

from __future__ import annotations

from collections.abc import Mapping

from proxy.sql import settings
from proxy.sql.effects import Deallocates, DiscardsAll, Executes, Prepares, Risk, Target
from proxy.sql.nodes.walk import Handler, Mentioned, Walk
from proxy.sql.parse import Json
from proxy.sql.secrets import sounds_secret
from proxy.sql.tree import options, scalar

_TRANSACTIONS: Mapping[str, tuple[str, str]] = {
    "TRANS_STMT_BEGIN": ("transaction.begin", ""),
    "TRANS_STMT_START": ("transaction.begin", ""),
    "TRANS_STMT_COMMIT": ("transaction.commit", ""),
    "TRANS_STMT_ROLLBACK": ("transaction.rollback", ""),
    "TRANS_STMT_SAVEPOINT": ("transaction.savepoint", ""),
    "TRANS_STMT_RELEASE": ("transaction.savepoint", "release"),
    "TRANS_STMT_ROLLBACK_TO": ("transaction.savepoint", "rollback"),
    "TRANS_STMT_PREPARE": ("transaction.prepare", ""),
    "TRANS_STMT_COMMIT_PREPARED": ("transaction.commit_prepared", ""),
    "TRANS_STMT_ROLLBACK_PREPARED": ("transaction.rollback_prepared", ""),
}
# These end what SET LOCAL set, or take back a SET: the server may read the next text as it did before.
_RESTORING = frozenset(
    {
        "TRANS_STMT_COMMIT",
        "TRANS_STMT_ROLLBACK",
        "TRANS_STMT_ROLLBACK_TO",
        "TRANS_STMT_RELEASE",
        "TRANS_STMT_PREPARE",
    }
)
# Effects that planning alone can cause: a user's function marked IMMUTABLE is run by the planner.
_PLANNED = frozenset({"code.call", "statement.unknown"})


def set_setting(walk: Walk, name: str | None, value: str | None, location: int = -1) -> None:
    """Note that the session sets `name`; None is what is not known."""
    if name is None or name in settings.LEXING:
        walk.lexing = walk.relexed = True
    if name in {"role", "session_authorization"}:
        kind = "role.set"
        walk.emit(kind, Target("role", None, value), location=location, detail=name)
        return
    walk.emit(
        "session.set",
        Target("setting", None, name),
        risk=settings.risk_of(name, value),
        location=location,
        detail="" if value is None else redacted_value(name, value),
    )


def redacted_value(name: str | None, value: str) -> str:
    """A setting's value as an effect may show it: nothing that sounds like a secret, or may be one."""
    return "***" if name is None or sounds_secret(name) else value


def setting_value(body: Json) -> str | None:
    """The value of a SET as text; several joined by commas; None where it is not a constant."""
    values = [scalar(item) for item in body.get("args", [])]
    return None if not values or None in values else ", ".join(str(value) for value in values)


def _variable(walk: Walk, body: Json) -> None:
    name = str(body.get("name", "")).lower()
    match body.get("kind"):
        case "VAR_SET_VALUE" | "VAR_SET_CURRENT":
            value = "from current" if body["kind"] == "VAR_SET_CURRENT" else setting_value(body)
            set_setting(walk, name, value)
        case "VAR_SET_MULTI":
            _multi(walk, name, body)
        case "VAR_RESET_ALL":
            walk.lexing = walk.relexed = True
            walk.emit("session.reset", Target("setting", None, None), detail="all")
        case "VAR_SET_DEFAULT" | "VAR_RESET":
            walk.lexing |= name in settings.LEXING
            walk.relexed |= name in settings.LEXING
            if name in {"role", "session_authorization"}:
                walk.emit("role.set", Target("role", None, None), risk=Risk.LOW, detail=f"reset {name}")
            else:
                walk.emit("session.reset", Target("setting", None, name))
        case kind:
            walk.unknown(f"VariableSetStmt.{kind}")


def _multi(walk: Walk, name: str, body: Json) -> None:
    if name == "transaction snapshot":
        set_setting(walk, "transaction_snapshot", setting_value(body))
        return
    for option, element in options(body, "args"):
        value = scalar(element.get("arg"))
        if option.endswith(("read_only", "deferrable")):
            value = "on" if value not in {"0", "false"} else "off"
        # SESSION CHARACTERISTICS sets what later transactions start with.
        set_setting(walk, option if name == "transaction" else f"default_{option}", value)


def _show(walk: Walk, body: Json) -> None:
    """SHOW tells a setting and does nothing."""


def _constraints(walk: Walk, body: Json) -> None:
    detail = "deferred" if body.get("deferred") else "immediate"
    walk.emit("session.set", Target("setting", None, "constraints"), risk=Risk.LOW, detail=detail)


def _transaction(walk: Walk, body: Json) -> None:
    found = _TRANSACTIONS.get(body.get("kind", ""))
    if found is None:
        walk.unknown(f"TransactionStmt.{body.get('kind')}")
        return
    effect, detail = found
    if body["kind"] in _RESTORING:
        walk.lexing = walk.relexed = True
    name = body.get("savepoint_name") or body.get("gid")
    walk.emit(effect, Target("transaction", None, name) if name else None, detail=detail)


def _prepare(walk: Walk, body: Json) -> None:
    name = str(body.get("name", ""))
    walk.emit("statement.prepare", Target("statement", None, name))
    acts = len(walk.acts)
    mentioned, walk.mentioned = walk.mentioned, Mentioned()
    with walk.isolated() as found:
        walk.node(body.get("query", {}))
        inner = walk.effects
        walk.mentioned, own = mentioned, walk.mentioned
    del walk.acts[acts:]
    walk.adopt(found)
    walk.mentioned.add(own)
    walk.acts.append(Prepares(name, inner, own.frozen()))


def _execute(walk: Walk, body: Json) -> None:
    name = str(body.get("name", ""))
    walk.lexing = True
    walk.emit("statement.execute", Target("statement", None, name))
    walk.acts.append(Executes(name))
    walk.field(body, "params")


def _deallocate(walk: Walk, body: Json) -> None:
    walk.acts.append(Deallocates(None if body.get("isall") else str(body.get("name", ""))))


def _discard(walk: Walk, body: Json) -> None:
    what = str(body.get("target", "")).removeprefix("DISCARD_").lower()
    if what == "all":
        walk.lexing = walk.relexed = True
        walk.acts.append(DiscardsAll())
    walk.emit("session.discard", detail=what)


def _declare(walk: Walk, body: Json) -> None:
    """A cursor's query is judged where it is declared, though it runs as it is fetched."""
    walk.children("DeclareCursorStmt", body)


def _fetch(walk: Walk, body: Json) -> None:
    """What the cursor's query calls is called now."""
    walk.lexing = True
    walk.emit(
        "statement.fetch",
        Target("cursor", None, body.get("portalname")),
        detail="move" if body.get("ismove") else "",
    )


def _close(walk: Walk, body: Json) -> None:
    """Closing a cursor ends what the session itself began."""


def _listen(walk: Walk, body: Json) -> None:
    walk.emit("session.listen", Target("channel", None, body.get("conditionname")))


def _unlisten(walk: Walk, body: Json) -> None:
    walk.emit("session.listen", Target("channel", None, body.get("conditionname", "*")), detail="unlisten")


def _notify(walk: Walk, body: Json) -> None:
    walk.emit("session.notify", Target("channel", None, body.get("conditionname")))


def is_on(option: Json) -> bool:
    """A DefElem as defGetBoolean reads it: on when there is no value; in doubt, on."""
    value = scalar(option.get("arg"))
    return value is None or value.lower() not in {"0", "false", "off"}


def _explain(walk: Walk, body: Json) -> None:
    runs = False
    for name, option in options(body):
        if name == "analyze":
            runs = is_on(option)  # the last one counts
    if runs:
        walk.node(body.get("query", {}))
        return
    acts, copies_in = len(walk.acts), walk.copies_in
    with walk.isolated() as found:
        walk.node(body.get("query", {}))
    del walk.acts[acts:]
    walk.copies_in = copies_in
    walk.adopt({key: effect for key, effect in found.items() if effect.name in _PLANNED})


HANDLERS: Mapping[str, Handler] = {
    "ClosePortalStmt": _close,
    "ConstraintsSetStmt": _constraints,
    "DeallocateStmt": _deallocate,
    "DeclareCursorStmt": _declare,
    "DiscardStmt": _discard,
    "ExecuteStmt": _execute,
    "ExplainStmt": _explain,
    "FetchStmt": _fetch,
    "ListenStmt": _listen,
    "NotifyStmt": _notify,
    "PrepareStmt": _prepare,
    "TransactionStmt": _transaction,
    "UnlistenStmt": _unlisten,
    "VariableSetStmt": _variable,
    "VariableShowStmt": _show,
}

HARMLESS: frozenset[str] = frozenset()
