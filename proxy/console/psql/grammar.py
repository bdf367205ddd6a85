"""A command's words turned into what is to be done.

Enters: the tokens of one command, what drivers may ask about. Leaves: a Statement; or Refused, which names
SHOW HELP. Nothing is guessed: a word too many is an error. Deliberately absent: doing it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from proxy.console.psql.courtesies import Asked, courtesy
from proxy.console.psql.statements import (
    USAGES,
    VIEWS,
    Freeze,
    Kill,
    Reload,
    Show,
    Statement,
    Thaw,
)
from proxy.console.psql.tokens import Kind, Refused, Token, shown
from proxy.policy.durations import parse_duration

SEE_HELP: Final = "SHOW HELP lists the commands."
_SYNTAX: Final[Mapping[str, str]] = {usage.words: usage.syntax for usage in USAGES}


def read(command: tuple[Token, ...], asked: Asked, now: datetime) -> Statement:
    """Understand one command.

    Args:
        command: its tokens, one at least.
        asked: what drivers may ask about.
        now: what a time-span of FREEZE counts from.

    Raises: Refused.
    """
    first = command[0]
    reader = _READERS.get(first.folded) if first.kind is Kind.WORD else None
    if reader is not None:
        return reader(_Words(command), now)
    if first.says("show") and len(command) == 2 and command[1].folded.upper() in VIEWS:
        return Show(command[1].folded.upper())
    known = courtesy(command, asked)
    if known is not None:
        return known
    if first.says("show"):
        what = shown(" ".join(token.text for token in command[1:]))
        raise Refused("42704", f'the console knows nothing by the name "{what}" to show', hint=SEE_HELP)
    raise Refused(
        "0A000",
        f'this is pgwarden\'s console, which does not know "{shown(first.text)}" like this',
        "No database stands behind this connection, so nothing here is SQL.",
        SEE_HELP,
        first.at + 1,
    )


class _Words:
    """The words of one command, from its first on."""

    def __init__(self, command: tuple[Token, ...]) -> None:
        self._left = list(command)
        self._syntax = _SYNTAX[self._left.pop(0).folded.upper()]

    def word(self, *words: str) -> bool:
        """Take the next token if it is this bare word."""
        if self._left and self._left[0].says(*words):
            self._left.pop(0)
            return True
        return False

    def text(self) -> Token | None:
        """Take the next token if it stands in quotes."""
        if self._left and self._left[0].kind is Kind.TEXT:
            return self._left.pop(0)
        return None

    def name(self) -> Token:
        """Take a name, with or without quotes of either kind."""
        if not self._left or self._left[0].kind is Kind.SIGN:
            raise self.wrong()
        return self._left.pop(0)

    def id(self) -> str:
        """Take an id, which is `0-4f1c…` in SHOW CLIENTS: in quotes, or the words up to a quoted text."""
        quoted = self.text()
        if quoted is not None:
            return quoted.text
        parts: list[str] = []
        while self._left and self._left[0].kind is not Kind.TEXT:
            parts.append(self._left.pop(0).text)
        if not parts:
            raise self.wrong()
        return "".join(parts)

    @property
    def more(self) -> bool:
        """There are tokens left."""
        return bool(self._left)

    def end(self) -> None:
        """No word may be left."""
        if self._left:
            raise self.wrong()

    def wrong(self, why: str = "") -> Refused:
        """What is said of a command that cannot be understood."""
        at = self._left[0] if self._left else None
        near = "at the end" if at is None else f'at or near "{shown(at.text)}"'
        return Refused(
            "42601",
            why or f"syntax error {near}",
            hint=f"Write: {self._syntax}. {SEE_HELP}",
            position=0 if at is None or why else at.at + 1,
        )


def _freeze(words: _Words, now: datetime) -> Statement:
    reason = words.text()
    until, database, kill = None, None, False
    while words.more:
        if until is None and words.word("until"):
            until = _moment(words, now)
        elif database is None and words.word("database"):
            database = words.name().folded
        elif not kill and words.word("kill"):
            kill = True
        else:
            raise words.wrong()
    return Freeze("" if reason is None else reason.text, until, database, kill)


def _moment(words: _Words, now: datetime) -> datetime:
    written = words.text()
    if written is None:
        raise words.wrong()
    try:
        moment = now + _span(written.text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(written.text)
        except ValueError:
            moment = None
    except OverflowError:
        moment = None
    if moment is None or moment.utcoffset() is None:
        what = shown(written.text)
        raise words.wrong(
            f"'{what}' is no moment with its time zone (2026-11-27T08:00Z), nor a time-span (2h)"
        )
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise words.wrong(f"'{shown(written.text)}' lies too far off") from None


def _span(text: str) -> timedelta:
    return parse_duration(text.strip())


def _thaw(words: _Words, now: datetime) -> Statement:
    database = words.name().folded if words.word("database") else None
    words.end()
    return Thaw(database)


def _reload(words: _Words, now: datetime) -> Statement:
    words.end()
    return Reload()


def _kill(words: _Words, now: datetime) -> Statement:
    session, reason = words.id(), words.text()
    words.end()
    return Kill(session, "" if reason is None else reason.text)


_READERS: Final[Mapping[str, Callable[[_Words, datetime], Statement]]] = {
    "freeze": _freeze,
    "thaw": _thaw,
    "reload": _reload,
    "kill": _kill,
}
