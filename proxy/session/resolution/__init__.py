"""Name resolution: what the bare names of a text stand for in one session, as far as the server has said.

`lookup` keeps what one connection knows, `inquiry` is the question that the gate puts to the server, `bare`
says what a text does by the answer, `vacancy` what of it falls on nothing. Absent: when to ask, and the
judgement.
"""
