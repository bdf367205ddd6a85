"""What the programs in Python share: how a step is told, an error's class, and the row of the step values."""

import datetime
import decimal
import json
from typing import Final, Protocol

SCRATCH: Final = (
    "CREATE TEMP TABLE scratch (id int PRIMARY KEY, label text, price numeric(10, 2), day date, doc jsonb,"
    " raw bytea, tags int[], nothing text)"
)
LABEL: Final = "déjà 🐘 \\ ' \""
PRICE: Final = decimal.Decimal("12.50")
DAY: Final = datetime.date(2026, 3, 4)
DOC: Final = {"a": [1, None, "x"]}
RAW: Final = bytes.fromhex("00ff0d0a")
TAGS: Final = [1, 2, 3]


def say(step: str, value: object) -> None:
    """Tell a step's outcome."""
    print(json.dumps({"step": step, "value": value}), flush=True)


def say_values(
    label: object,
    price: object,
    day: object,
    doc: object,
    raw: bytes | memoryview,
    tags: object,
    nothing: object,
) -> None:
    """Tell the row of scratch as it was read back, whose number and date are the objects that went in."""
    assert (type(price), type(day)) == (decimal.Decimal, datetime.date)
    say(
        "values",
        {
            "label": label,
            "price": str(price),
            "day": str(day),
            "doc": doc,
            "raw": bytes(raw).hex(),
            "tags": tags,
            "nothing": nothing,
        },
    )


class Diagnostics(Protocol):
    """What libpq's drivers in Python tell of an error."""

    @property
    def sqlstate(self) -> str | None: ...
    @property
    def message_primary(self) -> str | None: ...
    @property
    def message_detail(self) -> str | None: ...
    @property
    def message_hint(self) -> str | None: ...


def told(error: BaseException, shown: Diagnostics) -> dict[str, str | None]:
    """An error as its user gets at it."""
    return {
        "class": class_of(error),
        "sqlstate": shown.sqlstate,
        "message": shown.message_primary,
        "detail": shown.message_detail,
        "hint": shown.message_hint,
    }


def class_of(error: BaseException) -> str:
    """The name by which a program would catch it."""
    kind = type(error)
    return f"{kind.__module__}.{kind.__qualname__}"
