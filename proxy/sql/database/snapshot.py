"""What was read of a database's catalogue, as plain values.

Objects refer to each other by oid. Oids below FIRST_USER are the server's own. Deliberately absent: what any
of it does (code.py, causes.py), and how it is read (proxy/app/catalogue).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FIRST_USER: Final = 16_384
"""FirstNormalObjectId: what initdb made lies below (access/transam.h)."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A row of pg_class; kind is relkind, columns the types of its columns, each once."""

    oid: int
    schema: str
    name: str
    kind: str
    columns: tuple[int, ...]

    def __str__(self) -> str:
        """`public.users`."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Function:
    """A row of pg_proc.

    Attributes:
        kind: prokind: f, p, a (aggregate), w (window).
        text: CREATE FUNCTION as pg_get_functiondef() gives it, of SQL and PL/pgSQL; "" of others.
        arguments: the types of its input arguments.
        required: how many of them have no default.
        volatility: provolatile: i, s, v.
        extension: whether it belongs to an extension, and is taken at its authors' word; a trigger's
            function that can be read is not.
        support: the functions of an aggregate; of language internal, the server's own of the same code.
    """

    oid: int
    schema: str
    name: str
    kind: str
    language: str
    text: str
    arguments: tuple[int, ...]
    required: int
    returns: int
    volatility: str
    extension: bool
    support: tuple[int, ...]

    def __str__(self) -> str:
        """`public.purge()`."""
        return f"{self.schema}.{self.name}()"


@dataclass(frozen=True, slots=True)
class Code:
    """SQL text that is kept with a relation or a type, and runs when that is used.

    Attributes:
        owner: oid of the relation or type.
        kind: default, generated, check, policy, index, statistics, partition, rule, view, trigger.
        name: of the constraint, policy, index, rule or trigger; "" of the rest.
        events: when it runs: read, insert, update, delete, truncate, maintain, refresh, route (a row of a
            partition), coerce (a value of a domain).
        text: a statement that holds it: SELECT of an expression, else the CREATE of the object.
        instead: a rule or trigger that stands in the place of what the relation was to do.
    """

    owner: int
    kind: str
    name: str
    events: tuple[str, ...]
    text: str
    instead: bool = False


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key; actions are confdeltype and confupdtype: a (none), r, c (cascade), n (null), d."""

    name: str
    child: int
    parent: int
    on_delete: str
    on_update: str
    child_columns: tuple[str, ...]
    parent_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Operator:
    """A row of pg_operator."""

    schema: str
    name: str
    function: int


@dataclass(frozen=True, slots=True)
class Cast:
    """A row of pg_cast that calls a function."""

    source: int
    target: int
    function: int


@dataclass(frozen=True, slots=True)
class Type:
    """A row of pg_type.

    Attributes:
        kind: typtype: b, c, d, e, m, p, r.
        parts: types that it is made of: a domain's base, an array's element, a row's columns.
        relation: of a row type, its relation.
        functions: users' functions that its use runs: input, output, those of operator classes and ranges.
    """

    oid: int
    schema: str
    name: str
    kind: str
    parts: tuple[int, ...]
    relation: int
    functions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EventTrigger:
    """A row of pg_event_trigger that fires; tags are empty where every command does."""

    name: str
    event: str
    tags: tuple[str, ...]
    function: int


@dataclass(frozen=True, slots=True)
class Dependant:
    """An object that goes with another one: a row of pg_depend.

    Attributes:
        on: (catalogue, oid, column's number or 0) of what it depends on.
        itself: the same of the object.
        dependency: deptype: n goes with CASCADE alone, the others without it, too.
        what: the object's kind in the words of pg_identify_object().
    """

    on: tuple[str, int, int]
    itself: tuple[str, int, int]
    dependency: str
    what: str
    schema: str | None
    name: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that was read, in the order of oids; `inherits` holds (child, parent)."""

    server_major: int = 0
    relations: tuple[Relation, ...] = ()
    inherits: tuple[tuple[int, int], ...] = ()
    functions: tuple[Function, ...] = ()
    code: tuple[Code, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    operators: tuple[Operator, ...] = ()
    casts: tuple[Cast, ...] = ()
    types: tuple[Type, ...] = ()
    event_triggers: tuple[EventTrigger, ...] = ()
    dependants: tuple[Dependant, ...] = ()
    schemas: tuple[tuple[int, str], ...] = ()
    extensions: tuple[tuple[int, str], ...] = ()
