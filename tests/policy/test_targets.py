"""Target patterns: what an effect may touch, and what it certainly touches."""

import pytest

from proxy.policy.conditions.targets import compile_target
from proxy.sql.effects import Effect, Target
from tests.policy.build import effect

UNKNOWN_TABLE = effect("row.delete", "*unknown*")
# pattern, effect, may match, must match
TABLE: list[tuple[str, Effect, bool, bool]] = [
    ("public.users", effect("row.delete", "public.users"), True, True),
    ("public.users", effect("row.delete", "public.orders"), False, False),
    ("public.users", effect("row.delete", "audit.users"), False, False),
    # a name without schema might be in any schema: search_path says
    ("public.users", effect("row.delete", "users"), True, False),
    ("*.users", effect("row.delete", "users"), True, True),
    ("billing.*", effect("row.delete", "billing.invoices"), True, True),
    ("billing.*", effect("row.delete", "invoices"), True, False),
    ("billing.*", effect("row.delete", "public.invoices"), False, False),
    ("*.*", effect("row.delete", "invoices"), True, True),
    ("public.user?", effect("row.delete", "public.users"), True, True),
    ("public.user?", effect("row.delete", "public.user"), False, False),
    ("public.USERS", effect("row.delete", "public.users"), False, False),
    ('"my.schema"."my table"', effect("row.delete", "my.schema.my table"), True, True),
    ('public."a*"', effect("row.delete", "public.ab"), False, False),
    ('public."a""b"', effect("row.delete", 'public.a"b'), True, True),
    # what is not known might be anything, but only in the schema that is named
    ("public.users", UNKNOWN_TABLE, True, False),
    ("public.users", effect("row.delete", "public.*unknown*"), True, False),
    ("public.users", effect("row.delete", "audit.*unknown*"), False, False),
    ("*.*", UNKNOWN_TABLE, True, True),
    # no target at all: only code that nobody can read might touch anything
    ("public.users", effect("code.opaque", None), True, False),
    ("public.users", effect("transaction.begin", None), False, False),
    # who touches the schema touches what lies in it
    ("billing.invoices", effect("schema.drop", "billing", kind="schema"), True, False),
    ("billing.invoices", effect("schema.drop", "public", kind="schema"), False, False),
    ("public.users", effect("database.drop", "shop", kind="database"), True, False),
    ("database:shadow_*", effect("database.drop", "shadow_1", kind="database"), True, True),
    ("database:shadow_*", effect("database.drop", "shop", kind="database"), False, False),
    ("database:shadow_*", effect("database.drop", "*unknown*", kind="database"), True, False),
    ("public.users", effect("owner.drop", "bob", kind="role"), True, False),
    # CASCADE reaches what is not named
    ("public.users", effect("table.drop", "audit.log", "cascade"), True, False),
    ("audit.log", effect("table.drop", "audit.log", "cascade"), True, False),
    # things outside schemas are named by their kind
    ("*.*", effect("role.drop", "bob", kind="role"), False, False),
    ("role:bob", effect("role.drop", "bob", kind="role"), True, True),
    ("role:b*", effect("role.drop", "bob", kind="role"), True, True),
    ("role:bob", effect("role.drop", "*unknown*", kind="role"), True, False),
    ("role:*", effect("role.drop", "*unknown*", kind="role"), True, True),
    ("table:bob", effect("role.drop", "bob", kind="role"), False, False),
    ("setting:row_security", effect("session.set", "row_security", kind="setting"), True, True),
    ("public.row_security", effect("session.set", "row_security", kind="setting"), False, False),
    ("function:public.f", effect("code.call", "public.f", kind="function"), True, True),
    ("function:public.f", effect("code.call", "f", kind="function"), True, False),
    ("function:f", effect("code.call", "other.f", kind="function"), True, True),
]


@pytest.mark.parametrize(("pattern", "touched", "may", "must"), TABLE)
def test_matches(pattern: str, touched: Effect, may: bool, must: bool) -> None:
    compiled = compile_target(pattern)
    assert (compiled.may_match(touched), compiled.must_match(touched)) == (may, must)


@pytest.mark.parametrize(
    ("pattern", "may"),
    [("billing.*", False), ("public.*", True), ("pg_temp.*", True), ("table:invoices", True), ("*.*", True)],
)
def test_a_bare_name_lies_in_a_schema_of_its_path(pattern: str, may: bool) -> None:
    target = Target("table", None, "invoices", ("pg_temp", "pg_catalog", "public"))
    compiled = compile_target(pattern)
    assert compiled.may_match(Effect("row.delete", target)) is may


@pytest.mark.parametrize(
    "text", ["", "users", "a.b.c", ".users", "public.", "role:", "a:b:c", 'public."x', "KIND:x"]
)
def test_no_target(text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        compile_target(text)
