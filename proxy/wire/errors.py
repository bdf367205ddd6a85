"""The one error of this room.

Enters: nothing. Leaves: `ProtocolViolation`, raised by every decoder when the other side broke the protocol.
Deliberately absent: SQLSTATEs and what to do about it; the session answers 08P01 and closes.
"""


class ProtocolViolation(Exception):
    """The peer sent bytes that the protocol does not allow here.

    The text names the message and the defect, never a value out of it: a value may be a password.

    Attributes:
        detail: more of the same, or "".
        sqlstate: what the server would call it.
    """

    detail: str = ""
    sqlstate: str = "08P01"
