"""Why a gate cannot start: the one error that its parts raise before the first client could connect."""

from __future__ import annotations


class StartError(Exception):
    """The gate cannot start.

    Attributes:
        lines: why, for standard error.
        wrong_setting: True when a setting is wrong, False when the world is.
    """

    def __init__(self, *lines: str, wrong_setting: bool = False) -> None:
        """Keep the lines."""
        super().__init__("\n".join(lines))
        self.lines = lines
        self.wrong_setting = wrong_setting
