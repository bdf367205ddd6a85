"""The shape of a policy file and of a file of trials: which keys there are, and what each may hold.

Enters: plain values of one document. Leaves: typed blocks, or pydantic's errors with the path of each; and
the JSON Schema of all of it. Deliberately absent: where names lead to (loading/), and what a key means
(conditions/).
"""

from proxy.policy.schema.document import Defaults, Holidays, PolicyFile, Window
from proxy.policy.schema.published import policy_schema
from proxy.policy.schema.rule import (
    Match,
    MatchBlock,
    Otherwise,
    Require,
    RequireBlock,
    Rule,
    Unless,
    When,
    WhenBlock,
    WhoBlock,
    WhoRef,
)

__all__ = [
    "Defaults",
    "Holidays",
    "Match",
    "MatchBlock",
    "Otherwise",
    "PolicyFile",
    "Require",
    "RequireBlock",
    "Rule",
    "Unless",
    "When",
    "WhenBlock",
    "WhoBlock",
    "WhoRef",
    "Window",
    "policy_schema",
]
