"""Backups: what proves that data can come back.

So far it holds the scratch server that a backup is restored into; the demonstration and the tests use the
same one.
Absent on purpose: SQL analysis, policy, the relay. A backup is judged elsewhere.
"""
