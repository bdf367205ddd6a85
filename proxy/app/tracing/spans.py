"""What a span of a statement says.

Enters: what happened to a statement. Leaves: name, time and attributes of its span, secrets masked as in the
refusal log; the context of the client's trace, where the statement's comment has one (W3C Trace Context, by
sqlcommenter). Attributes are those of OpenTelemetry's conventions for databases where there is one, else
`pgwarden.…`. Deliberately absent: OpenTelemetry; this runs without.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from proxy.app.audit import shown_message, shown_sql
from proxy.session import Hold, Judged, Lifted, LongText, Origin, Passed
from proxy.sql.sqlcommenter import trace_comment

_CONTEXT: Final = ("traceparent", "tracestate")

Attributes: TypeAlias = dict[str, str | Sequence[str]]


@dataclass(frozen=True, slots=True)
class Held:
    """A statement was held, from one moment to another in POSIX seconds.

    Attributes:
        outcome: "released", "given_up" or "abandoned".
    """

    hold: Hold
    began: float
    ended: float
    outcome: str


Happening: TypeAlias = Judged | Lifted | Passed | Held


@dataclass(frozen=True, slots=True)
class Told:
    """One span.

    Attributes:
        began, ended: POSIX seconds; the same for a judgement, whose time the histogram has.
        error: what the client was told; "" where it was told no error.
        context: the headers of the trace that it belongs to; empty for none.
    """

    name: str
    began: float
    ended: float
    attributes: Attributes
    error: str = ""
    context: Mapping[str, str] = field(default_factory=dict)


def told(what: Happening, sql_chars: int, *, unreadable: bool) -> Told:
    """Make a span of what happened; parses the statement, so never on an event loop.

    Args:
        sql_chars: longest SQL; the rest is cut.
        unreadable: also show texts that cannot be read, which may hold secrets.
    """
    match what:
        case Judged():
            return _judged(what, sql_chars, unreadable)
        case Lifted():
            attributes = _common(what.origin, what.effects, what.targets)
            attributes["pgwarden.approvals"] = list(dict.fromkeys(lift.approval for lift in what.lifts))
            attributes["pgwarden.rules"] = list(dict.fromkeys(lift.rule for lift in what.lifts))
            return _span("lifted", what.at, what.at, attributes, what.text, False, sql_chars, unreadable)
        case Passed():
            unparsed = "statement.unparsed" in what.effects
            attributes = _common(what.origin, what.effects)
            return _span("passed", what.at, what.at, attributes, what.text, unparsed, sql_chars, unreadable)
        case Held():
            change = what.hold.change
            attributes = _common(change.origin, change.effects, change.targets)
            attributes["pgwarden.decision_id"] = what.hold.decision_id
            attributes["pgwarden.rules"] = what.hold.wanted.rules
            attributes["pgwarden.outcome"] = what.outcome
            text, unparsed = change.text, change.unreadable
            return _span("held", what.began, what.ended, attributes, text, unparsed, sql_chars, unreadable)


def weight(what: Happening) -> int:
    """How many characters it keeps in memory while it waits."""
    text = what.hold.change.text if isinstance(what, Held) else what.text
    return 500 + (len(text) if isinstance(text, str) else 0)


def _judged(what: Judged, sql_chars: int, unreadable: bool) -> Told:
    attributes = _common(what.origin, what.effects, what.targets)
    attributes["pgwarden.decision_id"] = what.decision_id
    attributes["pgwarden.rule"] = what.rule
    attributes["pgwarden.rules"] = what.rules
    attributes["pgwarden.mode"] = what.mode
    refused = what.mode == "enforce"
    if refused:
        attributes["db.response.status_code"] = attributes["error.type"] = what.sqlstate
    return _span(
        "refused" if refused else "shadowed",
        what.at,
        what.at,
        attributes,
        what.text,
        what.unreadable,
        sql_chars,
        unreadable,
        error=shown_message(what, unreadable=unreadable) if refused else "",
    )


def _common(origin: Origin, effects: Sequence[str], targets: Sequence[str] = ()) -> Attributes:
    attributes: Attributes = {
        "db.system.name": "postgresql",
        "db.namespace": origin.database,
        "pgwarden.role": origin.role,
        "pgwarden.application": origin.application,
        "pgwarden.listener": origin.listener,
        "pgwarden.transaction": origin.transaction,
        "pgwarden.policy": origin.policy_digest,
        "pgwarden.effects": effects,
    }
    if targets:
        attributes["pgwarden.targets"] = targets
    if origin.client_address is not None:
        attributes["client.address"] = origin.client_address
    return attributes


def _span(
    name: str,
    began: float,
    ended: float,
    attributes: Attributes,
    text: str | LongText | None,
    unparsed: bool,
    sql_chars: int,
    unreadable: bool,
    *,
    error: str = "",
) -> Told:
    context: Mapping[str, str] = {}
    if text is not None:
        attributes["db.query.text"] = shown_sql(text, unparsed, unreadable=unreadable, limit=sql_chars)
    if isinstance(text, str):
        found = trace_comment(text)
        context = {key: found[key] for key in _CONTEXT if key in found}
    sound: Attributes = {
        key: _sound(value) if isinstance(value, str) else [_sound(each) for each in value]
        for key, value in attributes.items()
    }
    return Told(f"pgwarden {name}", began, ended, sound, _sound(error), context)


def _sound(text: str) -> str:
    """Names in bytes that are not UTF-8 have lone surrogates, for which one span would cost its batch."""
    return text.encode("utf-8", "backslashreplace").decode()
