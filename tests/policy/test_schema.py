"""The JSON Schema for editors: every file that loads satisfies it, and it names what there is."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from proxy.policy.context import Context
from proxy.policy.facts import Facts
from proxy.policy.loading.load import load_policy
from proxy.policy.schema.published import DIALECT, policy_schema
from proxy.source import SourceError, read_yaml
from proxy.sql.effects import CLASSES, EFFECT_KINDS, TRAITS, Effect
from tests.policy.build import judge, reader
from tests.policy.test_mistakes import read_cases
from tests.policy.test_properties import (
    BODY,
    CONTEXTS,
    EFFECTS,
    FACTS,
    PRELUDE,
    TREES,
    Body,
    rules_of,
    written,
)

SCHEMA = policy_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
POLICIES = Path(__file__).parents[2] / "policies"
SHIPPED = sorted(
    path.relative_to(POLICIES).as_posix() for path in POLICIES.rglob("*.yaml") if ".test." not in path.name
)


def data_of(text: str) -> object:
    return read_yaml(text, "p.yaml").data


def test_it_is_a_schema_and_plain_json() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == DIALECT
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


@pytest.mark.parametrize("path", SHIPPED)
def test_the_shipped_policies_satisfy_it(path: str) -> None:
    text = (POLICIES / path).read_text(encoding="utf-8")
    assert [error.message for error in VALIDATOR.iter_errors(data_of(text))] == []


def test_the_vocabulary_is_listed_with_what_it_means() -> None:
    blocks = SCHEMA["$defs"]
    assert isinstance(blocks, dict)
    for name, words in (("effect", EFFECT_KINDS), ("class", CLASSES), ("trait", TRAITS)):
        listed = blocks[name]
        assert isinstance(listed, dict)
        assert listed["enum"] == sorted(words)
        meanings = listed["enumDescriptions"]
        assert isinstance(meanings, list)
        assert len(meanings) == len(words) and all(meanings)


def keys_of(schema: object, path: str = "") -> list[tuple[str, object]]:
    """Every key that may stand somewhere, with its schema."""
    found: list[tuple[str, object]] = []
    if isinstance(schema, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict):
            found += [(f"{path}/{key}", each) for key, each in properties.items()]
        for name, each in schema.items():
            found += keys_of(each, f"{path}/{name}")
    elif isinstance(schema, list):
        for each in schema:
            found += keys_of(each, path)
    return found


def test_every_key_is_described() -> None:
    blocks = SCHEMA["$defs"]
    assert isinstance(blocks, dict)
    bare = []
    for path, schema in keys_of(SCHEMA):
        assert isinstance(schema, dict)
        named = blocks.get(str(schema.get("$ref", "")).rpartition("/")[2], schema)
        assert isinstance(named, dict)
        if "description" not in schema and "description" not in named:
            bare.append(path)
    assert bare == []


# What an editor underlines: names of golden cases whose mistake is one of shape.
REFUSED = [
    "version of tomorrow",
    "no version",
    "unknown key at the top",
    "rules that are a word",
    "a list instead of a mapping",
    "rule without id",
    "rule without match",
    "empty match",
    "match without a value",
    "empty list",
    "unknown key in match",
    "unknown effect",
    "class among effects",
    "nothing among effects",
    "unknown class",
    "unknown trait",
    "unknown risk",
    "unknown comparison",
    "unknown key in who",
    "id with capitals",
    "reserved id",
    "unknown mode",
    "mode that is a truth value",
    "unknown key in when",
    "unknown state of transaction",
    "freeze that is a word",
    "backup without age",
    "no duration",
    "unknown level",
    "unknown coverage",
    "no copies",
    "copies as text",
    "unknown migration",
    "ran nowhere",
    "unknown else",
    "unknown approval",
    "approval by none",
    "empty unless",
    "unknown key in unless",
    "no SQLSTATE",
    "hour as a number",
    "no hour",
    "unknown day",
    "unknown default",
    "unknown key in defaults",
    "set of nothing",
    "break glass as a word",
]
CASES = {name: policy for name, policy, _ in read_cases("mistakes.txt")}


@pytest.mark.parametrize("name", REFUSED)
def test_mistakes_of_shape_are_underlined(name: str) -> None:
    with pytest.raises(ValidationError):
        VALIDATOR.validate(data_of(CASES[name]))


@settings(max_examples=100, deadline=None)
@given(bodies=st.lists(BODY, min_size=1, max_size=4), done=EFFECTS, context=CONTEXTS, facts=FACTS)
def test_a_policy_goes_round_through_its_schema(
    bodies: list[Body], done: list[Effect], context: Context, facts: Facts
) -> None:
    """YAML to JSON that the schema accepts, and back to a policy that decides the same."""
    text = f"version: 1\nname: test\n{PRELUDE}rules:\n" + "\n".join(rules_of(bodies) or ["  []"])
    data = data_of(text)
    VALIDATOR.validate(data)
    again = json.dumps(data)
    assert data_of(again) == data
    policies = [load_policy("p.yaml", reader({"p.yaml": each})) for each in (text, again)]
    first, second = (judge(each, *done, context=context, facts=facts) for each in policies)
    assert first == second
    assert [rule.id for rule in policies[0].rules] == [rule.id for rule in policies[1].rules]


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["name", "include", "defaults", "time", "sets"]), TREES, max_size=3).map(
        lambda keys: {"version": 1, **keys}
    )
    | TREES.map(lambda tree: {"version": 1, "rules": [{"id": "a", "match": tree}]})
    | TREES.map(
        lambda tree: {"version": 1, "rules": [{"id": "a", "match": {"classes": "ddl"}, "when": tree}]}
    )
    | TREES.map(
        lambda tree: {"version": 1, "rules": [{"id": "a", "match": {"classes": "ddl"}, "else": tree}]}
    )
)
def test_whatever_loads_satisfies_the_schema(tree: object) -> None:
    text = written(tree)
    try:
        load_policy("p.yaml", reader({"p.yaml": text}))
    except SourceError:
        return
    assert [error.message for error in VALIDATOR.iter_errors(data_of(text))] == []
