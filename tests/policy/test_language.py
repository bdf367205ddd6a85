"""A policy that uses every key there is: it loads, the schema accepts it, no change ends in a traceback."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from proxy.policy.loading.load import load_policy
from proxy.policy.rules import Mode
from proxy.policy.schema.published import policy_schema
from proxy.source import SourceError, read_yaml
from tests.policy.build import at, backup, effect, facts, judge, reader, refusing, watching

TEXT = (Path(__file__).parent / "everything.yaml").read_text(encoding="utf-8")
EMPTY = {"packs/empty.yaml": "version: 1\n"}
DROP = effect("table.drop")


def test_every_key_is_used() -> None:
    schema = policy_schema()
    known: set[str] = set()
    blocks: list[object] = [schema]
    while blocks:
        match blocks.pop():
            case dict() as block:
                properties = block.get("properties")
                known |= set(properties) if isinstance(properties, dict) else set()
                blocks += block.values()
            case list() as several:
                blocks += several
    data = read_yaml(TEXT, "p.yaml").data
    used: set[str] = set()
    parts: list[object] = [data]
    while parts:
        match parts.pop():
            case dict() as part:
                used |= set(part)
                parts += part.values()
            case list() as several:
                parts += several
    assert known <= used
    Draft202012Validator(schema).validate(data)


def test_what_it_decides() -> None:
    policy = load_policy("p.yaml", reader({"p.yaml": TEXT, **EMPTY}))
    assert [(rule.id, rule.mode) for rule in policy.rules if rule.mode is not Mode.ENFORCE] == [
        ("staging-first", Mode.SHADOW)
    ]
    decision = judge(policy, DROP, facts=facts(backup(2)), context=at("2026-11-24T15:00"))
    assert refusing(decision) == ["backup-first", "migrations-only", "no-changes-in-peak", "no-drop"]
    assert watching(decision) == ["staging-first"]
    assert decision.refusal("d").message == "DROP TABLE on public.users would lose data. [rule no-drop]"
    by_rule = {firing.rule: firing for firing in decision.enforced}
    assert by_rule["no-changes-in-peak"].message == (
        "No schema changes during peak (Mon-Fri 08:00-20:00 America/New_York, except holidays); "
        "the next opening is Tue 24 Nov 2026 20:00 EST. [rule no-changes-in-peak]"
    )
    assert by_rule["migrations-only"].missing == (
        "a moment during change (Tue-Thu 22:00-02:00 America/New_York, except holidays, 2027-01-05)",
        "a migration run that the gate has opened (pgwarden migrate)",
    )


CUTS = st.tuples(st.integers(0, len(TEXT)), st.integers(0, 30), st.text(max_size=4))
WORDS = TEXT.split()
SWAPS = st.tuples(st.sampled_from(WORDS), st.sampled_from(WORDS))
LINES = st.tuples(st.integers(0, TEXT.count("\n")), st.integers(0, TEXT.count("\n")))


@settings(max_examples=400, deadline=None)
@given(cuts=st.lists(CUTS, max_size=3), swaps=st.lists(SWAPS, max_size=3), moved=st.none() | LINES)
def test_a_changed_policy_loads_or_its_mistakes_have_a_place(
    cuts: list[tuple[int, int, str]], swaps: list[tuple[str, str]], moved: tuple[int, int] | None
) -> None:
    text = TEXT
    for old, new in swaps:
        text = text.replace(old, new, 1)
    if moved is not None:
        lines = text.split("\n")
        lines.insert(moved[1] % len(lines), lines.pop(moved[0] % len(lines)))
        text = "\n".join(lines)
    for start, length, put in cuts:
        text = text[:start] + put + text[start + length :]
    try:
        load_policy("p.yaml", reader({"p.yaml": text, **EMPTY}))
    except SourceError as error:
        assert error.diagnostics
        for told in error.diagnostics:
            assert told.position.line >= 1
            assert told.message
            assert str(told).startswith(f"{told.position.file}:{told.position.line}:{told.position.column}: ")
