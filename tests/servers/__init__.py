"""The real programs that tests run against: PostgreSQL 15 to 18, PgBouncer, node.

In: package names and versions. Out: directories of programs, and classes that run them.
What cannot be had raises `Missing`; conftest.py turns that into a skip, or a failure under --require-real.
"""
