"""An error, and the place in a text that it is about.

Enters: a position, one sentence, the line. Leaves: values that print as `file:line:col: message`, the line,
a caret. Deliberately absent: finding errors, and colours.
"""

from collections.abc import Iterable
from dataclasses import dataclass

# What of a line is shown on either side of the error: a policy that came as one long line stays readable.
SHOWN_BEFORE = 60
SHOWN_AFTER = 60


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a file; line and column count from 1, in characters."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        """`file:line:column`, as editors understand it."""
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One mistake.

    Attributes:
        source_line: the whole line of the text at `position`.
        width: how many characters the caret underlines.
        suggestion: what was probably meant.
    """

    position: Position
    message: str
    source_line: str
    width: int = 1
    suggestion: str | None = None

    def __str__(self) -> str:
        """The mistake for people: place and message, line, caret, suggestion."""
        lines = [f"{self.position}: {self.message}", *(f"    {line}" for line in self.excerpt())]
        if self.suggestion is not None:
            lines.append(f'    did you mean "{self.suggestion}"?')
        return "\n".join(lines)

    def excerpt(self) -> list[str]:
        """The line and the caret below it, cut to what fits a terminal."""
        if not self.source_line.strip():
            return []
        at = min(self.position.column - 1, len(self.source_line))
        start, end = 0, len(self.source_line)
        if end > SHOWN_BEFORE + SHOWN_AFTER:
            start, end = max(0, at - SHOWN_BEFORE), min(end, at + SHOWN_AFTER)
        line = "".join(_shown(character) for character in self.source_line[start:end])
        before = "".join("\t" if character == "\t" else " " for character in self.source_line[start:at])
        width = max(1, min(self.width, end - at))
        lead, tail = ("…" if start else ""), ("…" if end < len(self.source_line) else "")
        return [f"{lead}{line}{tail}", f"{' ' * len(lead)}{before}{'^' * width}"]


class SourceError(Exception):
    """A text that cannot be accepted, with everything that is wrong with it."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Keep each mistake once, in the order of the text."""
        unique = {(d.position, d.message): d for d in diagnostics}
        self.diagnostics: tuple[Diagnostic, ...] = tuple(unique[key] for key in sorted(unique))
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        """All mistakes, one below the other."""
        return "\n".join(str(diagnostic) for diagnostic in self.diagnostics)


def _shown(character: str) -> str:
    """A character that is safe on a terminal: an escape sequence in a policy must not reach it."""
    return character if character.isprintable() or character == "\t" else "�"
