"""What is written down of statements: each refusal, and on request each that passes, as a JSON line.

Enters: the sessions' events. Leaves: lines, secrets masked, in the fields that `REFUSAL_FIELDS` and
`PASSED_FIELDS` name. A text that cannot be read cannot be masked, so it stays out unless asked for, with the
parser's message, which quotes it. Deliberately absent: where lines go (filelog.py) and how they get there
(linewriter.py).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from proxy.session.events import Judged, LongText, Passed
from proxy.sql.redact import redact
from proxy.sql.secrets import may_hold_secrets

# Masking needs a parse, in the writer's thread but under the interpreter's lock. Of a longer statement that
# may hold a secret only its length is written.
MAX_PARSED_CHARS = 8 * 1024

_UNPARSED = "statement.unparsed"
_UNREAD = "the statement cannot be read"  # the parser's own message quotes the text
_ENCODER = msgspec.json.Encoder()


class RefusalLine(msgspec.Struct, frozen=True):
    """A statement that broke a rule: `event` is "refused", or "shadowed" when the rule only watches."""

    time: str
    event: str
    decision_id: str
    rule: str
    rules: list[str]
    mode: str
    sqlstate: str
    message: str
    effects: list[str]
    targets: list[str]
    missing: list[str]
    role: str
    database: str
    client_address: str | None
    application: str
    listener: str
    transaction: str
    policy: str
    sql: str | None


class PassedLine(msgspec.Struct, frozen=True):
    """A statement that went to the server, with what judging it again needs; `whole`: `sql` is all of it."""

    time: str
    event: str
    effects: list[str]
    role: str
    database: str
    client_address: str | None
    application: str
    listener: str
    transaction: str
    policy: str
    whole: bool
    sql: str


REFUSAL_FIELDS = RefusalLine.__struct_fields__
PASSED_FIELDS = PassedLine.__struct_fields__


def render_judged(sql_chars: int, *, unreadable: bool) -> Callable[[Judged], bytes]:
    """Make the function from a refusal to its line.

    Args:
        sql_chars: longest SQL; the rest is cut.
        unreadable: also log texts that cannot be read.
    """

    def render(event: Judged) -> bytes:
        line = RefusalLine(
            time=_time(event.at),
            event="refused" if event.mode == "enforce" else "shadowed",
            decision_id=event.decision_id,
            rule=event.rule,
            rules=list(event.rules),
            mode=event.mode,
            sqlstate=event.sqlstate,
            message=shown_message(event, unreadable=unreadable),
            effects=list(event.effects),
            targets=list(event.targets),
            missing=list(event.missing),
            role=event.origin.role,
            database=event.origin.database,
            client_address=event.origin.client_address,
            application=event.origin.application,
            listener=event.origin.listener,
            transaction=event.origin.transaction,
            policy=event.origin.policy_digest,
            sql=None
            if event.text is None
            else shown_sql(event.text, event.unreadable, unreadable=unreadable, limit=sql_chars),
        )
        return _encoded(line)

    return render


def render_passed(*, unreadable: bool) -> Callable[[Passed], bytes]:
    """Make the function from a statement that passed to its line; its SQL is not cut, for a replay."""

    def render(event: Passed) -> bytes:
        unparsed = _UNPARSED in event.effects
        line = PassedLine(
            time=_time(event.at),
            event="passed",
            effects=list(event.effects),
            role=event.origin.role,
            database=event.origin.database,
            client_address=event.origin.client_address,
            application=event.origin.application,
            listener=event.origin.listener,
            transaction=event.origin.transaction,
            policy=event.origin.policy_digest,
            whole=not _withheld(event.text, unparsed, unreadable),
            sql=shown_sql(event.text, unparsed, unreadable=unreadable),
        )
        return _encoded(line)

    return render


def weigh_judged(event: Judged) -> int:
    """How many characters a refusal keeps in memory while it waits to be written."""
    return 500 + _weight(event.text)


def weigh_passed(event: Passed) -> int:
    """How many characters a passed statement keeps in memory while it waits to be written."""
    return 500 + _weight(event.text)


def _weight(text: str | LongText | None) -> int:
    return len(text) if isinstance(text, str) else 0


def shown_message(event: Judged, *, unreadable: bool) -> str:
    """What the client was told, as it may be written down: of an unreadable text it quotes a part."""
    quotes = event.unreadable and not unreadable and event.rule == "unparsed"
    return _UNREAD if quotes else event.message


def shown_sql(text: str | LongText, unparsed: bool, *, unreadable: bool, limit: int | None = None) -> str:
    """A text as it may be written down: secrets masked, or in its place what it was.

    Args:
        unparsed: it could not be read, so nothing in it can be masked.
        unreadable: write such a text down all the same.
        limit: cut it after so many characters.
    """
    withheld = _withheld(text, unparsed, unreadable)
    if withheld or isinstance(text, LongText):
        return withheld
    if unparsed:
        return text if limit is None or len(text) <= limit else text[: limit - 1] + "…"
    return redact(text, limit)


def _withheld(text: str | LongText, unparsed: bool, unreadable: bool) -> str:
    """What is written in place of a text that is not shown; "" when it is."""
    if isinstance(text, LongText):
        return f"<long statement, {text.size} bytes>"
    if unparsed:
        return "" if unreadable else f"<unreadable statement, {len(text)} characters>"
    if len(text) > MAX_PARSED_CHARS and may_hold_secrets(text):
        return f"<long statement, {len(text)} characters>"
    return ""


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _encoded(line: RefusalLine | PassedLine) -> bytes:
    try:
        return _ENCODER.encode(line) + b"\n"
    except UnicodeEncodeError:
        # A name in bytes that are not UTF-8 reached us with lone surrogates, which JSON cannot hold.
        plain = {name: _escaped(getattr(line, name)) for name in line.__struct_fields__}
        return _ENCODER.encode(plain) + b"\n"


def _escaped(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case list():
            return [_escaped(item) for item in value]
        case _:
            return value
