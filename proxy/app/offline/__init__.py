"""Judging without a gate: cases, migrations and logs, by the same analysis and policy that a session asks.

`judging` answers for one text; `runner` (cases of a policy, reported by `junit`), `outlook` (migrations,
found by `scripts`) and `replay` (logs) stand on it.
"""
