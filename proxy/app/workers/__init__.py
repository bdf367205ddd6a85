"""Several processes that serve clients behind the same addresses, and the one that looks after them.

`supervisor.py` is the process that was started: signals, policies, the admin address. `crew.py` keeps the
workers alive and asks them for their numbers, `forkserver.py` is the process that they are forked from,
`worker.py` is what each does, `messages.py` how they talk. `doors.py` binds the addresses, `merging.py` adds
up the metrics, `runtime.py` is the gate's private folder, `cpus.py` counts. Deliberately absent: SQL,
sessions and statements outside the workers.
"""
