"""Changes: statements that alter the schema, or may lose data, and that a policy let pass.

The entry is written before the statement goes on, so it says what was about to run. Deliberately absent: how
the server answered, which is an entry of its own about this one's number.
"""

from __future__ import annotations

from proxy.records.kinds.kind import Payload


class ChangeBegun(Payload, frozen=True, kw_only=True):
    """A statement is about to run.

    The entry's ``about`` is the SHA-256 of the text, in hexadecimal, to find other runs of it by.

    Attributes:
        statement: with its secrets masked; None where there is none (a message without text).
        effects, targets: without repeats.
        risk: the gravest of them.
        transaction: "none" or "open".
        policy: the digest of the policy that let it pass.
    """

    kind = "change"

    statement: str | None
    effects: tuple[str, ...]
    targets: tuple[str, ...]
    risk: str
    role: str
    database: str
    client_address: str | None
    application: str
    listener: str
    transaction: str
    policy: str
