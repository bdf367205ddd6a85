"""Reading what databases hold, and keeping it fresh: the I/O of proxy.sql.database.

`address` and `source` say who reads where, `queries` and `reader` what is read, `readings` analyses it, and
`keeper` says when. Nothing is imported here: most commands need no driver.
"""
