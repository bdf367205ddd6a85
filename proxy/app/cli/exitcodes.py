"""The exit codes: one table, shown by --help and tested against what happens."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit tells the script that ran it."""

    OK = 0
    NO = 1
    USAGE = 2
    FAILED = 3
    INTERRUPTED = 130


MEANINGS: Mapping[ExitCode, str] = {
    ExitCode.OK: "done; the answer is yes",
    ExitCode.NO: (
        "the answer is no: the policy has errors, a case fails or none ran, a statement is refused, "
        "a migration can never pass, a decision turns, the gate is not well, a backup is not what it was"
    ),
    ExitCode.USAGE: "wrong flag, variable, config file or value; nothing was done",
    ExitCode.FAILED: (
        "it could not be done: address in use, ledger not usable, file not readable, a copy of a "
        "backup not made"
    ),
    ExitCode.INTERRUPTED: "interrupted from the keyboard",
}


class CommandError(Exception):
    """Ends a command with lines on standard error and an exit code."""

    def __init__(self, code: ExitCode, *lines: str) -> None:
        """Keep the lines as they will be shown."""
        super().__init__("\n".join(lines))
        self.code = code
        self.lines = lines


def epilog() -> str:
    """The table for --help; its first line asks for lines to be kept as they are."""
    return "\n".join(
        ["\b", "Exit codes:", *(f"  {code:>3}  {meaning}" for code, meaning in MEANINGS.items())]
    )
