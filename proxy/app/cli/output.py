"""How commands print: for people on a terminal, plainly in a pipe.

Enters: headings and rows, or a value to print as JSON. Leaves: text on standard output. Deliberately absent:
colours and boxes in a pipe, where a script reads; errors, which go to standard error as plain lines.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

# A password that nobody escaped may hold any of :/@ itself.
_USERINFO = re.compile(r"(?<=//)\S*@")


def print_line(line: str = "") -> None:
    """Print one line as it is."""
    sys.stdout.write(line + "\n")


def print_styled(line: str, style: str) -> None:
    """Print one line, in a colour on a terminal."""
    if sys.stdout.isatty():
        Console(highlight=False, soft_wrap=True).print(Text(line, style=style))
    else:
        print_line(line)


def print_json(value: object) -> None:
    """Print a value as JSON, indented, one spelling."""
    print_line(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on a terminal, and tab-separated lines with a heading in a pipe."""
    if not sys.stdout.isatty():
        for row in (headings, *rows):
            print_line("\t".join(" ".join(cell.split()) for cell in row))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def print_error(lines: Iterable[str]) -> None:
    """Print lines on standard error, without what may be a password in a URL."""
    for line in lines:
        sys.stderr.write(_USERINFO.sub("***@", line) + "\n")
