"""What a session has sent on last, for people who look at it.

Enters: the texts of Query and Parse, what an Execute runs. Leaves: the last of these as it may be shown.
"""

from __future__ import annotations

from typing import Final

from proxy.session.events import LongText, told
from proxy.session.meaning import Meaning
from proxy.wire.framing import View, size_of
from proxy.wire.frontend import ParseMessage

LONGEST_KEPT: Final = 8 * 1024
"""In bytes: of longer texts a session remembers the size."""


class LastText:
    """The last text of one session.

    Attributes:
        parsed: the last Parse of the unnamed statement, where it has no types and its text is kept.
    """

    __slots__ = ("_last", "_parsed", "parsed")

    def __init__(self) -> None:
        """Begin with none."""
        self._last: View | int | Meaning = b""
        self._parsed: View | int = b""
        self.parsed: ParseMessage | None = None

    def query(self, text: View) -> None:
        """A Query went on."""
        self._last = text if size_of(text) <= LONGEST_KEPT else len(text)

    def parse(self, message: ParseMessage) -> None:
        """A Parse of the unnamed statement went on."""
        if message is self.parsed:
            return
        kept = size_of(message.text) <= LONGEST_KEPT
        self._parsed = message.text if kept else len(message.text)
        self.parsed = message if kept and not message.parameter_types else None

    def execute(self, meaning: Meaning) -> None:
        """An Execute went on."""
        self._last = meaning

    @property
    def shown(self) -> str | LongText | None:
        """The text; None where there was none, or it is not kept."""
        last = self._last
        if isinstance(last, Meaning):
            if last.text is not None:
                return last.text
            last = self._parsed  # the screen has passed it, so only its Parse has had the text
        if isinstance(last, int):
            return LongText(last)
        return told(last) if last else None
