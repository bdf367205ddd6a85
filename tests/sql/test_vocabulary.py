"""The vocabulary: complete, well formed, and true: each example has the effect it stands for."""

from __future__ import annotations

import re

import pytest

from proxy.sql.analyse import analyse
from proxy.sql.effects import CLASS_ORDER, CLASSES, EFFECT_KINDS, TRAITS, EffectKind, Risk, Target
from proxy.sql.vocabulary.objects import OBJECT_TYPES, OBJECTS

# Given by the session, or by nothing that today's grammar holds.
WITHOUT_EXAMPLE = {"statement.unparsed", "statement.unknown", "code.unseen", "connection.replication"}

NAMED = """
row.read row.insert row.update row.delete row.lock table.create table.alter table.drop table.rename
table.move table.owner table.truncate table.rewrite table.lock table.attach table.detach table.vacuum
table.cluster table.analyze index.reindex matview.refresh trigger.disable row_security.disable
sequence.advance sequence.reset column.add column.drop column.retype column.rename column.default
column.not_null constraint.add constraint.drop constraint.rename constraint.validate role.create role.alter
role.drop role.set privilege.grant privilege.revoke owner.reassign code.run code.call code.dynamic
code.opaque statement.prepare statement.execute statement.fetch statement.copy statement.unparsed
statement.unknown session.set session.reset session.discard session.listen session.notify transaction.begin
transaction.commit transaction.rollback transaction.savepoint transaction.prepare
transaction.commit_prepared transaction.rollback_prepared server.file_read server.file_write server.program
server.network server.setting server.statistics server.signal server.checkpoint server.replication
server.large_object server.load
"""


@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.name) for kind in EFFECT_KINDS.values()])
def test_the_example_has_the_effect(kind: EffectKind) -> None:
    if kind.name in WITHOUT_EXAMPLE:
        assert kind.example.startswith("-- none:")
    else:
        assert kind.name in {effect.name for effect in analyse(kind.example).effects}


def test_names_are_two_words() -> None:
    assert [name for name in EFFECT_KINDS if not re.fullmatch(r"[a-z_]+\.[a-z_]+", name)] == []


def test_what_the_design_names_is_there() -> None:
    assert set(NAMED.split()) - set(EFFECT_KINDS) == set()


def test_kinds_are_documented() -> None:
    assert [
        kind.name
        for kind in EFFECT_KINDS.values()
        if not kind.summary or not kind.source.startswith("https://")
    ] == []


def test_classes() -> None:
    assert set(CLASSES) == {
        "read",
        "write",
        "ddl",
        "destructive",
        "privilege",
        "server",
        "session",
        "opaque",
        "transaction",
    }
    assert set(CLASS_ORDER) == set(CLASSES)
    assert all(CLASSES.values())


def test_classes_come_from_the_kinds() -> None:
    assert {
        name: frozenset(k.name for k in EFFECT_KINDS.values() if name in k.classes) for name in CLASSES
    } == CLASSES


def test_whatever_is_dropped_is_destructive_and_high() -> None:
    drops = {name for name in EFFECT_KINDS if name.endswith(".drop")}
    assert drops <= CLASSES["destructive"]
    assert {EFFECT_KINDS[name].risk for name in drops} == {Risk.HIGH}


def test_traits() -> None:
    assert set(TRAITS) == {
        "unscoped",
        "cascade",
        "if_exists",
        "temporary",
        "fresh",
        "concurrently",
        "replaces",
        "dynamic",
        "rewrites_table",
        "blocks_reads",
        "blocks_writes",
        "not_valid",
        "by_key",
        "deferred",
        "effectful",
        "shadows",
        "repeated",
        "trigger",
    }


def test_every_object_type_has_its_kind() -> None:
    assert set(OBJECT_TYPES.values()) - {"role"} == {kind.name for kind in OBJECTS}


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (Target("table", "public", "users"), "public.users"),
        (Target("table", None, "users"), "users"),
        (Target("table", "public", None), "public.*unknown*"),
        (Target("table", None, None), "*unknown*"),
    ],
)
def test_a_target_in_words(target: Target, text: str) -> None:
    assert str(target) == text
