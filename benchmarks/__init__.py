"""What the gate costs: direct PostgreSQL, PgBouncer, a relay that reads nothing and the gate, in one run.

`python -m benchmarks` measures and prints the table; README.md beside this file tells the method. Nothing
here is imported by the gate, and of the gate only what starts throwaway servers is imported here (of its
tests, what finds PgBouncer): the load generator packs and walks messages by itself, so that a fault of the
gate's own wire code cannot hide in its own measure.
"""
