"""What people do at the gate, in the supervisor's process: authorised, recorded, then done.

Enters: persons and what they want. Leaves: entries of the ledger, orders to workers, what came of them.
Deliberately absent: how people ask (console), and how they log in.
"""
