"""Backups that others make, as their makers list them: facts for the ledger.

Each module reads one maker's JSON. What a maker says is believed to be there (`exists`), and no more.
"""
