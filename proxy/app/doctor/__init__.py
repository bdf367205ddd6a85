"""Does the gate stand alone before the database, and is it well? What `pgwarden doctor` looks at.

`gate.py` looks at the gate's own side: settings, policies, certificates, ledger, backups, disk; `running.py`
asks a gate that runs. `server.py` asks the database, and `hba.py`, `roles.py` and `guards.py` say what its
answers mean. `restrictions.py` asks Supabase who is let in. Each gives findings (`finding.py`): what is so,
and what to do. Deliberately absent: mending anything.
"""
