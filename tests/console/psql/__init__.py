"""The psql console's tests: a gate that is played, and a caller byte by byte."""
