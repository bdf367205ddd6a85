"""What every mapping of a policy file is, before it is anything of its own.

Enters: plain values. Leaves: `Block`, and how lists and single blocks become tuples. Deliberately absent:
any key.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1, le=100)]


class Block(BaseModel):
    """A mapping with fixed keys; nothing is converted silently."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def as_tuple(value: object) -> object:
    """A list as the tuple that it becomes."""
    return tuple(value) if isinstance(value, list) else value


def blocks(value: object) -> object:
    """One block may stand for a list of it."""
    return (value,) if isinstance(value, dict) else as_tuple(value)
