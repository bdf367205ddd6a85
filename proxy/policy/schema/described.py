"""What the JSON Schema says of values that are read in a way pydantic cannot see.

Enters: pydantic's hooks. Leaves: markers for annotations, and `Some`, the list that one entry may stand for.
Deliberately absent: the blocks themselves (document.py, rule.py), and the schema as a whole (published.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from proxy.policy.schema.words import one_or_more


@dataclass(frozen=True, slots=True)
class Described:
    """What the JSON Schema says in place of what pydantic makes of a type."""

    by: Callable[[CoreSchema, GetJsonSchemaHandler], JsonSchemaValue]

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Pydantic's hook."""
        return self.by(core, handler)


def one_or_list(core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
    """One entry may stand for a list of it."""
    items = handler(core)["items"]
    return {"anyOf": [items, {"type": "array", "items": items, "minItems": 1}]}


def as_block(block: type[BaseModel]) -> Callable[[CoreSchema, GetJsonSchemaHandler], JsonSchemaValue]:
    """A value that is read as a block later, by itself."""
    return lambda _, handler: handler(block.__pydantic_core_schema__)


Item = TypeVar("Item")
Some = Annotated[tuple[Item, ...], BeforeValidator(one_or_more), Field(min_length=1), Described(one_or_list)]
