"""The one scenario that each driver's program plays, and what each step must give.

In: how a driver shows errors, and what it lacks. Out: what each step must tell, and the rows afterwards.

The database holds `orders (id int PRIMARY KEY, item text NOT NULL)` with the row (1, 'lamp'). All of a
program happens on one connection:

- connect: ask for the backend's pid. Tell the driver's version.
- values: CREATE TEMP TABLE scratch (id int PRIMARY KEY, label text, price numeric(10, 2), day date,
  doc jsonb, raw bytea, tags int[], nothing text); insert the row of `VALUES` with parameters; tell it as it
  was read back: number and date as text, bytes in hex.
- transactions: insert (2, 'desk') and commit, (3, 'chair') and roll back; tell the ids up to 9.
- prepared: one prepared statement, three times: tell the items of 1, 2 and 9.
- batch: (10, 'a'), (11, 'b'), (12, 'c') in one go (pipeline, batch, executemany); tell the ids from 10 to 19.
- copy: (20, 'pen'), (21, 'ink') by COPY FROM STDIN; tell what COPY TO STDOUT of them gives.
- notify: LISTEN news, NOTIFY news, 'hello'; tell channel and payload.
- columns: the columns of orders, from the catalogue where the driver has a call for it, or from a result.
- migrated: by the tool's migrations, a table notes (id, body); tell its columns.
- refused_migration: a second migration drops orders.item; tell the error.
- refused_drop: DROP TABLE orders, outside of any transaction; tell the error.
- refused_delete: insert (30, 'never'), DELETE FROM orders, in one transaction; tell the error.
- aborted: SELECT 1 in that transaction; tell the SQLSTATE.
- rolled_back: roll back, and tell the ids from 30 to 39.
- more_work: the item of 1 by the prepared statement of before; insert (40, 'vase'); set the item of 2 to
  'table', and tell how many rows changed; the rows of scratch; whether the pid is still the same. Then
  DROP TABLE scratch, which is the session's own.

An error is told as class, sqlstate, message, detail and hint, each as the driver's user gets at it, or null.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Final

VALUES: Final = {
    "label": "déjà 🐘 \\ ' \"",
    "price": "12.50",
    "day": "2026-03-04",
    "doc": {"a": [1, None, "x"]},
    "raw": "00ff0d0a",
    "tags": [1, 2, 3],
    "nothing": None,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a rule tells of a statement that it refused.

    Attributes:
        text: the statement as query builders write it.
    """

    text: str
    message: str
    detail: str
    hint: str
    sqlstate: str = "42501"

    def of(self, table: str) -> Refusal:
        """The same, of the table by another name."""
        return replace(
            self,
            message=self.message.replace("orders", table),
            detail=self.detail.replace("orders", table),
        )


_KEEP = "Keep it, or ask the owners of this database; Prisma: migrate deploy, not migrate reset or db push."
REFUSALS: Final = {
    "refused_migration": Refusal(
        'alter table "orders" drop column "item"',
        "DROP COLUMN item on orders would lose data. [rule no-drop]",
        "A column is dropped: orders (high risk).",
        _KEEP,
    ),
    "refused_drop": Refusal(
        'drop table "orders"',
        "DROP TABLE on orders would lose data. [rule no-drop]",
        "A table is dropped: orders (high risk).",
        _KEEP,
    ),
    "refused_delete": Refusal(
        'delete from "orders"',
        "DELETE on orders has no WHERE that limits it, so every row would go. [rule no-unscoped-delete]",
        "Rows are removed: orders (high risk).",
        "Add a WHERE that names the rows, such as WHERE id = ….",
    ),
}
_OUTCOMES: Final = {
    "values": VALUES,
    "transactions": [1, 2],
    "prepared": ["lamp", "desk", None],
    "batch": [10, 11, 12],
    "copy": "20\tpen\n21\tink\n",
    "notify": ["news", "hello"],
    "columns": ["id", "item"],
    "migrated": ["id", "body"],
    **REFUSALS,
    "aborted": "25P02",
    "rolled_back": [],
    "more_work": {"item": "lamp", "changed": 1, "scratch": 1, "same_connection": True},
}
STEPS: Final = ("connect", *_OUTCOMES)


@dataclass(frozen=True, slots=True)
class Terms:
    """An error in a driver's own terms: its class, and how each part of a refusal is shown, if it is.

    `{message}`, `{detail}`, `{hint}`, `{sqlstate}` and `{text}` stand for the refusal's.

    Attributes:
        found: where its user finds detail and hint.
    """

    raises: str
    found: str
    message: str | None = "{message}"
    detail: str | None = "{detail}"
    hint: str | None = "{hint}"
    sqlstate: str | None = "{sqlstate}"

    def tell(self, refusal: Refusal) -> dict[str, str | None]:
        """The error as a program tells it."""
        parts = asdict(refusal)
        forms = {part: form for part, form in asdict(self).items() if part not in ("raises", "found")}
        shown = {part: None if form is None else form.format(**parts) for part, form in forms.items()}
        return {"class": self.raises, **shown}


@dataclass(frozen=True, slots=True)
class Play:
    """How one driver plays the scenario.

    Attributes:
        terms: how it shows an error.
        lacks: step -> why there is none.
        differs: step -> what it gives instead.
    """

    terms: Terms
    lacks: dict[str, str] = field(default_factory=dict)
    differs: dict[str, object] = field(default_factory=dict)

    def expected(self) -> dict[str, object]:
        """Every step but the first, with what it must tell."""
        return {
            step: self.differs.get(step, self.terms.tell(value) if isinstance(value, Refusal) else value)
            for step, value in _OUTCOMES.items()
            if step not in self.lacks
        }

    def rows_left(self) -> list[str]:
        """The rows of orders when it is over, as psql prints them."""
        brings = {
            "transactions": ["2|table"],
            "batch": ["10|a", "11|b", "12|c"],
            "copy": ["20|pen", "21|ink"],
            "more_work": ["40|vase"],
        }
        return ["1|lamp", *(row for step, rows in brings.items() if step not in self.lacks for row in rows)]
