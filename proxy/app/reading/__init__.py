"""The boxed parser: long texts are read in child processes, off the event loop, within bounds.

`readers.py` is what the gate uses: a queue and its workers. `children.py` starts and ends the children of
`nursery.py`, a process that has imported everything and forks them; `child.py` is what a child does.
`form.py` is how an answer travels. Deliberately absent: judging what a text does.
"""
