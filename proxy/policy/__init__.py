"""Effects, context and facts in, a decision out: the policy language and its judgement.

Enters: policy files (through a reader that is handed in), effects of statements, circumstances, evidence.
Leaves: compiled policies, decisions, explanations. Pure: no files, no clock, no randomness. Deliberately
absent: SQL text, connections, and making evidence.
"""
