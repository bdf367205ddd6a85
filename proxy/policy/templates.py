"""Texts of a rule with placeholders: checked when the policy loads, filled when the rule fires.

Enters: a template, later the values. Leaves: text for the client. Deliberately absent: any other use of
braces: `{{` and `}}` stand for braces themselves.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

PLACEHOLDERS = frozenset(
    {
        "effect",
        "targets",
        "role",
        "database",
        "rule",
        "missing",
        "decision_id",
        "window.text",
        "window.next",
        "backup.within",
        "backup.verified",
        "backup.copies",
        "backup.covers",
        "backup.last",
    }
)
DECISION_ID = "{decision_id}"
MAX_TEXT = 1000
# Of what a statement touches, as many are named; the rest are counted.
SHOWN_NAMES = 5
MAX_NAME = 100

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed text: literal pieces and, at odd places, placeholder names."""

    pieces: tuple[str, ...]

    @property
    def names(self) -> frozenset[str]:
        """The placeholders that it uses."""
        return frozenset(self.pieces[1::2])

    @property
    def text(self) -> str:
        """As written, but for doubled braces."""
        return "".join(piece if index % 2 == 0 else f"{{{piece}}}" for index, piece in enumerate(self.pieces))

    def fill(self, value: Callable[[str], str]) -> str:
        """The text; `{decision_id}` stays, since the decision has no id yet."""
        filled = (
            piece if index % 2 == 0 else DECISION_ID if piece == "decision_id" else value(piece)
            for index, piece in enumerate(self.pieces)
        )
        return "".join(filled)


def parse_template(text: str) -> Template:
    """Read a text.

    Raises:
        ValueError: a lone brace. Unknown placeholders are left to the caller, who can suggest.
    """
    pieces: list[str] = [""]
    end = 0
    for match in _PIECE.finditer(text):
        pieces[-1] += text[end : match.start()]
        end = match.end()
        if match[1] is not None:
            pieces += [match[1], ""]
        elif match[0] in ("{{", "}}"):
            pieces[-1] += match[0][0]
        else:
            raise ValueError(
                f'a "{match[0]}" without its partner; write "{match[0] * 2}" for the character itself'
            )
    pieces[-1] += text[end:]
    return Template(tuple(pieces))


def printable(text: str) -> str:
    """Text without characters that move a cursor or end a line: names in it come from clients."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "?" for character in text)


def clean(name: str) -> str:
    """A name for a client's terminal and a log's line, cut where it is endless."""
    shown = printable(name)
    return shown if len(shown) <= MAX_NAME else shown[: MAX_NAME - 1] + "…"


def enumerate_names(names: Iterable[str], *, endless: bool = False) -> str:
    """Some names in a row: `a, b and 7 more`; where more follow that nobody counted, `a, b and many more`."""
    every = list(names)
    shown = [clean(name) for name in every[: SHOWN_NAMES + 1]]
    if len(every) > len(shown):
        others = "many" if endless else len(every) - SHOWN_NAMES
        return f"{', '.join(shown[:SHOWN_NAMES])} and {others} more"
    return ", ".join(shown)
