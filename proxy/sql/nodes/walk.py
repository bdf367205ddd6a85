"""The total walk: every node of a statement's tree is handled, harmless, or makes the statement unknown.

In: JSON nodes as libpg_query writes them. Out: effects and acts, in the order of the text. Deliberately
absent: what any one node means (the other modules of this folder), and a default for nodes nobody named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from msgspec.structs import replace

from proxy.sql.effects import EFFECT_KINDS, NO_MENTIONS, NO_TRAITS, Act, Effect, Mentions, Name, Risk, Target
from proxy.sql.nodes.levels import Level
from proxy.sql.nodes.shapes import SHAPES
from proxy.sql.parse import Json

Handler = Callable[["Walk", Json], None]
Found = dict[tuple[object, ...], Effect]
_NO_SHAPES: Mapping[str, str] = {}
_DEFERRED = frozenset({"deferred"})
# Text in text in text: each level costs another reading of all that it holds.
MAX_NESTING = 24
MAX_INNER_TEXT = 8_000_000
_TEMPORARY = frozenset({"temporary"})


class Mentioned:
    """Names as they are gathered; see Mentions."""

    __slots__ = ("fields", "fills", "functions", "operators", "sets", "types")

    def __init__(self) -> None:
        self.functions: set[Name] = set()
        self.operators: set[Name] = set()
        self.types: set[Name] = set()
        self.fields: set[str] = set()
        self.sets: set[str] = set()
        self.fills: set[str] = set()

    def add(self, other: Mentioned) -> None:
        """Take the names of another part in."""
        self.functions |= other.functions
        self.operators |= other.operators
        self.types |= other.types
        self.fields |= other.fields
        self.sets |= other.sets
        self.fills |= other.fills

    def frozen(self, later: Mentions | None = None) -> Mentions:
        """What was gathered so far."""
        names = (self.functions, self.operators, self.types, self.fields, self.sets, self.fills)
        if later is None and not any(names):
            return NO_MENTIONS
        return Mentions(
            frozenset(self.functions),
            frozenset(self.operators),
            frozenset(self.types),
            frozenset(self.fields),
            frozenset(self.sets),
            frozenset(self.fills),
            later,
        )


class Walk:
    """What is gathered while one statement is walked.

    Attributes:
        server_major: the server's major version, 0 when it is not known: then a name is a built-in only
            where it is one in every version.
        lexing: something here may change how the server reads the next text.
        relexed: a setting that the server's lexer heeds changes here, or changed in front: text inside of
            text is read by the server only when it runs.
        copies_in: COPY … FROM STDIN is here.
        mentioned: the names through which code of the database may run.
        sources: the queries of the WITH lists in scope, by name.
        select: the SELECT whose columns are being walked.
        setting: the name of the one row of pg_settings that it reads.
        levels: whose rows what is walked runs for.
        beside: of the FROM list being walked, what its functions run for.
        turning: what is walked runs at each turn of a loop.
    """

    __slots__ = (
        "_deferred",
        "_found",
        "_handlers",
        "_harmless",
        "_inner_text",
        "_later",
        "_nesting",
        "acts",
        "beside",
        "copies_in",
        "levels",
        "lexing",
        "mentioned",
        "relexed",
        "select",
        "server_major",
        "setting",
        "sources",
        "turning",
    )

    def __init__(self, handlers: Mapping[str, Handler], harmless: frozenset[str], server_major: int) -> None:
        self._handlers = handlers
        self._harmless = harmless
        self._found: Found = {}
        self._deferred = False
        self._nesting = 0
        self._inner_text = 0
        self.mentioned = Mentioned()
        self._later: Mentioned | None = None
        self.acts: list[Act] = []
        self.sources: Mapping[str, Json] = {}
        self.server_major = server_major
        self.select: Json | None = None
        self.setting: str | None = None
        self.levels: list[Level] = []
        self.beside: Level | None = None
        self.turning = False
        self.lexing = False
        self.relexed = False
        self.copies_in = False

    @property
    def effects(self) -> tuple[Effect, ...]:
        """What was found so far; location is still a byte offset."""
        return tuple(self._found.values())

    @property
    def mentions(self) -> Mentions:
        """The names found so far."""
        later = NO_MENTIONS if self._later is None else self._later.frozen()
        return self.mentioned.frozen(None if later is NO_MENTIONS else later)

    def emit(
        self,
        name: str,
        target: Target | None = None,
        *,
        traits: Iterable[str] = (),
        risk: Risk | None = None,
        location: int = -1,
        detail: str = "",
    ) -> None:
        """Note an effect, unless the same one was noted elsewhere in the statement."""
        marks = frozenset(traits) if traits else NO_TRAITS
        if target is not None and target.schema == "pg_temp" and not name.startswith("row."):
            # A temporary view hands rows through: those it changes may be a real table's.
            marks |= _TEMPORARY
        if self._deferred:
            marks |= _DEFERRED
            if target is not None and target.name == "pg_settings" and name == "row.read":
                self.settings_later(location)
        if risk is None:
            risk = EFFECT_KINDS[name].risk
        key = (name, target, marks, risk, detail)
        if key not in self._found:
            self._found[key] = Effect(name, target, marks, risk, location, detail)

    def settings_later(self, location: int) -> None:
        """Note that what is defined here shows the settings: an UPDATE through a view of them sets one."""
        self.emit("session.set", Target("setting", None, None), risk=Risk.HIGH, location=location)

    @property
    def defining(self) -> bool:
        """Whether what is walked now runs only later."""
        return self._deferred

    def unknown(self, what: str) -> None:
        """Note that this statement holds what nobody named."""
        self.lexing = True
        self.emit("statement.unknown", detail=what)

    def opaque(self, target: Target | None, detail: str) -> None:
        """Note that here is code which cannot be read."""
        self.lexing = True
        self.emit("code.opaque", target, detail=detail)

    def node(self, wrapped: Json) -> None:
        """Walk a node that names its type: {"RangeVar": {...}}; {} is the null of a list."""
        for kind, body in wrapped.items():
            self.typed(kind, body)

    def typed(self, kind: str, body: Json) -> None:
        """Walk a node whose type is known."""
        handler = self._handlers.get(kind)
        if handler is not None:
            handler(self, body)
        elif kind in self._harmless:
            self.children(kind, body)
        else:
            self.unknown(kind)

    def nodes(self, wrapped: Iterable[Json]) -> None:
        """Walk each of a list."""
        for item in wrapped:
            for kind, body in item.items():
                self.typed(kind, body)

    def children(self, kind: str, body: Json, skip: tuple[str, ...] = ()) -> None:
        """Walk everything below a node but the fields in skip."""
        shapes = SHAPES.get(kind, _NO_SHAPES)
        for field, value in body.items():
            what = type(value)
            if (what is not dict and what is not list) or field in skip:
                continue
            if what is list:
                self.nodes(value)
                continue
            shape = shapes.get(field)
            if shape is not None:
                self.typed(shape, value)
            elif len(value) == 1 and next(iter(value))[0].isupper():
                self.node(value)
            elif value:
                self.unknown(f"{kind}.{field}")

    def field(self, body: Json, *fields: str) -> None:
        """Walk the named fields, which hold a typed node or a list, where they are there."""
        for field in fields:
            value = body.get(field)
            if value:
                if type(value) is list:
                    self.nodes(value)
                else:
                    self.node(value)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """What is walked inside does not run now, so it changes nothing of this session now."""
        before, self._deferred = self._deferred, True
        if self._later is None:
            self._later = Mentioned()
        mentioned, self.mentioned = self.mentioned, self._later
        lexing, relexed, copies_in = self.lexing, self.relexed, self.copies_in
        acts = len(self.acts)
        try:
            yield
        finally:
            self._deferred = before
            self.mentioned = mentioned
            self.lexing, self.relexed, self.copies_in = lexing, relexed, copies_in
            del self.acts[acts:]

    @contextmanager
    def at(self, level: Level | None) -> Iterator[None]:
        """What is walked inside runs for each row of this level."""
        if level is None:
            yield
            return
        self.levels.append(level)
        try:
            yield
        finally:
            self.levels.pop()

    @contextmanager
    def isolated(self) -> Iterator[Found]:
        """Effects found inside are collected apart and not noted in the statement."""
        before, self._found = self._found, {}
        try:
            yield self._found
        finally:
            self._found = before

    @contextmanager
    def inner(self, text: str, target: Target | None) -> Iterator[bool]:
        """Inside, a text within the statement's text is walked; False when it may not: it is opaque then."""
        self._nesting += 1
        self._inner_text += len(text)
        before = self.sources, self.setting, self.select
        self.sources, self.setting, self.select = {}, None, None
        try:
            if self._nesting > MAX_NESTING or self._inner_text > MAX_INNER_TEXT:
                self.opaque(target, "too much text inside of text")
                yield False
            elif self.relexed and "\\" in text:
                self.opaque(target, "settings change how the server reads this text")
                yield False
            else:
                yield True
        finally:
            self._nesting -= 1
            self.sources, self.setting, self.select = before

    def adopt(self, found: Found, *, place: int | None = None) -> None:
        """Note what isolated() collected; place is where, when its locations are those of another text."""
        for key, effect in found.items():
            self._found.setdefault(key, effect if place is None else replace(effect, location=place))
