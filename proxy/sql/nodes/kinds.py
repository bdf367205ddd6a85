"""Every node type of the grammar, in exactly one of three tables.

Out: HANDLERS, HARMLESS (descended into, with no effect of their own) and NEVER_RAW (made by the server's
analysis, never by its grammar: in a raw tree they would be unknown). A test lists the parser's types against
the three. Deliberately absent: a default.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from proxy.sql.nodes import (
    alter_table,
    calls,
    definitions,
    hooks,
    programs,
    roles,
    rows,
    servers,
    sessions,
    tables,
)
from proxy.sql.nodes.walk import Handler

_MODULES = (rows, calls, tables, alter_table, definitions, hooks, roles, sessions, programs, servers)

HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {kind: handler for module in _MODULES for kind, handler in module.HANDLERS.items()}
)
HARMLESS: frozenset[str] = frozenset().union(*(module.HARMLESS for module in _MODULES))

_NEVER_RAW = """
Aggref AlternativeSubPlan ArrayCoerceExpr ArrayExpr CallContext CaseTestExpr CoerceToDomain
CoerceToDomainValue CoerceViaIO CollateExpr ConvertRowtypeExpr Expr FieldSelect FieldStore FromExpr FuncExpr
InferenceElem InlineCodeBlock JsonConstructorExpr JsonExpr MergeAction Node OnConflictExpr OpExpr
PLAssignStmt Param Query RTEPermissionInfo RangeTblEntry RangeTblFunction RangeTblRef RawStmt RelabelType
ReturningExpr RowCompareExpr RowMarkClause ScalarArrayOpExpr SetOperationStmt SortGroupClause SubPlan
SubscriptingRef TableFunc TableSampleClause TargetEntry ValUnion Var WindowClause WindowFunc
WindowFuncRunCondition WithCheckOption
"""
NEVER_RAW: frozenset[str] = frozenset(_NEVER_RAW.split())
