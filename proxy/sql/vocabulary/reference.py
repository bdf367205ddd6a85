"""The vocabulary of effects as a page for people who write policies.

In: the tables of effects and of functions. Out: Markdown, the same for the same code. Deliberately absent:
anything that is not in those two, and writing files (`pgwarden policy effects` prints it).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from proxy.sql import functions
from proxy.sql.bookkeeping import TOOLS, Tool
from proxy.sql.vocabulary.kinds import CLASS_MEANINGS, TRAITS, EffectKind, Risk
from proxy.sql.vocabulary.table import EFFECT_KINDS

_HEAD = """\
# Effects

What a statement may do, in the words that policies use. Written by `pgwarden policy effects` from the
program itself.

An effect has a name, mostly a target (kind, schema, name; each may be unknown), traits that say how it
happens, and a risk. A rule matches on any of them:

```yaml
match: {effects: [row.delete], traits: [unscoped], risk: ">= medium", targets: ["public.*"]}
```

The effects of a statement are those of all that it holds or runs: WITH, EXPLAIN ANALYZE, PREPARE, COPY
(query), DO, function bodies. The risk given here is the usual one; single statements are graver or lighter
(an unscoped DELETE is high, one by key low). `pgwarden explain 'SQL'` shows all of it for one statement, with
the place in the text.
"""
_FUNCTIONS = """\
## Functions

Built-in functions do no more than compute and read, but for these. A text that a function runs is judged as
the statement that it is where it is a constant, and is `code.dynamic` where not. Any function that PostgreSQL
does not bring is `code.call`; those of well-known extensions have in addition the effects given here, by
their name alone.
"""
_TOOLS = """\
## Migration tools

Whose bookkeeping `migration: resembles` knows, by these tables. Where it says that a tool makes them
itself, the very statements by which it does so belong to a migration at any level.
"""
_RISKS = {
    Risk.NONE: "costs nothing that others notice",
    Risk.LOW: "adds, or changes what is easily changed back",
    Risk.MEDIUM: "locks, rewrites or replaces, or changes many rows",
    Risk.HIGH: "loses data, schema or protection, or cannot be read",
}


def page() -> str:
    """The whole page."""
    return "\n".join(line.rstrip() for line in _lines()).rstrip() + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD
    yield ""
    yield from _table("## Risks", ("risk", "meaning"), ((risk.name.lower(), _RISKS[risk]) for risk in Risk))
    yield from _table(
        "## Traits", ("trait", "meaning"), ((f"`{name}`", text) for name, text in TRAITS.items())
    )
    yield from _table(
        "## Classes",
        ("class", "meaning"),
        ((f"`{name}`", text) for name, text in CLASS_MEANINGS.items()),
    )
    yield from _families()
    yield _FUNCTIONS
    yield ""
    yield from _functions()
    yield _TOOLS
    yield ""
    yield from _table("", ("tool", "its tables", "makes them itself", "source"), map(_tool, TOOLS))


def _tool(tool: Tool) -> tuple[str, ...]:
    return (
        tool.name,
        _names(f"{tool.schema}.{table}".lstrip(".") for table in tool.tables),
        "yes" if tool.makes else "",
        tool.source,
    )


def _families() -> Iterator[str]:
    families: dict[str, list[EffectKind]] = {}
    for kind in EFFECT_KINDS.values():
        families.setdefault(kind.name.partition(".")[0], []).append(kind)
    for family, kinds in families.items():
        heading = f"## {family}.*"
        yield from _table(heading, ("effect", "meaning", "risk", "classes", "example"), map(_row, kinds))


def _row(kind: EffectKind) -> tuple[str, ...]:
    example = kind.example.removeprefix("-- ") if kind.example.startswith("--") else f"`{kind.example}`"
    return (
        f"[`{kind.name}`]({kind.source})",
        kind.summary,
        kind.risk.name.lower(),
        ", ".join(sorted(kind.classes)),
        example,
    )


def _functions() -> Iterator[str]:
    rows = []
    for effect, (built_in, of_extensions) in functions.by_effect().items():
        shown = effect if effect == functions.RUN_TEXT else f"`{effect}`"
        rows.append((shown, _names(built_in), _names(of_extensions)))
    yield from _table("", ("effect", "built-in functions", "functions of extensions"), rows)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(heading: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    if heading:
        yield heading
        yield ""
    yield _cells(columns)
    yield _cells(("---",) * len(columns))
    for row in rows:
        yield _cells(row)
    yield ""


def _cells(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
