"""The errors of this room.

Enters: nothing. Leaves: `ProtocolViolation`, raised by every decoder when the other side broke the protocol;
`UnsupportedVersion`, which is one. Deliberately absent: SQLSTATEs and what to do about it; the session
answers and closes.
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


class UnsupportedVersion(ProtocolViolation):
    """The client speaks a protocol that is not version 3.

    Attributes:
        major: the one that it speaks; 1 and 2 have an ErrorResponse of their own.
    """

    def __init__(self, major: int, minor: int) -> None:
        """Say it in the server's words."""
        super().__init__(f"unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.2")
        self.major = major
