"""What a rule's keys mean: compiled tests on effects, on the client, on time and on evidence.

Enters: the blocks of schema/rule.py. Leaves: `Match` and `Condition` objects that decide.py and explain.py
both ask, so that there is one truth. Deliberately absent: texts for the client, modes, and which rules there
are.
"""
