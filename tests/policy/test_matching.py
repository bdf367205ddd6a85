"""What a rule's match fits: keys narrow, entries widen, doubt never excludes."""

from dataclasses import replace

import pytest

from proxy.policy.context import Context
from proxy.sql.effects import Effect, Risk
from tests.policy.build import CONTEXT, effect, judge, policy, refusing

SETS = """
sets:
  critical: [public.users, "billing.*"]
  migrators: {roles: [prisma_migrate], cidrs: [203.0.113.10/32]}
"""
DROP = effect("table.drop")
SETTING = "setting"

# match, effect, fits
ON_EFFECTS: list[tuple[str, Effect, bool]] = [
    ("{effects: table.drop}", DROP, True),
    ("{effects: [table.create, table.drop]}", DROP, True),
    ("{effects: [table.create]}", DROP, False),
    ("{classes: [ddl]}", DROP, True),
    ("{classes: [read]}", DROP, False),
    ("{classes: [ddl], effects: [table.drop, row.read]}", effect("row.read"), False),
    ("{traits: [cascade]}", effect("table.drop", "public.users", "cascade"), True),
    ("{traits: [cascade]}", DROP, False),
    ("{traits: [cascade, if_exists]}", effect("table.drop", "public.users", "if_exists"), True),
    ("{risk: high}", DROP, True),
    ('{risk: ">= low"}', effect("table.create"), True),
    ('{risk: ">= low"}', effect("row.read"), False),
    ('{risk: "< medium"}', effect("table.create"), True),
    ('{risk: "> low"}', effect("table.create"), False),
    ('{risk: "<= medium"}', effect("row.update", risk=Risk.HIGH), False),
    ("{targets: critical}", DROP, True),
    ("{targets: [critical, audit.log]}", effect("table.drop", "audit.log"), True),
    ("{targets: critical}", effect("table.drop", "public.orders"), False),
    ("{targets: critical}", effect("table.drop", "users"), True),
    ("{targets: critical}", effect("table.drop", "*unknown*"), True),
    # exclusions
    ("{classes: [ddl], not: {traits: [concurrently]}}", effect("index.create", "i", "concurrently"), False),
    ("{classes: [ddl], not: {traits: [concurrently]}}", effect("index.create", "i"), True),
    ("{classes: [ddl], not: {effects: [table.drop]}}", DROP, False),
    ("{classes: [ddl], not: {effects: [table.drop]}}", effect("table.create"), True),
    ("{classes: [ddl], not: {effects: [table.drop], targets: critical}}", DROP, False),
    (
        "{classes: [ddl], not: {effects: [table.drop], targets: critical}}",
        effect("table.alter", "public.users"),
        True,
    ),
    # doubt does not exclude
    ("{classes: [ddl], not: {targets: critical}}", effect("table.drop", "users"), True),
    ("{classes: [ddl], not: {targets: critical}}", effect("table.drop", "*unknown*"), True),
    ("{classes: [ddl], not: {targets: critical}}", effect("table.drop", "public.users", "cascade"), True),
    ("{classes: [ddl], not: {targets: critical}}", DROP, False),
    # several exclusions: any one is enough
    ("{classes: [ddl], not: [{traits: [temporary]}, {risk: low}]}", effect("table.create"), False),
    ("{classes: [ddl], not: [{traits: [temporary]}, {risk: low}]}", DROP, True),
    # values of settings
    (
        "{effects: [session.set], targets: 'setting:work_mem'}",
        effect("session.set", "work_mem", kind=SETTING, detail="4MB"),
        True,
    ),
    ("{values: ['off', 'fal*']}", effect("session.set", "x", kind=SETTING, detail="OFF"), True),
    ("{values: ['off', 'fal*']}", effect("session.set", "x", kind=SETTING, detail="on"), False),
    ("{values: ['off', 'fal*']}", effect("session.set", "x", kind=SETTING), True),
    (
        "{effects: [session.set], not: {values: ['on']}}",
        effect("session.set", "x", kind=SETTING, detail="on"),
        False,
    ),
    ("{effects: [session.set], not: {values: ['on']}}", effect("session.set", "x", kind=SETTING), True),
]


@pytest.mark.parametrize(("match", "done", "fits"), ON_EFFECTS)
def test_on_effects(match: str, done: Effect, fits: bool) -> None:
    rules = policy(f"{SETS}rules: [{{id: a, match: {match}}}]")
    assert refusing(judge(rules, done)) == (["a"] if fits else [])


def who(
    role: str = "app", database: str = "shop", address: str | None = "10.1.2.3", app: str = "web"
) -> Context:
    return replace(CONTEXT, role=role, database=database, client_address=address, application=app)


MIGRATOR = who(role="prisma_migrate", address="203.0.113.10")
# who, context, matched by a rule about them, excepted by a rule about all others
ON_WHO: list[tuple[str, Context, bool, bool]] = [
    ("{roles: [app]}", who(), True, True),
    ("{roles: [ap, 'a*p']}", who(), True, True),
    ("{roles: [App]}", who(), False, False),
    ("{databases: [shop, cart]}", who(), True, True),
    ("{databases: [shop], roles: [dba]}", who(), False, False),
    ("{applications: ['psql*']}", who(app="psql 17"), True, True),
    ("{applications: [psql]}", who(app=""), False, False),
    ("{cidrs: [10.0.0.0/8, 192.168.0.1]}", who(), True, True),
    ("{cidrs: [192.168.0.1]}", who(address="192.168.0.1"), True, True),
    ("{cidrs: [10.0.0.0/8]}", who(address="11.0.0.1"), False, False),
    ("{cidrs: [10.0.0.0/8]}", who(address="::ffff:10.1.2.3"), True, True),
    ("{cidrs: ['fe80::/10']}", who(address="fe80::1%eth0"), True, True),
    ("{cidrs: ['::/0']}", who(), False, False),
    # an address that is not known: it might be one of these, it is not certain
    ("{cidrs: [10.0.0.0/8]}", who(address=None), True, False),
    ("migrators", MIGRATOR, True, True),
    ("migrators", who(role="prisma_migrate"), False, False),
    ("{set: migrators}", replace(MIGRATOR, role="app"), False, False),
    ("{set: migrators, databases: [cart]}", MIGRATOR, False, False),
]


@pytest.mark.parametrize(("asked", "context", "matched", "excepted"), ON_WHO)
def test_on_who(asked: str, context: Context, matched: bool, excepted: bool) -> None:
    about = policy(f"{SETS}rules: [{{id: a, match: {{classes: [ddl], who: {asked}}}}}]")
    assert judge(about, DROP, context=context).allowed is not matched
    others = policy(f"{SETS}rules: [{{id: a, match: {{classes: [ddl], not: {{who: {asked}}}}}}}]")
    assert judge(others, DROP, context=context).allowed is excepted
    unless = policy(f"{SETS}rules: [{{id: a, match: {{classes: [ddl]}}, unless: [{{who: {asked}}}]}}]")
    assert judge(unless, DROP, context=context).allowed is excepted


def test_an_effect_without_a_name_in_the_catalogue_is_unknown() -> None:
    rules = policy("rules: [{id: a, match: {effects: [table.drop]}}]")
    assert refusing(judge(rules, effect("table.evaporate"))) == ["unknown"]
