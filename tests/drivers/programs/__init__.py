"""One program a driver, in the driver's language: the scenario of tests/drivers/scenario.py.

In: a URL, and for some a variant. Out: a JSON line for each step, `{"step": …, "value": …}`.
"""
