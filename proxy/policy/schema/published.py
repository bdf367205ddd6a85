"""The JSON Schema of a policy file, for editors: which keys there are, what each may hold, and why.

Enters: the blocks of document.py. Leaves: a schema that accepts every file that loads. What it cannot say is
left to loading: names that lead nowhere, rules that nothing can reach. Deliberately absent: writing it.
"""

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from proxy.policy.schema.document import PolicyFile

TITLE = "A policy of pgwarden"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


def policy_schema() -> dict[str, Json]:
    """The schema as plain JSON values."""
    made: Json = PolicyFile.model_json_schema(by_alias=True, schema_generator=_Generator)
    named: dict[str, Json] = {}
    whole = _shared(made, named)
    if not isinstance(whole, dict) or not isinstance(blocks := whole.pop("$defs", None), dict):
        raise TypeError("a block's schema is a mapping with definitions")
    return {"$schema": DIALECT, "title": TITLE, **whole, "$defs": {**blocks, **named}}


class _Generator(GenerateJsonSchema):
    """Pydantic's schema, as strict as the reading of files: no key may stand without saying anything."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        if not isinstance(made.get("default"), str | bool | int):
            made.pop("default", None)
        return made

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        made = super().dict_schema(schema)
        return {**made, "minProperties": 1, "additionalProperties": False}

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        made.pop("title", None)  # a class's name means nothing to who writes policies
        return {**made, "minProperties": 1} if "properties" in made else made

    def field_title_should_be_set(self, schema: object) -> bool:
        return False  # it would repeat the key


def _shared(made: Json, named: dict[str, Json]) -> Json:
    """The same with each list of words once, under its title."""
    match made:
        case {"title": str(title), "enumDescriptions": _}:
            named[title] = made
            return {"$ref": f"#/$defs/{title}"}
        case dict():
            return {key: _shared(value, named) for key, value in made.items()}
        case list():
            return [_shared(value, named) for value in made]
        case _:
            return made
