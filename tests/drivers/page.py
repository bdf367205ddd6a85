"""README.md's table of drivers. `python -m tests.drivers.page` prints it.

In: the table of drivers. Out: Markdown.
"""

from collections.abc import Iterator
from itertools import groupby

from tests.drivers.table import DRIVERS, Driver

HEAD = "| driver | tested from | a refusal is | detail and hint are |\n| --- | --- | --- | --- |\n"


def drivers_table() -> str:
    """A row for each driver, its faces together."""
    return HEAD + "".join(_rows())


def _rows() -> Iterator[str]:
    for name, group in groupby(DRIVERS, lambda driver: driver.name):
        faces = list(group)
        (terms,) = {(driver.play.terms.raises, driver.play.terms.found) for driver in faces}
        yield f"| {name}{_named(faces)} | {_versions(faces)} | `{terms[0]}` | {terms[1]} |\n"


def _versions(faces: list[Driver]) -> str:
    return ", ".join(dict.fromkeys(driver.version for driver in faces))


def _named(faces: list[Driver]) -> str:
    names = [driver.face for driver in faces if driver.face and not driver.face.isdigit()]
    return f" ({', '.join(names)})" if names else ""


if __name__ == "__main__":
    print(drivers_table(), end="")
