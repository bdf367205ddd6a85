"""Backups that a gate takes itself, for statements that are held until there is one.

Enters: what held statements want. Leaves: backups, recorded as `pgwarden backup create` records them, or why
there is none. Deliberately absent: which statements are held (policy, session), how a backup is made
(backup).
"""
