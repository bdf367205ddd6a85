"""Fuzz targets.

Each module has `fuzz(data)`, which must return for any bytes, and `SEEDS` to begin with; `LONGEST` is how
many bytes are worth trying, 4,096 by default.

`tests/fuzz/test_targets.py` gives them what Hypothesis thinks of; `make fuzz` (`python -m tests.fuzz`) lets
atheris look for more, guided by which code an input reaches.
"""

TARGETS = (
    "frames",
    "startup",
    "options",
    "frontend",
    "backend",
    "trace",
    "scram",
    "proxyheader",
    "yamldoc",
    "policy",
    "users",
    "session",
    "console",
)
