"""Effects, context and facts in, a decision out: the policy language and its judgement.

Enters: policy files (through a reader that is handed in), effects of statements, circumstances, evidence.
Leaves: compiled policies, decisions, explanations. Pure: no files, no clock, no randomness. Deliberately
absent: SQL text, connections, and making evidence.
"""

from proxy.policy.context import Context
from proxy.policy.decide import decide
from proxy.policy.decision import Decision, Firing, Refusal
from proxy.policy.explain import Branch, Explanation, explain
from proxy.policy.facts import Backup, Coverage, Facts, Freeze, Verification
from proxy.policy.lint import lint
from proxy.policy.loading import load_policy
from proxy.policy.rules import RESERVED, Mode, Policy, Rule
from proxy.policy.schema import policy_schema

__all__ = [
    "RESERVED",
    "Backup",
    "Branch",
    "Context",
    "Coverage",
    "Decision",
    "Explanation",
    "Facts",
    "Firing",
    "Freeze",
    "Mode",
    "Policy",
    "Refusal",
    "Rule",
    "Verification",
    "decide",
    "explain",
    "lint",
    "load_policy",
    "policy_schema",
]
