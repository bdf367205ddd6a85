"""Nothing of the grammar is unknown to the walk, and what is unknown is never nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pglast import ast, enums, parser

from proxy.sql.nodes import alter_table, plpgsql
from proxy.sql.nodes.kinds import HANDLERS, HARMLESS, NEVER_RAW
from proxy.sql.nodes.shapes import SHAPES
from proxy.sql.nodes.walk import Walk
from proxy.sql.vocabulary.objects import OBJECT_TYPES

NODES = {name for name, value in vars(ast).items() if isinstance(value, type) and issubclass(value, ast.Node)}
# The JSON wraps a list in a list so; it is no struct of the grammar.
LIST = {"List"}


@pytest.mark.defect_30
def test_every_node_type_is_in_exactly_one_table() -> None:
    assert set(HANDLERS) | HARMLESS | NEVER_RAW == NODES | LIST
    assert set(HANDLERS) & HARMLESS == set()
    assert set(HANDLERS) & NEVER_RAW == set()
    assert set() == HARMLESS & NEVER_RAW


def test_every_statement_has_a_handler() -> None:
    statements = {name for name in NODES if name.endswith("Stmt")} - NEVER_RAW
    # REPLICA IDENTITY and RETURN are parts of other statements.
    assert statements - set(HANDLERS) == {"ReplicaIdentityStmt", "ReturnStmt"}


def test_shapes_are_those_of_the_grammar() -> None:
    found: dict[str, dict[str, str]] = {}
    for name in sorted(NODES):
        slots = getattr(ast, name).__slots__
        for field, info in slots.items() if isinstance(slots, dict) else ():
            struct = info.c_type.replace("*", "").strip()
            if struct in NODES - {"Node", "Expr", "ValUnion"}:
                found.setdefault(name, {})[field] = struct
    assert found == {name: dict(fields) for name, fields in SHAPES.items()}


def test_every_node_type_of_plpgsql_is_known() -> None:
    # The parser's own library writes them: `"PLpgSQL_stmt_if":{`.
    library = Path(parser.__file__).read_bytes()
    assert {name.decode() for name in re.findall(rb'"(PLpgSQL_\w+)":\{', library)} == plpgsql.KINDS


def test_every_subcommand_of_alter_table() -> None:
    known = set(alter_table.SUBCOMMANDS) | alter_table.SPECIAL | alter_table.INTERNAL
    assert known == {kind.name for kind in enums.AlterTableType}


def test_every_object_type() -> None:
    # These are never dropped, altered or owned by name: they are parts of others, or privileges.
    parts = {
        "OBJECT_AMOP",
        "OBJECT_AMPROC",
        "OBJECT_ATTRIBUTE",
        "OBJECT_COLUMN",
        "OBJECT_DEFACL",
        "OBJECT_DEFAULT",
        "OBJECT_DOMCONSTRAINT",
        "OBJECT_PARAMETER_ACL",
        "OBJECT_PUBLICATION_NAMESPACE",
        "OBJECT_PUBLICATION_REL",
        "OBJECT_TABCONSTRAINT",
    }
    assert set(OBJECT_TYPES) | parts == {kind.name for kind in enums.ObjectType}


def walked(tree: dict[str, object]) -> list[tuple[str, str]]:
    walk = Walk(HANDLERS, HARMLESS, 0)
    walk.node(tree)
    return [(effect.name, effect.detail) for effect in walk.effects]


@pytest.mark.defect_30
@pytest.mark.parametrize(
    ("tree", "wanted"),
    [
        ({"NovelStmt": {}}, [("statement.unknown", "NovelStmt")]),
        ({"SelectStmt": {"targetList": [{"NovelExpr": {}}]}}, [("statement.unknown", "NovelExpr")]),
        ({"SelectStmt": {"novelClause": {"NovelExpr": {}}}}, [("statement.unknown", "NovelExpr")]),
        (
            {"SelectStmt": {"novelClause": {"a": 1, "b": 2}}},
            [("statement.unknown", "SelectStmt.novelClause")],
        ),
        ({"SelectStmt": {"whereClause": {"Query": {}}}}, [("statement.unknown", "Query")]),
        (
            {
                "AlterTableStmt": {
                    "relation": {},
                    "objtype": "OBJECT_TABLE",
                    "cmds": [{"AlterTableCmd": {"subtype": "AT_Novel"}}],
                }
            },
            [("statement.unknown", "AT_Novel")],
        ),
        ({"DropStmt": {"removeType": "OBJECT_NOVEL"}}, [("statement.unknown", "removeType OBJECT_NOVEL")]),
        (
            {"TransactionStmt": {"kind": "TRANS_STMT_NOVEL"}},
            [("statement.unknown", "TransactionStmt.TRANS_STMT_NOVEL")],
        ),
        ({"VariableSetStmt": {"kind": "VAR_NOVEL"}}, [("statement.unknown", "VariableSetStmt.VAR_NOVEL")]),
    ],
)
def test_what_nobody_named_is_unknown(tree: dict[str, object], wanted: list[tuple[str, str]]) -> None:
    assert walked(tree) == wanted


_DEEP = {
    "NOT": ("NOT ", "id = 1", ""),
    "casts": ("", "id", "::int"),
    "calls": ("lower(", "v", ")"),
    "COLLATE": ("(", "v", ' COLLATE "C")'),
    "IS NOT TRUE": ("(", "id = 1", " IS NOT TRUE)"),
    "subscripts": ("(", "a", ")[1]"),
    "sub-selects": ("(SELECT ", "id", ")"),
    "additions": ("", "id", " + 1"),
}
_READ = """
import sys, threading
from proxy.app.reading.child import STACK_BYTES
from proxy.sql.analyse import SqlSyntaxError, analyse
before, core, behind = sys.argv[1:]
def read():
    for times in (2_000, 3_900, 5_900):
        for change in ("DELETE FROM t", "SELECT 1 FROM t"):
            try:
                analyse(f"{change} WHERE {before * times}{core}{behind * times} = 1", 17)
            except SqlSyntaxError:
                pass
threading.stack_size(STACK_BYTES)
thread = threading.Thread(target=read)
thread.start()
thread.join()
"""


@pytest.mark.parametrize("form", _DEEP)
def test_the_deepest_texts_fit_into_a_readers_stack(form: str) -> None:
    """Compiled functions are not stopped by Python's limit: a stack that overflows ends the process."""
    done = subprocess.run([sys.executable, "-c", _READ, *_DEEP[form]], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
