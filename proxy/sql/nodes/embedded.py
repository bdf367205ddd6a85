"""SQL text inside a statement: a string that a function, a body or EXECUTE runs.

In: the text, or the argument that holds it. Out: what its statements do, with no place in the outer text;
code.dynamic where the text is made only then, code.opaque where it cannot be read. Deliberately absent: which
functions run text (functions.py), and PL/pgSQL (plpgsql.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from proxy.sql.effects import Act, Prepares, Target
from proxy.sql.nodes.constants import constant_text
from proxy.sql.nodes.variables import NO_NAMES, NO_VALUES, Names, bind
from proxy.sql.nodes.walk import Walk
from proxy.sql.parse import Json, SqlSyntaxError, parse
from proxy.sql.tree import only


def runs_text(walk: Walk, argument: Json | None, name: str, location: int) -> None:
    """Walk SQL text that a function runs, or note that it cannot be known."""
    kind, body = only(argument)
    if kind == "A_Const" and "sval" not in body:
        return  # NULL, of which a strict function makes nothing, or a number, which no text is
    text = constant_text(argument)
    if text is None:
        dynamic(walk, Target("function", None, name), location=location)
        return
    walk_text(walk, text, Target("function", None, name))


def dynamic(walk: Walk, target: Target | None, *, location: int = -1, detail: str = "") -> None:
    """Note that text runs which is made only then."""
    walk.lexing = True
    walk.emit("code.dynamic", target, traits=("dynamic",), location=location, detail=detail)


def walk_text(
    walk: Walk,
    text: str,
    target: Target | None,
    names: Names = NO_NAMES,
    *,
    loop: bool = False,
    values: Mapping[str, Json] = NO_VALUES,
) -> None:
    """Walk SQL inside a string, which names of variables stand in; what cannot be read is opaque."""
    try:
        trees = [statement.get("stmt", {}) for statement in parse(text)]
    except SqlSyntaxError:
        walk.opaque(target, "unreadable text")
        return
    for tree in trees:
        bind(tree, names, loop=loop, values=values)
    walk_trees(walk, trees, text, target)


def walk_trees(walk: Walk, trees: list[Json], text: str, target: Target | None) -> None:
    """Walk the statements of a text that stands inside the statement's own."""
    acts = len(walk.acts)
    with walk.isolated() as found, walk.inner(text, target) as readable:
        if readable:
            for tree in trees:
                walk.node(tree)
    walk.acts[acts:] = [_unplaced(act) for act in walk.acts[acts:]]
    walk.adopt(found, place=-1)


def _unplaced(act: Act) -> Act:
    if isinstance(act, Prepares):
        unplaced = tuple(replace(effect, location=-1) for effect in act.effects)
        return Prepares(act.name, unplaced, act.mentions)
    return act
